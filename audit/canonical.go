package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"unicode/utf16"
)

// The canonical form is JSON with sorted keys, without white space, and of printable ASCII alone:
// `"` and `\` are escaped with a backslash, everything else outside U+0020–U+007E as \uXXXX in
// lower case. It depends on no version of a library or of Unicode, so that what is written today
// is accepted for ever, and it can be printed on a terminal as it is.

const hexDigits = "0123456789abcdef"

// appendString appends s, which must be valid UTF-8, as a canonical JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= 0x20 && r < 0x7f:
			b = append(b, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = appendUnit(appendUnit(b, high), low)
		default:
			b = appendUnit(b, r)
		}
	}
	return append(b, '"')
}

func appendUnit(b []byte, u rune) []byte {
	return append(b, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}

// appendObject appends m as a canonical object, each value through value.
func appendObject[V any](b []byte, m map[Field]V, value func([]byte, V) []byte) []byte {
	b = append(b, '{')
	for i, f := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, string(f)), ':')
		b = value(b, m[f])
	}
	return append(b, '}')
}

// leaf is what the tree is over.
type leaf struct {
	At       string           `json:"at"`
	Fields   map[Field]string `json:"fields"`
	ID       string           `json:"id"`
	Kind     string           `json:"kind"`
	Personal map[Field]string `json:"personal"` // base64 of bind
	Version  int              `json:"v"`
}

func (l leaf) encode() []byte {
	b := appendString([]byte(`{"at":`), l.At)
	b = appendObject(append(b, `,"fields":`...), l.Fields, appendString)
	b = appendString(append(b, `,"id":`...), l.ID)
	b = appendString(append(b, `,"kind":`...), l.Kind)
	b = appendObject(append(b, `,"personal":`...), l.Personal, appendString)
	b = strconv.AppendInt(append(b, `,"v":`...), int64(l.Version), 10)
	return append(b, '}')
}

// part is one personal field beside the leaf.
type part struct {
	Salt  string `json:"salt"` // base64
	Value string `json:"value"`
}

func encodeParts(m map[Field]part) []byte {
	return appendObject(nil, m, func(b []byte, p part) []byte {
		b = appendString(append(b, `{"salt":`...), p.Salt)
		b = appendString(append(b, `,"value":`...), p.Value)
		return append(b, '}')
	})
}

var errSpelling = errors.New("not in canonical form")

// decode reads exactly what encode writes: any other spelling of the same values is an error,
// which says nothing of what it found.
func decode[T any](b []byte, encode func(T) []byte) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || !bytes.Equal(encode(v), b) {
		return v, errSpelling
	}
	return v, nil
}
