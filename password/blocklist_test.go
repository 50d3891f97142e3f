package password

import (
	"fmt"
	"strings"
	"testing"

	"postern/secret"
)

func TestBlocklist(t *testing.T) {
	b, err := ReadBlocklist(strings.NewReader("Winter2026\r\n\n  spaces  \n#sharp\n\ncafe\u0301\nwinter2026"))
	if err != nil {
		t.Fatal(err)
	}
	if b.Len() != 4 {
		t.Errorf("got %d passwords, want 4", b.Len())
	}
	for candidate, want := range map[string]bool{"winter2026": true, "WINTER2026": true, "  spaces  ": true, "spaces": false,
		"#SHARP": true, "CAF\u00c9": true, "winter2026x": false, "": false, "football": false} {
		if got := b.Has(secret.New(candidate)); got != want {
			t.Errorf("%q: got %v, want %v", candidate, got, want)
		}
	}
	both := b.With(nil, NewBlocklist("x", "#sharp"), CommonPasswords())
	if both.Len() != 5 || b.Len() != 4 || !both.Has(secret.New("football")) || !both.Has(secret.New("X")) {
		t.Errorf("together: got %d passwords, want 5, and those built in", both.Len())
	}
	var none *Blocklist
	if none.Has(secret.New("x")) || none.Len() != 0 || none.With(b).Len() != 4 {
		t.Error("the nil list is not empty")
	}
}

func TestReadBlocklistRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"good\nb\xffd\n": "line 2 is no UTF-8",
		"good\n" + strings.Repeat("x", mostBytes+1): "after line 1",
	} {
		if _, err := ReadBlocklist(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", text, err, want)
		}
	}
}

// TestBlocklistRefusesAll is AV-06 for a list of the administrator's own.
func TestBlocklistRefusesAll(t *testing.T) {
	var lines []string
	for i := range 3000 {
		lines = append(lines, fmt.Sprintf("a listed password %d", i))
	}
	b, err := ReadBlocklist(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	r := Rules{Min: 15, Common: b}
	for _, l := range lines {
		if _, against := r.Check(secret.New(l)); names(against) != RuleCommon {
			t.Fatalf("%s: got %q, want common", l, names(against))
		}
	}
}
