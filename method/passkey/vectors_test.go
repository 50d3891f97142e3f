package passkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/method"
	"postern/method/methodtest"
)

// The test vectors of WebAuthn Level 3 section 16 are made from seeds by a procedure that the
// section gives with each value: HKDF-SHA-256 over "WebAuthn test vectors", RFC 6979 signatures,
// two Mersenne primes for RSA. These tests make them again by that procedure and compare a hash of
// the result with the hash of the bytes that the section prints; then the method must take them.

// draw yields a vector's random values in their order.
type draw struct {
	t    *testing.T
	info string
	next byte
}

func (d *draw) bytes(n int) []byte {
	d.t.Helper()
	out, err := hkdf.Key(sha256.New, []byte("WebAuthn test vectors"), []byte{d.next}, d.info, n)
	if err != nil {
		d.t.Fatal(err)
	}
	d.next++
	return out
}

// client draws what goes into the client data.
func (d *draw) client(c *methodtest.Ceremony) {
	if d.bytes(1)[0]&1 != 0 {
		c.Extra = "clientDataJSON may be extended with additional fields in the future, such as this: " +
			methodtest.B64.EncodeToString(d.bytes(16))
	}
}

type vector struct {
	info      string
	alg       int
	key       func(d *draw) crypto.Signer
	challenge int // bytes
	id        int // bytes
	format    string
	statement int    // values drawn for an attestation statement that is not made here
	register  string // of attestationObject and clientDataJSON; empty: not made here
	sign      string // of clientDataJSON, authenticatorData and signature
	crossed   bool
	top       string
	plain     bool // U2F: no flags of its own
}

func ec(curve elliptic.Curve, n int) func(d *draw) crypto.Signer {
	return func(d *draw) crypto.Signer {
		raw := make([]byte, (curve.Params().BitSize+7)/8)
		copy(raw[len(raw)-n:], d.bytes(n))
		key, err := ecdsa.ParseRawPrivateKey(curve, raw)
		if err != nil {
			d.t.Fatal(err)
		}
		return key
	}
}

func ed(d *draw) crypto.Signer { return ed25519.NewKeyFromSeed(d.bytes(32)) }

// mersenne is the RSA key of the primes 2^1279-1 and 2^2203-1.
func mersenne(*draw) crypto.Signer {
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 1279), one)
	q := new(big.Int).Sub(new(big.Int).Lsh(one, 2203), one)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	return &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537},
		D:         new(big.Int).ModInverse(big.NewInt(65537), phi), Primes: []*big.Int{p, q},
	}
}

var p256 = ec(elliptic.P256(), 32)

func vectors() []vector {
	const es256 = methodtest.ES256
	return []vector{
		{info: "none.ES256", alg: es256, key: p256, format: "none", register: "d0cb75c160eddbc7a5aed9e36af6448c", sign: "2c362f8399198d53ff577cf5c98d36c5"},
		{info: "packed-self.ES256", alg: es256, key: p256, format: "packed", register: "8a0df1a2f19a71cb346723ac8815e757", sign: "c6fbf36dee584187056e3feb241eed60"},
		{info: "none.ES256.crossOrigin", alg: es256, key: p256, format: "none", crossed: true, register: "1f14f7b3a4c9194ae1644ffac11ae741", sign: "4307d45f111f57bc17f2edfa086b5b64"},
		{info: "none.ES256.topOrigin", alg: es256, key: p256, format: "none", crossed: true, top: "https://example.com", register: "df65087d70138a5e44b5e2f121e01b93", sign: "c9855cfc7900aeca3eee8edb4ead5ea1"},
		{info: "none.ES256.long-credential-id", alg: es256, key: p256, format: "none", id: 1023, register: "390d9cd0b8c7c3681cd0df95455ed98c", sign: "dd43a1faa55c19bda5944b6148098b43"},
		{info: "packed.ES256", alg: es256, key: p256, statement: 2, sign: "0b0fd0b617a2cee9e0837a37cf344b20"},
		{info: "packed.ES384", alg: -35, key: ec(elliptic.P384(), 48), statement: 2, sign: "473443546730ea748c813c805df1946e"},
		{info: "packed.ES512", alg: -36, key: ec(elliptic.P521(), 65), challenge: 128, statement: 2, sign: "8c65062f9738543d18449574ee90009a"},
		{info: "packed.RS256", alg: methodtest.RS256, key: mersenne, statement: 2, sign: "91b248f83f55ee49d7b92e8a3fd1183b"},
		{info: "packed.EdDSA", alg: methodtest.EdDSA, key: ed, statement: 2, sign: "1350478bdd45d9a7f8ee73b9de3f4c20"},
		{info: "tpm.ES256", alg: es256, key: p256, statement: 2, sign: "3f76ac711c1cfe12c874c52a39800e6a"},
		{info: "android-key.ES256", alg: es256, key: p256, statement: 1, sign: "57a5ca978f3e8688b57c15bd6018c849"},
		{info: "apple.ES256", alg: es256, key: p256, statement: 1, sign: "3138c9115c24620e729d4dd39fe0af39"},
		{info: "fido-u2f.ES256", alg: es256, key: p256, statement: 2, plain: true, sign: "e1be045b4984beb0139d295968f4cb60"},
	}
}

// made is a vector after it was made again.
type made struct {
	device           *methodtest.Authenticator
	register, assert methodtest.Ceremony
}

