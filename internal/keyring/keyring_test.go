package keyring

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"postern/secret"
)

const origin = "reset.example.org/audit"

// What app asks of its keys.
var (
	_ interface {
		Seal(plain, associated []byte) ([]byte, error)
		Open(sealed, associated []byte) ([]byte, error)
		Derive(purpose string, input []byte, n int) []byte
	} = (*Ring)(nil)
	_ interface {
		Name() string
		SignNote(text string) (string, error)
		Verifier() string
	} = (*Ring)(nil)
)

func moment() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC) }

func create(t *testing.T) *Ring {
	t.Helper()
	r, err := Create(origin, moment())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func seal(t *testing.T, r *Ring, plain, associated string) []byte {
	t.Helper()
	b, err := r.Seal([]byte(plain), []byte(associated))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpensOnlyWhatItSealedWhereItBelongs(t *testing.T) {
	r, other := create(t), create(t)
	sealed := seal(t, r, "a private thing", "recovery/1")
	if bytes.Contains(sealed, []byte("private")) {
		t.Fatal("the sealed bytes have the plain ones in them")
	}
	if got, err := r.Open(sealed, []byte("recovery/1")); err != nil || string(got) != "a private thing" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := r.Open(sealed, []byte("recovery/2")); err == nil {
		t.Error("opened with associated data of another row")
	}
	if _, err := other.Open(sealed, []byte("recovery/1")); err == nil {
		t.Error("another instance opened it")
	}
	if bytes.Equal(sealed, seal(t, r, "a private thing", "recovery/1")) {
		t.Error("sealing twice gave the same bytes")
	}
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := r.Open(bad, []byte("recovery/1")); err == nil {
			t.Fatalf("opened with bit %d altered", i)
		}
	}
	for n := range sealed {
		if _, err := r.Open(sealed[:n], []byte("recovery/1")); err == nil {
			t.Fatalf("opened the first %d bytes", n)
		}
	}
}

func TestRotation(t *testing.T) {
	first := create(t)
	old := seal(t, first, "old", "x")
	second, err := first.Rotate(moment().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.Open(old, []byte("x")); err != nil || string(got) != "old" {
		t.Fatalf("after rotation: got %q, %v", got, err)
	}
	fresh := seal(t, second, "new", "x")
	if _, err := first.Open(fresh, []byte("x")); err == nil {
		t.Error("the old key opens what was sealed after the rotation")
	}
	if got, want := second.Verifier(), first.Verifier(); got != want {
		t.Errorf("the verifier changed: got %s, want %s", got, want)
	}
	if !bytes.Equal(first.Derive("a", nil, 32), second.Derive("a", nil, 32)) {
		t.Error("the pepper changed")
	}
	if n := len(first.List()); n != 2 {
		t.Errorf("the first ring changed: %d keys, want 2", n)
	}
	again, err := Parse(text(t, second))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Ring{second, again} {
		var got []string
		for _, k := range r.List() {
			got = append(got, strings.Join([]string{k.Use, k.Algorithm, k.State, k.Created.Format(time.RFC3339)}, " "))
		}
		want := []string{"sealing AES-256-GCM enabled 2026-03-04T05:06:07Z", "sealing AES-256-GCM primary 2026-03-04T06:06:07Z",
			"signing Ed25519 primary 0001-01-01T00:00:00Z"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got, err := again.Open(fresh, []byte("x")); err != nil || string(got) != "new" {
		t.Errorf("after reading back: got %q, %v", got, err)
	}
	// The identifier shown is the one in front of every sealed value (Tink's wire format).
	if got, want := fmt.Sprintf("%x", fresh[1:5]), second.List()[1].ID; got != want {
		t.Errorf("sealed with key %s, and the list says %s", got, want)
	}
}

func TestDerive(t *testing.T) {
	r, other := create(t), create(t)
	base := r.Derive("limit", []byte("alice"), 32)
	if !bytes.Equal(base, r.Derive("limit", []byte("alice"), 32)) {
		t.Fatal("deriving twice gave different bytes")
	}
	for name, got := range map[string][]byte{
		"another purpose":         r.Derive("decoy", []byte("alice"), 32),
		"another input":           r.Derive("limit", []byte("bob"), 32),
		"bytes moved to purpose":  r.Derive("limita", []byte("lice"), 32),
		"bytes moved to input":    r.Derive("limi", []byte("talice"), 32),
		"another instance":        other.Derive("limit", []byte("alice"), 32),
		"a NUL between the parts": r.Derive("limit\x00", []byte("alice"), 32),
	} {
		if bytes.Equal(got, base) {
			t.Errorf("%s gave the same bytes", name)
		}
	}
	// RFC 5869 section 2.3, one block, by hand.
	mac := func(key []byte, parts ...string) []byte {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write([]byte(p))
		}
		return h.Sum(nil)
	}
	if want := mac(mac(r.keys().pepper, "postern/v1/limit", "\x01"), "alice", "\x01"); !bytes.Equal(base, want) {
		t.Errorf("got %x, want %x", base, want)
	}
	if got := r.Derive("limit", []byte("alice"), 77); len(got) != 77 || !bytes.Equal(got[:32], base) {
		t.Errorf("got %d bytes, want 77 that begin alike", len(got))
	}
	for _, n := range []int{-1, 0, 8161} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Derive of %d bytes did not panic", n)
				}
			}()
			r.Derive("limit", nil, n)
		}()
	}
}

