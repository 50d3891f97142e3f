package ldapclient

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"postern/directory"
)

// TestCommandInClear: a server that Postern itself speaks to in clear knows no StartTLS.
func TestCommandInClear(t *testing.T) {
	cl := &Client{set: Settings{Connection: Connection{BindDN: "cn=o'hara", CAFile: "/ca.pem"}}}
	if got, want := cl.Command(Server{URL: "ldap://[::1]", Clear: true}, "ldapwhoami"), `ldapwhoami -x -H ldap://[::1] -D 'cn=o'\''hara' -W`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestFindingsArePlain: a name that people give themselves moves nothing on a screen and ends no line.
func TestFindingsArePlain(t *testing.T) {
	r := &Report{}
	r.Good("%s", "a\x1b[2Jb")
	r.Add(directory.Fault, "one\ntwo\t"+Quoted("a'\nrm -rf /"), "%s", "a\u202eb\nc")
	want := []directory.Finding{{Severity: directory.Good, Text: `a\x1b[2Jb`}, {Severity: directory.Fault, Text: `a\u202eb\nc`, Fix: "one\n" + `two\t'a'\''\nrm -rf /'`}}
	if !slices.Equal(r.Out, want) {
		t.Errorf("got %q, want %q", r.Out, want)
	}
}

func TestPasswordOfTheService(t *testing.T) {
	file := filepath.Join(t.TempDir(), "word")
	for in, want := range map[string]string{"x": "x", "x\n": "x", "x\r\n": "x", " x \n": " x ", "x\n\n": "x\n"} {
		if err := os.WriteFile(file, []byte(in), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := (&Connection{BindPasswordFile: file}).password()
		if err != nil || got.Reveal() != want {
			t.Errorf("%q: got %q, %v, want %q", in, got.Reveal(), err, want)
		}
	}
}