func (v vector) make(t *testing.T) made {
	d := &draw{t: t, info: v.info}
	if v.challenge == 0 {
		v.challenge = 32
	}
	if v.id == 0 {
		v.id = 32
	}
	base := methodtest.Ceremony{Origin: "https://example.org", RPID: "example.org", CrossOrigin: v.crossed, TopOrigin: v.top, Format: v.format}
	reg := base
	reg.Type, reg.Challenge = "webauthn.create", methodtest.B64.EncodeToString(d.bytes(v.challenge))
	device := &methodtest.Authenticator{Alg: v.alg, Key: v.key(d)}
	d.client(&reg)
	reg.AAGUID, reg.ID = d.bytes(16), d.bytes(v.id)
	reg.Flags = methodtest.Present | methodtest.Attested
	if !v.plain {
		reg.Flags |= consistent(d.bytes(1)[0]&0x1c, 0)
	}
	for range v.statement {
		d.bytes(1)
	}
	get := base
	get.Type, get.ID = "webauthn.get", reg.ID
	get.Challenge = methodtest.B64.EncodeToString(d.bytes(v.challenge))
	d.client(&get)
	eligible := reg.Flags & methodtest.Eligible
	get.Flags = methodtest.Present | consistent(d.bytes(1)[0]&0x14, eligible)
	return made{device: device, register: reg, assert: get}
}

// consistent clears the bit for "backed up" where the key cannot be.
func consistent(flags, eligible byte) byte {
	flags |= eligible
	if flags&methodtest.Eligible == 0 {
		flags &^= methodtest.BackedUp
	}
	return flags
}

func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// opened is the method at the vectors' site, and what it keeps of a question with challenge.
func opened(t *testing.T, challenge string, verification protocol.UserVerificationRequirement) (*Method, []byte) {
	t.Helper()
	env := methodtest.Env()
	env.PublicURL = "https://example.org"
	m, err := Kind.Open(func(any) error { return nil }, env)
	if err != nil {
		t.Fatal(err)
	}
	handle := []byte("the vectors have no user handle")
	private, err := json.Marshal(asked{
		Session: webauthn.SessionData{Challenge: challenge, RelyingPartyID: "example.org", UserID: handle, UserVerification: verification, CredParams: offered()},
		Expires: methodtest.Start.Add(time.Minute), Handle: handle,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m.(*Method), private
}

func TestRegistrationVectors(t *testing.T) {
	for _, v := range vectors() {
		if v.register == "" {
			continue
		}
		t.Run(v.info, func(t *testing.T) {
			x := v.make(t)
			client, object := x.device.Attest(t, x.register)
			if got := digest(object, client); got != v.register {
				t.Fatalf("the vector made again: got %s, want %s", got, v.register)
			}
			a := answer(t, x.register.ID, map[string][]byte{"clientDataJSON": client, "attestationObject": object})
			p := methodtest.Person("alice")
			m, private := opened(t, x.register.Challenge, protocol.VerificationPreferred)
			e, err := m.Enroll(t.Context(), p, private, a)
			if v.crossed {
				if !errors.Is(err, method.ErrRefused) {
					t.Fatalf("from another origin's frame: got %v, want ErrRefused", err)
				}
				return
			}
			if err != nil || e.Found != found(x.register.ID) {
				t.Fatalf("got %v, %v; want an enrolment", e.Found, err)
			}
			m, private = opened(t, x.register.Challenge, protocol.VerificationRequired)
			if _, err := m.Enroll(t.Context(), p, private, a); (err == nil) != (x.register.Flags&methodtest.Verified != 0) {
				t.Errorf("flags %02x: got %v with verification required", x.register.Flags, err)
			}
		})
	}
}

func TestAuthenticationVectors(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.info, func(t *testing.T) {
			x := v.make(t)
			client, data, signature := x.device.Sign(t, x.assert)
			if got := digest(client, data, signature); got != v.sign {
				t.Fatalf("the vector made again: got %s, want %s", got, v.sign)
			}
			k := key{Handle: []byte("handle"), Credential: webauthn.Credential{
				ID: x.register.ID, PublicKey: x.device.COSE(t),
				Flags: webauthn.CredentialFlags{BackupEligible: x.register.Flags&methodtest.Eligible != 0},
			}}
			stored, err := json.Marshal(k)
			if err != nil {
				t.Fatal(err)
			}
			p := methodtest.Person("alice")
			p.Enrolled = []method.Enrollment{{ID: "e", Version: 1, Data: stored}}
			parts := map[string][]byte{"clientDataJSON": client, "authenticatorData": data, "signature": signature}
			judge := func(v protocol.UserVerificationRequirement, challenge string) bool {
				m, private := opened(t, challenge, v)
				j, err := m.Judge(t.Context(), p, private, answer(t, x.register.ID, parts))
				if err != nil {
					t.Fatal(err)
				}
				return j.Right
			}
			verified := x.assert.Flags&methodtest.Verified != 0
			if got, want := judge(protocol.VerificationPreferred, x.assert.Challenge), !v.crossed; got != want {
				t.Errorf("got right %v, want %v", got, want)
			}
			if got, want := judge(protocol.VerificationRequired, x.assert.Challenge), verified && !v.crossed; got != want {
				t.Errorf("verification required, flags %02x: got right %v, want %v", x.assert.Flags, got, want)
			}
			if judge(protocol.VerificationPreferred, x.register.Challenge) {
				t.Error("the registration's challenge: got right")
			}
			parts["signature"][len(signature)-1] ^= 1
			if judge(protocol.VerificationPreferred, x.assert.Challenge) {
				t.Error("a changed signature: got right")
			}
		})
	}
}

func answer(t *testing.T, id []byte, parts map[string][]byte) method.Answer {
	t.Helper()
	response := map[string]string{}
	for name, value := range parts {
		response[name] = methodtest.B64.EncodeToString(value)
	}
	name := methodtest.B64.EncodeToString(id)
	raw, err := json.Marshal(map[string]any{"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	return method.Answer{Credential: raw}
}
