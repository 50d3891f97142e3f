// Package postern_test keeps the architecture true: which package may import which, what pure
// means, how large things may grow, and that the documents say what is there. It tests structure
// alone; behaviour is tested beside what behaves.
package postern_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "postern/"

// The rings of packages, for the table below.
var (
	core      = []string{"account", "secret", "limit", "policy", "password", "recovery", "enroll", "audit"}
	contracts = []string{"method", "directory", "notify"}
	inner     = slices.Concat(core, contracts, []string{"app"})
)

// allowed is the import table (ARCHITECTURE.md, "Arrows"): what a package may import of ours. A
// name that ends in /* stands for the packages below it. A package without a row fails.
var allowed = map[string][]string{
	"account": {}, "secret": {}, "limit": {},
	"policy":     {"account"},
	"audit":      {"account"},
	"password":   {"account", "secret", "password/*"},
	"password/*": {},
	"recovery":   {"account", "policy"},
	"enroll":     {"account", "policy"},

	"notify":        {},
	"notify/*":      {"notify", "secret"},
	"notify/all":    {"notify", "notify/*"},
	"method":        {"account", "notify", "policy", "secret"},
	"method/*":      {"method", "account", "notify", "policy", "secret"},
	"method/all":    {"method", "method/*"},
	"directory":     {"account", "secret", "password"},
	"directory/*":   {"directory", "directory/ldapclient", "account", "secret", "password"},
	"directory/all": {"directory", "directory/*"},

	"app":     slices.Concat(core, contracts),
	"store/*": slices.Concat(inner),
	"config":  inner,
	"doctor":  slices.Concat(inner, []string{"directory/wrap"}),

	"web/page":   slices.Concat(inner, []string{"web/edge"}),
	"web/edge":   inner,
	"web/portal": slices.Concat(inner, []string{"web/edge", "web/page"}),
	"web/api":    slices.Concat(inner, []string{"web/edge", "web/page"}),
	// The console also shows the doctor's report.
	"web/console": slices.Concat(inner, []string{"web/edge", "web/page", "doctor"}),

	"internal/keyring": {"secret"},
	"internal/testenv": {"secret"},
	"internal/mutants": {},
	"cmd/postern":      {"*"},
	"bench":            {"*"},
	"e2e":              {"*"},
	"e2e/*":            {"*"},
}

// pure packages may not touch the world: these imports and calls are the world.
var (
	pure       = core
	impure     = []string{"context", "net", "net/http", "os", "os/exec", "io/fs", "database/sql", "crypto/rand", "math/rand", "math/rand/v2", "sync", "sync/atomic", "log", "log/slog", "embed"}
	clockCalls = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}
)

// The budgets of house style, rule 5.
const (
	mostFunction = 60
	mostFile     = 400
	mostParams   = 5
	mostFanOut   = 12
	mostDepth    = 6
)

// source is one Go file.
type source struct {
	path string // relative, with slashes
	pkg  string // its folder
	test bool
	file *ast.File
	fset *token.FileSet
	text string
}

// sources parses every Go file of the repository once.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		out = append(out, source{path, filepath.ToSlash(filepath.Dir(path)), strings.HasSuffix(path, "_test.go"), f, fset, string(text)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d Go files were found: the walk is broken", len(out))
	}
	return out
}

func (s source) imports() []string {
	var out []string
	for _, i := range s.file.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

// row returns what pkg may import.
func row(pkg string) ([]string, bool) {
	if r, ok := allowed[pkg]; ok {
		return r, true
	}
	for dir := filepath.ToSlash(filepath.Dir(pkg)); dir != "."; dir = filepath.ToSlash(filepath.Dir(dir)) {
		if r, ok := allowed[dir+"/*"]; ok {
			return r, true
		}
	}
	return nil, false
}

func may(list []string, pkg string) bool {
	return slices.ContainsFunc(list, func(a string) bool {
		prefix, wild := strings.CutSuffix(a, "*")
		return a == pkg || wild && strings.HasPrefix(pkg, prefix)
	})
}

func TestImportTable(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.pkg == "." || strings.HasSuffix(s.pkg, "test") {
			continue // tests and suites may import what they test with
		}
		list, ok := row(s.pkg)
		if !ok {
			t.Errorf("%s: package %s has no row in the import table of arch_test.go", s.path, s.pkg)
			continue
		}
		for _, p := range s.imports() {
			if own, ok := strings.CutPrefix(p, module); ok && !may(list, own) {
				t.Errorf("%s: %s may not import %s", s.path, s.pkg, own)
			}
		}
	}
}

