package portal

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/app"
)

// TestUnlockAlone: whoever knows their password gets no page on which to choose another one.
func TestUnlockAlone(t *testing.T) {
	f := newFake()
	f.lock = app.Lock{Since: time.Date(2026, 11, 22, 10, 5, 0, 0, time.FixedZone("CET", 3600)), Until: f.now.Add(30 * time.Minute)}
	b := newBrowser(t, newPortal(t, f), "en")
	back := "https://intranet.northwind.example/app/mail"
	b.get("/?return_to="+back).want(200, "I know my password, but I’m locked out", `href="/unlock?return_to=https`)
	b.get("/unlock?return_to="+back).want(200, "Unlock your account", `action="/unlock"`, `value="`+back+`"`, "I don’t know my password", `href="/unlock?lang=de"`)
	b.post("/unlock", "identifier", "").want(http.StatusBadRequest, `action="/unlock"`, `aria-invalid="true"`)
	b.post("/unlock", "identifier", "lock", "return_to", back).want(200, "Confirm it’s you").never("locked since", "Locked since", "2026")
	b.prove().want(200, "Step 2 of 2", "Your account is locked", "Locked since", `<time datetime="2026-11-22T09:05:00Z">2026-11-22 09:05 UTC</time>`,
		"Ends by itself on", "2026-11-22 12:30 UTC", "Unlock my account", "You have 15 minutes to unlock it").never(`name="password"`, "Save new password")
	f.locks = true
	b.post("/reset/unlock").want(http.StatusUnprocessableEntity, "Your account could not be unlocked", "Unlock my account")
	f.locks = false
	b.post("/reset/unlock").want(200, "You’re unlocked", "the same as before", `href="`+back+`"`)
	b.get("/reset").want(200, "You’re unlocked").never("Locked since")
}

// TestUnlockOfNothing: an account that is not locked is told so, with what to do next.
func TestUnlockOfNothing(t *testing.T) {
	f := newFake()
	m := newPortal(t, f)
	b := newBrowser(t, m, "en")
	b.post("/unlock", "identifier", "ada").prove().want(200, "Your account isn’t locked", "nothing was changed",
		`href="https://www.northwind.example/"`, "Choose a new password instead").never(`name="password"`, "Unlock my account", "has expired", "You have")
	b.post("/reset/unlock").want(http.StatusConflict, "That isn’t possible just now.", "Your account isn’t locked")
	b.post("/reset/cancel").want(200, "Get back into your account")
	f.stale = true
	newBrowser(t, m, "de").post("/unlock", "identifier", "ada").prove().want(200, "Ihr Konto ist nicht gesperrt", "abgelaufen", `class="button" href="/change"`)
}

// TestLockTimesOnTheLastPage: a reset tells of the lock too, and of no moment that nobody knows.
func TestLockTimesOnTheLastPage(t *testing.T) {
	f := newFake()
	m := newPortal(t, f)
	b := newBrowser(t, m, "en")
	b.post("/reset", "identifier", "lock").prove().want(200, "Your account is locked. A new password unlocks it.").never("<time", "Locked since", "0001")
	f.lock.Since = f.now.Add(-time.Minute)
	b.get("/reset").want(200, "Locked since", "2026-11-22 11:59 UTC").never("Ends by itself")
	newBrowser(t, m, "en").post("/reset", "identifier", "ada").prove().never("<time")
}

// TestNobodyLooksLikeSomebodyLocked compares what is shown to whoever asks to be unlocked, byte for
// byte, until something was proven.
func TestNobodyLooksLikeSomebodyLocked(t *testing.T) {
	f := newFake()
	f.lock.Since = f.now
	m := newPortal(t, f)
	id := regexp.MustCompile(`<code>R\d+</code>`)
	var want []string
	for _, who := range []string{"lock", "ada", "mallory"} {
		b := newBrowser(t, m, "en")
		var got []string
		keep := func(b *browser) { got = append(got, b.last.Status+id.ReplaceAllString(b.body, "")) }
		keep(b.post("/unlock", "identifier", who))
		keep(b.get("/reset/help"))
		for range 6 {
			keep(b.post("/reset/ask", "method", "m2"))
			keep(b.post("/reset/answer", "method", "m2", "code", "000000"))
		}
		keep(b.post("/reset/unlock"))
		if want == nil {
			want = got
		}
		if strings.Join(got, "") != strings.Join(want, "") {
			t.Errorf("%s sees something else than somebody who is locked", who)
		}
	}
	if !strings.Contains(strings.Join(want, ""), "We can’t go on with this") {
		t.Error("the walk did not reach its end")
	}
}

// TestChangeIsForExpiredPasswordsToo: the page says so.
func TestChangeIsForExpiredPasswordsToo(t *testing.T) {
	m := newPortal(t, newFake())
	newBrowser(t, m, "en").get("/change").want(200, "Also when it has expired, or when you were given a first one")
	newBrowser(t, m, "de").get("/change").want(200, "Auch wenn es abgelaufen ist")
}
