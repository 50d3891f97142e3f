package ldapclient

import (
	"errors"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

func TestSpan(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0: "0 seconds", time.Second: "1 second", 90 * time.Second: "1 minute 30 seconds", time.Hour: "1 hour",
		30 * day: "30 days", 998 * day: "998 days", day + 3*time.Second: "1 day", day + time.Hour + time.Minute: "1 day 1 hour",
		100 * time.Millisecond: "0 seconds", 25 * time.Hour: "1 day 1 hour",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	here := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	for apart, want := range map[time.Duration]string{
		0: "ok: agree", time.Minute: "ok: agree", -time.Minute: "ok: agree",
		2 * time.Minute: "warning: 2 minutes ahead of", -2 * time.Minute: "warning: 2 minutes behind",
		5 * time.Minute: "warning: ahead of", 301 * time.Second: "error: ahead of", -time.Hour: "error: 1 hour behind",
	} {
		var r Report
		r.Clock("ldap://x", here.Add(apart), here)
		severity, part, _ := strings.Cut(want, ": ")
		if len(r.Out) != 1 || string(r.Out[0].Severity) != severity || !strings.Contains(r.Out[0].Text, part) {
			t.Errorf("%v: got %+v, want %s", apart, r.Out, want)
		} else if severity != "ok" && !strings.Contains(r.Out[0].Fix, "\nchronyc makestep") {
			t.Errorf("%v: no command in %q", apart, r.Out[0].Fix)
		}
	}
	var r Report
	if r.Clock("ldap://x", time.Time{}, here); len(r.Out) != 0 {
		t.Errorf("a server that does not tell: got %+v", r.Out)
	}
}

func TestSample(t *testing.T) {
	var people []*goldap.Entry
	for _, dn := range []string{"cn=admin", "cn=a", "cn=b", "cn=c", "cn=d", "cn=e", "cn=f"} {
		people = append(people, &goldap.Entry{DN: dn})
	}
	people = some(people, func(e *goldap.Entry) bool { return e.DN == "cn=admin" })
	if len(people) != sampled || people[0].DN != "cn=a" {
		t.Fatalf("got %d people, the first one %s", len(people), people[0].DN)
	}
	right := Right{Means: "set the password", Lack: directory.Fault, Fix: "give it"}
	for may, want := range map[string]directory.Severity{"abcde": directory.Good, "abcd": directory.Warning, "": directory.Fault} {
		var r Report
		r.Sample("ldap://x", right, people, func(e *goldap.Entry) bool { return strings.Contains(may, e.DN[3:]) })
		if len(r.Out) != 1 || r.Out[0].Severity != want || (r.Out[0].Fix == "") != (want == directory.Good) {
			t.Errorf("for %q: got %+v, want %s", may, r.Out, want)
		}
	}
	var r Report
	if r.Sample("ldap://x", right, nil, nil); len(r.Out) != 0 {
		t.Errorf("nobody was looked at: got %+v", r.Out)
	}
}

func TestBrief(t *testing.T) {
	for text, want := range map[string]string{
		"00002020: operations error at ../../source4/dsdb/samdb/ldb_modules/acl_read.c:967": "result 1: 00002020: operations error",
		"00002020: a at ../x/y.c:1 b in ../x/y.c:2\x00":                                     "result 1: 00002020: a b",
		"no such base": "result 1: no such base",
	} {
		if got := Brief(&goldap.Error{ResultCode: 1, Err: errors.New(text), Packet: ber.NewSequence("")}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestLine: a name that somebody chose ends no line of what an administrator pastes.
func TestLine(t *testing.T) {
	for value, want := range map[string]string{
		"cn=a,dc=b": "a: cn=a,dc=b", "x\nEND\nrm -rf /": "a:: eApFTkQKcm0gLXJmIC8=", "ü": "a:: w7w=", " x": "a:: IHg=", ":x": "a:: Ong=", "": "a: ",
	} {
		if got := Line("a", value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
	if got := strings.Join(Change("cn=a", "b"), "|"); got != "dn: cn=a|changetype: modify|replace: b" {
		t.Errorf("got %q", got)
	}
}

func TestSteps(t *testing.T) {
	if got, want := Steps("two\nlines", "a", "b"), "# two\n# lines\na\nb"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
