package ldapclient

import (
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

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
