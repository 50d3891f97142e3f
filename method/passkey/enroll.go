package passkey

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/method"
)

// handleSize is what WebAuthn Level 3 section 14.6.1 advises, in bytes.
const handleSize = 64

// offered are the signatures that a new key may make, best first.
func offered() []protocol.CredentialParameter {
	var out []protocol.CredentialParameter
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		out = append(out, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: alg})
	}
	return out
}

// Invite asks for a new key. Its public part is PublicKeyCredentialCreationOptionsJSON (WebAuthn
// Level 3 section 5.1.8). params may carry a label.
func (m *Method) Invite(_ context.Context, p method.Person, params map[string]string) (method.Question, error) {
	for name := range params {
		if name != "label" {
			return method.Question{}, fmt.Errorf("passkey: parameter %s: there is only label", name)
		}
	}
	keys, err := load(p.Enrolled)
	if err != nil {
		return method.Question{}, err
	}
	who := holder{name: p.Account.Login, shown: p.Account.Name}
	if who.shown == "" {
		who.shown = who.name
	}
	var exclude []protocol.CredentialDescriptor
	for _, k := range keys {
		who.handle = k.Handle
		exclude = append(exclude, k.Credential.Descriptor())
	}
	if who.handle == nil {
		who.handle = make([]byte, handleSize)
		_, _ = rand.Read(who.handle) // never fails
	}
	options, session, err := m.party.BeginRegistration(who,
		webauthn.WithCredentialParameters(offered()), webauthn.WithExclusions(exclude))
	if err != nil {
		return method.Question{}, fmt.Errorf("passkey: posing the question: %w", err)
	}
	return question(p, options.Response, asked{Session: *session, Handle: who.handle, Label: params["label"]})
}

// Enroll verifies a new key: WebAuthn Level 3 section 7.1. The library refuses identifiers of more
// than 1023 bytes; that the key is nobody else's, app makes sure by Found.
func (m *Method) Enroll(_ context.Context, p method.Person, private []byte, a method.Answer) (method.Enrollment, error) {
	q, err := read(private)
	if err != nil {
		return method.Enrollment{}, err
	}
	keys, err := load(p.Enrolled)
	if err != nil {
		return method.Enrollment{}, err
	}
	if err := sized(a.Credential); err != nil {
		return method.Enrollment{}, err
	}
	response, err := protocol.ParseCredentialCreationResponseBytes(a.Credential)
	if err != nil {
		return method.Enrollment{}, fmt.Errorf("passkey: %w: no new key", method.ErrMalformed)
	}
	made, err := m.party.CreateCredential(holder{handle: q.Handle}, q.Session, response)
	switch {
	case err != nil:
		return method.Enrollment{}, fmt.Errorf("passkey: %w: %s", method.ErrRefused, reason(err))
	case !p.Now.Before(q.Expires):
		return method.Enrollment{}, fmt.Errorf("passkey: %w: expired", method.ErrRefused)
	case slices.ContainsFunc(keys, func(k key) bool { return bytes.Equal(k.Credential.ID, made.ID) }):
		return method.Enrollment{}, fmt.Errorf("passkey: %w: enrolled already", method.ErrRefused)
	}
	made.Attestation = webauthn.CredentialAttestation{} // not asked for, so not kept
	data, err := json.Marshal(key{Credential: *made, Handle: q.Handle})
	if err != nil {
		return method.Enrollment{}, fmt.Errorf("passkey: writing the enrolment: %w", err)
	}
	return method.Enrollment{
		ID: rand.Text(), Factor: Kind.ID, Label: label(q.Label, made), Data: data, Added: p.Now, Found: found(made.ID),
	}, nil
}

// found is the value by which a key is looked up: it names the key and does not tell its identifier.
func found(id []byte) string {
	sum := sha256.Sum256(id)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func label(given string, made *webauthn.Credential) string {
	switch {
	case given != "":
		return given
	case made.Flags.BackupEligible:
		return "Passkey, synchronised"
	}
	return "Passkey, on one device"
}
