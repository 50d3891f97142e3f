package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What stands in the place of a value that cannot be shown.
const (
	Withheld = "[secret]" // a field of class Secret, or of none
	Erased   = "[erased]" // a personal field whose personal part was erased
	Cut      = "…[cut]"   // the end of a value that was too long
	stamp    = "2006-01-02T15:04:05.000000Z"
)

// SaltSize is the least number of random bytes in a salt.
const SaltSize = 16

// The bounds that keep a leaf within MaxLeaf whatever the values are: an escaped character takes
// at most six bytes for one.
const (
	MaxLeaf     = 65535 // C2SP tlog-tiles: the length of an entry is a uint16
	maxPublic   = 512
	maxPersonal = 2048
	maxFields   = 64
	maxID       = 128
	maxName     = 32
)

// Record returns e as it is to be stored, without a place. Each call of salt must return at least
// SaltSize fresh random bytes. An empty field is left out; text that is not UTF-8 or too long is
// made so, with Cut as its end. An unknown kind, a malformed identifier or field name, a missing
// moment or a short salt is an error, because a caller is wrong.
func (e Event) Record(salt func() []byte) (Record, error) {
	at := e.At.UTC().Truncate(time.Microsecond)
	if err := e.check(at); err != nil {
		return Record{}, err
	}
	l := leaf{At: at.Format(stamp), ID: e.ID, Kind: e.Kind, Version: 1,
		Fields: map[Field]string{}, Personal: map[Field]string{}}
	parts := map[Field]part{}
	for _, f := range slices.Sorted(maps.Keys(e.Fields)) {
		value := strings.ToValidUTF8(e.Fields[f], "\uFFFD")
		switch {
		case value == "":
		case Classes[f] == Public:
			l.Fields[f] = shorten(value, maxPublic)
		case Classes[f] == Personal:
			s := salt()
			if len(s) < SaltSize || len(s) > 255 {
				return Record{}, fmt.Errorf("audit: a salt of %d bytes for event %s", len(s), e.ID)
			}
			p := part{Salt: base64.StdEncoding.EncodeToString(s), Value: shorten(value, maxPersonal)}
			parts[f], l.Personal[f] = p, bind(f, s, p.Value)
		default:
			l.Fields[f] = Withheld
		}
	}
	r := Record{Seq: -1, ID: e.ID, At: at, Kind: e.Kind, Leaf: l.encode()}
	if len(r.Leaf) > MaxLeaf {
		return Record{}, fmt.Errorf("audit: the leaf of event %s takes %d bytes", e.ID, len(r.Leaf))
	}
	if len(parts) > 0 {
		r.Personal = encodeParts(parts)
	}
	return r, nil
}

// check refuses what only a mistake in the program can cause.
func (e Event) check(at time.Time) error {
	if _, ok := Kinds[e.Kind]; !ok {
		return fmt.Errorf("audit: unknown kind of event %q", e.Kind)
	}
	if e.ID == "" || len(e.ID) > maxID || strings.ContainsFunc(e.ID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("audit: an event of kind %s has no usable identifier", e.Kind)
	}
	if at.IsZero() || at.Year() < 1 || at.Year() > 9999 {
		return fmt.Errorf("audit: event %s has no usable moment", e.ID)
	}
	if len(e.Fields) > maxFields {
		return fmt.Errorf("audit: event %s has %d fields", e.ID, len(e.Fields))
	}
	for f := range e.Fields {
		bad := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }
		if f == "" || len(f) > maxName || strings.ContainsFunc(string(f), bad) {
			return fmt.Errorf("audit: event %s has a field without a usable name", e.ID)
		}
	}
	return nil
}

// shorten returns s, valid UTF-8, in at most limit bytes.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit - len(Cut)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + Cut
}

// bind returns the hash that stands in the leaf for a personal value:
// SHA-256(length of salt ‖ salt ‖ field ‖ 0x00 ‖ value). The length keeps bytes from being moved
// between salt and value.
func bind(f Field, salt []byte, value string) string {
	b := append([]byte{byte(len(salt))}, salt...)
	b = append(append(append(b, f...), 0), value...)
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Fields reads r back: the public fields, and the personal ones with their values, or with Erased
// where the personal part is gone. The error is a *Fault when leaf, columns and personal part do
// not belong together.
func Fields(r Record) (map[Field]string, error) {
	l, parts, fault := r.open()
	if fault != nil {
		return nil, fault
	}
	out := maps.Clone(l.Fields)
	for f := range l.Personal {
		out[f] = Erased
		if p, ok := parts[f]; ok {
			out[f] = p.Value
		}
	}
	return out, nil
}

// open reads both parts of r and holds them against each other. parts is nil after erasure.
func (r Record) open() (leaf, map[Field]part, *Fault) {
	altered := func(detail string) (leaf, map[Field]part, *Fault) {
		return leaf{}, nil, r.fault(Altered, detail)
	}
	l, at, err := readLeaf(r.Leaf)
	if err != nil {
		return altered(err.Error())
	}
	if l.ID != r.ID || l.Kind != r.Kind || !at.Equal(r.At) {
		return altered("identifier, kind or moment beside the leaf is not the leaf's")
	}
	if len(r.Personal) == 0 {
		return l, nil, nil
	}
	parts, err := decode(r.Personal, encodeParts)
	if err != nil {
		return leaf{}, nil, r.fault(PersonalAltered, "the personal part is "+err.Error())
	}
	if detail := unbound(l, parts); detail != "" {
		return leaf{}, nil, r.fault(PersonalAltered, detail)
	}
	return l, parts, nil
}

func readLeaf(b []byte) (leaf, time.Time, error) {
	if len(b) > MaxLeaf {
		return leaf{}, time.Time{}, errors.New("the leaf is too long")
	}
	l, err := decode(b, leaf.encode)
	if err != nil {
		return leaf{}, time.Time{}, fmt.Errorf("the leaf is %w", err)
	}
	if l.Version != 1 {
		return leaf{}, time.Time{}, fmt.Errorf("the leaf is of version %d", l.Version)
	}
	at, err := time.Parse(stamp, l.At)
	if err != nil || at.Format(stamp) != l.At {
		return leaf{}, time.Time{}, errors.New("the leaf has no moment")
	}
	return l, at, nil
}

// unbound says why parts are not what the leaf's hashes are of, or "".
func unbound(l leaf, parts map[Field]part) string {
	if len(parts) != len(l.Personal) {
		return fmt.Sprintf("the leaf has %d personal fields, and beside it are %d", len(l.Personal), len(parts))
	}
	for _, f := range slices.Sorted(maps.Keys(parts)) {
		salt, err := base64.StdEncoding.Strict().DecodeString(parts[f].Salt)
		if err != nil || len(salt) < SaltSize || len(salt) > 255 {
			return "the salt of " + quote(string(f)) + " is malformed"
		}
		if l.Personal[f] != bind(f, salt, parts[f].Value) {
			return "the value of " + quote(string(f)) + " is not the one that was recorded"
		}
	}
	return ""
}

// place reads the columns of a record from its leaf, for records that come from a file.
func place(seq int64, leafBytes, personal []byte) (Record, error) {
	l, at, err := readLeaf(leafBytes)
	if err != nil {
		return Record{}, err
	}
	if bytes.Equal(personal, []byte("null")) || len(personal) == 0 {
		personal = nil
	}
	return Record{Seq: seq, ID: l.ID, At: at, Kind: l.Kind, Leaf: leafBytes, Personal: personal}, nil
}

func quote(s string) string { return string(appendString(nil, s)) }
