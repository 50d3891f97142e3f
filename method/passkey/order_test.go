package passkey

import (
	"bytes"
	"slices"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"

	"postern/method"
	"postern/method/methodtest"
)

// TestOrderSaysNothing: a listed key stands where its bytes put it, among the made-up ones, so
// that its place does not tell that it is real (WebAuthn Level 3 section 14.6.2).
func TestOrderSaysNothing(t *testing.T) {
	m := suite(func(s *Settings) { s.DiscoverableOnly = false }, methodtest.ES256).Open(t).(*Method)
	p := methodtest.Enroll(t, m, methodtest.Person("alice"), methodtest.NewAuthenticator(t, methodtest.ES256))
	people := []method.Person{p}
	for _, handle := range []string{"ghost", "spectre", "wraith", "shade", "spirit", "phantom"} {
		people = append(people, methodtest.Decoy(handle))
	}
	for _, p := range people {
		q := methodtest.Ask(t, m, p)
		keys := q.Public.(protocol.PublicKeyCredentialRequestOptions).AllowedCredentials
		if !slices.IsSortedFunc(keys, func(a, b protocol.CredentialDescriptor) int { return bytes.Compare(a.CredentialID, b.CredentialID) }) {
			t.Errorf("%s: the keys are not in the order of their bytes", p.Draw)
		}
	}
}
