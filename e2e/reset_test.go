package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/testenv"
)

// TestReset goes the whole way with an authenticator app and a mailed code, and back to work.
func TestReset(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{})
	v.Go(tr.SignIn)
	v.status(v.Follow(`main a[href^="`+tr.Portal+`"]`), http.StatusOK)
	v.sees("start.title")
	v.Type("#identifier", "ada")
	v.status(v.Follow("main form .button"), http.StatusOK)
	v.sees("methods.title")
	v.prove(tr, "ada")
	v.Type("#password", newPassword)
	v.status(v.save(), http.StatusOK)
	v.sees("receipt.title")
	v.reads(".receipt", "receipt.password_set.ok")
	if v.Has(".receipt .failed") {
		t.Errorf("the receipt names a failure: %s", v.Text(".receipt"))
	}
	v.status(v.Follow("main a.button"), http.StatusOK)
	if got := v.Address().String(); got != tr.SignIn {
		t.Errorf("\"Sign in\" leads to %s, want %s", got, tr.SignIn)
	}
	v.Type("#login", "ada")
	v.Type("#password", newPassword)
	v.status(v.Follow("main form .button"), http.StatusOK)
	if got := v.Text("h1"); !strings.Contains(got, "ada") {
		t.Errorf("after signing in: got %q", got)
	}
	tr.opens("ada", newPassword)
	testenv.WaitFor(t, "the message that tells ada about it", 20*time.Second, func() error {
		all, subject := tr.messages("ada"), strings.ReplaceAll(v.text("notice.reset"), "{organisation}", "Fernhill Ltd")
		if !slices.ContainsFunc(all, func(m message) bool { return m.Subject == subject }) {
			return fmt.Errorf("there are only %v", all)
		}
		return nil
	})
	v.status(v.Go(tr.Portal+"/reset"), http.StatusOK)
	v.sees("receipt.title") // loading it again does nothing more
	v.quiet(tr.SignIn)
}

// TestUnlock: unlocking without a new password is for the locked alone.
func TestUnlock(t *testing.T) {
	t.Parallel()
	tr := try(t)
	const unlock = `form[action="/reset/unlock"] button`
	v := arrive(t, tr.Portal, testenv.Visitor{})
	if got := tr.signIn("dan", tr.person("dan").Password); got != http.StatusUnauthorized {
		t.Fatalf("dan is not locked: sign in got %d", got)
	}
	v.begin("dan")
	v.prove(tr, "dan")
	v.status(v.Follow(unlock), http.StatusOK)
	v.sees("receipt.title_unlock")
	v.reads(".receipt", "receipt.unlocked.ok")
	if got := tr.signIn("dan", tr.person("dan").Password); got != http.StatusOK {
		t.Errorf("unlocked dan signs in with the password of before: got %d, want 200", got)
	}
	v.begin("ada")
	v.prove(tr, "ada")
	if v.Has(unlock) {
		t.Error("ada, who is not locked, is offered to unlock")
	}
	v.quiet()
}

// TestChange changes a password that is known.
func TestChange(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{})
	v.status(v.Go(tr.Portal+"/.well-known/change-password"), http.StatusOK)
	v.sees("change.title")
	fill := func(current string) int {
		v.Go(tr.Portal + "/change")
		v.Type("#identifier", "cleo")
		v.Type("#current", current)
		v.Type("#password", newPassword)
		return v.Follow("main form .button")
	}
	v.status(fill("not this one at all"), http.StatusUnauthorized)
	v.reads(".summary", "problem.old_password")
	v.status(fill(tr.person("cleo").Password), http.StatusOK)
	v.sees("receipt.title_change")
	tr.opens("cleo", newPassword)
	v.quiet()
}

// TestLanguage: the pages and the messages follow the browser, and a choice on the page is kept.
func TestLanguage(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{Language: "de-CH,de,en"})
	v.begin("ada")
	if got := testenv.Evaluate[string](v.Page, "document.documentElement.lang"); got != "de" {
		t.Errorf("the page says that it is in %q, want de", got)
	}
	v.prove(tr, "ada")
	want := strings.ReplaceAll(v.text("method.email_code.message"), "{organisation}", "Fernhill Ltd")
	if got := tr.messages("ada")[0].Subject; got != want { // the newest
		t.Errorf("got a message with the subject %q, want %q", got, want)
	}
	english := arrive(t, tr.Portal, testenv.Visitor{})
	english.Go(tr.Portal + "/?lang=de")
	english.status(english.Follow(`main .more a[href^="/change"]`), http.StatusOK)
	if got, want := english.Text("h1"), v.text("change.title"); got != want {
		t.Errorf("after choosing German: got %q, want %q", got, want)
	}
}

// TestNothingWithoutProof: people who have nothing, are disabled or do not exist see what everybody
// sees, and get no further.
func TestNothingWithoutProof(t *testing.T) {
	t.Parallel()
	tr := try(t)
	first := ""
	for _, login := range []string{"ada", "cleo", "eve", "nobody.at.all"} {
		v := arrive(t, tr.Portal, testenv.Visitor{})
		v.begin(login)
		page := v.Text("main")
		v.choose("email_code")
		page += v.Text("main")
		if got := v.answer("123456"); got == http.StatusOK {
			t.Errorf("%s: a code out of the air was taken", login)
		}
		page += v.Text("main")
		if first == "" {
			first = page
		}
		if page != first {
			t.Errorf("%s sees something else than ada: got %q, want %q", login, page, first)
		}
	}
}
