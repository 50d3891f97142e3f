package oracle

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postern/internal/testenv"
)

// masks are the values that are drawn anew for every answer, and what was typed where the page
// shows it again. What is put in their place tells
// their length, except for moments, whose digits at the end may be left out.
var masks = []struct {
	what   *regexp.Regexp
	length bool
}{
	{regexp.MustCompile(`"token":"([A-Z2-7]+)"`), true},
	{regexp.MustCompile(`"instance":"([A-Z2-7]+)"`), true},
	{regexp.MustCompile(`"expires_at":"([0-9T:.Z-]+)"`), false},
	{regexp.MustCompile(`"challenge":"([A-Za-z0-9_-]+)"`), true},
	{regexp.MustCompile(`&#34;challenge&#34;:&#34;([A-Za-z0-9_-]+)&#34;`), true},
	{regexp.MustCompile(`data-left="([0-9]+)"`), false},
	{regexp.MustCompile(`([a-z]{5}-[a-z]{5}-[a-z]{5}-[a-z]{5})`), true}, // suggested passphrases
	{regexp.MustCompile(`name="identifier" type="text" value="([^"]+)"`), false},
	{regexp.MustCompile(`<p class="reference">[^<]*<code>([A-Za-z0-9]+)</code>`), true},
}

func mask(s string) string {
	for _, m := range masks {
		s = m.what.ReplaceAllStringFunc(s, func(found string) string {
			value, n := m.what.FindStringSubmatch(found)[1], ""
			if m.length {
				n = strconv.Itoa(len(value))
			}
			return strings.Replace(found, value, "<"+n+">", 1)
		})
	}
	return s
}

var cookie = regexp.MustCompile(`(__Host-postern-[a-z]+=)([A-Z2-7]+)`)

// told writes down all of a reply that could tell something, with masks. Content-Length must be
// the body's, and says no more.
func told(t testing.TB, r testenv.Reply) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", r.Status)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, v := range r.Header[name] {
			switch name {
			case "Date":
				v = "<>"
			case "Content-Length":
				if v != strconv.Itoa(len(r.Body)) {
					t.Errorf("Content-Length is %s, the body has %d bytes", v, len(r.Body))
				}
				v = "<>"
			case "X-Request-Id":
				v = fmt.Sprintf("<%d>", len(v))
			case "Set-Cookie":
				v = cookie.ReplaceAllStringFunc(v, func(s string) string { return fmt.Sprintf("%s<%d>", cookie.FindStringSubmatch(s)[1], len(s)) })
			}
			fmt.Fprintf(&b, "%s: %s\n", http.CanonicalHeaderKey(name), v)
		}
	}
	return b.String() + "\n" + mask(string(r.Body))
}

// differ shows the first line in which two texts differ.
func differ(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(x), len(y)) {
		p, q := "(nothing)", "(nothing)"
		if i < len(x) {
			p = x[i]
		}
		if i < len(y) {
			q = y[i]
		}
		if p != q {
			return fmt.Sprintf("line %d:\n%s\n%s", i+1, p, q)
		}
	}
	return ""
}

// TestMask: masks hide what is random, and nothing else.
func TestMask(t *testing.T) {
	same := [][2]string{
		{`{"token":"ABC2","x":1}`, `{"token":"ZZZ7","x":1}`},
		{`{"expires_at":"2026-01-02T03:04:05.12Z"}`, `{"expires_at":"2026-01-02T03:04:05Z"}`},
		{`<p data-left="599">`, `<p data-left="600">`},
	}
	for _, c := range same {
		if mask(c[0]) != mask(c[1]) {
			t.Errorf("%s and %s: got %s and %s, want the same", c[0], c[1], mask(c[0]), mask(c[1]))
		}
	}
	other := [][2]string{
		{`{"token":"ABC2"}`, `{"token":"ABC23"}`},
		{`{"state":"verifying"}`, `{"state":"verified"}`},
		{`{"expires_at":"2026-01-02T03:04:05Z"}`, `{"expires_at":null}`},
		{`<code>AB</code>`, `<code>CD</code>`},
	}
	for _, c := range other {
		if mask(c[0]) == mask(c[1]) {
			t.Errorf("%s and %s: both became %s", c[0], c[1], mask(c[0]))
		}
	}
}
