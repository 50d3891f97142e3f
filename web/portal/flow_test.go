package portal

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/app"
)

const goodPassword = "winom-talik-busir-kulub"

func TestResetFromStartToReceipt(t *testing.T) {
	b := newBrowser(t, newPortal(t, newFake()), "en")
	b.get("/?return_to=https://intranet.northwind.example/app/mail").want(200, "Get back into your account",
		`name="return_to" value="https://intranet.northwind.example/app/mail"`)
	b.post("/reset", "identifier", "ada", "return_to", "https://intranet.northwind.example/app/mail").
		want(200, `>Step 1 of 2<`, "fake_key name (en)", "You have 20 minutes to confirm that it’s you.").never("lovelace", "reset/unlock", "posteo")
	b.post("/reset/ask", "method", "m3").want(200, "Step 1 of 2 · confirming that it’s you", "fake_mail title (en)", "Send a new code",
		"You have 10 minutes to answer. Need more?").never("posteo")
	b.post("/reset/answer", "method", "m3", "code", "999999").
		want(http.StatusUnauthorized, "<title>Error: fake_mail title (en)", `href="#code"`, "That code isn’t right", `aria-describedby="error"`, `id="error"`)
	b.post("/reset/answer", "method", "m3", "code", "").want(http.StatusBadRequest, "Type the code in full.")
	b.post("/reset/answer", "method", "m3", "code", fakeCode).want(200, "second proof", "Done", "fake_app about (en)")
	b.post("/reset/ask", "method", "m2").want(200, "fake_app title (en)").never("Send a new code")
	b.get("/reset?show=methods").want(200, "Confirm it once more")
	b.get("/reset").want(200, "fake_app title (en)")
	b.post("/reset/answer", "method", "m2", "code", fakeCode).want(200, "Step 2 of 2", "15 characters or more",
		`value="ada" autocomplete="username"`, `autocomplete="new-password"`, "Not one of your last 10 passwords. Checked when you save").
		never("maxlength", "reset/unlock", "repeat")
	b.post("/reset/password", "password", "lovelace").want(http.StatusUnprocessableEntity, "It is too short. Use 15 characters or more.",
		"It is mainly made of “lovelace”", `aria-invalid="true"`).never(`value="lovelace"`)
	b.post("/reset/password", "password", "taken by history, sorry").want(http.StatusUnprocessableEntity, "You have used it before.")
	b.post("/reset/password", "password", goodPassword).want(200, "You’re back in", "Password changed and checked",
		"On its way to a••••@posteo.example", `href="https://intranet.northwind.example/app/mail"`, "Wasn’t this you?").never(goodPassword)
	b.get("/reset").want(200, "You’re back in")
}

func TestResetInGerman(t *testing.T) {
	f := newFake()
	b := newBrowser(t, newPortal(t, f), "de-AT,de;q=0.9,en;q=0.5")
	b.get("/").want(200, `<html lang="de"`, "Womit melden Sie sich an?")
	b.post("/reset", "identifier", "ada").prove().want(200, "Mindestens 15 Zeichen")
	b.post("/reset/password", "password", goodPassword).want(200, "Sie sind wieder drin", `href="https://www.northwind.example/"`)
	if got := f.begun[0].Language; got != "de" {
		t.Errorf("messages will be in %q, want de", got)
	}
}

func TestLanguageIsChosenAndKept(t *testing.T) {
	f := newFake()
	b := newBrowser(t, newPortal(t, f), "en")
	b.get("/?lang=de").want(200, `<html lang="de"`)
	b.post("/reset", "identifier", "ada").want(200, `<html lang="de"`)
	b.get("/reset?lang=xx").want(200, `<html lang="de"`)
	b.get("/reset?lang=en").want(200, `<html lang="en"`)
	b.post("/reset/ask", "method", "m2").want(200, `<html lang="en"`, `href="/reset?lang=de"`)
	if got := f.begun[0].Language; got != "de" {
		t.Errorf("messages will be in %q, want the chosen de", got)
	}
}

func TestPasskey(t *testing.T) {
	b := newBrowser(t, newPortal(t, newFake()), "en")
	b.post("/reset", "identifier", "ada")
	b.post("/reset/ask", "method", "m1").want(200, `name="credential"`, "method-fake_key.")
	b.post("/reset/answer", "method", "m1", "credential", "").want(http.StatusBadRequest, "It needs JavaScript for that.")
	b.post("/reset/answer", "method", "m1", "credential", "[1]").want(http.StatusBadRequest)
	b.post("/reset/answer", "method", "m1", "credential", `{"right":false}`).
		want(http.StatusUnauthorized, "Confirm it’s you", "That passkey wasn’t accepted").never(`href="#code"`)
	b.post("/reset/ask", "method", "m1")
	b.post("/reset/answer", "method", "m1", "credential", `{"right":true}`).want(200, "Choose a new password")
}

