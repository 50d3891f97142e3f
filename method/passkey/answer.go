package passkey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/method"
)

// maxCredential bounds an answer, in bytes; a real one has a few hundred.
const maxCredential = 32 << 10

// listed is how many keys everybody is sent where the list is not empty.
const listed = 3

// key is an enrolment's data. Handle is the user handle that the device keeps beside the key: 64
// random bytes, the same for all keys of a person (WebAuthn Level 3 section 14.6.1).
type key struct {
	Credential webauthn.Credential `json:"credential"`
	Handle     []byte              `json:"handle"`
}

// asked is what is kept of a question.
type asked struct {
	Session webauthn.SessionData `json:"session"`
	Expires time.Time            `json:"expires"`
	Handle  []byte               `json:"handle,omitempty"` // of an invitation
	Label   string               `json:"label,omitempty"`  // likewise
}

// holder is a person as the library wants them.
type holder struct {
	handle      []byte
	name, shown string
	keys        []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return h.handle }
func (h holder) WebAuthnName() string                       { return h.name }
func (h holder) WebAuthnDisplayName() string                { return h.shown }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// Ask poses a new challenge. Its public part is PublicKeyCredentialRequestOptionsJSON (WebAuthn
// Level 3 section 5.1.9), for PublicKeyCredential.parseRequestOptionsFromJSON.
func (m *Method) Ask(_ context.Context, p method.Person) (method.Question, error) {
	keys, err := load(p.Enrolled)
	if err != nil {
		return method.Question{}, err
	}
	options, session, err := m.party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return method.Question{}, fmt.Errorf("passkey: posing the question: %w", err)
	}
	if !m.settings.DiscoverableOnly {
		options.Response.AllowedCredentials = m.list(p, keys)
	}
	return question(p, options.Response, asked{Session: *session})
}

// question keeps what is needed to judge the answer.
func question(p method.Person, public any, a asked) (method.Question, error) {
	a.Expires = p.Now.Add(ceremony)
	private, err := json.Marshal(a)
	if err != nil {
		return method.Question{}, fmt.Errorf("passkey: writing the question: %w", err)
	}
	return method.Question{Public: public, Private: private, Expires: a.Expires, Once: true}, nil
}

// list returns the person's keys, filled up with made-up ones that stay the same for whatever was
// typed, in an order that says nothing (WebAuthn Level 3 section 14.6.2). Transports are left out:
// nothing plausible could be made up for them.
func (m *Method) list(p method.Person, keys []key) []protocol.CredentialDescriptor {
	lengths := [...]int{16, 20, 32, 48, 64}
	var out []protocol.CredentialDescriptor
	for i := range listed {
		made := m.env.Decoy(fmt.Sprintf("passkey.%d", i), p, 65)
		id := made[1 : 1+lengths[int(made[0])%len(lengths)]]
		if i < len(keys) {
			id = keys[i].Credential.ID
		}
		out = append(out, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: id})
	}
	for i := listed; i < len(keys); i++ {
		out = append(out, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: keys[i].Credential.ID})
	}
	slices.SortFunc(out, func(a, b protocol.CredentialDescriptor) int { return bytes.Compare(a.CredentialID, b.CredentialID) })
	return out
}

func load(enrolled []method.Enrollment) ([]key, error) {
	out := make([]key, len(enrolled))
	for i, e := range enrolled {
		if err := json.Unmarshal(e.Data, &out[i]); err != nil {
			return nil, fmt.Errorf("passkey: reading enrolment %s: %w", e.ID, err)
		}
		if len(out[i].Credential.ID) == 0 || len(out[i].Credential.PublicKey) == 0 || len(out[i].Handle) == 0 {
			return nil, fmt.Errorf("passkey: reading enrolment %s: it is not whole", e.ID)
		}
	}
	return out, nil
}

func read(private []byte) (asked, error) {
	var a asked
	if err := json.Unmarshal(private, &a); err != nil {
		return asked{}, fmt.Errorf("passkey: reading the question: %w", err)
	}
	if a.Session.Challenge == "" || a.Expires.IsZero() {
		return asked{}, fmt.Errorf("passkey: reading the question: it is not whole")
	}
	return a, nil
}

// Judge verifies an assertion: WebAuthn Level 3 section 7.2. Every fault but a malformed answer
// looks the same from outside, whether the key is unknown, another person's or the signature bad.
func (m *Method) Judge(_ context.Context, p method.Person, private []byte, a method.Answer) (method.Judgement, error) {
	q, err := read(private)
	if err != nil {
		return method.Judgement{}, err
	}
	keys, err := load(p.Enrolled)
	if err != nil {
		return method.Judgement{}, err
	}
	response, err := parse(a)
	if err != nil {
		return method.Judgement{}, err
	}
	i := slices.IndexFunc(keys, func(k key) bool { return bytes.Equal(k.Credential.ID, response.RawID) })
	k := key{ // steps 5 and 6: nobody's, unless it is one of this person's
		Credential: webauthn.Credential{ID: response.RawID, PublicKey: m.standIn},
		Handle:     response.Response.UserHandle,
	}
	if i >= 0 {
		k = keys[i]
	}
	q.Session.UserID = k.Handle
	found, err := m.party.ValidateLogin(holder{handle: k.Handle, keys: []webauthn.Credential{k.Credential}}, q.Session, response)
	switch {
	case err != nil || i < 0 || p.Account.Ref.Zero():
		return method.Judgement{}, nil
	case !p.Now.Before(q.Expires):
		return method.Judgement{Note: "expired"}, nil
	case found.Authenticator.CloneWarning: // section 6.1.1: two devices may hold this key
		return method.Judgement{Note: "clone_signal"}, nil
	}
	k.Credential = *found
	e := p.Enrolled[i]
	if e.Data, err = json.Marshal(k); err != nil {
		return method.Judgement{}, fmt.Errorf("passkey: writing enrolment %s: %w", e.ID, err)
	}
	e.Used = p.Now
	return method.Judgement{Right: true, Update: &e}, nil
}

// parse reads an assertion. What the library says of it may quote it, so it is not passed on.
func parse(a method.Answer) (*protocol.ParsedCredentialAssertionData, error) {
	if err := sized(a.Credential); err != nil {
		return nil, err
	}
	response, err := protocol.ParseCredentialRequestResponseBytes(a.Credential)
	if err != nil {
		return nil, fmt.Errorf("passkey: %w: no assertion", method.ErrMalformed)
	}
	return response, nil
}

func sized(credential []byte) error {
	switch {
	case len(credential) == 0:
		return fmt.Errorf("passkey: %w: no credential", method.ErrMalformed)
	case len(credential) > maxCredential:
		return fmt.Errorf("passkey: %w: more than %d bytes", method.ErrMalformed, maxCredential)
	}
	return nil
}

// reason is the library's short word for what was wrong.
func reason(err error) string {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Type
	}
	return "other"
}
