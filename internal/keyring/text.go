package keyring

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"postern/secret"
)

// document is the text form: one line of JSON, the same in a file and in a variable.
type document struct {
	Version int               `json:"postern_keys"`
	Sealing json.RawMessage   `json:"sealing"` // a Tink keyset
	Created map[string]string `json:"created"` // RFC 3339 by key identifier
	Pepper  string            `json:"pepper"`
	Signing string            `json:"signing"`
	Sum     string            `json:"sum"` // finds accidents; somebody who can write the file can write it too
}

// sum covers every value, so that a changed character in any is found at the start and not when
// rows no longer open.
func (d document) sum() string {
	d.Sum = ""
	var sealing bytes.Buffer
	if json.Compact(&sealing, d.Sealing) == nil {
		d.Sealing = sealing.Bytes()
	}
	b, err := json.Marshal(d)
	if err != nil {
		return ""
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}

// Text returns all keys, to be kept where only the service can read them.
func (r *Ring) Text() (secret.Text, error) {
	d := document{Version: 1, Created: map[string]string{}, Signing: r.keys().signing,
		Pepper: base64.StdEncoding.EncodeToString(r.keys().pepper)}
	var sealing bytes.Buffer
	if err := insecurecleartextkeyset.Write(r.keys().sealing, keyset.NewJSONWriter(&sealing)); err != nil {
		return secret.Text{}, fmt.Errorf("keyring: writing the sealing keys: %w", err)
	}
	d.Sealing = sealing.Bytes()
	for id, t := range r.keys().created {
		d.Created[fmt.Sprintf("%08x", id)] = t.Format(time.RFC3339)
	}
	d.Sum = d.sum()
	b, err := json.Marshal(d)
	if err != nil {
		return secret.Text{}, errors.New("keyring: the keys cannot be written as text")
	}
	return secret.New(string(b) + "\n"), nil
}

var errDamaged = errors.New("keyring: the keys are cut off or altered")

// Parse reads what Text returned. Its errors have nothing of the text in them.
func Parse(text secret.Text) (*Ring, error) {
	var d document
	dec := json.NewDecoder(strings.NewReader(text.Reveal()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, errDamaged
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errDamaged
	}
	if d.Version != 1 {
		return nil, fmt.Errorf("keyring: the keys are of version %d, which this program does not know", d.Version)
	}
	if subtle.ConstantTimeCompare([]byte(d.sum()), []byte(d.Sum)) != 1 {
		return nil, errDamaged
	}
	pepper, err := base64.StdEncoding.Strict().DecodeString(d.Pepper)
	if err != nil {
		return nil, errors.New("keyring: the pepper is malformed")
	}
	sealing, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(d.Sealing)))
	if err != nil {
		return nil, errors.New("keyring: the sealing keys are malformed")
	}
	created := map[uint32]time.Time{}
	for id, t := range d.Created {
		n, err1 := strconv.ParseUint(id, 16, 32)
		at, err2 := time.Parse(time.RFC3339, t)
		if err1 != nil || err2 != nil {
			return nil, errors.New("keyring: the moment when a key was made is malformed")
		}
		created[uint32(n)] = at
	}
	return assemble(material{sealing: sealing, created: created, pepper: pepper, signing: d.Signing})
}