func TestUnlock(t *testing.T) {
	m := newPortal(t, newFake())
	b := newBrowser(t, m, "en")
	b.post("/reset", "identifier", "lock").prove().want(200, "Just unlock me and keep my password")
	b.post("/reset/unlock").want(200, "You’re unlocked", "Account unlocked", "the same as before")
	b = newBrowser(t, m, "en")
	b.post("/reset", "identifier", "ada").prove()
	b.post("/reset/unlock").want(http.StatusConflict, "That isn’t possible just now.", "Choose a new password")
}

// TestNobodyLooksLikeSomebody compares what an account and nobody are shown, byte for byte, until
// something was proven.
func TestNobodyLooksLikeSomebody(t *testing.T) {
	m := newPortal(t, newFake())
	somebody, nobody := newBrowser(t, m, "en"), newBrowser(t, m, "en")
	id := regexp.MustCompile(`<code>R\d+</code>`)
	compare := func(what string, do func(b *browser)) {
		t.Helper()
		do(somebody)
		do(nobody)
		a, b := id.ReplaceAllString(somebody.body, ""), id.ReplaceAllString(nobody.body, "")
		if a != b || somebody.last.StatusCode != nobody.last.StatusCode {
			t.Errorf("%s: %d and %d, and the pages differ:\n%s\n%s", what, somebody.last.StatusCode, nobody.last.StatusCode, a, b)
		}
	}
	somebody.post("/reset", "identifier", "ada")
	nobody.post("/reset", "identifier", "mallory")
	compare("the list", func(b *browser) { b.get("/reset") })
	compare("help", func(b *browser) { b.get("/reset/help") })
	for _, id := range []string{"m1", "m2", "m3", "m9", ""} {
		compare("asking "+id, func(b *browser) { b.post("/reset/ask", "method", id) })
		compare("no answer to "+id, func(b *browser) { b.post("/reset/answer", "method", id, "code", "") })
	}
	for range 6 {
		compare("asking", func(b *browser) { b.post("/reset/ask", "method", "m2") })
		compare("a wrong answer", func(b *browser) { b.post("/reset/answer", "method", "m2", "code", "000000") })
	}
	somebody.want(200, "We can’t go on with this")
	compare("after the end", func(b *browser) { b.post("/reset/password", "password", goodPassword) })
}

func TestEndings(t *testing.T) {
	f := newFake()
	m := newPortal(t, f)
	b := newBrowser(t, m, "en")
	b.post("/reset", "identifier", "ada")
	b.post("/reset/cancel").want(200, "Get back into your account")
	if len(b.cookies) > 0 {
		t.Errorf("cancelling leaves cookies %v", b.cookies)
	}
	b.post("/reset", "identifier", "ada")
	f.now = f.now.Add(21 * time.Minute)
	b.post("/reset/ask", "method", "m2").want(200, "The time is up")
	b.get("/reset").want(200, "The time is up", "Nothing was changed")

	b = newBrowser(t, m, "en")
	b.post("/reset", "identifier", "ada").prove()
	f.down = &app.Refusal{Problem: app.ProblemUnavailable, Key: "problem.try_later", Retry: 30 * time.Second}
	b.post("/reset/password", "password", goodPassword).want(200, "Your password is being changed", "Look again")
	b.post("/reset/password", "password", goodPassword).want(http.StatusConflict, "Your password is being changed")
	f.now = f.now.Add(3 * time.Minute)
	b.get("/reset").want(200, "We don’t know yet whether it worked", `href="https://www.northwind.example/"`)
}

