package password

import (
	"strings"
	"testing"

	"postern/secret"
)

// cheap makes hashing fast.
var cheap = Cost{Memory: 64, Passes: 1, Lanes: 1}

func TestParseHash(t *testing.T) {
	good := NewHash(secret.New("x"), make([]byte, SaltBytes), cheap).String()
	if p, err := ParseHash(good); err != nil || p.String() != good || !p.Is(secret.New("x")) || p.Is(secret.New("y")) {
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
		if p, err := ParseHash(s); err == nil {
			t.Errorf("%s: accepted as %+v", name, p)
		} else if s != "" && strings.Contains(err.Error(), s) {
			t.Errorf("%s: the error quotes the hash", name)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(NewHash(secret.New("x"), make([]byte, SaltBytes), cheap).String())
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParseHash(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Errorf("%q is read as %q", s, p.String())
		}
		if p.Cost.Memory > most.Memory || p.Cost.Passes > most.Passes || p.Cost.Lanes > most.Lanes || p.Cost.Memory < 8*uint32(p.Cost.Lanes) {
			t.Errorf("%q costs %+v", s, p.Cost)
		}
	})
}

// TestHash compares the password as it is set: in NFC, and nothing else is made equal.
func TestHash(t *testing.T) {
	h := NewHash(secret.New("pa\u0308ss"), make([]byte, SaltBytes), cheap)
	if !h.Is(secret.New("p\u00e4ss")) || h.Is(secret.New("pass")) || h.Is(secret.New("P\u00e4ss")) || h.Is(secret.Text{}) {
		t.Error("a hash is another password's, or not its own")
	}
	if a, b := h.String(), NewHash(secret.New("p\u00e4ss"), []byte("another salt 123"), cheap).String(); a == b {
		t.Error("the salt changes nothing")
	}
	random := make([]byte, DecoyBytes)
	if d := NewDecoy(random, cheap); d.Is(secret.Text{}) || d.Cost != cheap {
		t.Errorf("somebody has the decoy's password: %v", d.Cost)
	}
	if got, want := PresentCost(), (Cost{Memory: 19456, Passes: 2, Lanes: 1}); got != want {
		t.Errorf("a hashing costs %v, want %v", got, want)
	}
}
