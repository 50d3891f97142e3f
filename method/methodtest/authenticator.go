package methodtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"postern/method"
)

// COSE algorithms that an Authenticator can have.
const (
	ES256 = -7
	EdDSA = -8
	RS256 = -257
)

// The flags of authenticator data: WebAuthn Level 3 section 6.1.
const (
	Present  byte = 0x01
	Verified byte = 0x04
	Eligible byte = 0x08
	BackedUp byte = 0x10
	Attested byte = 0x40
)

// Authenticator is a passkey device in software. As a Device it does everything right; the fields
// and Ceremony let a test do it wrong.
type Authenticator struct {
	Key    crypto.Signer
	Alg    int
	ID     []byte
	Handle []byte // kept from the invitation
	Origin string
	Flags  byte
	Count  uint32 // of signatures; stays 0 unless Counts
	Counts bool
}

// NewAuthenticator makes a device with a new key.
func NewAuthenticator(t *testing.T, alg int) *Authenticator {
	t.Helper()
	a := &Authenticator{
		Alg: alg, ID: make([]byte, 32), Origin: Env().PublicURL, Flags: Present | Verified | Eligible | BackedUp, Counts: true,
	}
	_, _ = rand.Read(a.ID)
	var err error
	switch alg {
	case ES256:
		a.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, a.Key, err = ed25519.GenerateKey(rand.Reader)
	case RS256:
		a.Key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		t.Fatalf("no algorithm %d", alg)
	}
	if err != nil {
		t.Fatalf("making a key: %v", err)
	}
	return a
}

// Ceremony is what a device is about to sign or say.
type Ceremony struct {
	Type, Challenge, Origin, TopOrigin string
	CrossOrigin                        bool
	Extra                              string // member extraData of the client data; empty: none
	RPID                               string
	Flags                              byte
	Count                              uint32
	ID, Handle                         []byte
	Spoil                              func(signature []byte) []byte // nil: leave it
	AAGUID                             []byte
	Format                             string // "none" or "packed" (self attestation)
}

// ClientData writes the client data as browsers do: WebAuthn Level 3 section 5.8.1.1.
func (c Ceremony) ClientData() []byte {
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	out := `{"type":` + quote(c.Type) + `,"challenge":` + quote(c.Challenge) + `,"origin":` + quote(c.Origin) + `,"crossOrigin":`
	if c.CrossOrigin {
		out += "true"
	} else {
		out += "false"
	}
	if c.TopOrigin != "" {
		out += `,"topOrigin":` + quote(c.TopOrigin)
	}
	if c.Extra != "" {
		out += `,"extraData":` + quote(c.Extra)
	}
	return []byte(out + "}")
}

// Data writes the authenticator data: WebAuthn Level 3 section 6.1.
func (c Ceremony) Data() []byte {
	hash := sha256.Sum256([]byte(c.RPID))
	out := append(hash[:], c.Flags)
	return binary.BigEndian.AppendUint32(out, c.Count)
}

// options is what is read of either kind of options.
type options struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
}

func read(t *testing.T, q method.Question) options {
	t.Helper()
	raw, err := json.Marshal(q.Public)
	if err != nil {
		t.Fatalf("public part: %v", err)
	}
	var o options
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("public part: %v", err)
	}
	return o
}

// B64 is the encoding of binary members.
var B64 = base64.RawURLEncoding

// Register makes the answer to an invitation, with tweak's changes.
func (a *Authenticator) Register(t *testing.T, q method.Question, tweak func(*Ceremony)) method.Answer {
	t.Helper()
	o := read(t, q)
	handle, err := B64.DecodeString(o.User.ID)
	if err != nil {
		t.Fatalf("user handle: %v", err)
	}
	a.Handle = handle
	c := Ceremony{
		Type: "webauthn.create", Challenge: o.Challenge, Origin: a.Origin, RPID: o.RP.ID, Flags: a.Flags | Attested,
		Count: a.Count, ID: a.ID, AAGUID: make([]byte, 16), Format: "none",
	}
	if tweak != nil {
		tweak(&c)
	}
	client, object := a.Attest(t, c)
	return credential(t, c.ID, map[string]string{
		"clientDataJSON": B64.EncodeToString(client), "attestationObject": B64.EncodeToString(object),
	})
}

// Attest returns client data and attestation object.
func (a *Authenticator) Attest(t *testing.T, c Ceremony) (client, object []byte) {
	t.Helper()
	client = c.ClientData()
	data := slices.Concat(c.Data(), c.AAGUID, binary.BigEndian.AppendUint16(nil, uint16(len(c.ID))), c.ID, a.COSE(t))
	statement := map[string]any{}
	if c.Format == "packed" {
		statement["alg"], statement["sig"] = a.Alg, a.sign(t, data, client)
	}
	return client, encode(t, map[string]any{"fmt": c.Format, "attStmt": statement, "authData": data})
}

