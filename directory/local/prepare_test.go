package local

import (
	"strings"
	"testing"
)

func TestPrepare(t *testing.T) {
	for in, want := range map[string]string{
		"Alice": "alice", "ALICE@Example.TEST": "alice@example.test", "ａｌｉｃｅ": "alice", "Ju\u0308rgen": "jürgen",
	} {
		if got, ok := prepare(in); !ok || got != want {
			t.Errorf("%q: got %q (%v), want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"", " ", "a b", "a\x00", "a\u200bb", "\xff", "a\u00adb", strings.Repeat("a", 300), "\u00bd"} {
		if got, ok := prepare(in); ok {
			t.Errorf("%q: got %q, want nobody", in, got)
		}
	}
	a, _ := prepare("alice")
	if b, ok := prepare("аlice"); ok && a == b { // a Cyrillic а
		t.Error("look-alike letters match")
	}
}

func FuzzPrepare(f *testing.F) {
	f.Add("Alice")
	f.Add("ａ\u0308")
	f.Fuzz(func(t *testing.T, s string) {
		key, ok := prepare(s)
		if !ok {
			return
		}
		if strings.ContainsAny(key, "\x00\n\r \t") || key == "" {
			t.Errorf("%q is prepared as %q", s, key)
		}
	})
}
