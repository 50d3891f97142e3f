package activedirectory

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
	"postern/directory/directorytest"
	"postern/internal/testenv"
)

// settings returns those of a controller's service account.
func settings(t *testing.T, s *testenv.SambaServer) Settings {
	t.Helper()
	file := filepath.Join(t.TempDir(), "word")
	if err := os.WriteFile(file, []byte(testenv.SambaServiceWord+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := *Defaults()
	set.URLs, set.CAFile, set.ServerName = []string{s.URL}, s.Authority, testenv.SambaHost
	set.BindDN, set.BindPasswordFile = testenv.SambaService, file
	set.Base = testenv.SambaPeople
	// One process answers everybody in turn, on a busy machine too.
	set.DialTimeout, set.RequestTimeout = 20*time.Second, 20*time.Second
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

func lookUp(t *testing.T, d *Directory, login string) account.Account {
	t.Helper()
	a, err := d.Find(t.Context(), login)
	if err != nil {
		t.Fatalf("find %s: %v", login, err)
	}
	return a
}

func admin(t *testing.T, s *testenv.SambaServer, f func(*goldap.Conn) error) {
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

// modify changes one attribute as the administrator.
func modify(t *testing.T, s *testenv.SambaServer, dn, attribute string, values ...string) {
	t.Helper()
	admin(t, s, func(c *goldap.Conn) error {
		m := goldap.NewModifyRequest(dn, nil)
		m.Replace(attribute, values)
		return c.Modify(m)
	})
}

const suiteGroup = "CN=suite," + testenv.SambaGroups

// plain makes a group whose members may choose passwords of one class of characters, which the
// suite's are.
func plain(t *testing.T, s *testenv.SambaServer) {
	t.Helper()
	const never, halfHour = "-9223372036854775808", "-18000000000"
	admin(t, s, func(c *goldap.Conn) error {
		g := goldap.NewAddRequest(suiteGroup, nil)
		g.Attribute("objectClass", []string{"group"})
		g.Attribute("sAMAccountName", []string{"suite"})
		if err := c.Add(g); err != nil {
			return err
		}
		p := goldap.NewAddRequest("CN=suite,"+testenv.SambaSettings, nil)
		for name, value := range map[string]string{
			"objectClass": "msDS-PasswordSettings", "msDS-PSOAppliesTo": suiteGroup,
			"msDS-PasswordSettingsPrecedence": "99", "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
			"msDS-PasswordHistoryLength": "3", "msDS-PasswordComplexityEnabled": "FALSE", "msDS-MinimumPasswordLength": "8",
			"msDS-MinimumPasswordAge": "0", "msDS-MaximumPasswordAge": never, "msDS-LockoutThreshold": "3",
			"msDS-LockoutDuration": halfHour, "msDS-LockoutObservationWindow": halfHour,
		} {
			p.Attribute(name, []string{value})
		}
		return c.Add(p)
	})
}

// add adds a person of the suite. There is one mail, and any number of other addresses.
func add(t *testing.T, s *testenv.SambaServer, who directorytest.Person) {
	t.Helper()
	u := testenv.SambaUser{Login: who.Login, Name: who.Name, Disabled: who.Disabled, More: map[string][]string{}}
	if len(who.Emails) > 0 {
		u.Mail = who.Emails[0]
	}
	if len(who.Emails) > 1 {
		u.More["otherMailbox"] = who.Emails[1:]
	}
	u.Groups = []string{suiteGroup}
	if err := s.AddUser(u); err != nil {
		t.Fatal(err)
	}
	dn := s.DN(who.Login)
	modify(t, s, dn, attrPassword, testenv.SambaPassword(who.Password))
	for range map[bool]int{true: 3}[who.Locked] {
		if err := s.Bind(dn, "not the password"); err == nil {
			t.Fatal("a wrong password was accepted")
		}
	}
}

// driver prepares Samba for the suite. The directory reaches it through the proxy.
func driver(s *testenv.SambaServer, p *directorytest.Proxy, d *Directory) directorytest.Driver {
	return p.Faults(directorytest.Driver{
		Directory: d, Name: "staff", LockAfter: 3, Spaces: true, NoLogin: `"/\[]:;|=,+*?<>`,
		Refused: "Sh0rt!", Reason: "too_short",
		Add: func(t *testing.T, who directorytest.Person) { add(t, s, who) },
		Rename: func(t *testing.T, from, to string) {
			admin(t, s, func(c *goldap.Conn) error {
				return c.ModifyDN(goldap.NewModifyDNRequest(s.DN(from), "CN="+goldap.EscapeDN(to), true, ""))
			})
			modify(t, s, s.DN(from), "sAMAccountName", to)
			modify(t, s, s.DN(to), "userPrincipalName", to+"@ad.example.test")
		},
		MustChange: func(t *testing.T, login string) { modify(t, s, s.DN(login), attrSet, "0") },
		SignsIn: func(t *testing.T, login, password string) bool {
			err := s.Bind(s.DN(login), password)
			if err != nil && !goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) {
				t.Fatal(err)
			}
			return err == nil
		},
	}, func(t *testing.T) {
		if _, err := d.Find(t.Context(), "alice"); err != nil { // there is an idle connection now
			t.Fatal(err)
		}
	})
}

// TestSuite runs over both ways to TLS and both ways to find groups, as the service account to
// which no more than the needed rights were delegated.
func TestSuite(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups string
		ldaps  bool
		resets int
	}{
		{"StartTLS", "nested", false, 1000},
		{"LDAPS", "direct", true, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testenv.Samba(t, testenv.SambaOptions{})
			plain(t, s)
			set := settings(t, s)
			target, scheme := s.Address, "ldap://"
			if c.ldaps {
				target, scheme = s.TLSAddress, "ldaps://"
			}
			p := directorytest.NewProxy(t, target)
			set.RetryServerAfter = 0 // it is asked again as soon as it is back
			set.URLs, set.Groups = []string{scheme + p.Addr()}, c.groups
			set.LoginAttributes = append(set.LoginAttributes, "otherMailbox")
			set.EmailAttributes = append(set.EmailAttributes, "otherMailbox")
			drive := driver(s, p, open(t, set))
			drive.Resets = c.resets
			if testing.Short() { // Samba does some twenty a second
				drive.Resets = 50
			}
			directorytest.Run(t, drive)
		})
	}
}

// bundle puts the certificates of several authorities into one file.
func bundle(t *testing.T, files ...string) string {
	t.Helper()
	var all []byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	out := filepath.Join(t.TempDir(), "authorities.pem")
	if err := os.WriteFile(out, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}