func TestPurePackagesDoNotTouchTheWorld(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !slices.Contains(pure, strings.Split(s.pkg, "/")[0]) {
			continue
		}
		for _, p := range s.imports() {
			// The one exception: a dictionary that is unpacked when it is first needed, once.
			if slices.Contains(impure, p) && !(p == "sync" && s.pkg == "password/guess") {
				t.Errorf("%s: a pure package imports %s", s.path, p)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clockCalls, sel.Sel.Name) {
				t.Errorf("%s: a pure package uses time.%s", s.fset.Position(sel.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
}

func TestSizes(t *testing.T) {
	fan, allImports := map[string]map[string]bool{}, map[string][]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if n := strings.Count(s.text, "\n"); n > mostFile {
			t.Errorf("%s has %d lines, at most %d", s.path, n, mostFile)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			at := s.fset.Position(f.Pos())
			if n := s.fset.Position(f.End()).Line - at.Line + 1; n > mostFunction {
				t.Errorf("%s: %s has %d lines, at most %d", at, f.Name.Name, n, mostFunction)
			}
			if n := f.Type.Params.NumFields(); n > mostParams+1 || n > mostParams && !takesContext(f) {
				t.Errorf("%s: %s has %d parameters, at most %d and a context", at, f.Name.Name, n, mostParams)
			}
			if f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: there is no init here", at)
			}
		}
		for _, p := range s.imports() {
			if own, ok := strings.CutPrefix(p, module); ok {
				if fan[s.pkg] == nil {
					fan[s.pkg] = map[string]bool{}
				}
				if !fan[s.pkg][own] {
					allImports[s.pkg] = append(allImports[s.pkg], own)
				}
				fan[s.pkg][own] = true
			}
		}
	}
	for pkg, f := range fan {
		if len(f) > mostFanOut && !strings.HasPrefix(pkg, "cmd/") {
			t.Errorf("%s imports %d of our packages, at most %d", pkg, len(f), mostFanOut)
		}
	}
	for pkg := range allImports {
		if d := depth(pkg, allImports); d > mostDepth && !strings.HasPrefix(pkg, "cmd/") {
			t.Errorf("%s stands on %d layers, at most %d", pkg, d, mostDepth)
		}
	}
}

func takesContext(f *ast.FuncDecl) bool {
	for _, p := range f.Type.Params.List {
		if sel, ok := p.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Context" {
			return true
		}
	}
	return false
}

// depth counts the arrows of the longest way down from pkg.
func depth(pkg string, imports map[string][]string) int {
	most := 0
	for _, p := range imports[pkg] {
		most = max(most, depth(p, imports)+1)
	}
	return most
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		if s.test && s.pkg != "." {
			continue
		}
		if doc := s.file.Doc.Text(); len(doc) > 80 && strings.HasPrefix(doc, "Package "+s.file.Name.Name+" ") || s.file.Name.Name == "main" && len(s.file.Doc.Text()) > 80 {
			said[s.pkg] = true
		} else if _, ok := said[s.pkg]; !ok {
			said[s.pkg] = false
		}
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %s has no comment that says what it is for", pkg)
		}
	}
}

// TestCoreKnowsNoMethod: if the core compares a method's ID with a literal, the contract has failed.
func TestCoreKnowsNoMethod(t *testing.T) {
	ids := []string{"passkey", "totp", "email_code", "push", "sms_code", "recovery_code", "temporary_pass", "radius", "oidc"}
	where := []string{"app", "recovery", "policy", "enroll", "web/edge", "web/portal", "web/api", "web/page", "store/sqlstore"}
	for _, s := range sources(t) {
		if s.test || !slices.Contains(where, s.pkg) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if v, _ := strconv.Unquote(l.Value); slices.Contains(ids, v) {
					t.Errorf("%s: the core names the method %q", s.fset.Position(l.Pos()), v)
				}
			}
			return true
		})
	}
}

// TestTreeInArchitecture compares the tree of ARCHITECTURE.md with the folders that hold Go.
func TestTreeInArchitecture(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^- `([a-z0-9/]+)/`").FindAllStringSubmatch(string(text), -1) {
		told[m[1]] = true
	}
	there := map[string]bool{}
	for _, s := range sources(t) {
		if s.pkg != "." {
			there[s.pkg] = true
		}
	}
	for p := range there {
		if !told[p] {
			t.Errorf("ARCHITECTURE.md does not name %s", p)
		}
	}
	for p := range told {
		if !there[p] {
			t.Errorf("ARCHITECTURE.md names %s, which is not there", p)
		}
	}
}

func TestEveryDependencyHasAReason(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for _, l := range strings.Split(string(mod), "\n") {
		l = strings.TrimPrefix(strings.TrimSpace(l), "require ")
		f := strings.Fields(l)
		if len(f) != 2 || !strings.HasPrefix(f[1], "v") || strings.Contains(l, "// indirect") {
			continue
		}
		direct++
		if !strings.Contains(string(doc), "`"+f[0]+"`") {
			t.Errorf("docs/dependencies.md has no line for %s", f[0])
		}
	}
	if direct == 0 {
		t.Error("no direct dependency was found: the reading of go.mod is broken")
	}
}

// TestEveryStandardIsListed: a comment that points to a standard points to one that docs/standards.md knows.
func TestEveryStandardIsListed(t *testing.T) {
	doc, err := os.ReadFile("docs/standards.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`RFC \d{3,5}|NIST SP \d+-\d+\w*|FIPS \d+|ITU-T [A-Z]\.\d+|ASVS|WCAG \d\.\d|C2SP [a-z-]+`)
	for _, s := range sources(t) {
		for _, ref := range name.FindAllString(s.text, -1) {
			if !strings.Contains(string(doc), ref) {
				t.Errorf("%s refers to %s, which docs/standards.md does not list", s.path, ref)
			}
		}
	}
}

// TestNothingOfTheWorkshop: no path of a machine and no package host stands in what is published.
func TestNothingOfTheWorkshop(t *testing.T) {
	banned := regexp.MustCompile(`(^|[\s"'(=])/(work|root|farm)/|proxy\.golang\.|registry\.npmjs|deb\.debian`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "bin") {
				return filepath.SkipDir
			}
			return err
		}
		if filepath.Ext(path) == ".png" || path == "arch_test.go" || path == "go.sum" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err == nil && banned.Match(b) {
			t.Errorf("%s: %s", path, banned.Find(b))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
