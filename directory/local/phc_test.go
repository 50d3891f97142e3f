package local

import (
	"strings"
	"testing"

	"postern/secret"
)

func TestParsePHC(t *testing.T) {
	good := newPHC(secret.New("x"), cheap).String()
	if p, err := parsePHC(good); err != nil || p.String() != good || !p.matches(secret.New("x")) || p.matches(secret.New("y")) {
		t.Fatalf("its own hash: %v", err)
	}
	tail := good[strings.LastIndex(good[:strings.LastIndex(good, "$")], "$"):]
	for name, s := range map[string]string{
		"empty": "", "no hash": "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", "clear": "in clear 123",
		"argon2i": strings.Replace(good, "argon2id", "argon2i", 1), "old version": strings.Replace(good, "v=19", "v=16", 1),
		"other order": "$argon2id$v=19$t=1,m=64,p=1" + tail, "space": "$argon2id$v=19$m=64, t=1,p=1" + tail,
		"leading zero": "$argon2id$v=19$m=064,t=1,p=1" + tail, "plus": "$argon2id$v=19$m=+64,t=1,p=1" + tail,
		"no memory": "$argon2id$v=19$m=0,t=1,p=1" + tail, "too little memory": "$argon2id$v=19$m=7,t=1,p=1" + tail,
		"huge memory": "$argon2id$v=19$m=4294967295,t=1,p=1" + tail, "overflow": "$argon2id$v=19$m=4294967296,t=1,p=1" + tail,
		"many passes": "$argon2id$v=19$m=64,t=1000000,p=1" + tail, "many lanes": "$argon2id$v=19$m=4096,t=1,p=255" + tail,
		"lanes wrap": "$argon2id$v=19$m=4096,t=1,p=257" + tail, "key id": "$argon2id$v=19$m=64,t=1,p=1,keyid=x" + tail,
		"padding": good + "=", "newline": good + "\n", "more": good + "$x", "before": " " + good,
		"short salt": "$argon2id$v=19$m=64,t=1,p=1$eA$" + strings.Repeat("A", 43), "short hash": "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$eA",
		"loose bits": "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdB$" + strings.Repeat("A", 43),
	} {
		if p, err := parsePHC(s); err == nil {
			t.Errorf("%s: accepted as %+v", name, p)
		} else if s != "" && strings.Contains(err.Error(), s) {
			t.Errorf("%s: the error quotes the hash", name)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(newPHC(secret.New("x"), cheap).String())
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Errorf("%q is read as %q", s, p.String())
		}
		if p.cost.memory > most.memory || p.cost.passes > most.passes || p.cost.lanes > most.lanes || p.cost.memory < 8*uint32(p.cost.lanes) {
			t.Errorf("%q costs %+v", s, p.cost)
		}
	})
}

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
