package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/internal/testenv"
)

// The button on a passkey's pages.
const (
	usePasskey  = `form[action="/reset/answer"] .button`
	makePasskey = `form[action="/enroll/answer"] .button`
)

// invited follows ben's one-time link, from the sign-in page, up to the page that makes a passkey,
// and returns the link.
func (v *visit) invited(tr *trial) string {
	v.t.Helper()
	v.Go(tr.SignIn)
	v.status(v.Follow(`input[value="ben"] + button`), http.StatusOK)
	link := testenv.Evaluate[string](v.Page, `document.querySelector("main a.button").href`)
	v.status(v.Follow("main a.button"), http.StatusOK)
	v.sees("invitation.title")
	v.status(v.Follow("main form .button"), http.StatusOK)
	v.sees("method.passkey.enroll.title")
	return link
}

// TestPasskey makes a passkey through a one-time link and resets with it alone. Nothing less than a
// device that recognises its owner will do.
func TestPasskey(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{})
	device := v.Authenticator()
	link := v.invited(tr)
	device.Recognise(false)
	v.Click(makePasskey)
	v.Await(`!document.querySelector(".passkey [role=alert]").hidden`)
	v.reads(".passkey [role=alert]", "method.passkey.enroll.cancelled")
	if n := device.Passkeys(); n != 0 {
		t.Fatalf("got %d passkeys from a device that did not recognise its owner", n)
	}
	device.Recognise(true)
	v.status(v.Follow(makePasskey), http.StatusOK)
	v.sees("enrolled.title")
	if n := device.Passkeys(); n != 1 {
		t.Fatalf("got %d passkeys, want 1", n)
	}
	v.Go(link)
	if got := v.Follow("main form .button"); got < 400 {
		t.Errorf("the link is good twice: got %d", got)
	}
	v.reads("main", "problem.no_invitation")

	v.begin("ben")
	v.choose("passkey")
	device.Recognise(false)
	v.Click(usePasskey)
	v.Await(`!document.querySelector(".passkey [role=alert]").hidden`)
	v.reads(".passkey [role=alert]", "method.passkey.cancelled")
	device.Recognise(true)
	device.Lie(true)
	v.status(v.Follow(usePasskey), http.StatusUnauthorized)
	v.reads(".summary", "problem.answer_verifying")
	device.Lie(false)
	if !v.Has(usePasskey) { // the question was closed: it is asked again
		v.choose("passkey")
	}
	v.status(v.Follow(usePasskey), http.StatusOK)
	v.sees("password.title")
	v.Type("#password", newPassword)
	v.status(v.save(), http.StatusOK)
	v.sees("receipt.title")
	tr.opens("ben", newPassword)
	v.quiet(tr.SignIn)
}

// TestPasskeyOfAnotherDevice: a device without ben's passkey says so on the page and proves nothing.
func TestPasskeyOfAnotherDevice(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{})
	v.Authenticator()
	v.begin("ben")
	v.choose("passkey")
	v.Click(usePasskey)
	v.Await(`!document.querySelector(".passkey [role=alert]").hidden`)
	v.reads(".passkey [role=alert]", "method.passkey.cancelled")
	v.status(v.Go(tr.Portal+"/reset?show=methods"), http.StatusOK)
	v.sees("methods.title")
	v.quiet()
}

// TestNameOfTheSite: browsers give passkeys to http://localhost and not to the bare address, so
// the portal answers to its name alone.
func TestNameOfTheSite(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{})
	u, err := url.Parse(tr.Portal)
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "http" || u.Hostname() != "localhost" {
		t.Errorf("got the portal at %s, want http://localhost", tr.Portal)
	}
	v.begin("ben")
	v.choose("passkey")
	if !testenv.Evaluate[bool](v.Page, "isSecureContext && Boolean(window.PublicKeyCredential)") {
		t.Error("the browser offers no passkeys on this site")
	}
	options := testenv.Evaluate[string](v.Page, "document.querySelector('form[data-public]').dataset.public")
	if !strings.Contains(options, `"rpId":"localhost"`) || !strings.Contains(options, `"userVerification":"required"`) {
		t.Errorf("got the options %s, want localhost and user verification", options)
	}
	v.status(v.Go("http://127.0.0.1:"+u.Port()+"/"), http.StatusMisdirectedRequest)
}
