package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"postern/secret"
)

// Members names the members of a JSON object and where they go: *string, *secret.Text or
// *json.RawMessage (any object).
type Members map[string]any

const (
	maxDepth = 16   // of nested JSON
	maxName  = 1024 // bytes of a *string: names, not contents
)

// contentType refuses bodies of another type than the face's own (RFC 9110 section 15.5.16). It
// also keeps simple cross-site posts, which cannot send JSON, away from the API.
func (m *Mux) contentType(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	want := "application/json"
	if m.face != api {
		want = "application/x-www-form-urlencoded"
	}
	got, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, given := params["charset"]
	if err != nil || got != want || given && !strings.EqualFold(charset, "utf-8") {
		return Refuse(ProblemType, "the body must be "+want+" in UTF-8")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return Refuse(ProblemType, "the body must not be compressed")
	}
	return nil
}

// Form returns the fields of a form's body, each of which stands there once.
func Form(r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	fields, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, Refuse(ProblemRequest, "the form cannot be read")
	}
	for name, values := range fields {
		if len(values) != 1 || !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return nil, Refuse(ProblemRequest, "a field stands twice or is not UTF-8")
		}
	}
	return fields, nil
}

// ReadJSON reads a body that is one JSON object with all of the required members and any of the
// optional ones. Names count to the letter; an unknown or doubled member, another type, null,
// trailing bytes, broken UTF-8 or half a surrogate pair are refused: nothing is guessed and no
// byte of a password is replaced. With nothing required an empty body is an empty object.
func ReadJSON(r *http.Request, required, optional Members) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if len(body) == 0 && len(required) == 0 {
		return nil
	}
	members, err := object(body)
	if err != nil {
		return err
	}
	for name := range required {
		if _, ok := members[name]; !ok {
			return Refuse(ProblemRequest, "a member is missing")
		}
	}
	for name, raw := range members {
		into, ok := required[name]
		if !ok {
			into, ok = optional[name]
		}
		if !ok {
			return Refuse(ProblemRequest, "a member is unknown")
		}
		if err := assign(into, raw); err != nil {
			return err
		}
	}
	return nil
}

// assign decodes one member that is known to be well-formed JSON.
func assign(into any, raw json.RawMessage) error {
	wrong := Refuse(ProblemRequest, "a member has the wrong type")
	if m, ok := into.(*json.RawMessage); ok {
		if raw[0] != '{' {
			return wrong
		}
		*m = raw
		return nil
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return wrong
	}
	switch v := into.(type) {
	case *secret.Text:
		*v = secret.New(s)
	case *string:
		if len(s) > maxName || strings.ContainsFunc(s, control) {
			return Refuse(ProblemRequest, "a member is too long or has control characters")
		}
		*v = s
	default:
		return errors.New("edge: a member can only be *string, *secret.Text or *json.RawMessage")
	}
	return nil
}

func control(c rune) bool { return c < ' ' || c == 0x7f }

// object checks the whole of body and returns its members.
func object(body []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) {
		return nil, Refuse(ProblemRequest, "the body is not UTF-8")
	}
	if !json.Valid(body) {
		return nil, Refuse(ProblemRequest, "the body is not one JSON value")
	}
	if halfSurrogate(body) {
		return nil, Refuse(ProblemRequest, "the body has half a surrogate pair")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, Refuse(ProblemRequest, "the body is not a JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, Refuse(ProblemRequest, "the body cannot be read")
		}
		if _, twice := members[name.(string)]; twice {
			return nil, Refuse(ProblemRequest, "a member stands twice")
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, Refuse(ProblemRequest, "the body cannot be read")
		}
		if err := unique(raw); err != nil {
			return nil, err
		}
		members[name.(string)] = raw
	}
	return members, nil
}

// unique walks a value and refuses members that stand twice and nesting beyond maxDepth.
func unique(raw json.RawMessage) error {
	type level struct {
		names map[string]bool // nil for an array
		name  bool            // a name is next
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	levels := []level{{}}
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return Refuse(ProblemRequest, "the body cannot be read")
		}
		top := &levels[len(levels)-1]
		if name, ok := t.(string); ok && top.name {
			if top.names[name] {
				return Refuse(ProblemRequest, "a member stands twice")
			}
			top.names[name], top.name = true, false
			continue
		}
		switch t {
		case json.Delim('{'):
			levels = append(levels, level{names: map[string]bool{}, name: true})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		}
		if len(levels) > maxDepth {
			return Refuse(ProblemRequest, "the body is nested too deeply")
		}
		if t != json.Delim('{') && t != json.Delim('[') {
			levels[len(levels)-1].name = levels[len(levels)-1].names != nil
		}
	}
}

// halfSurrogate reports whether valid JSON has an escape \uD800 to \uDFFF without its other half,
// which encoding/json would replace silently.
func halfSurrogate(b []byte) bool {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		i++
		if b[i] != 'u' {
			continue
		}
		c := hex4(b[i+1:])
		i += 4
		switch {
		case c >= 0xdc00 && c <= 0xdfff:
			return true
		case c >= 0xd800 && c <= 0xdbff:
			if i+6 >= len(b) || b[i+1] != '\\' || b[i+2] != 'u' {
				return true
			}
			if low := hex4(b[i+3:]); low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 6
		}
	}
	return false
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte) int {
	n := 0
	for _, c := range b[:min(4, len(b))] {
		n <<= 4
		switch {
		case c >= '0' && c <= '9':
			n |= int(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n |= int(c|0x20-'a') + 10
		}
	}
	return n
}
