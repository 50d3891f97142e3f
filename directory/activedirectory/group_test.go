package activedirectory

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// TestTooManyGroups: a controller tells the first 1500 values of memberOf, under another name, and a
// rule could be about one of the others.
func TestTooManyGroups(t *testing.T) {
	e := goldap.NewEntry("CN=Ada,DC=ad,DC=example,DC=test", map[string][]string{"memberOf;range=0-1499": {"CN=staff,DC=ad,DC=example,DC=test"}})
	d := &Directory{set: *Defaults()}
	d.set.Groups = "direct"
	if got, err := d.groups(t.Context(), nil, e); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %+v and %v, want that nobody can tell", got, err)
	}
	if _, whole := startOf(e); whole {
		t.Error("nested: got that these are all")
	}
}

// TestMighty: the groups that AdminSDHolder guards, by their identifiers, whatever they are called.
func TestMighty(t *testing.T) {
	part := func(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }
	domain := "\x01\x05\x00\x00\x00\x00\x00\x05" + part(21) + "aaaabbbbcccc"
	builtin := "\x01\x02\x00\x00\x00\x00\x00\x05" + part(32)
	for in, want := range map[sid]bool{
		sid(domain + part(512)): true, sid(domain + part(518)): true, sid(domain + part(519)): true, sid(domain + part(527)): true,
		sid(builtin + part(544)): true, sid(builtin + part(548)): true, sid(builtin + part(551)): true,
		sid(domain + part(513)): false, sid(domain + part(1512)): false, sid(builtin + part(545)): false, sid(builtin + part(512)): false,
		sid(domain + part(544)): false, "": false, "\x01\x00": false, everyone: false,
	} {
		if got := in.mighty() != ""; got != want {
			t.Errorf("%s: got %t, want %t", in, got, want)
		}
	}
}

// TestCommandsOfWindows: what a person calls a folder runs nothing on an administrator's screen.
func TestCommandsOfWindows(t *testing.T) {
	who := trustee{name: "svc-postern@ad.example.test", sid: "S-1-5-21-1"}
	for _, ou := range []string{`OU=a\" & calc & \",DC=x`, "OU=a & calc,DC=x", "OU=%COMSPEC%,DC=x", "OU=$(calc),DC=x", "OU=a\u201d; calc,DC=x", "OU=a\ncalc,DC=x", "OU=a^|b,DC=x", "OU=`n,DC=x", "OU=a!b,DC=x"} {
		got := who.commands(ou, grantReset, grantUnlock)
		windows, _, ok := strings.Cut(got, "samba-tool")
		if !ok || !strings.Contains(windows, `dsacls "`+placeOfObject+`" /I:S /G "svc-postern@`) || strings.Contains(strings.ReplaceAll(windows, ldapclient.Quoted(ou), ""), ou) {
			t.Errorf("%q: got %s, want a placeholder and words", ou, got)
		}
		if !strings.Contains(got, ldapclient.Quoted(ou)) {
			t.Errorf("%q: got %s, want its name in words", ou, got)
		}
	}
	for _, ou := range []string{`OU=It's\, ours,DC=x`, `OU=Grüße (neu) + #1;x,DC=x`} {
		if got := who.commands(ou, grantReset); !strings.Contains(got, `dsacls "`+ou+`" /I:S`) || strings.Contains(got, placeOfObject) {
			t.Errorf("%q: got %s, want the name itself", ou, got)
		}
	}
	who.name = "svc&calc@ad.example.test"
	if got := who.commands("DC=x", grantReset); strings.Contains(got, `/G "svc&`) {
		t.Errorf("got %s, want a placeholder for the service account", got)
	}
}
