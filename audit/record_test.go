package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func moment() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.FixedZone("x", 3600)) }

// salts returns a source of salts that differ from one another and are the same in every run.
func salts() func() []byte {
	n := 0
	return func() []byte {
		n++
		h := sha256.Sum256(fmt.Append(nil, "salt", n))
		return h[:SaltSize]
	}
}

func record(t testing.TB, e Event) Record {
	t.Helper()
	r, err := e.Record(salts())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sample() Event {
	return Event{ID: "e1", At: moment(), Kind: "recovery.started", Fields: map[Field]string{
		Flow: "r1", Rule: "staff", Login: "zoë", Address: "192.0.2.1", Detail: "", "password": "hunter2", Attempt: "<1>&\"\\"}}
}

func TestLeafIsCanonical(t *testing.T) {
	r := record(t, sample())
	hash := func(f Field, n int, value string) string {
		salt := sha256.Sum256(fmt.Append(nil, "salt", n))
		sum := sha256.Sum256([]byte("\x10" + string(salt[:16]) + string(f) + "\x00" + value))
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	want := `{"at":"2026-03-04T04:06:07.123456Z","fields":{"attempt":"<1>&\"\\","flow":"r1","password":"[secret]","rule":"staff"},` +
		`"id":"e1","kind":"recovery.started","personal":{"address":"` + hash(Address, 1, "192.0.2.1") + `","login":"` + hash(Login, 2, "zoë") + `"},"v":1}`
	if got := string(r.Leaf); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !strings.Contains(string(r.Personal), `"value":"zo\u00eb"`) {
		t.Errorf("the personal part has no login: %s", r.Personal)
	}
	if r.Seq != -1 || r.ID != "e1" || r.Kind != "recovery.started" || !r.At.Equal(moment().Truncate(time.Microsecond)) || r.At.Location() != time.UTC {
		t.Errorf("got %d %s %s %s", r.Seq, r.ID, r.Kind, r.At)
	}
	got, err := Fields(r)
	wanted := map[Field]string{Flow: "r1", Rule: "staff", Login: "zoë", Address: "192.0.2.1", "password": Withheld, Attempt: "<1>&\"\\"}
	if err != nil || !maps.Equal(got, wanted) {
		t.Errorf("got %v, %v, want %v", got, err, wanted)
	}
	r.Personal = nil
	wanted[Login], wanted[Address] = Erased, Erased
	if got, err := Fields(r); err != nil || !maps.Equal(got, wanted) {
		t.Errorf("erased: got %v, %v, want %v", got, err, wanted)
	}
}

func TestWithoutPersonalFields(t *testing.T) {
	r := record(t, Event{ID: "e", At: moment(), Kind: "system.started"})
	want := `{"at":"2026-03-04T04:06:07.123456Z","fields":{},"id":"e","kind":"system.started","personal":{},"v":1}`
	if string(r.Leaf) != want || r.Personal != nil {
		t.Errorf("got %s, %s, want %s and nothing", r.Leaf, r.Personal, want)
	}
	if got, err := Fields(r); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

// Nothing that is personal or secret may be in the leaf, and nothing secret anywhere.
func TestClasses(t *testing.T) {
	e := Event{ID: "e", At: moment(), Kind: "audit.read", Fields: map[Field]string{"unheard_of": "canary-unheard_of"}}
	for f := range Classes {
		e.Fields[f] = "canary-" + string(f)
	}
	r := record(t, e)
	for f := range e.Fields {
		canary := []byte(`"canary-` + string(f) + `"`)
		if got, want := bytes.Contains(r.Leaf, canary), Classes[f] == Public; got != want {
			t.Errorf("%s in the leaf: got %v, want %v", f, got, want)
		}
		if got, want := bytes.Contains(r.Personal, canary), Classes[f] == Personal; got != want {
			t.Errorf("%s in the personal part: got %v, want %v", f, got, want)
		}
	}
	for _, f := range []Field{Subject, Login, Typed, Address, Agent, Target, Operator} {
		if Classes[f] != Personal {
			t.Errorf("%s is %q, want personal", f, Classes[f])
		}
	}
	if len(Classes) != 19 {
		t.Errorf("got %d classed fields, want all 19", len(Classes))
	}
}

func TestKinds(t *testing.T) {
	for kind, sentence := range Kinds {
		noun, verb, ok := strings.Cut(kind, ".")
		if !ok || noun == "" || strings.Trim(verb, "abcdefghijklmnopqrstuvwxyz_") != "" || verb == "" {
			t.Errorf("%q is not noun.verb", kind)
		}
		if len(sentence) < 20 || !strings.HasSuffix(sentence, ".") || strings.Count(sentence, ". ") > 0 {
			t.Errorf("%s: %q is not one sentence", kind, sentence)
		}
		if _, err := (Event{ID: "e", At: moment(), Kind: kind}).Record(salts()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestRecordRefusesMistakes(t *testing.T) {
	many := map[Field]string{}
	for i := range maxFields + 1 {
		many[Field(fmt.Sprintf("f%d", i))] = "x"
	}
	for name, edit := range map[string]func(*Event){
		"unknown kind":  func(e *Event) { e.Kind = "recovery.begun" },
		"no kind":       func(e *Event) { e.Kind = "" },
		"no identifier": func(e *Event) { e.ID = "" },
		"long":          func(e *Event) { e.ID = strings.Repeat("x", maxID+1) },
		"spaced":        func(e *Event) { e.ID = "a b" },
		"control":       func(e *Event) { e.ID = "a\n" },
		"not ASCII":     func(e *Event) { e.ID = "é" },
		"no moment":     func(e *Event) { e.At = time.Time{} },
		"far moment":    func(e *Event) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"early moment":  func(e *Event) { e.At = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC) },
		"unnamed field": func(e *Event) { e.Fields = map[Field]string{"": "x"} },
		"odd field":     func(e *Event) { e.Fields = map[Field]string{"a b": "x"} },
		"long field":    func(e *Event) { e.Fields = map[Field]string{Field(strings.Repeat("x", 33)): "x"} },
		"many fields":   func(e *Event) { e.Fields = many },
	} {
		e := sample()
		edit(&e)
		if r, err := e.Record(salts()); err == nil {
			t.Errorf("%s: got %s, want an error", name, r.Leaf)
		}
	}
	for _, n := range []int{0, SaltSize - 1, 256} {
		if _, err := sample().Record(func() []byte { return make([]byte, n) }); err == nil {
			t.Errorf("a salt of %d bytes was accepted", n)
		}
	}
}

// TL-10: an entry cannot be longer than 65535 bytes, whatever is in it.
func TestLongestLeaf(t *testing.T) {
	for _, filler := range []string{"\x00", "\x7f", "\"", "é", "€", "😀", "\xff", "a\xff", "\xe2\x82"} {
		e := Event{ID: strings.Repeat(`"`, maxID), At: moment(), Kind: "enrollment.removed", Fields: map[Field]string{}}
		for f := range Classes {
			e.Fields[f] = "b" + strings.Repeat(filler, 100_000)
		}
		for i := len(e.Fields); i < maxFields; i++ {
			e.Fields[Field(fmt.Sprintf("%s%02d", strings.Repeat("z", maxName-2), i))] = "x"
		}
		r := record(t, e)
		if len(r.Leaf) > MaxLeaf {
			t.Errorf("%q: got %d bytes", filler, len(r.Leaf))
		}
		if got := len(encodeLine(r)); got >= maxLine {
			t.Errorf("%q: a line of %d bytes cannot be read back", filler, got)
		}
		got, err := Fields(r)
		if err != nil {
			t.Fatal(err)
		}
		for f, limit := range map[Field]int{Detail: maxPublic, Agent: maxPersonal} {
			v := got[f]
			if !utf8.ValidString(v) || len(v) > limit {
				t.Errorf("%q: %s has %d bytes, valid is %v", filler, f, len(v), utf8.ValidString(v))
			}
			if len(strings.ToValidUTF8(e.Fields[f], "\uFFFD")) > limit && (!strings.HasSuffix(v, Cut) || len(v) < limit-3) {
				t.Errorf("%q: %s is not marked as cut: %d bytes ending %q", filler, f, len(v), v[len(v)-10:])
			}
		}
	}
	exact := strings.Repeat("x", maxPublic)
	if got := shorten(exact, maxPublic); got != exact {
		t.Errorf("a value that fits was cut: %q", got)
	}
}

func TestPersonalPartMustMatch(t *testing.T) {
	good := record(t, sample())
	var parts map[Field]part
	if err := json.Unmarshal(good.Personal, &parts); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(m map[Field]part){
		"value":       func(m map[Field]part) { m[Login] = part{m[Login].Salt, "eve"} },
		"salt":        func(m map[Field]part) { m[Login] = part{m[Address].Salt, m[Login].Value} },
		"short salt":  func(m map[Field]part) { m[Login] = part{"", m[Login].Value} },
		"exchanged":   func(m map[Field]part) { m[Login], m[Address] = m[Address], m[Login] },
		"renamed":     func(m map[Field]part) { m[Typed] = m[Login]; delete(m, Login) },
		"one removed": func(m map[Field]part) { delete(m, Login) },
		"one added":   func(m map[Field]part) { m[Typed] = m[Login] },
	} {
		m := maps.Clone(parts)
		edit(m)
		r := good
		r.Personal = encodeParts(m)
		_, err := Fields(r)
		var f *Fault
		if !errors.As(err, &f) || f.Trouble != PersonalAltered || f.ID != "e1" {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "zo") {
			t.Errorf("%s: the error has the value in it: %v", name, err)
		}
	}
	for i := range len(good.Personal) * 8 {
		r := good
		r.Personal = bytes.Clone(good.Personal)
		r.Personal[i/8] ^= 1 << (i % 8)
		if got, err := Fields(r); err == nil {
			t.Fatalf("bit %d of the personal part altered: got %v", i, got)
		}
	}
}

// Bytes cannot wander between salt and value under the same hash.
func TestBindIsUnambiguous(t *testing.T) {
	salt := []byte("0123456789abcdefg")
	if bind(Login, salt, "x") == bind(Login, salt[:16], "gx") || bind("a", salt, "b") == bind("ab", salt, "") {
		t.Error("two different fields have one hash")
	}
}

func TestColumnsMustMatch(t *testing.T) {
	good := record(t, sample())
	for name, edit := range map[string]func(*Record){
		"identifier": func(r *Record) { r.ID = "e2" },
		"kind":       func(r *Record) { r.Kind = "recovery.applied" },
		"moment":     func(r *Record) { r.At = r.At.Add(time.Microsecond) },
		"no leaf":    func(r *Record) { r.Leaf = nil },
		"long leaf":  func(r *Record) { r.Leaf = append(bytes.Clone(r.Leaf), bytes.Repeat([]byte(" "), MaxLeaf)...) },
		"version":    func(r *Record) { r.Leaf = bytes.Replace(r.Leaf, []byte(`"v":1`), []byte(`"v":2`), 1) },
		"day":        func(r *Record) { r.Leaf = bytes.Replace(r.Leaf, []byte("03-04T"), []byte("02-30T"), 1) },
		"spelling":   func(r *Record) { r.Leaf = bytes.Replace(r.Leaf, []byte(`"r1"`), []byte(`"\u0072\u0031"`), 1) },
		"twice":      func(r *Record) { r.Leaf = bytes.Replace(r.Leaf, []byte(`"id":"e1"`), []byte(`"id":"e0","id":"e1"`), 1) },
		"case":       func(r *Record) { r.Leaf = bytes.Replace(r.Leaf, []byte(`"id"`), []byte(`"ID"`), 1) },
		"more":       func(r *Record) { r.Leaf = append(bytes.Clone(r.Leaf), '\n') },
	} {
		r := good
		edit(&r)
		_, err := Fields(r)
		var f *Fault
		if !errors.As(err, &f) || f.Trouble != Altered {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("e1", "login", "zoë", "detail", "wrong\x00\x1b[31m\u202e", int64(0))
	f.Add("e2", "typed", "\xff\xfe", "x", "y", int64(1<<50))
	f.Add("e3", "agent", strings.Repeat("€", 1000), "why", strings.Repeat("\u2028", 400), int64(-1))
	f.Fuzz(func(t *testing.T, id, name1, value1, name2, value2 string, micros int64) {
		e := Event{ID: id, At: time.UnixMicro(micros), Kind: "recovery.proved",
			Fields: map[Field]string{Field(name1): value1, Field(name2): value2}}
		r, err := e.Record(salts())
		if err != nil {
			return
		}
		if i := slices.IndexFunc(append(bytes.Clone(r.Leaf), r.Personal...), func(c byte) bool { return c < ' ' || c > '~' }); i >= 0 {
			t.Fatalf("byte %d of %q is not printable ASCII", i, r.Leaf)
		}
		if len(r.Leaf) > MaxLeaf || !json.Valid(r.Leaf) || r.Personal != nil && !json.Valid(r.Personal) {
			t.Fatalf("not JSON, or too long: %q %q", r.Leaf, r.Personal)
		}
		got, err := Fields(r)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range e.Fields {
			want := strings.ToValidUTF8(value, "\uFFFD")
			switch {
			case want != "" && Classes[name] != Public && Classes[name] != Personal:
				want = Withheld
			case Classes[name] == Public:
				want = shorten(want, maxPublic)
			default:
				want = shorten(want, maxPersonal)
			}
			if got[name] != want {
				t.Fatalf("%s: got %q, want %q", name, got[name], want)
			}
		}
		again, err := place(-1, r.Leaf, r.Personal)
		if err != nil || again.ID != r.ID || again.Kind != r.Kind || !again.At.Equal(r.At) {
			t.Fatalf("got %+v, %v, want %+v", again, err, r)
		}
	})
}
