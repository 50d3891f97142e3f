package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/app"
	"postern/directory"
	"postern/method"
	"postern/recovery"
)

// beyond are the folders whose errors never reach the edge as themselves: commands, adapters,
// what only commands use, and the pages, which return what app returned.
var beyond = []string{"cmd", "config", "internal", "store", "web", "bench", "docs", "e2e", "testdata"}

// TestEveryErrorHasALine reads the source of every package whose errors can reach the edge and
// compares their exported Err… with the table.
func TestEveryErrorHasALine(t *testing.T) {
	root := filepath.Join("..", "..")
	tops, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, d := range tops {
		if d.IsDir() && !strings.HasPrefix(d.Name(), ".") && !slices.Contains(beyond, d.Name()) {
			have = append(have, exportedErrors(t, filepath.Join(root, d.Name()))...)
		}
	}
	if len(have) < 15 {
		t.Fatalf("found only %v: the search is broken", have)
	}
	table := tableErrors(t)
	for _, name := range have {
		if !slices.Contains(table, name) {
			t.Errorf("%s has no line in conditions", name)
		}
	}
	for _, name := range table {
		if !slices.Contains(have, name) && !strings.HasPrefix(name, "context.") {
			t.Errorf("conditions names %s, which was not found", name)
		}
	}
}

// exportedErrors returns the package-level Err… of the package in dir, as "name.ErrX".
func exportedErrors(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					if strings.HasPrefix(n.Name, "Err") {
						out = append(out, f.Name.Name+"."+n.Name)
					}
				}
			}
		}
	}
	return out
}

// tableErrors returns the errors that the literal of conditions names.
func tableErrors(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "problem.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.ValueSpec)
		if !ok || s.Names[0].Name != "conditions" {
			return true
		}
		for _, line := range s.Values[0].(*ast.CompositeLit).Elts {
			x := line.(*ast.CompositeLit).Elts[0].(*ast.SelectorExpr)
			out = append(out, x.X.(*ast.Ident).Name+"."+x.Sel.Name)
		}
		return false
	})
	return out
}

// TestEveryProblemHasAMeaning compares app's Problem… constants and the edge's with meanings.
func TestEveryProblemHasAMeaning(t *testing.T) {
	seen := 0
	for _, dir := range []string{filepath.Join("..", "..", "app"), "."} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := n.(*ast.ValueSpec)
				if !ok || !strings.HasPrefix(s.Names[0].Name, "Problem") || len(s.Values) == 0 {
					return true
				}
				seen++
				value := strings.Trim(s.Values[0].(*ast.BasicLit).Value, `"`)
				if _, ok := meanings[value]; !ok {
					t.Errorf("%s = %q has no meaning", s.Names[0].Name, value)
				}
				return false
			})
		}
	}
	if seen != len(meanings) {
		t.Errorf("found %d constants for %d meanings", seen, len(meanings))
	}
}

