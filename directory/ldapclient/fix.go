package ldapclient

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"time"

	"postern/directory"
)

// Steps is a fix that can be pasted into a shell: words are comments, and commands follow.
func Steps(words string, commands ...string) string {
	out := strings.Join(commands, "\n")
	if words != "" {
		out = "# " + strings.ReplaceAll(words, "\n", "\n# ") + "\n" + out
	}
	return strings.TrimSuffix(out, "\n")
}

// ModifyAs is ldapmodify as somebody who may, with all of its input (RFC 2849).
func (cl *Client) ModifyAs(s Server, who string, ldif ...string) string {
	return cl.CommandAs(s, who, "ldapmodify") + " <<'END'\n" + strings.Join(ldif, "\n") + "\nEND"
}

// Span is how long something lasts, in the two largest units that are needed: 998 days, 1 hour 30
// minutes.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	if d < time.Second {
		return "0 seconds"
	}
	var out []string
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		n := d / unit.of
		d -= n * unit.of
		switch {
		case n == 1:
			out = append(out, "1 "+unit.name)
		case n > 1:
			out = append(out, fmt.Sprintf("%d %ss", n, unit.name))
		case len(out) > 0: // only neighbours: 1 day 3 seconds tells nothing more than 1 day
			return strings.Join(out, " ")
		}
		if len(out) == 2 {
			break
		}
	}
	return strings.Join(out, " ")
}

// Clocks: Kerberos gives up at five minutes.
const (
	clockOdd   = time.Minute
	clockWrong = 5 * time.Minute
)

// Clock compares a server's clock with this machine's. A difference spoils expiry, lock-outs and
// minimum ages, which are counted from what either writes.
func (r *Report) Clock(url string, theirs, here time.Time) {
	if theirs.IsZero() {
		return
	}
	apart, which := theirs.Sub(here), "ahead of"
	if apart < 0 {
		apart, which = -apart, "behind"
	}
	severity := directory.Warning
	switch {
	case apart <= clockOdd:
		r.Good("%s: its clock and this machine's agree", url)
		return
	case apart > clockWrong:
		severity = directory.Fault
	}
	r.Add(severity, Steps("here and on the server, to see which of the two is wrong:", "chronyc tracking",
		"# then on the one that is (on Windows: w32tm /resync /force):", "chronyc makestep"),
		"%s: its clock is %s %s this machine's", url, Span(apart), which)
}

// places are where in its source a server was: "at ../../source/file.c:967".
var places = regexp.MustCompile(`\s*(?:\b(?:at|in) )?\S*/\S+\.c:\d+(?: in \w+)?`)

// Brief is what went wrong, for people: an answer of the server without the library's frame and
// without places in the server's source.
func Brief(err error) string {
	e := Answered(err)
	if e == nil {
		return strings.TrimPrefix(err.Error(), "ldap: ")
	}
	text := strings.TrimSpace(strings.TrimRight(places.ReplaceAllString(Said(e), ""), "\x00"))
	return fmt.Sprintf("result %d: %s", e.ResultCode, text)
}

// Line is one line of LDIF. What could end the line, or is not to be written as it is, is encoded
// (RFC 2849, SAFE-STRING).
func Line(attribute, value string) string {
	safe := !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) &&
		!strings.HasPrefix(value, " ") && !strings.HasSuffix(value, " ") && !strings.HasPrefix(value, ":") && !strings.HasPrefix(value, "<")
	if safe {
		return attribute + ": " + value
	}
	return attribute + ":: " + base64.StdEncoding.EncodeToString([]byte(value))
}

// Change is the LDIF that replaces one attribute of an entry; no values: takes it away.
func Change(dn, attribute string, values ...string) []string {
	out := []string{Line("dn", dn), "changetype: modify", "replace: " + attribute}
	for _, v := range values {
		out = append(out, Line(attribute, v))
	}
	return out
}
