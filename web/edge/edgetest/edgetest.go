// Package edgetest walks the routes of a face as a stranger, for the golden lists that keep
// routes and access from changing unseen. It is for tests only and checks nothing by itself.
package edgetest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"postern/web/edge"
)

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// Anonymous calls every route of m without token, body or cookie, and returns one line for each:
// method, pattern, access, whether its moment is fixed, and the status that a stranger gets.
func Anonymous(t testing.TB, m *edge.Mux, publicURL string) string {
	t.Helper()
	var out strings.Builder
	for _, route := range m.Routes() {
		path := wildcard.ReplaceAllStringFunc(route.Pattern, func(w string) string {
			if w == "{$}" {
				return ""
			}
			return "x"
		})
		r := httptest.NewRequestWithContext(t.Context(), route.Method, publicURL+path, http.NoBody)
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		_, _ = io.Copy(io.Discard, w.Result().Body)
		when := "at once"
		if route.Fixed {
			when = "fixed"
		}
		fmt.Fprintf(&out, "%-6s %-32s %-8s %-8s %d\n", route.Method, route.Pattern, route.Access, when, w.Code)
	}
	return out.String()
}

// Golden compares got with the file, and writes it instead when POSTERN_GOLDEN=write.
func Golden(t testing.TB, file, got string) {
	t.Helper()
	if os.Getenv("POSTERN_GOLDEN") == "write" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (make it with POSTERN_GOLDEN=write)", err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}
