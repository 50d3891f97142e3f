package e2e

import (
	"net/http"
	"testing"

	"postern/internal/testenv"
)

// TestUnlockPages: somebody who knows the password and is locked out says so, proves it, and keeps
// the password; somebody who is not locked is told, once it is proved. Every page is looked at, on
// the smallest screen and on a large one.
func TestUnlockPages(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			tr := try(t)
			w := &walk{visit: arrive(t, tr.Portal, testenv.Visitor{Width: 320, Height: 640, Language: language}),
				tr: tr, language: language, axe: axe(t)}
			w.unlocking("dan")
			w.sees("locked.title")
			w.twice("locked")
			w.status(w.Follow(`form[action="/reset/unlock"] button`), http.StatusOK)
			w.sees("receipt.title_unlock")
			w.reads(".receipt", "receipt.unlocked.ok")
			w.twice("unlocked")
			if got := tr.signIn("dan", tr.person("dan").Password); got != http.StatusOK {
				t.Errorf("dan signs in with the password of before: got %d, want 200", got)
			}
			w.unlocking("ada")
			w.sees("locked.title_not")
			w.twice("not-locked")
			if w.Has(`form[action="/reset/unlock"]`) {
				t.Error("ada, who is not locked, is offered to unlock")
			}
			w.quiet()
		})
	}
}

// unlocking goes from the first page to the end of the proofs.
func (w *walk) unlocking(login string) {
	w.t.Helper()
	w.Go(w.portal + "/")
	w.status(w.Follow(`main .more a[href^="/unlock"]`), http.StatusOK)
	w.sees("unlock.title")
	w.twice("unlock")
	w.Type("#identifier", login)
	w.status(w.Follow("main form .button"), http.StatusOK)
	w.sees("methods.title")
	w.choose("totp")
	w.status(w.answer(w.tr.app(login)), http.StatusOK)
	w.choose("email_code")
	w.status(w.answer(w.tr.mail(login)), http.StatusOK)
}

// twice looks at the page that is open, and at a large screen too.
func (w *walk) twice(name string) {
	w.t.Helper()
	w.look(name)
	w.Resize(1280, 800)
	for _, dark := range []bool{false, true} {
		w.Dark(dark)
		for _, v := range w.violations() {
			w.t.Errorf("%s on a large screen, dark %v: %s", name, dark, v)
		}
	}
	w.Dark(false)
	w.Resize(320, 640)
}
