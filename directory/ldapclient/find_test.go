package ldapclient

import (
	"strings"
	"testing"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
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

// FuzzFilter: whatever is typed stays one value of an equality match (RFC 4511 section 4.5.1.7).
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"alice", "*", ")(uid=*", `\2a`, "\x00", "(&(a=b))", "é", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, handle string) {
		p, err := goldap.CompileFilter(handleFilter("(objectClass=person)", []string{"uid", "mail"}, handle))
		if err != nil {
			t.Fatalf("%q: %v", handle, err)
		}
		if len(p.Children) != 2 || len(p.Children[1].Children) != 2 {
			t.Fatalf("%q changed the filter's shape", handle)
		}
		for i, name := range []string{"uid", "mail"} {
			match := p.Children[1].Children[i]
			if match.Tag != goldap.FilterEqualityMatch || match.Children[0].Data.String() != name || match.Children[1].Data.String() != handle {
				t.Errorf("%q became %s", handle, describe(match))
			}
		}
	})
}

func describe(p *ber.Packet) string {
	s, err := goldap.DecompileFilter(p)
	if err != nil {
		return err.Error()
	}
	return s
}

func TestMoment(t *testing.T) {
	for in, want := range map[string]string{
		"20261122120304Z": "2026-11-22T12:03:04Z", "20261122120304.123456Z": "2026-11-22T12:03:04Z",
		"20261122120304+0200": "2026-11-22T10:03:04Z", "": "0001-01-01T00:00:00Z", "yesterday": "0001-01-01T00:00:00Z",
	} {
		if got := Moment(in).Truncate(1e9).Format("2006-01-02T15:04:05Z"); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
