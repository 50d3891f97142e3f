// Package keyring holds an instance's keys outside its database: what seals the personal and
// secret parts of rows, the pepper that decoys and limits are derived from, and the key that
// signs checkpoints of the audit log.
//
// It does not decide what is sealed or signed; app does, through its Sealer and Signer, which a
// Ring satisfies. It is not a key management service: the keys lie in one file or one
// environment variable, in the clear, and whoever reads it reads everything. It guards the file:
// readable by its owner alone, written whole or not at all, and never over keys that would be
// lost. A Ring is immutable and refuses to be printed.
package keyring

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
	"unicode"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/mod/sumdb/note"
)

// pepperSize is the pepper's length in bytes, and of each key derived from it.
const pepperSize = 32

// maxDerived is what one HKDF-Expand can give: 255 blocks (RFC 5869 section 2.3).
const maxDerived = 255 * sha256.Size

// Ring is an instance's keys. Its zero value is of no use: see Create, Load and Parse.
type Ring struct {
	keys func() *material // a function, because no printer can see into one
}

type material struct {
	sealing *keyset.Handle
	aead    tink.AEAD
	created map[uint32]time.Time // of sealing keys, as far as known
	pepper  []byte
	signing string // "PRIVATE+KEY+name+hash+key" (C2SP signed-note)
	signer  note.Signer
	public  string // vkey
}

// Create makes new keys. origin names the audit log for ever and should look like
// "reset.example.org/audit" (C2SP tlog-checkpoint): no spaces and no plus sign.
func Create(origin string, now time.Time) (*Ring, error) {
	m := keyset.NewManager()
	id, err := addKey(m)
	if err != nil {
		return nil, err
	}
	handle, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("keyring: making a sealing key: %w", err)
	}
	signing, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, fmt.Errorf("keyring: making a signing key: %w", err)
	}
	pepper := make([]byte, pepperSize)
	rand.Read(pepper)
	return assemble(material{sealing: handle, created: map[uint32]time.Time{id: now.UTC().Truncate(time.Second)},
		pepper: pepper, signing: signing})
}

// addKey adds a new AES-256-GCM key to m, which seals from now on.
func addKey(m *keyset.Manager) (uint32, error) {
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return 0, fmt.Errorf("keyring: making a sealing key: %w", err)
	}
	if err := m.SetPrimary(id); err != nil {
		return 0, fmt.Errorf("keyring: making a sealing key: %w", err)
	}
	return id, nil
}

// assemble checks the parts and computes what follows from them.
func assemble(m material) (*Ring, error) {
	if len(m.pepper) != pepperSize {
		return nil, fmt.Errorf("keyring: the pepper has %d bytes and not %d", len(m.pepper), pepperSize)
	}
	for i := range m.sealing.Len() {
		e, err := m.sealing.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("keyring: the sealing keys: %w", err)
		}
		p, ok := e.Key().Parameters().(*aesgcm.Parameters)
		if !ok || p.KeySizeInBytes() != 32 || p.Variant() != aesgcm.VariantTink {
			return nil, fmt.Errorf("keyring: sealing key %08x is not for AES-256-GCM", e.KeyID())
		}
	}
	var err error
	if m.aead, err = aead.New(m.sealing); err != nil {
		return nil, fmt.Errorf("keyring: the sealing keys: %w", err)
	}
	if m.signer, err = note.NewSigner(m.signing); err != nil {
		return nil, fmt.Errorf("keyring: the signing key or its name: %w", err)
	}
	if strings.ContainsFunc(m.signer.Name(), unicode.IsControl) {
		return nil, errors.New("keyring: the origin has control characters")
	}
	if m.public, err = vkey(m.signing); err != nil {
		return nil, err
	}
	return &Ring{keys: func() *material { return &m }}, nil
}

// vkey returns the public half of a signing key that note.NewSigner accepted.
func vkey(signing string) (string, error) {
	parts := strings.SplitN(signing, "+", 5)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(parts) != 5 || len(raw) != 1+ed25519.SeedSize {
		return "", errors.New("keyring: the signing key is malformed")
	}
	public := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	key, err := note.NewEd25519VerifierKey(parts[2], public)
	if err != nil {
		return "", fmt.Errorf("keyring: the verifier key: %w", err)
	}
	return key, nil
}