func TestSignsItsOwnCheckpointsOnly(t *testing.T) {
	r, other := create(t), create(t)
	body := origin + "\n7\n" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"
	signed, err := r.SignNote(body)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(r.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open([]byte(signed), note.VerifierList(v)); err != nil || n.Text != body || n.Sigs[0].Name != origin {
		t.Errorf("got %+v, %v", n, err)
	}
	if strings.Contains(r.Verifier(), "PRIVATE") || r.Verifier() == other.Verifier() || r.Name() != origin {
		t.Errorf("got name %s and verifier %s; the other's is %s", r.Name(), r.Verifier(), other.Verifier())
	}
	for _, bad := range []string{"", "other.example/log\n7\nx\n", origin, origin + "\n7", origin + "\n\x07\n", origin + "x\n7\n", origin + "\n\xff\n"} {
		if got, err := r.SignNote(bad); err == nil {
			t.Errorf("signed %q: %q", bad, got)
		}
	}
	for _, bad := range []string{"", "a b", "a+b", "a\nb", "a\x01b", "\xff"} {
		if _, err := Create(bad, moment()); err == nil {
			t.Errorf("origin %q was accepted", bad)
		}
	}
}

func TestNothingPrintsIt(t *testing.T) {
	r := create(t)
	var out bytes.Buffer
	type open struct{ Keys *Ring }
	type closed struct {
		keys  *Ring
		value Ring
	}
	for _, v := range []any{r, *r, open{r}, &open{r}, closed{r, *r}, []*Ring{r}, map[string]Ring{"x": *r}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintf(&out, "%v %+v", text(t, r), r.List())
	var d document
	if err := json.Unmarshal([]byte(text(t, r).Reveal()), &d); err != nil {
		t.Fatal(err)
	}
	for _, canary := range []string{d.Pepper, d.Signing, d.Signing[len(d.Signing)-20:], string(r.keys().pepper),
		fmt.Sprintf("%x", r.keys().pepper), fmt.Sprintf("%d", r.keys().pepper), fmt.Sprintf("%#v", r.keys().pepper)[7:30], "PRIVATE"} {
		if strings.Contains(out.String(), canary) {
			t.Errorf("printed %q in:\n%s", canary, out.String())
		}
	}
	if !strings.Contains(fmt.Sprint(r), "[keyring]") {
		t.Errorf("got %v, want [keyring]", r)
	}
}

func text(t *testing.T, r *Ring) secret.Text {
	t.Helper()
	s, err := r.Text()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseRefusesDamage(t *testing.T) {
	r, err := create(t).Rotate(moment())
	if err != nil {
		t.Fatal(err)
	}
	whole := text(t, r).Reveal()
	if strings.Count(whole, "\n") != 1 {
		t.Errorf("the text is not one line: %d", strings.Count(whole, "\n"))
	}
	if _, err := Parse(secret.New(strings.TrimSpace(whole))); err != nil {
		t.Errorf("without the line's end: %v", err)
	}
	for n := range len(whole) - 1 {
		if _, err := Parse(secret.New(whole[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(whole))
		}
	}
	for i := range len(whole) - 1 {
		bad := []byte(whole)
		bad[i] ^= 1
		got, err := Parse(secret.New(string(bad)))
		if err == nil {
			t.Fatalf("accepted with byte %d altered, %v", i, got)
		}
		if strings.Contains(err.Error(), r.keys().signing[20:]) || len(err.Error()) > 200 {
			t.Fatalf("the error tells too much: %v", err)
		}
	}
	for _, bad := range []string{whole + whole, whole + "}", "null", "[]", `{"postern_keys":2}`} {
		if _, err := Parse(secret.New(bad)); err == nil {
			t.Errorf("%.20q… was accepted", bad)
		}
	}
}

// A text with a right sum and a key of another sort must be refused too.
func TestParseRefusesOtherKeys(t *testing.T) {
	change := func(t *testing.T, edit func(*document)) error {
		t.Helper()
		var d document
		if err := json.Unmarshal([]byte(text(t, create(t)).Reveal()), &d); err != nil {
			t.Fatal(err)
		}
		edit(&d)
		d.Sum = d.sum()
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse(secret.New(string(b)))
		return err
	}
	if err := change(t, func(*document) {}); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	for name, edit := range map[string]func(*document){
		"short pepper": func(d *document) { d.Pepper = "AAAA" },
		"no pepper":    func(d *document) { d.Pepper = "" },
		"no signing":   func(d *document) { d.Signing = "" },
		"no sealing":   func(d *document) { d.Sealing = json.RawMessage(`{}`) },
		"raw sealing": func(d *document) {
			d.Sealing = bytes.ReplaceAll(d.Sealing, []byte(`"TINK"`), []byte(`"RAW"`))
		},
		"other algorithm": func(d *document) {
			d.Sealing = bytes.ReplaceAll(d.Sealing, []byte("AesGcmKey"), []byte("AesGcmSivKey"))
		},
		"created": func(d *document) { d.Created = map[string]string{"x": "y"} },
	} {
		if change(t, edit) == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
