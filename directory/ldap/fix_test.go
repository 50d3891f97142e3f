package ldap

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/internal/testenv"
	"postern/secret"
)

// ofConfig runs the server from cn=config, made of its slapd.conf, and returns what turns the
// commands of a fix into ones for it.
func ofConfig(t *testing.T, s *testenv.SlapdServer) *strings.Replacer {
	t.Helper()
	const root = "gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth"
	s.Stop()
	conf := filepath.Join(s.Dir, "slapd.conf")
	b, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Replace(string(b), "database mdb\n", "database config\naccess to * by dn.exact="+root+" manage\ndatabase mdb\n", 1)
	dir := filepath.Join(s.Dir, "slapd.d")
	if err := errors.Join(os.WriteFile(conf, []byte(whole), 0o600), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(testenv.Program(t, "slaptest", "slapd", "/usr/sbin"), "-f", conf, "-F", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("chown", "-R", "openldap:", s.Dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	local := "ldapi://" + url.QueryEscape(filepath.Join(s.Dir, "ldapi"))
	p := testenv.Start(t, exec.Command(testenv.Program(t, "slapd", "slapd", "/usr/sbin"), "-F", dir, "-h", s.URL+"/ "+s.TLSURL+"/ "+local, "-d", "0", "-u", "openldap"))
	t.Cleanup(func() { p.Stop(syscall.SIGTERM) })
	for end := time.Now().Add(20 * time.Second); ; {
		c, err := goldap.DialURL(s.URL)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err, p.Exited())
		}
	}
	return strings.NewReplacer("ldapi:///", local, " -W", " -w '"+testenv.SlapdAdminWord+"'")
}

// pasted runs the commands of a fix as an administrator would.
func pasted(t *testing.T, here *strings.Replacer, fix string) {
	t.Helper()
	run := exec.Command("sh", "-e", "-c", here.Replace(fix))
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, fix)
	}
}

// finding returns the one that says so.
func finding(t *testing.T, found []directory.Finding, part string) directory.Finding {
	t.Helper()
	at := slices.IndexFunc(found, func(f directory.Finding) bool { return strings.Contains(f.Text, part) })
	if at < 0 {
		t.Fatalf("got %+v, want %q among them", found, part)
	}
	return found[at]
}

// TestGrantMends: a service account without rights is found out without anything being changed, and
// what is printed gives it the rights, while everybody goes on signing in.
func TestGrantMends(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Right: "auth"})
	reconfigured(t, s, func(conf string) string {
		return strings.Replace(conf, "access to attrs=pwdAccountLockedTime,pwdReset", "access to attrs=pwdFailureTime", 1)
	})
	here := ofConfig(t, s)
	d := open(t, settings(t, s))
	before := tree(t, s)
	lacks := worst(d.Check(t.Context()))
	if after := tree(t, s); after != before {
		t.Errorf("looking changed the tree:\n%s\nis now\n%s", before, after)
	}
	f := finding(t, lacks, "may not set the password: it has the right for none of the 5 people looked at")
	if f.Severity != directory.Fault || finding(t, lacks, "may not end a lock-out").Severity != directory.Warning {
		t.Errorf("got %+v", lacks)
	}
	pasted(t, here, f.Fix)
	for _, f := range worst(d.Check(t.Context())) {
		if !strings.Contains(f.Text, "certificate ends") {
			t.Errorf("still wrong: %+v", f)
		}
	}
	alice := lookUp(t, d, "alice").Ref.ID
	if err := s.Bind("alice", testenv.SlapdInitialWord); err != nil {
		t.Errorf("nobody signs in any more: %v", err)
	}
	if err := d.SetPassword(t.Context(), alice, secret.New("set after the mending")); err != nil {
		t.Error(err)
	}
	if err := d.ChangePassword(t.Context(), alice, secret.New("set after the mending"), secret.New("chosen by herself")); err != nil {
		t.Error(err)
	}
	if err := d.Unlock(t.Context(), lookUp(t, d, "erin").Ref.ID); err != nil {
		t.Error(err)
	}
	pasted(t, here, oneIndex(t, d))
	if found, err := d.Examine(t.Context(), lookUp(t, d, "carol").Ref.ID); err != nil {
		t.Error(err)
	} else {
		pasted(t, here, finding(t, found, "would be refused now").Fix)
	}
	if err := d.SetPassword(t.Context(), lookUp(t, d, "carol").Ref.ID, secret.New("no longer too young")); err != nil {
		t.Errorf("carol after pwdMinAge: 0: %v", err)
	}
}

