package ldap

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/internal/testenv"
	"postern/secret"
)

// settings returns those of a server's service account.
func settings(t *testing.T, s *testenv.SlapdServer) Settings {
	t.Helper()
	file := filepath.Join(t.TempDir(), "word")
	if err := os.WriteFile(file, []byte(testenv.SlapdServiceWord+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := *Defaults()
	set.URLs, set.CAFile = []string{s.URL}, s.Authority
	set.BindDN, set.BindPasswordFile = testenv.SlapdService, file
	set.Base, set.PolicyDN = testenv.SlapdPeople, testenv.SlapdPolicy
	set.DialTimeout, set.RequestTimeout = time.Minute, time.Minute // only a silence ends a wait, and no slow machine
	return set
}

func open(t *testing.T, set Settings) *Directory {
	t.Helper()
	return openAt(t, set, time.Now)
}

func openAt(t *testing.T, set Settings, now func() time.Time) *Directory {
	t.Helper()
	d, err := New("staff", set, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func admin(t *testing.T, s *testenv.SlapdServer, f func(*goldap.Conn) error) {
	t.Helper()
	c, err := s.AdminConn()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := f(c); err != nil {
		t.Fatal(err)
	}
}

// driver prepares slapd for the suite. The directory reaches it through the proxy.
func driver(s *testenv.SlapdServer, p *directorytest.Proxy, d *Directory) directorytest.Driver {
	return p.Faults(directorytest.Driver{
		Directory: d, Name: "staff", LockAfter: 3, Spaces: true,
		Add: func(t *testing.T, who directorytest.Person) { add(t, s, who) },
		Rename: func(t *testing.T, from, to string) {
			admin(t, s, func(c *goldap.Conn) error {
				return c.ModifyDN(goldap.NewModifyDNRequest(s.DN(from), "uid="+goldap.EscapeDN(to), true, ""))
			})
		},
		SignsIn: func(t *testing.T, login, password string) bool {
			err := s.Bind(login, password)
			if err != nil && !goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) {
				t.Fatal(err)
			}
			return err == nil
		},
		MustChange: func(t *testing.T, login string) {
			admin(t, s, func(c *goldap.Conn) error {
				m := goldap.NewModifyRequest(s.DN(login), nil)
				m.Replace(attrReset, []string{"TRUE"})
				return c.Modify(m)
			})
		},
	}, func(t *testing.T) {
		if _, err := d.Find(t.Context(), "alice"); err != nil { // there is an idle connection now
			t.Fatal(err)
		}
	})
}

func add(t *testing.T, s *testenv.SlapdServer, who directorytest.Person) {
	t.Helper()
	admin(t, s, func(c *goldap.Conn) error {
		name := who.Name
		if name == "" {
			name = "No Name"
		}
		a := goldap.NewAddRequest(s.DN(who.Login), nil)
		a.Attribute("objectClass", []string{"inetOrgPerson"})
		a.Attribute("uid", []string{who.Login})
		a.Attribute("cn", []string{name})
		a.Attribute("sn", []string{name})
		if len(who.Emails) > 0 {
			a.Attribute("mail", who.Emails)
		}
		a.Attribute("userPassword", []string{who.Password})
		if err := c.Add(a); err != nil {
			return err
		}
		m := goldap.NewModifyRequest(s.DN(who.Login), nil)
		switch {
		case who.Disabled:
			m.Replace(attrLocked, []string{lockedForGood})
		case who.Locked:
			// slapd's clock is coarse: just after a second began, a lock of that second is in its future
			m.Replace(attrLocked, []string{time.Now().Add(-time.Minute).UTC().Format("20060102150405Z")})
		default:
			return nil
		}
		return c.Modify(m)
	})
}

// TestSuite runs over both ways to TLS, both ways to set a password, and all rights that a
// service account may have on userPassword.
func TestSuite(t *testing.T) {
	for _, c := range []struct {
		name  string
		right string
		tune  func(*Settings)
		ldaps bool
		many  bool
	}{
		{name: "StartTLS, exop, =w", right: "=w", many: true},
		{name: "LDAPS, exop, write", right: "write", ldaps: true},
		{name: "LDAPS, exop, manage", right: "manage", ldaps: true, tune: func(s *Settings) { s.PasswordRight = "manage" }},
		{name: "StartTLS, modify, =w", right: "=w", tune: func(s *Settings) { s.PasswordChange = "modify" }},
		{name: "StartTLS, modify, manage", right: "manage", tune: func(s *Settings) { s.PasswordRight, s.PasswordChange = "manage", "modify" }},
		{name: "LDAPS, exop, =w, groups by search, filter", right: "=w", ldaps: true, tune: func(s *Settings) {
			s.Groups, s.GroupBase, s.DisabledFilter = "search", testenv.SlapdGroups, "(employeeType=former)"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testenv.Slapd(t, testenv.SlapdOptions{Right: c.right, NoSync: true})
			set := settings(t, s)
			target, scheme := s.Address, "ldap://"
			if c.ldaps {
				target, scheme = s.TLSURL[len("ldaps://"):], "ldaps://"
			}
			p := directorytest.NewProxy(t, target)
			set.RetryServerAfter = 0 // it is asked again as soon as it is back
			set.URLs = []string{scheme + p.Addr()}
			if c.tune != nil {
				c.tune(&set)
			}
			d := open(t, set)
			drive := driver(s, p, d)
			if c.many {
				drive.Resets = 1000
			}
			if c.right == "manage" {
				drive.More = map[string]int{"a reset": 2} // whether ppolicy wants another change is read, and taken back
				drive.NoRefusal = "with manage ppolicy applies none of its rules"
			} else {
				drive.Refused, drive.Reason = "Sh0rt!", directory.TooShort
			}
			if set.Groups == "search" { // for groups, and for disabled_filter
				drive.More = map[string]int{"a look-up": 2, "a try": 1}
			}
			directorytest.Run(t, drive)
			mustNotChange(t, s, d)
		})
	}
}

// mustNotChange: with manage ppolicy asks for another change after a reset, which is taken back.
func mustNotChange(t *testing.T, s *testenv.SlapdServer, d *Directory) {
	a, err := d.Find(t.Context(), "frank")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetPassword(t.Context(), a.Ref.ID, secret.New("a password of his own choice")); err != nil {
		t.Fatal(err)
	}
	if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New("a password of his own choice")); err != nil {
		t.Errorf("after the reset: got %v, want that he may sign in", err)
	}
	if err := s.Bind("frank", "a password of his own choice"); err != nil {
		t.Error(err)
	}
}