func TestProblemsHavePages(t *testing.T) {
	f := newFake()
	m := newPortal(t, f)
	b := newBrowser(t, m, "en")
	b.get("/reset").want(http.StatusUnauthorized, "This reset has ended", "keeps no cookies")
	b.cookies["__Host-postern-recovery"] = "unknown"
	b.get("/reset").want(http.StatusUnauthorized, "This reset has ended")
	b.get("/nothing").want(http.StatusNotFound, "There is nothing here", "give the reference")
	b.get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200").want(http.StatusNotFound)
	b.get("/reset/ask").want(http.StatusMethodNotAllowed)
	b.post("/reset", "identifier", "").want(http.StatusBadRequest, "Error: Get back", "Type the user name", `href="#identifier"`)
	b.post("/reset", "identifier", "limited").want(http.StatusTooManyRequests, "too many tries", `value="limited"`)
	if got := b.last.Header.Get("Retry-After"); got != "60" {
		t.Errorf("Retry-After is %q, want 60", got)
	}
	f.down = &app.Refusal{Problem: app.ProblemUnavailable, Key: "problem.try_later", Retry: 30 * time.Second}
	b.post("/reset", "identifier", "ada").want(http.StatusServiceUnavailable, "Please try again in a moment")
	f.down = http.ErrAbortHandler
	b.post("/reset", "identifier", "ada").want(http.StatusInternalServerError, "Something went wrong on our side").never("abort")
}

func TestChange(t *testing.T) {
	b := newBrowser(t, newPortal(t, newFake()), "en")
	b.get("/.well-known/change-password").want(http.StatusFound)
	if got := b.last.Header.Get("Location"); got != "/change" {
		t.Errorf("the well-known address leads to %q", got)
	}
	b.get("/change?return_to=https://intranet.northwind.example/app").want(200, `autocomplete="current-password"`, `autocomplete="new-password"`)
	b.post("/change", "identifier", "", "current", "", "password", "").want(http.StatusBadRequest, `href="#identifier"`, `href="#current"`)
	b.post("/change", "identifier", "ada", "current", "wrong", "password", goodPassword).
		want(http.StatusUnauthorized, "isn’t right", `value="ada"`).never(goodPassword)
	b.post("/change", "identifier", "ada", "current", "old", "password", "short").want(http.StatusUnprocessableEntity, "It is too short", `href="#password"`)
	b.post("/change", "identifier", "ada", "current", "old", "password", goodPassword, "return_to", "https://intranet.northwind.example/app").
		want(200, "Your password is changed", "Password changed and checked", `href="https://intranet.northwind.example/app"`)
}

func TestStrengthIsOnlyForTheVerified(t *testing.T) {
	b := newBrowser(t, newPortal(t, newFake()), "en")
	b.post("/reset", "identifier", "ada")
	b.post("/reset/strength", "password", "x").want(http.StatusConflict)
	b.prove().post("/reset/strength", "password", strings.Repeat("a", 20)).want(200, "Would be guessed")
	b.post("/reset/strength", "password", goodPassword).want(200, "centuries")
	b.post("/reset/strength", "password", strings.Repeat("ä", 10000)).want(200)
	for _, refused := range []string{"qX7!hv", "lovelace-lovelace-1"} {
		if b.post("/reset/strength", "password", refused).want(200); b.body != "" {
			t.Errorf("%q will be refused and is called %q", refused, b.body)
		}
	}
}

func TestEnroll(t *testing.T) {
	f := newFake()
	b := newBrowser(t, newPortal(t, f), "en")
	b.get("/enroll/ticket").want(200, "Set up a way to get back in", `value="ticket"`)
	if f.tickets["ticket"] || len(b.cookies) > 0 {
		t.Fatal("opening the link changed something")
	}
	b.get("/enroll").want(http.StatusGone, "This link doesn’t work any more.")
	b.post("/enroll/begin", "token", "other").want(http.StatusGone)
	b.post("/enroll/begin", "token", "ticket").want(200, "fake_app enroll.title (en)", `name="code"`, "ada").never("ticket\"")
	b.post("/enroll/answer", "code", "000000").want(http.StatusUnauthorized, "That code isn’t right", `id="error"`)
	b.post("/enroll/answer", "code", "").want(http.StatusBadRequest, "Type the code in full.")
	b.post("/enroll/ask").want(200, `name="code"`)
	b.post("/enroll/answer", "code", fakeCode).want(200, "That’s set up")
	if len(b.cookies) > 0 {
		t.Errorf("an enrolment leaves cookies %v", b.cookies)
	}
	b.post("/enroll/begin", "token", "ticket").want(http.StatusGone)
}

func TestStaticFiles(t *testing.T) {
	b := newBrowser(t, newPortal(t, newFake()), "en")
	b.get("/")
	found := regexp.MustCompile(`"(/static/[^"]+)"`).FindAllStringSubmatch(b.body, -1)
	if len(found) < 3 {
		t.Fatalf("the page refers to %v, want style, script and icon", found)
	}
	for _, m := range found {
		b.get(m[1]).want(200)
		if got := b.last.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control is %q", m[1], got)
		}
	}
	b.get("/static/style.css").want(http.StatusNotFound)
	b.get("/robots.txt").want(200, "Disallow: /")
}
