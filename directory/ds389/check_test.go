package ds389

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/internal/testenv"
	"postern/secret"
)

// bad returns the findings that are not good, without the short life of the test's certificates.
func bad(t *testing.T, found []directory.Finding) []string {
	t.Helper()
	var out []string
	for _, f := range found {
		if f.Severity == directory.Good || strings.Contains(f.Text, "certificate ends") {
			continue
		}
		if f.Fix == "" {
			t.Errorf("no fix for %q", f.Text)
		}
		out = append(out, f.Text+" | "+f.Fix)
	}
	return out
}

func compare(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %q, want %d findings", what, got, len(want))
		return
	}
	for i, part := range want {
		if !strings.Contains(got[i], part) {
			t.Errorf("%s: got %q, want %q in it", what, got[i], part)
		}
	}
}

// whole is everything that a server holds of an entry, operational attributes too.
func whole(t *testing.T, s *testenv.DS389Server, dn string) string {
	t.Helper()
	var out []string
	admin(t, s, func(c *goldap.Conn) error {
		r, err := c.Search(goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"*", "+"}, nil))
		if err != nil {
			return err
		}
		for _, a := range r.Entries[0].Attributes {
			out = append(out, fmt.Sprintf("%s %q", a.Name, a.Values))
		}
		return nil
	})
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func TestCheckAndExamine(t *testing.T) {
	s := testenv.DS389(t, testenv.DS389Options{IPA: true})
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("not it"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tune func(*Settings)
		want []string
	}{
		"as it should be":                      {func(*Settings) {}, nil},
		"as it should be, LDAPS":               {func(x *Settings) { x.URLs = []string{s.TLSURL} }, nil},
		"no server":                            {func(x *Settings) { x.URLs = []string{"ldap://127.0.0.1:1"} }, []string{"refuses connections on port 1 |"}},
		"TLS to the port that speaks StartTLS": {func(x *Settings) { x.URLs = []string{"ldaps://" + s.URL[len("ldap://"):]} }, []string{"speaks no TLS from the start | write ldap://"}},
		"StartTLS to the port that speaks TLS": {func(x *Settings) { x.URLs = []string{"ldap://" + s.TLSURL[len("ldaps://"):]} }, []string{"| write ldaps://"}},
		"another name":                         {func(x *Settings) { x.ServerName = "ds.example.test" }, []string{"not for this name"}},
		"wrong password":                       {func(x *Settings) { x.BindPasswordFile = wrong }, []string{"ldapwhoami -x -ZZ"}},
		"no base":                              {func(x *Settings) { x.Base = "ou=nowhere," + s.Base }, []string{"-b 'ou=nowhere,"}},
		"nobody":                               {func(x *Settings) { x.UserFilter = "(objectClass=account)" }, []string{"matches (objectClass=account)"}},
		"no policy":                            {func(x *Settings) { x.PolicyDN = "" }, []string{"policy_dn is not set"}},
		"wrong policy":                         {func(x *Settings) { x.PolicyDN = "cn=none," + s.Base }, []string{"passwordCheckSyntax || passwordMinLength"}},
	} {
		set := settings(t, s)
		c.tune(&set)
		compare(t, name, bad(t, opened(t, set, still(New)).Check(t.Context())), c.want...)
	}
	free := opened(t, ipaSettings(t, s), still(NewFreeIPA))
	compare(t, "FreeIPA", bad(t, free.Check(t.Context())), "may not end a lock-out", "may not clear the count", "within 1 hour", "ipa sysaccount-policy 'postern' --privileged=true")
	d := opened(t, settings(t, s), still(New))
	examine(t, s, d, free)
	admin(t, s, func(c *goldap.Conn) error { // a password administrator, and too much to read
		m := goldap.NewModifyRequest("cn=config", nil)
		m.Replace("passwordAdminDN", []string{s.Service})
		m.Add("aci", []string{`(targetattr = "passwordAdminDN")(version 3.0; acl "x"; allow (read,search,compare) userdn = "ldap:///` + s.Service + `";)`})
		p := goldap.NewModifyRequest(s.People, nil)
		p.Add("aci", []string{`(targetattr = "userPassword")(version 3.0; acl "y"; allow (read) userdn = "ldap:///` + s.Service + `";)`})
		return errors.Join(c.Modify(m), c.Modify(p))
	})
	compare(t, "too much right", bad(t, d.Check(t.Context())), "password hashes", "delete: passwordAdminDN\npasswordAdminDN: ")
}

// still makes directories whose clock stands: on a busy machine a search can seem to want an index.
func still(make func(string, Settings, func() time.Time) (*Directory, error)) func(string, Settings, func() time.Time) (*Directory, error) {
	now := time.Now()
	return func(name string, s Settings, _ func() time.Time) (*Directory, error) {
		return make(name, s, func() time.Time { return now })
	}
}