// tree is everything that a server holds of people.
func tree(t *testing.T, s *testenv.SlapdServer) string {
	t.Helper()
	var out []string
	for _, login := range []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"} {
		out = append(out, whole(t, s, s.DN(login)))
	}
	return strings.Join(out, "\n\n")
}

// TestSomeCannotBeReset: people in a folder of their own, where the rights do not reach.
func TestSomeCannotBeReset(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	reconfigured(t, s, func(conf string) string {
		return strings.Replace(conf, "access to attrs=userPassword", fmt.Sprintf("access to dn.exact=%q attrs=userPassword by anonymous auth by * none\naccess to attrs=userPassword", s.DN("bob")), 1)
	})
	f := finding(t, worst(open(t, settings(t, s)).Check(t.Context())), "for 1 of the 5 people looked at: "+s.DN("bob"))
	if f.Severity != directory.Warning {
		t.Errorf("got %+v", f)
	}
}

// TestServiceIsLocked: the text says so, and what is printed unlocks the account and keeps it so.
func TestServiceIsLocked(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	here := ofConfig(t, s)
	lock := func() {
		for range 3 {
			if c, err := goldap.DialURL(s.URL); err == nil {
				_ = c.Bind(testenv.SlapdService, "not its password")
				c.Close()
			}
		}
	}
	lock()
	f := finding(t, worst(open(t, settings(t, s)).Check(t.Context())), "is refused: it is locked")
	pasted(t, here, f.Fix)
	lock()
	if _, err := open(t, settings(t, s)).Find(t.Context(), "alice"); err != nil {
		t.Errorf("a stranger locks it again: %v", err)
	}
}

// TestServiceMustChange: what is printed lets the account work without a new password.
func TestServiceMustChange(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	here := ofConfig(t, s)
	admin(t, s, func(c *goldap.Conn) error {
		m := goldap.NewModifyRequest(testenv.SlapdService, nil)
		m.Replace(attrReset, []string{"TRUE"})
		return c.Modify(m)
	})
	pasted(t, here, finding(t, worst(open(t, settings(t, s)).Check(t.Context())), "must change its own password").Fix)
	if _, err := open(t, settings(t, s)).Find(t.Context(), "alice"); err != nil {
		t.Errorf("it must still change its password: %v", err)
	}
}

// TestClock: where the monitor may be read, its time is compared.
func TestClock(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	reconfigured(t, s, func(conf string) string {
		return conf + "database monitor\naccess to * by dn.exact=\"" + testenv.SlapdService + "\" read by * none\n"
	})
	d := open(t, settings(t, s))
	finding(t, d.Check(t.Context()), "its clock and this machine's agree")
	d.now = func() time.Time { return time.Now().Add(10 * time.Minute) }
	if f := finding(t, d.Check(t.Context()), "behind this machine's"); f.Severity != directory.Fault {
		t.Errorf("got %+v", f)
	}
}

// TestMustChangeNeedsManage: ppolicy marks what a password administrator sets, who is whoever has
// manage, and nothing that is set with write.
func TestMustChangeNeedsManage(t *testing.T) {
	for right, want := range map[string]bool{"=w": false, "=xw": false, "manage": true} {
		s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Right: right, Policy: map[string]string{"pwdMustChange": "TRUE"}})
		set := settings(t, s)
		set.SetMustChange = "directory"
		if right == "manage" {
			set.PasswordRight = right
		}
		d := open(t, set)
		if err := d.SetPassword(t.Context(), lookUp(t, d, "alice").Ref.ID, secret.New("set by the service")); err != nil {
			t.Fatal(err)
		}
		if got := lookUp(t, d, "alice").MustChange; got != want {
			t.Errorf("%s: got %v, want %v", right, got, want)
		}
	}
}

// oneIndex is the fix for an attribute without an index.
func oneIndex(t *testing.T, d *Directory) string {
	t.Helper()
	var fix string
	if err := d.Read(t.Context(), func(c *ldapclient.Conn) error {
		fix = d.index(t.Context(), c, "employeeNumber")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return fix
}
