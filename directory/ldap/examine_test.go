package ldap

import (
	"errors"
	"fmt"
	"os"
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

// whole is everything that a server holds of an entry, operational attributes too.
func whole(t *testing.T, s *testenv.SlapdServer, dn string) string {
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

// reconfigured restarts a server with other lines of configuration.
func reconfigured(t *testing.T, s *testenv.SlapdServer, change func(string) string) {
	t.Helper()
	file := filepath.Join(s.Dir, "slapd.conf")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := os.WriteFile(file, []byte(change(string(b))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
}

// says fails the test unless exactly these parts are in what is not good, one each, and the account
// is the same as before.
func says(t *testing.T, s *testenv.SlapdServer, d *Directory, login string, want ...string) {
	t.Helper()
	id := lookUp(t, d, login).Ref.ID
	before := whole(t, s, s.DN(login))
	found, err := d.Examine(t.Context(), id)
	if err != nil {
		t.Fatalf("%s: %v", login, err)
	}
	bad := worst(found)
	if len(bad) != len(want) {
		t.Errorf("%s: got %+v, want %d findings", login, bad, len(want))
		return
	}
	for i, part := range want {
		if text := bad[i].Text + " | " + bad[i].Fix; !strings.Contains(text, part) || bad[i].Fix == "" {
			t.Errorf("%s: got %q, want %q in it, and a fix", login, text, part)
		}
	}
	if after := whole(t, s, s.DN(login)); after != before {
		t.Errorf("%s: looking changed the account:\n%s\nis now\n%s", login, before, after)
	}
}

func TestExamine(t *testing.T) {
	right := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	d := open(t, settings(t, right))
	says(t, right, d, "alice")
	says(t, right, d, "bob")
	says(t, right, d, "erin")
	says(t, right, d, "dave", "replace: pwdAccountLockedTime\nEND")
	says(t, right, d, "carol", "Password is too young to change | # wait until 20")
	says(t, right, d, "grace", "pwdSafeModify refuses a reset", "Must supply old password")

	set := settings(t, right)
	set.PasswordRight = "manage"
	says(t, right, open(t, set), "alice", "password_right says that they do not")
	set = settings(t, right)
	set.PolicyDN = ""
	says(t, right, open(t, set), "alice", "set policy_dn")
	set.PolicyDN = "cn=none," + testenv.SlapdPolicies
	says(t, right, open(t, set), "alice", "says nothing")

	manage := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Right: "manage"})
	says(t, manage, open(t, settings(t, manage)), "alice", "password_right: manage")
	set = settings(t, manage)
	set.PasswordRight = "manage"
	says(t, manage, open(t, set), "grace")

	without := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Right: "auth"})
	reconfigured(t, without, func(conf string) string {
		return strings.Replace(conf, "access to attrs=pwdAccountLockedTime,pwdReset", "access to attrs=pwdFailureTime", 1)
	})
	says(t, without, open(t, settings(t, without)), "alice",
		"'userPassword/write'", "end a lock-out", "slapacl -F /etc/ldap/slapd.d -D 'cn=postern,ou=services,dc=example,dc=test' -b 'uid=alice,ou=people,dc=example,dc=test' 'pwdReset/write'")
	if _, err := d.Examine(t.Context(), "nobody"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("got %v, want nobody", err)
	}
	right.Stop()
	if _, err := d.Examine(t.Context(), "nobody"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}

// TestReadOnly: a copy that takes no writes, and one that sends them elsewhere. Nothing is changed,
// and nobody is asked who was not named.
func TestReadOnly(t *testing.T) {
	for name, line := range map[string]string{
		"read-only": "readonly on\n",
		"replica": "syncrepl rid=001 provider=ldap://127.0.0.1:1 type=refreshOnly retry=\"3600 +\" searchbase=\"" + testenv.SlapdBase +
			"\" bindmethod=simple binddn=\"cn=x\" credentials=x\nupdateref ldap://127.0.0.1:1\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
			reconfigured(t, s, func(conf string) string {
				return strings.Replace(conf, "overlay memberof\n", line+"overlay memberof\n", 1)
			})
			d := open(t, settings(t, s))
			says(t, s, d, "alice", "name the server that takes writes")
			a := lookUp(t, d, "alice")
			var r *directory.Rejected
			if err := d.SetPassword(t.Context(), a.Ref.ID, secret.New("a password that stays away")); !errors.As(err, &r) || r.Operator == "" {
				t.Errorf("set: got %v, want a refusal", err)
			}
			if err := s.Bind("alice", testenv.SlapdInitialWord); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReplicaLag(t *testing.T) {
	provider := func(conf string) string {
		conf = strings.Replace(conf, "moduleload back_mdb\n", "moduleload back_mdb\nmoduleload syncprov\n", 1)
		return strings.Replace(conf, "overlay memberof\n", "overlay syncprov\noverlay memberof\n", 1)
	}
	one := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	two := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	set := settings(t, one)
	set.URLs = []string{one.URL, two.URL}
	set.CAFile = both(t, one, two)
	reconfigured(t, one, provider)
	change := func(s *testenv.SlapdServer) {
		admin(t, s, func(c *goldap.Conn) error {
			m := goldap.NewModifyRequest(s.DN("bob"), nil)
			m.Replace("sn", []string{"Other"})
			return c.Modify(m)
		})
	}
	check := func(now time.Time, want string) {
		t.Helper()
		d := open(t, set)
		copies := replicas{}
		d.now = func() time.Time { return now }
		d.Each(t.Context(), func(c *ldapclient.Conn) { copies.look(t.Context(), d, c) }, func(_ ldapclient.Server, err error) { t.Error(err) })
		var r ldapclient.Report
		copies.compare(&r, now)
		var texts []string
		for _, f := range worst(r.Out) {
			texts = append(texts, f.Text)
		}
		if got := strings.Join(texts, "; "); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	change(one)
	check(time.Now(), "does not say how current")
	reconfigured(t, two, provider)
	change(two)
	check(time.Now(), "")
	change(one)
	check(time.Now().Add(30*time.Second), "")
	check(time.Now().Add(2*time.Minute), two.URL+": lacks changes that another server has had for 2 minutes")
}

// both is a file with the authorities of two servers.
func both(t *testing.T, one, two *testenv.SlapdServer) string {
	t.Helper()
	var all []byte
	for _, s := range []*testenv.SlapdServer{one, two} {
		b, err := os.ReadFile(s.Authority)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	file := filepath.Join(t.TempDir(), "authorities")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
