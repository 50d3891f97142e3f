package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTable finds faults whose line has moved away, before anybody waits for a run.
func TestTable(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	faults := all()
	if len(faults) < 40 {
		t.Errorf("got %d faults, want at least 40", len(faults))
	}
	seen := map[string]bool{}
	for _, m := range faults {
		if seen[m.String()] {
			t.Errorf("%s: twice", m)
		}
		seen[m.String()] = true
		text, err := os.ReadFile(filepath.Join(root, m.file))
		if err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		changed, err := m.apply(string(text))
		if err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, changed, 0); err != nil {
			t.Errorf("%s: %v", m, err)
		}
		if strings.HasSuffix(m.file, "_test.go") {
			t.Errorf("%s: a test is no place for a fault", m)
		}
		for _, by := range strings.Split(m.by, "|") {
			if !hasTest(root, m.folders(), by) {
				t.Errorf("%s: there is no test %s that could notice", m, by)
			}
		}
	}
}

// hasTest reports whether one of the folders has the test; any test for "".
func hasTest(root string, folders []string, name string) bool {
	for _, f := range folders {
		files, _ := filepath.Glob(filepath.Join(root, f, "*_test.go"))
		for _, at := range files {
			if text, err := os.ReadFile(at); err == nil && strings.Contains(string(text), "\nfunc Test"+strings.TrimPrefix(name, "Test")) {
				return true
			}
		}
	}
	return false
}

func TestApply(t *testing.T) {
	const text = "if a {\n\tb()\n}\nif a {\n"
	for _, c := range []struct{ name, old, new, want, err string }{
		{"once", "b()", "c()", "if a {\n\tc()\n}\nif a {\n", ""},
		{"gone", "d()", "c()", "", "no longer there"},
		{"twice", "if a {", "if b {", "", "there 2 times"},
		{"nothing", "b()", "b()", "", "changes nothing"},
		{"empty", "", "b()", "", "changes nothing"},
		{"two lines", "b()\n}", "", "", "more than one line"},
		{"into two lines", "b()", "b()\nc()", "", "more than one line"},
	} {
		got, err := mutant{file: "x/y.go", old: c.old, new: c.new}.apply(text)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %q, %v; want %q, %q", c.name, got, err, c.want, c.err)
		}
	}
}

func TestChoose(t *testing.T) {
	faults := []mutant{{file: "a/x.go"}, {file: "ab/x.go"}, {file: "a/b/x.go"}}
	files := func(ms []mutant) string {
		var out []string
		for _, m := range ms {
			out = append(out, m.file)
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		folders []string
		want    string
	}{
		{nil, "a/x.go ab/x.go a/b/x.go"},
		{[]string{"a"}, "a/x.go a/b/x.go"},
		{[]string{"./ab/", "a/b"}, "ab/x.go a/b/x.go"},
		{[]string{"c"}, ""},
	} {
		if got := files(choose(slices.Clone(faults), c.folders)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.folders, got, c.want)
		}
	}
}

// TestLab tries three faults in a module of its own: one that is caught, one that survives and
// one that does not compile.
func TestLab(t *testing.T) {
	l := lab{root: t.TempDir(), temp: t.TempDir()}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(l.root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module tiny\n\ngo 1.26\n")
	if err := os.Mkdir(filepath.Join(l.root, "p"), 0o700); err != nil {
		t.Fatal(err)
	}
	const source = "package p\n\nfunc f() int { return 1 }\n\nfunc g() int { return 2 }\n"
	write("p/p.go", source)
	write("p/p_test.go", "package p\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {\n\tif f() != 1 {\n\t\tt.Fail()\n\t}\n\t_ = g()\n}\n")
	faults := []mutant{
		{file: "p/p.go", old: "return 1", new: "return 3"},
		{file: "p/p.go", old: "return 2", new: "return 3"},
		{file: "p/p.go", old: "return 2", new: "return nothing"},
		{file: "p/p.go", old: "return 4", new: "return 5"},
	}
	if err := l.sound(t.Context(), faults); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for r := range l.tryAll(t.Context(), faults) {
		switch {
		case r.err != nil:
			got[r.mutant.new] = "error"
		case r.by != "":
			got[r.mutant.new] = r.by
		default:
			got[r.mutant.new] = "survived"
		}
		if r.mutant.old == "return 2" && r.mutant.new == "return 3" {
			got["survivor"] = got["return 3"]
		} else if r.mutant.old == "return 1" {
			got["victim"] = got["return 3"]
		}
	}
	if got["victim"] != "TestF" || got["survivor"] != "survived" || got["return nothing"] != "error" || got["return 5"] != "error" {
		t.Errorf("got %v", got)
	}
	if after, err := os.ReadFile(filepath.Join(l.root, "p", "p.go")); err != nil || string(after) != source {
		t.Errorf("the tree was touched: %v", err)
	}
	write("p/p_test.go", "package p\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) { t.Fail() }\n")
	if err := l.sound(t.Context(), faults); err == nil || !strings.Contains(err.Error(), "without any fault") {
		t.Errorf("tests that fail anyway: got %v", err)
	}
}
