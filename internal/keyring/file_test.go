package keyring

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	r := create(t)
	if err := r.Init(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("got mode %o, want 600", got)
	}
	loaded, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.Open(seal(t, r, "plain", "x"), []byte("x")); err != nil || string(got) != "plain" {
		t.Errorf("got %q, %v", got, err)
	}
	if loaded.Verifier() != r.Verifier() || string(loaded.Derive("p", nil, 9)) != string(r.Derive("p", nil, 9)) {
		t.Error("signing key or pepper changed on the way through the file")
	}
	before := read(t, path)
	if err := create(t).Init(path); err == nil || !strings.Contains(err.Error(), "left as it is") {
		t.Errorf("Init over a file: got %v", err)
	}
	if read(t, path) != before {
		t.Error("Init changed a file that existed")
	}
}

func TestLoadRefuses(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "keys")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "keys.file") || !strings.Contains(err.Error(), "postern keys init") {
		t.Errorf("no file: got %v", err)
	}
	if _, err := Load(folder); err == nil {
		t.Error("a folder was accepted")
	}
	if err := create(t).Init(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o601, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: got %v", mode, err)
		}
	}
	for _, mode := range []os.FileMode{0o400, 0o600} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err != nil {
			t.Errorf("mode %o: got %v", mode, err)
		}
	}
	whole := read(t, path)
	for _, damaged := range []string{"", whole[:len(whole)/2], whole[:len(whole)-2], strings.Repeat(" ", maxText) + whole} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "keys.file") {
			t.Errorf("%d bytes: got %v", len(damaged), err)
		}
	}
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	r := create(t)
	if err := r.Save(path); err == nil {
		t.Fatal("saved where there was nothing to replace")
	}
	if err := r.Init(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	link := path + "-link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	rotate := func(r *Ring) *Ring {
		next, err := r.Rotate(moment())
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	second := rotate(r)
	if err := second.Save(link); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o400 {
		t.Errorf("got mode %v, %v, want 0400", info.Mode(), err)
	}
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link is now %q, %v", target, err)
	}
	loaded, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.Open(seal(t, second, "plain", "x"), []byte("x")); err != nil || string(got) != "plain" {
		t.Errorf("got %q, %v", got, err)
	}
	before := read(t, path)
	for name, stale := range map[string]*Ring{"the ring before": r, "another rotation of it": rotate(r), "another instance": create(t)} {
		if err := stale.Save(path); err == nil || !strings.Contains(err.Error(), "would be lost") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if read(t, path) != before {
		t.Error("a refused Save changed the file")
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 2 {
		t.Errorf("the folder has %v, %v; want the file and the link", left, err)
	}
}

func TestEnvironment(t *testing.T) {
	r := create(t)
	t.Setenv("POSTERN_TEST_KEYS", text(t, r).Reveal())
	loaded, err := LoadEnv("POSTERN_TEST_KEYS")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := loaded.Verifier(), r.Verifier(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range []string{"", "x"} {
		t.Setenv("POSTERN_TEST_KEYS", bad)
		if _, err := LoadEnv("POSTERN_TEST_KEYS"); err == nil || !strings.Contains(err.Error(), "keys.env") ||
			!strings.Contains(err.Error(), "POSTERN_TEST_KEYS") || !strings.Contains(err.Error(), "postern keys init") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
