package portal

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/app"
)

// TestChangeShowsTheRulesBeforehand: what a password must be is there before one is refused, and
// after it was.
func TestChangeShowsTheRulesBeforehand(t *testing.T) {
	b := newBrowser(t, newPortal(t, newFake()), "en")
	rules := []string{`data-rule="length" data-params="{&#34;n&#34;:15}"`, "15 characters or more", `data-checks="password" data-words="[]"`,
		"Not mainly made of words like northwind. Checked when you save", "your user name. Checked when you save",
		`aria-describedby="rules`, `data-show="password"`, "Suggest a passphrase"}
	b.get("/change").want(200, rules...).never("lovelace", "data-strength")
	b.post("/change", "identifier", "ada", "current", "old", "password", "short").
		want(http.StatusUnprocessableEntity, append(rules, `value="ada"`, "It is too short")...).never(`value="short"`)
	b.post("/change", "identifier", "ada", "current", "wrong", "password", goodPassword).
		want(http.StatusUnauthorized, append(rules, `value="ada"`, "Current password")...)
}

// TestUnlockingNeverSpeaksOfANewPassword: whoever only unlocked has none.
func TestUnlockingNeverSpeaksOfANewPassword(t *testing.T) {
	for language, words := range map[string]struct {
		working, over, refused string
		never                  []string
	}{
		"en": {"Your account is being unlocked", "We asked for your account to be unlocked", "Your account could not be unlocked",
			[]string{"new password first", "password is being changed", "This password"}},
		"de": {"Ihr Konto wird entsperrt", "Ihr Konto zu entsperren", "Ihr Konto ließ sich nicht entsperren",
			[]string{"neuen Passwort an", "Passwort wird geändert", "Dieses Passwort"}},
	} {
		f := newFake()
		b := newBrowser(t, newPortal(t, f), language)
		b.post("/reset", "identifier", "lock").prove()
		f.locks = true
		b.post("/reset/unlock").want(http.StatusUnprocessableEntity, words.refused).never(append(words.never, `href="#password"`)...)
		f.locks, f.down = false, http.ErrAbortHandler
		b.post("/reset/unlock").want(200, words.working).never(words.never...)
		f.now = f.now.Add(3 * time.Minute)
		b.get("/reset").want(200, words.over).never(words.never...)
	}
}

// TestHints: where a code goes is told once something was proven, and what a person calls a thing
// is no address.
func TestHints(t *testing.T) {
	f := newFake()
	b := newBrowser(t, newPortal(t, f), "en")
	b.post("/reset", "identifier", "ada").never("posteo", "Ada’s")
	b.post("/reset/ask", "method", "m3").want(200, "fake_mail hint (en)").never("posteo")
	b.get("/reset?show=methods").never("posteo")
	b.post("/reset/ask", "method", "m2")
	b.post("/reset/answer", "method", "m2", "code", fakeCode).want(200, "To <bdi>a••••@posteo.example</bdi>").
		never("fake_mail about (en)", "To <bdi>Ada")
	b.post("/reset/ask", "method", "m3").want(200, "Step 1 of 2 · second proof", "A code is on its way to <bdi>a••••@posteo.example</bdi>. It can").
		never("fake_mail hint (en)")
}

// TestTimeIsToldBeforeItIsUp: every page with a limit says how long it lasts, whether there can be
// more, and what happens then.
func TestTimeIsToldBeforeItIsUp(t *testing.T) {
	f := newFake()
	b := newBrowser(t, newPortal(t, f), "en")
	b.post("/reset", "identifier", "ada").want(200, "You have 20 minutes to confirm", "you can start again", "The time is up and nothing was changed.")
	b.post("/reset/ask", "method", "m2").want(200, "You have 10 minutes to answer. Need more?")
	f.now = f.now.Add(12 * time.Minute)
	b.post("/reset/ask", "method", "m2").want(200, "You have 8 minutes to answer. To keep your account safe there is no more time").never("Need more?")
	b.prove().want(200, "You have 15 minutes to save it. To keep your account safe", "you can start again")
	f.now = f.now.Add(time.Hour)
	b.get("/reset").want(200, "The time is up", `href="/"`)
	b.get("/").want(200, `value="" autocomplete="username"`).never("ada")
}

// TestHelpLeadsBack to where the person is, and to a list only where there is one.
func TestHelpLeadsBack(t *testing.T) {
	b := newBrowser(t, newPortal(t, newFake()), "en")
	b.get("/reset/help").want(200, `href="/">Go to the start<`).never("Back to the list", "badge")
	b.post("/reset", "identifier", "ada").get("/reset/help").want(200, `href="/reset?show=methods">Back to the list<`)
	b.get("/reset").prove().get("/reset/help").want(200, `href="/reset">Go back<`)
	b.post("/reset/password", "password", goodPassword).get("/reset/help").want(200, `href="/">Go to the start<`)
}

// TestCancelledFromElsewhere: a recovery that was ended by another one says so, and not that
// nothing at all was changed.
func TestCancelledFromElsewhere(t *testing.T) {
	f := newFake()
	m := newPortal(t, f)
	b := newBrowser(t, m, "en")
	b.post("/reset", "identifier", "ada")
	other := newBrowser(t, m, "en")
	other.cookies["__Host-postern-recovery"] = b.cookies["__Host-postern-recovery"]
	other.post("/reset/cancel").want(200, "Get back into your account")
	b.get("/reset").want(200, "This was stopped", "another reset of your account", "Start again").never("same as before")
}

// TestEnrollingOffersNoOtherWay: there is none.
func TestEnrollingOffersNoOtherWay(t *testing.T) {
	f := newFake()
	f.invited = fakeKey
	b := newBrowser(t, newPortal(t, f), "en")
	b.post("/enroll/begin", "token", "ticket").want(200)
	b.post("/enroll/answer", "credential", "").want(http.StatusBadRequest, "It needs JavaScript for that.").never("another way", `href="#code"`)
	b.post("/enroll/answer", "credential", `{"right":false}`).want(http.StatusUnauthorized, "That passkey wasn’t accepted.").
		never("another way", `href="#code"`)
}

// TestProblemsOfADirectoryAreInPlainWords: nobody has to know what one is.
func TestProblemsOfADirectoryAreInPlainWords(t *testing.T) {
	f := newFake()
	for _, language := range []string{"en", "de"} {
		visit(t, language, func(name, body string) {
			for _, word := range []string{" directory", "erzeichnis"} {
				if at := strings.Index(strings.ReplaceAll(body, "Northwind directory", ""), word); at >= 0 {
					t.Errorf("%s, %s: it says %q", language, name, word)
				}
			}
		})
	}
	f.down = &app.Refusal{Problem: app.ProblemUnavailable, Key: "problem.directory_unreached", Retry: time.Second}
	newBrowser(t, newPortal(t, f), "en").post("/reset", "identifier", "ada").
		want(http.StatusServiceUnavailable, "The system that keeps your password can’t be reached")
}
