package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// command runs postern in this process and returns exit code and what it printed.
func command(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	return commandWith(t, "", args...)
}

// write writes a file and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// commands returns every command as it is typed.
func commands(t *testing.T) [][]string {
	t.Helper()
	var g grammar
	k, err := kong.New(&g)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	var walk func(n *kong.Node, path []string)
	walk = func(n *kong.Node, path []string) {
		for _, c := range n.Children {
			if c.Type == kong.CommandNode {
				walk(c, append(path[:len(path):len(path)], c.Name))
			}
		}
		if len(path) > 0 {
			out = append(out, path)
		}
	}
	walk(k.Model.Node, nil)
	return out
}

func TestHelpOfEveryCommand(t *testing.T) {
	all := commands(t)
	if len(all) < 18 {
		t.Fatalf("got %d commands: %v", len(all), all)
	}
	for _, c := range all {
		code, out, errors := command(t, append(c, "--help")...)
		if code != exitOK || !strings.Contains(out, "Usage: postern "+strings.Join(c, " ")) || errors != "" {
			t.Errorf("%v --help: got %d, %q, %q", c, code, out, errors)
		}
	}
	if code, out, _ := command(t); code != exitOK || !strings.Contains(out, "Exit codes") {
		t.Errorf("without arguments: got %d, %q", code, out)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	bad := write(t, "bad.yaml", "public_url: http://reset.example.com\nlissten: :80\n")
	literal := write(t, "literal.yaml", "store: {postgres_dsn: geheim}\n")
	file := write(t, "file", "")
	noFolder := write(t, "nofolder.yaml", localConfig(file+"/data", 8480, ""))
	noKeys := write(t, "nokeys.yaml", localConfig("nowhere", 8480, ""))
	for _, c := range []struct {
		args string
		code int
		want []string
	}{
		{"fly", exitUsage, []string{"unexpected argument fly", "--help"}},
		{"serve --confg x", exitUsage, []string{"unknown flag --confg"}},
		{"people show", exitUsage, []string{"<login>"}},
		{"audit verify --data a --config b", exitUsage, []string{"--data", "--config"}},
		{"try --listen 8470", exitUsage, []string{"--listen 8470", "localhost:8470"}},
		{"try --listen 0.0.0.0:8470", exitUsage, []string{"sample passwords", "postern serve"}},
		{"try --listen localhost:port", exitUsage, []string{"is no port"}},
		{"serve --config /nowhere/postern.yaml", exitFailure, []string{"postern: open /nowhere/postern.yaml", "--config FILE"}},
		{"serve --config " + bad, exitFailure, []string{bad + ":2: lissten: is no setting; did you mean listen?"}},
		{"serve --config " + literal, exitFailure, []string{literal + ":1: store.postgres_dsn: a secret does not stand in this file; use postgres_dsn_file or postgres_dsn_env"}},
		{"serve --config " + noKeys, exitFailure, []string{"keys.file", "postern keys init"}},
		{"people list --config " + noKeys, exitFailure, []string{"keys.file", "postern keys init"}},
		{"keys init --config " + noFolder, exitFailure, []string{"postern: data: mkdir " + file, "make the folder, for the user that runs Postern alone"}},
		{"audit verify --data /nowhere", exitFailure, []string{"/nowhere/postern.keys"}},
		{"audit verify --export /nowhere", exitUsage, []string{"--key"}},
	} {
		code, out, errors := command(t, strings.Fields(c.args)...)
		if code != c.code || out != "" {
			t.Errorf("%s: got %d, %q; want %d", c.args, code, out, c.code)
		}
		for _, want := range c.want {
			if !strings.Contains(errors, want) || !strings.HasPrefix(errors, "postern: ") {
				t.Errorf("%s: got %q, want %q in it", c.args, errors, want)
			}
		}
		if strings.Contains(errors, "geheim") {
			t.Errorf("%s: the error shows a secret: %q", c.args, errors)
		}
	}
}

func TestVersion(t *testing.T) {
	if code, out, _ := command(t, "version"); code != exitOK || !strings.HasPrefix(out, "postern ") || !strings.Contains(out, "go1.") {
		t.Errorf("got %d, %q", code, out)
	}
}