func examine(t *testing.T, s *testenv.DS389Server, d, free *Directory) {
	t.Helper()
	look := func(d *Directory, dn, login string, want ...string) {
		t.Helper()
		id := lookUp(t, d, login).Ref.ID
		before := whole(t, s, dn)
		found, err := d.Examine(t.Context(), id)
		if err != nil {
			t.Fatalf("%s: %v", login, err)
		}
		compare(t, login, bad(t, found), want...)
		if after := whole(t, s, dn); after != before {
			t.Errorf("%s: looking changed the account:\n%s\nis now\n%s", login, before, after)
		}
	}
	look(d, s.DN("alice"), "alice")
	look(d, s.DN("peggy"), "peggy", "must be changed")
	look(free, s.IPADN("alice"), "alice", "no right to write krbLastAdminUnlock", "System: Unlock User")
	if _, err := d.Examine(t.Context(), "nobody"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("got %v, want nobody", err)
	}
	allow(t, s, s.DN("frank"), attrUnlock, false, rightsOf(t, s, "")[0])
	look(d, s.DN("alice"), "alice", "may not set the password", `(targetattr = "userPassword || accountUnlockTime || passwordRetryCount")(version 3.0`, "clear the count of wrong passwords")
	rightsMend(t, s, d)
	allow(t, s, s.DN("frank"), attrUnlock, true, rightsOf(t, s, "")...)
}

func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "word")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tune func(*Settings)
		want string
	}{
		"right":          {func(*Settings) {}, ""},
		"group_base":     {func(s *Settings) { s.GroupBase = "groups" }, "group_base"},
		"policy_dn":      {func(s *Settings) { s.PolicyDN = "config" }, "policy_dn"},
		"bind_dn":        {func(s *Settings) { s.BindDN = "admin" }, "bind_dn"},
		"password_rules": {func(s *Settings) { s.PasswordRules = "some" }, "password_rules"},
		"urls":           {func(s *Settings) { s.URLs = nil }, "urls"},
	} {
		for _, kind := range []directory.Kind{Kind, FreeIPA} {
			_, err := kind.Open("staff", func(v any) error {
				s := v.(*Settings)
				s.URLs, s.BindDN, s.Base, s.BindPasswordFile = []string{"ldaps://ds.example.test"}, "cn=postern", "ou=people", file
				c.tune(s)
				return nil
			}, directory.Env{})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: got %v, want %q", kind.ID, name, err, c.want)
			}
		}
	}
	if _, err := Kind.Open("staff", func(any) error { return os.ErrInvalid }, directory.Env{}); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("got %v, want what is wrong with the settings", err)
	}
}

// TestOutage: a restarted server is found again, and one that is gone is unavailable.
func TestOutage(t *testing.T) {
	s := testenv.DS389(t, testenv.DS389Options{})
	set := settings(t, s)
	set.RetryServerAfter = 0
	d := opened(t, set, New)
	lookUp(t, d, "alice")
	s.Stop()
	if _, err := d.Find(t.Context(), "alice"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	lookUp(t, d, "alice")
	if _, where := d.LockoutAfter(t.Context()); where == "" {
		t.Error("the policy is not read again")
	}
}

// pasted runs the commands of a fix as an administrator would.
func pasted(t *testing.T, s *testenv.DS389Server, fix string) {
	t.Helper()
	if out, err := exec.Command("sh", "-e", "-c", strings.ReplaceAll(fix, " -W", " -w "+ldapclient.Quoted(s.AdminWord))).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, fix)
	}
}

// rightsMend: nobody's password can be set; the check says so, changes nothing, and what is printed
// mends it.
func rightsMend(t *testing.T, s *testenv.DS389Server, d *Directory) {
	t.Helper()
	before := whole(t, s, s.DN("alice"))
	var fix string
	for _, f := range d.Check(t.Context()) {
		if strings.Contains(f.Text, "may not set the password: it has the right for none of the 5 people") && f.Severity == directory.Fault {
			fix = f.Fix
		}
	}
	if after := whole(t, s, s.DN("alice")); fix == "" || after != before {
		t.Fatalf("the fix is %q; looking made of the account\n%s\nthis:\n%s", fix, before, after)
	}
	pasted(t, s, fix)
	if got := bad(t, d.Check(t.Context())); len(got) != 0 {
		t.Errorf("still wrong: %q", got)
	}
	if err := d.SetPassword(t.Context(), lookUp(t, d, "alice").Ref.ID, secret.New("Mended-Passw0rd-1")); err != nil {
		t.Error(err)
	}
}

// TestServiceIsLocked: the text says so, and the first command unlocks the account.
func TestServiceIsLocked(t *testing.T) {
	s := testenv.DS389(t, testenv.DS389Options{})
	for range 4 {
		if c, err := goldap.DialURL(s.URL); err == nil {
			_ = c.StartTLS(s.TLS())
			_ = c.Bind(s.Service, "not its password")
			c.Close()
		}
	}
	got := bad(t, opened(t, settings(t, s), New).Check(t.Context()))
	compare(t, "locked", got, "it is locked by wrong passwords")
	_, fix, _ := strings.Cut(got[0], " | ")
	unlock, own, ok := strings.Cut(fix, "\n# and a policy")
	if !ok || !strings.Contains(own, "--pwdlockout off") {
		t.Errorf("got %q", fix)
	}
	pasted(t, s, unlock)
	lookUp(t, opened(t, settings(t, s), New), "alice")
}

// TestClock: the monitor's time is compared.
func TestClock(t *testing.T) {
	s := testenv.DS389(t, testenv.DS389Options{})
	d := opened(t, settings(t, s), New)
	if found := d.Check(t.Context()); !slices.ContainsFunc(found, func(f directory.Finding) bool { return strings.Contains(f.Text, "clock and this machine's agree") }) {
		t.Errorf("got %+v", found)
	}
	d.now = func() time.Time { return time.Now().Add(-10 * time.Minute) }
	compare(t, "ten minutes", bad(t, d.Check(t.Context())), "ahead of this machine's")
}
