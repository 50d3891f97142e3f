package e2e

import (
	"net/http"
	"testing"

	"postern/internal/testenv"
)

// TestWithoutScript: everything but the passkey works in a browser that runs no script, and the
// passkey's page says why it does not.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{NoScript: true})
	v.begin("ada")
	v.choose("passkey")
	v.reads("main", "method.passkey.noscript")
	v.status(v.Follow(usePasskey), http.StatusBadRequest)
	v.reads(".summary", "problem.malformed_verifying")
	v.status(v.Go(tr.Portal+"/reset?show=methods"), http.StatusOK)
	v.prove(tr, "ada")
	if v.Has("[data-show]:not([hidden])") {
		t.Error("a button is shown that does nothing without script")
	}
	v.Click(".suggest summary")
	suggested := v.Text(".suggest output")
	v.Type("#password", "too short")
	v.status(v.save(), http.StatusUnprocessableEntity)
	v.Type("#password", suggested)
	v.status(v.save(), http.StatusOK)
	v.sees("receipt.title")
	tr.opens("ada", suggested)
	for _, r := range v.Requests() {
		if r == tr.Portal+"/reset/strength" {
			t.Error("script ran: the test proves nothing")
		}
	}
	v.quiet()
}
