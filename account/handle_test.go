package account

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestSameHandle(t *testing.T) {
	for _, c := range []struct {
		value, typed string
		want         bool
	}{
		{"alice", "alice", true}, {"Alice", "aLICE", true}, {"Jürgen", "JU\u0308RGEN", true}, {"ÉLODIE", "élodie", true},
		{"Σίσυφοσ", "ΣΊΣΥΦΟΣ", true}, {"", "", true},
		{"alice", "аlice", false}, {"alice", "alíce", false}, {"alice", "alice ", false}, {"alice", "ａlice", false},
		{"alice", "alıce", false}, {"alice", "alİce", false}, {"sam", "ſam", false}, {"fi", "ﬁ", false}, {"strasse", "straße", false},
		{"alice", "alic", false}, {"alice", "al\u00adice", false}, {"o", "ο", false},
	} {
		if got := SameHandle(c.value, c.typed); got != c.want {
			t.Errorf("%q and %q: got %v, want %v", c.value, c.typed, got, c.want)
		}
	}
}

func FuzzSameHandle(f *testing.F) {
	f.Add("alice", "ALICE")
	f.Add("ſ", "s")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		if SameHandle(a, b) != SameHandle(b, a) || !SameHandle(a, a) {
			t.Errorf("%q and %q depend on their order", a, b)
		}
		if SameHandle(a, b) && !strings.EqualFold(norm.NFC.String(a), norm.NFC.String(b)) {
			t.Errorf("%q and %q are no case variants", a, b)
		}
	})
}
