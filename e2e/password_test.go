package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"postern/internal/testenv"
)

// state waits until a rule of the checklist is met or unmet.
func (v *visit) state(rule, want string) {
	v.t.Helper()
	v.Await(`(document.querySelector('[data-rule="` + rule + `"]').dataset.state || "") === "` + want + `"`)
}

// TestChoosePassword: the page helps while a password is chosen.
func TestChoosePassword(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{})
	v.begin("ada")
	v.prove(tr, "ada")
	if got := testenv.Evaluate[string](v.Page, `document.querySelector("#password").autocomplete`); got != "new-password" {
		t.Errorf("password managers are told %q, want new-password", got)
	}
	if got := v.Value(`[autocomplete="username"]`); got != "ada" {
		t.Errorf("password managers are told the user %q, want ada", got)
	}
	v.state("length", "")
	v.Type("#password", "quarry")
	v.state("length", "unmet")
	v.reads(`[data-rule="length"]`, "rules.unmet")
	v.Type("#password", " lantern 58 mistral")
	v.state("length", "met")
	v.reads(`[data-rule="length"]`, "rules.met")
	v.Await(`document.querySelector("[data-strength]").innerText === ` + strconv.Quote(v.text("password.strength.4")))
	v.show()
	v.Edit("selectAll")
	v.Press("aaaaaaaaaaaaaaaaaaaa")
	v.Await(`document.querySelector("[data-strength]").innerText === ` + strconv.Quote(v.text("password.strength.0")))
	v.Edit("selectAll")
	v.Press("byron byron byron") // her own name
	v.state("length", "met")
	v.state("own_word", "unmet")
	v.Await(`document.querySelector("[data-strength]").hidden`) // no praise for what will be refused
	v.status(v.save(), http.StatusUnprocessableEntity)
	v.sees("password.title")
	if got := v.Text(".summary"); !strings.Contains(got, "byron") {
		t.Errorf("the reason does not name the word: %q", got)
	}
	if v.Value("#password") != "" {
		t.Error("the refused password stands on the page")
	}
	v.suggestion()
	suggested := v.Value("#password")
	v.status(v.save(), http.StatusOK)
	v.sees("receipt.title")
	tr.opens("ada", suggested)
	v.quiet()
}

// show presses the button that shows the password, and again.
func (v *visit) show() {
	v.t.Helper()
	kind := func() string {
		return testenv.Evaluate[string](v.Page, `document.querySelector("#password").type + document.querySelector("[data-show]").ariaPressed`)
	}
	if got := kind(); got != "passwordfalse" {
		v.t.Errorf("at first: got %q", got)
	}
	v.Click("[data-show]")
	if got := kind(); got != "texttrue" {
		v.t.Errorf("after Show: got %q", got)
	}
	v.reads("[data-show]", "field.hide")
	v.Click("[data-show]")
	if got := kind(); got != "passwordfalse" {
		v.t.Errorf("after Hide: got %q", got)
	}
	v.Click("#password")
}

// suggestion takes the second passphrase that is suggested.
func (v *visit) suggestion() {
	v.t.Helper()
	v.Click(".suggest summary")
	first := v.Text(".suggest output")
	v.Click("[data-another]")
	second := v.Text(".suggest output")
	if first == second || len(strings.Fields(strings.ReplaceAll(second, "-", " "))) < 3 {
		v.t.Errorf("got the suggestions %q and %q", first, second)
	}
	v.Click("[data-use]")
	if got := v.Value("#password"); got != second {
		v.t.Errorf("in the field: got %q, want %q", got, second)
	}
	v.state("length", "met")
}

// TestPaste: what was copied elsewhere can be pasted into every field, and a code is picked out of
// the words around it.
func TestPaste(t *testing.T) {
	tr := try(t) // not beside others: there is one clipboard
	v := arrive(t, tr.Portal, testenv.Visitor{})
	copied := func(text string) {
		v.Go(tr.Portal + "/change")
		v.Type("#identifier", text)
		v.Edit("selectAll")
		v.Edit("copy")
	}
	copied("ada")
	v.Go(tr.Portal + "/")
	v.Click("#identifier")
	v.Edit("paste")
	v.status(v.Follow("main form .button"), http.StatusOK)
	v.choose("totp")
	code := tr.app("ada")
	copied("Your code is " + code[:3] + " " + code[3:] + ", for 30 seconds")
	v.Go(tr.Portal + "/reset")
	v.Click("#code")
	v.Edit("paste")
	if got := v.Value("#code"); got != code {
		t.Errorf("the pasted code: got %q, want %q", got, code)
	}
	v.status(v.Follow(usePasskey), http.StatusOK)
	v.choose("email_code")
	v.status(v.answer(tr.mail("ada")), http.StatusOK)
	copied(newPassword)
	v.Go(tr.Portal + "/reset")
	v.Click("#password")
	v.Edit("paste")
	if got := v.Value("#password"); got != newPassword {
		t.Errorf("the pasted password: got %q", got)
	}
	v.state("length", "met")
	v.status(v.save(), http.StatusOK)
	tr.opens("ada", newPassword)
}

// TestClock: how much time is left is on the page, and is said aloud when little of it is left.
func TestClock(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{})
	v.begin("ada")
	v.choose("totp")
	left := testenv.Evaluate[int](v.Page, `Number(document.querySelector("[data-left]").dataset.left)`)
	if left < 300 || left > 3600 {
		t.Fatalf("got %d seconds to answer", left)
	}
	const spoken = `document.querySelector("[data-spoken]").textContent`
	if got := testenv.Evaluate[string](v.Page, spoken); got != "" {
		t.Errorf("%q is said aloud before time is short", got)
	}
	// The page's own clock is put forward, because nobody can wait for minutes here.
	testenv.Evaluate[bool](v.Page, `(() => { const now = performance.now.bind(performance); window.ahead = 0;
		performance.now = () => now() + 1000 * window.ahead; return true; })()`)
	for _, c := range []struct {
		left int
		want string
	}{
		{119, strings.ReplaceAll(v.text("question.left"), "{time}", "2 minutes")},
		{0, v.text("question.over")},
	} {
		testenv.Evaluate[int](v.Page, "window.ahead = "+strconv.Itoa(left-c.left))
		v.Await(spoken + " === " + strconv.Quote(c.want))
		if got := v.Text(".clock"); got != c.want {
			t.Errorf("seen: %q, said: %q", got, c.want)
		}
	}
	v.quiet()
}