func TestProblemOf(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		name   string
	}{
		{&app.Refusal{Problem: app.ProblemAnswer}, 401, "answer-not-accepted"},
		{fmt.Errorf("app: answering: %w", &app.Refusal{Problem: app.ProblemOrder}), 409, "out-of-order"},
		{&app.Refusal{Problem: app.ProblemPassword}, 422, "password-rejected"},
		{&app.Refusal{Problem: app.ProblemClosed}, 410, "recovery-closed"},
		{&app.Refusal{Problem: app.ProblemNone}, 401, "no-recovery"},
		{&app.Refusal{Problem: app.ProblemMethod}, 400, "method-not-offered"},
		{&app.Refusal{Problem: app.ProblemMalformed}, 400, "malformed-answer"},
		{&app.Refusal{Problem: app.ProblemLimited}, 429, "too-many-requests"},
		{&app.Refusal{Problem: app.ProblemUnavailable}, 503, "try-later"},
		{&app.Refusal{Problem: app.ProblemPending}, 409, "no-answer-yet"},
		{&app.Refusal{Problem: app.ProblemUnsettled}, 409, "unsettled"},
		{&app.Refusal{Problem: app.ProblemTicket}, 410, "no-invitation"},
		{&app.Refusal{Problem: "new", Key: "problem.new"}, 500, "internal"},
		{recovery.ErrFinished, 410, "recovery-closed"},
		{fmt.Errorf("x: %w", recovery.ErrStale), 409, "out-of-order"},
		{recovery.ErrNotOffered, 400, "method-not-offered"},
		{app.ErrConflict, 409, "conflict"},
		{app.ErrNoRow, 500, "internal"},
		{&app.LimitedError{Key: "start.account:x", Retry: time.Minute}, 429, "too-many-requests"},
		{&directory.Rejected{Reason: directory.InHistory, Operator: "cn=x"}, 422, "password-rejected"},
		{fmt.Errorf("ldap: %w: %w", directory.ErrUnavailable, context.DeadlineExceeded), 503, "try-later"},
		{fmt.Errorf("ldap: %w: %w", directory.ErrUncertain, directory.ErrUnavailable), 409, "unsettled"},
		{directory.ErrNotFound, 500, "internal"},
		{directory.ErrWrongPassword, 500, "internal"},
		{method.ErrMalformed, 400, "malformed-answer"},
		{&http.MaxBytesError{Limit: 1}, 413, "body-too-large"},
		{context.DeadlineExceeded, 503, "try-later"},
		{context.Canceled, 500, "internal"},
		{errors.New("dial tcp 10.0.0.7:636: refused"), 500, "internal"},
		{Refuse(ProblemRequest, "why"), 400, "malformed-request"},
	} {
		p := ProblemOf(c.err)
		if p.Status != c.status || p.Name != c.name || p.Type != "urn:postern:problem:"+c.name || p.Title == "" {
			t.Errorf("%v: got %d %s %q, want %d %s", c.err, p.Status, p.Name, p.Title, c.status, c.name)
		}
		if p.Name == ProblemInternal && (p.Refusal != nil || p.Key != "problem.internal") {
			t.Errorf("%v: would be told by %q", c.err, p.Key)
		}
		if told, _ := json.Marshal(p); strings.Contains(string(told), "10.0.0.7") || strings.Contains(string(told), "cn=") {
			t.Errorf("%v: told %s", c.err, told)
		}
	}
}

func TestProblemMembers(t *testing.T) {
	p := problem(app.ProblemPassword)
	p.Instance, p.Detail = "ID", "why"
	p.Extra = map[string]any{"violations": []string{"x"}, "status": 200, "detail": "other", "type": "about:blank"}
	w := httptest.NewRecorder()
	WriteProblem(w, p)
	want := `{"detail":"why","instance":"ID","status":422,"title":"The password was refused","type":"urn:postern:problem:password-rejected","violations":["x"]}`
	if w.Body.String() != want || w.Code != 422 || w.Header().Get("Content-Type") != "application/problem+json; charset=utf-8" {
		t.Errorf("got %d %s, want %s", w.Code, w.Body, want)
	}
	p.Extra = map[string]any{"bad": func() {}}
	w = httptest.NewRecorder()
	if WriteProblem(w, p); w.Code != 500 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("an extra that is no JSON: got %d %s", w.Code, w.Body)
	}
}

func TestTextsCoverTheEdgesProblems(t *testing.T) {
	var sets []map[string]string
	for _, name := range []string{"text/en.json", "text/de.json"} {
		b, err := fs.ReadFile(Texts, name)
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(b, &texts); err != nil {
			t.Fatal(err)
		}
		sets = append(sets, texts)
	}
	own := []string{ProblemRequest, ProblemType, ProblemSize, ProblemSlow, ProblemRoute, ProblemVerb, ProblemHost, ProblemOrigin,
		ProblemBusy, ProblemConflict, ProblemInternal}
	for _, texts := range sets {
		if len(texts) != len(own) {
			t.Errorf("got %d texts, want %d", len(texts), len(own))
		}
		for _, name := range own {
			if texts[problem(name).Key] == "" {
				t.Errorf("%s has no text", problem(name).Key)
			}
		}
	}
}