// Assert makes the answer to a question, with tweak's changes.
func (a *Authenticator) Assert(t *testing.T, q method.Question, tweak func(*Ceremony)) method.Answer {
	t.Helper()
	o := read(t, q)
	if a.Counts {
		a.Count++
	}
	c := Ceremony{
		Type: "webauthn.get", Challenge: o.Challenge, Origin: a.Origin, RPID: o.RPID, Flags: a.Flags,
		Count: a.Count, ID: a.ID, Handle: a.Handle,
	}
	if tweak != nil {
		tweak(&c)
	}
	client, data, signature := a.Sign(t, c)
	response := map[string]string{
		"clientDataJSON":    B64.EncodeToString(client),
		"authenticatorData": B64.EncodeToString(data),
		"signature":         B64.EncodeToString(signature),
	}
	if c.Handle != nil {
		response["userHandle"] = B64.EncodeToString(c.Handle)
	}
	return credential(t, c.ID, response)
}

// Sign returns the parts of an assertion.
func (a *Authenticator) Sign(t *testing.T, c Ceremony) (client, data, signature []byte) {
	t.Helper()
	client, data = c.ClientData(), c.Data()
	signature = a.sign(t, data, client)
	if c.Spoil != nil {
		signature = c.Spoil(signature)
	}
	return client, data, signature
}

// sign signs as WebAuthn Level 3 section 6.3.3 says; ECDSA by RFC 6979, so that it is always the same.
func (a *Authenticator) sign(t *testing.T, data, client []byte) []byte {
	t.Helper()
	hash := sha256.Sum256(client)
	message := slices.Concat(data, hash[:])
	by := crypto.SHA256
	switch key := a.Key.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(key, message)
	case *ecdsa.PrivateKey:
		by = map[int]crypto.Hash{256: crypto.SHA256, 384: crypto.SHA384, 521: crypto.SHA512}[key.Params().BitSize]
	}
	h := by.New()
	h.Write(message)
	out, err := a.Key.Sign(nil, h.Sum(nil), by)
	if err != nil {
		t.Fatalf("signing: %v", err)
	}
	return out
}

// COSE writes the public key: RFC 9053 section 7.
func (a *Authenticator) COSE(t *testing.T) []byte {
	t.Helper()
	switch key := a.Key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			t.Fatalf("writing the key: %v", err)
		}
		n := (len(point) - 1) / 2
		curve := map[int]int{256: 1, 384: 2, 521: 3}[key.Params().BitSize]
		return encode(t, map[int]any{1: 2, 3: a.Alg, -1: curve, -2: point[1 : 1+n], -3: point[1+n:]})
	case ed25519.PublicKey:
		return encode(t, map[int]any{1: 1, 3: a.Alg, -1: 6, -2: []byte(key)})
	case *rsa.PublicKey:
		return encode(t, map[int]any{1: 3, 3: a.Alg, -1: key.N.Bytes(), -2: []byte{1, 0, 1}})
	default:
		t.Fatalf("no key %T", key)
		return nil
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	out, err := webauthncbor.Marshal(v)
	if err != nil {
		t.Fatalf("writing CBOR: %v", err)
	}
	return out
}

func credential(t *testing.T, id []byte, response map[string]string) method.Answer {
	t.Helper()
	name := B64.EncodeToString(id)
	raw, err := json.Marshal(map[string]any{
		"id": name, "rawId": name, "type": "public-key", "response": response,
		"clientExtensionResults": map[string]any{}, "authenticatorAttachment": "platform",
	})
	if err != nil {
		t.Fatalf("writing the answer: %v", err)
	}
	return method.Answer{Credential: raw}
}

// Confirm makes a Device of it.
func (a *Authenticator) Confirm(t *testing.T, _ method.Person, q method.Question) method.Answer {
	return a.Register(t, q, nil)
}

// Answer makes a Device of it.
func (a *Authenticator) Answer(t *testing.T, _ method.Person, q method.Question) method.Answer {
	return a.Assert(t, q, nil)
}

// Wrong signs with another key.
func (a *Authenticator) Wrong(t *testing.T, _ method.Person, q method.Question) method.Answer {
	other := *a
	other.Key = NewAuthenticator(t, a.Alg).Key
	a.Count++
	return other.Assert(t, q, nil)
}
