// Package secret holds values that refuse to be printed: passwords, codes, tokens and keys on
// their way from the person to the one place that needs them.
//
// It does not protect memory and it does not encrypt; internal/keyring does the latter. It
// guards one thing: whatever formats a Text (fmt, log/slog, encoding/json, encoding/xml, a
// template) gets "[secret]". The single way to the value is Reveal, which is easy to search for.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Printed is what every printer of a Text writes.
const Printed = "[secret]"

// Text is a secret string. Its zero value is the empty secret. Texts cannot be compared with ==
// in a way that leaks their content through time: use Equal.
type Text struct {
	_ [0]func() // makes == a compile error
	s string
}

// New wraps s. The bytes are kept exactly as given: nothing is trimmed or normalised.
func New(s string) Text { return Text{s: s} }

// Reveal returns the value. Every caller is a place to review.
func (t Text) Reveal() string { return t.s }

// Empty reports whether the secret has no bytes.
func (t Text) Empty() bool { return t.s == "" }

// Equal compares in constant time for values of equal length.
func (t Text) Equal(u Text) bool { return subtle.ConstantTimeCompare([]byte(t.s), []byte(u.s)) == 1 }

// String returns Printed.
func (t Text) String() string { return Printed }

// GoString returns Printed, for %#v.
func (t Text) GoString() string { return Printed }

// Format writes Printed for every verb and flag.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Printed) }

// MarshalText returns Printed, which covers JSON, XML, YAML and log/slog.
func (t Text) MarshalText() ([]byte, error) { return []byte(Printed), nil }

// UnmarshalText keeps the bytes exactly as they are, for decoding requests.
func (t *Text) UnmarshalText(b []byte) error {
	t.s = string(b)
	return nil
}