// Rotate returns a ring with one more sealing key, which seals from now on; all older ones still
// open. The pepper and the signing key stay: limits and decoys, and whoever verifies the audit
// log, depend on them.
func (r *Ring) Rotate(now time.Time) (*Ring, error) {
	m := keyset.NewManagerFromHandle(r.keys().sealing)
	id, err := addKey(m)
	if err != nil {
		return nil, err
	}
	next := *r.keys()
	if next.sealing, err = m.Handle(); err != nil {
		return nil, fmt.Errorf("keyring: rotating: %w", err)
	}
	next.created = maps.Clone(r.keys().created)
	next.created[id] = now.UTC().Truncate(time.Second)
	return assemble(next)
}

// Seal encrypts plain with AES-256-GCM under the newest key. Only the same associated data opens
// it again.
func (r *Ring) Seal(plain, associated []byte) ([]byte, error) {
	b, err := r.keys().aead.Encrypt(plain, associated)
	if err != nil {
		return nil, fmt.Errorf("keyring: sealing: %w", err)
	}
	return b, nil
}

// Open decrypts what Seal returned, under whichever key sealed it.
func (r *Ring) Open(sealed, associated []byte) ([]byte, error) {
	b, err := r.keys().aead.Decrypt(sealed, associated)
	if err != nil {
		return nil, errors.New("keyring: this was altered, belongs elsewhere, or was sealed by keys that are not in keys.file or keys.env")
	}
	return b, nil
}

// Derive returns n bytes that depend on pepper, purpose and input: HKDF-Expand with SHA-256
// (RFC 5869 section 2.3), first to a key of the purpose's own, so that no two purposes can ever
// meet. It panics when n is not between 1 and 8160, which is a mistake in the program.
func (r *Ring) Derive(purpose string, input []byte, n int) []byte {
	if n < 1 || n > maxDerived {
		panic(fmt.Sprintf("keyring: Derive of %d bytes", n))
	}
	key, err := hkdf.Expand(sha256.New, r.keys().pepper, "postern/v1/"+purpose, pepperSize)
	if err != nil {
		panic("keyring: Derive: " + err.Error())
	}
	out, err := hkdf.Expand(sha256.New, key, string(input), n)
	if err != nil {
		panic("keyring: Derive: " + err.Error())
	}
	return out
}

// Name returns the origin of the audit log.
func (r *Ring) Name() string { return r.keys().signer.Name() }

// Verifier returns the public key of the audit log as a C2SP vkey.
func (r *Ring) Verifier() string { return r.keys().public }

// SignNote signs the text of a checkpoint (C2SP signed-note, Ed25519). It signs nothing that does
// not begin with the log's own origin, and returns nothing that does not verify.
func (r *Ring) SignNote(text string) (string, error) {
	if !strings.HasPrefix(text, r.Name()+"\n") {
		return "", errors.New("keyring: signing: the text does not begin with this log's origin")
	}
	signed, err := note.Sign(&note.Note{Text: text}, r.keys().signer)
	if err != nil {
		return "", fmt.Errorf("keyring: signing: %w", err)
	}
	v, err := note.NewVerifier(r.keys().public)
	if err != nil {
		return "", fmt.Errorf("keyring: signing: %w", err)
	}
	if n, err := note.Open(signed, note.VerifierList(v)); err != nil || n.Text != text {
		return "", errors.New("keyring: signing: the text cannot be a signed note")
	}
	return string(signed), nil
}

// Key is what may be told of a key.
type Key struct {
	ID        string // eight hexadecimal digits
	Use       string // "sealing" or "signing"
	Algorithm string
	Created   time.Time // zero: not known
	State     string    // "primary", "enabled" or "disabled"
}

// List tells of every key but the pepper, oldest first, the signing key last.
func (r *Ring) List() []Key {
	var out []Key
	for i := range r.keys().sealing.Len() {
		e, err := r.keys().sealing.Entry(i)
		if err != nil {
			continue // there is no such entry, by Len
		}
		k := Key{ID: fmt.Sprintf("%08x", e.KeyID()), Use: "sealing", Algorithm: "AES-256-GCM",
			Created: r.keys().created[e.KeyID()], State: "disabled"}
		switch {
		case e.IsPrimary():
			k.State = "primary"
		case e.KeyStatus() == keyset.Enabled:
			k.State = "enabled"
		}
		out = append(out, k)
	}
	return append(out, Key{ID: fmt.Sprintf("%08x", r.keys().signer.KeyHash()), Use: "signing", Algorithm: "Ed25519", State: "primary"})
}

const printed = "[keyring]"

// Format writes "[keyring]" for every verb and flag.
func (r Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, printed) }

// MarshalText returns "[keyring]", which covers JSON and log/slog.
func (r Ring) MarshalText() ([]byte, error) { return []byte(printed), nil }
