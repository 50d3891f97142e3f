package ds389

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
	"postern/directory/directorytest"
	"postern/internal/testenv"
)

// lenient lets the suite's passwords in, which are long rather than mixed.
func lenient(more ...string) map[string]string {
	out := map[string]string{"passwordMinCategories": "1", "passwordMinTokenLength": "64"}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// settings returns those of a server's service account.
func settings(t *testing.T, s *testenv.DS389Server) Settings {
	t.Helper()
	file := filepath.Join(t.TempDir(), "word")
	if err := os.WriteFile(file, []byte(s.ServiceWord+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := *Defaults()
	set.URLs, set.CAFile = []string{s.URL}, s.Authority
	set.BindDN, set.BindPasswordFile = s.Service, file
	set.Base = s.People
	return set
}

// ipaSettings returns those of FreeIPA's part of the tree.
func ipaSettings(t *testing.T, s *testenv.DS389Server) Settings {
	t.Helper()
	set := settings(t, s)
	of := DefaultsFreeIPA()
	set.IDAttribute, set.NameAttribute = of.IDAttribute, "cn"
	set.Base, set.GroupBase, set.PolicyDN = s.IPAUsers, s.IPAGroups, "cn=global_policy,"+s.IPAPolicies
	return set
}

func opened(t *testing.T, set Settings, make func(string, Settings, func() time.Time) (*Directory, error)) *Directory {
	t.Helper()
	d, err := make("staff", set, time.Now)
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

func lookUp(t *testing.T, d *Directory, handle string) account.Account {
	t.Helper()
	a, err := d.Find(t.Context(), handle)
	if err != nil {
		t.Fatalf("find %q: %v", handle, err)
	}
	return a
}

func admin(t *testing.T, s *testenv.DS389Server, f func(*goldap.Conn) error) {
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

func set(t *testing.T, s *testenv.DS389Server, dn, attribute string, values ...string) {
	t.Helper()
	admin(t, s, func(c *goldap.Conn) error {
		m := goldap.NewModifyRequest(dn, nil)
		m.Replace(attribute, values)
		return c.Modify(m)
	})
}

// allow replaces the access list above somebody and returns once it holds: the server answers first
// and follows a moment later. That the service may write attribute, a time, or may not, tells.
func allow(t *testing.T, s *testenv.DS389Server, who, attribute string, may bool, list ...string) {
	t.Helper()
	_, above, _ := strings.Cut(who, ",")
	set(t, s, above, "aci", list...)
	testenv.WaitFor(t, "the access list of "+above, time.Minute, func() error {
		c, err := goldap.DialURL(s.TLSURL, goldap.DialWithTLSConfig(s.TLS()))
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.Bind(s.Service, s.ServiceWord); err != nil {
			return err
		}
		m := goldap.NewModifyRequest(who, nil)
		m.Delete(attribute, []string{"20000101000000Z"}) // which nobody has: nothing is changed
		if err := c.Modify(m); goldap.IsErrorWithCode(err, goldap.LDAPResultInsufficientAccessRights) == may {
			return fmt.Errorf("writing %s: got %v, want it allowed: %v", attribute, err, may)
		}
		return nil
	})
}

// stage is where the suite's people are, and how they get in.
type stage struct {
	s    *testenv.DS389Server
	dn   func(login string) string
	more func(*goldap.AddRequest)
}

func (g stage) bind(t *testing.T, login, password string) bool {
	t.Helper()
	c, err := goldap.DialURL(g.s.TLSURL, goldap.DialWithTLSConfig(g.s.TLS()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Bind(g.dn(login), password) == nil
}

func (g stage) add(t *testing.T, who directorytest.Person) {
	admin(t, g.s, func(c *goldap.Conn) error {
		name := who.Name
		if name == "" {
			name = "No Name"
		}
		a := goldap.NewAddRequest(g.dn(who.Login), nil)
		classes := []string{"inetOrgPerson"}
		a.Attribute("uid", []string{who.Login})
		a.Attribute("cn", []string{name})
		a.Attribute("sn", []string{name})
		if len(who.Emails) > 0 {
			a.Attribute("mail", who.Emails)
		}
		a.Attribute("userPassword", []string{who.Password})
		if who.Disabled {
			a.Attribute(attrDisabled, []string{"true"})
		}
		if g.more != nil {
			classes = append(classes, "krbPrincipalAux", "ipaObject")
			g.more(a)
		}
		a.Attribute("objectClass", classes)
		if err := c.Add(a); err != nil || !who.Locked {
			return err
		}
		m := goldap.NewModifyRequest(g.dn(who.Login), nil)
		m.Replace(attrUnlock, []string{"19700101000000Z"})
		m.Replace(attrFailures, []string{"3"})
		m.Replace(attrForgotten, []string{time.Now().Add(9 * time.Minute).UTC().Format(generalizedTime)})
		return c.Modify(m)
	})
}

func (g stage) driver(p *directorytest.Proxy, d *Directory) directorytest.Driver {
	return p.Faults(directorytest.Driver{
		Directory: d, Name: "staff", LockAfter: 3, Spaces: true, Refused: "Sh0rt!", Reason: "too_short", Add: g.add,
		Rename: func(t *testing.T, from, to string) {
			admin(t, g.s, func(c *goldap.Conn) error {
				return c.ModifyDN(goldap.NewModifyDNRequest(g.dn(from), "uid="+goldap.EscapeDN(to), true, ""))
			})
		},
		SignsIn: g.bind,
		MustChange: func(t *testing.T, login string) {
			var policy string
			admin(t, g.s, func(c *goldap.Conn) error {
				r, err := c.Search(goldap.NewSearchRequest(g.s.DN("peggy"), goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{attrPolicy}, nil))
				if err == nil {
					policy = r.Entries[0].GetEqualFoldAttributeValue(attrPolicy)
				}
				return err
			})
			set(t, g.s, g.dn(login), attrPolicy, policy)
			set(t, g.s, g.dn(login), "userPassword", "the first password")
			admin(t, g.s, func(c *goldap.Conn) error { // the server puts its mark on the entry a moment later
				for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
					r, err := c.Search(goldap.NewSearchRequest(g.dn(login), goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false, "(pwdReset=TRUE)", []string{"1.1"}, nil))
					if err != nil || len(r.Entries) == 1 {
						return err
					}
				}
				return errors.New("nobody has to change anything")
			})
		},
	}, func(t *testing.T) {
		if _, err := d.Find(t.Context(), "st-find"); err != nil { // there is an idle connection now
			t.Fatal(err)
		}
	})
}

// TestSuite runs on the server as it is, over both ways to TLS, and on the part of FreeIPA's tree
// that tells the state of an account. FreeIPA's own plugins do not run here.
func TestSuite(t *testing.T) {
	s := testenv.DS389(t, testenv.DS389Options{IPA: true, Policy: lenient()})
	for _, c := range []struct {
		name   string
		tls    bool
		ipa    bool
		resets int
	}{{name: "StartTLS", resets: 100}, {name: "LDAPS", tls: true, resets: 1000}, {name: "FreeIPA", tls: true, ipa: true, resets: 100}} {
		t.Run(c.name, func(t *testing.T) {
			target, scheme := s.Address, "ldap://"
			if c.tls {
				target, scheme = s.TLSAddress, "ldaps://"
			}
			p := directorytest.NewProxy(t, target)
			g, conf, make := stage{s: s, dn: s.DN}, settings(t, s), New
			if c.ipa {
				conf, make = ipaSettings(t, s), NewFreeIPA
				g.dn = s.IPADN
				g.more = func(a *goldap.AddRequest) {
					a.Attribute("krbPrincipalName", []string{rand.Text() + "@EXAMPLE.TEST"})
					a.Attribute("ipaUniqueID", []string{rand.Text()})
				}
			}
			conf.URLs, conf.RetryServerAfter = []string{scheme + p.Addr()}, 0
			drive := g.driver(p, opened(t, conf, make))
			drive.Resets = c.resets
			directorytest.Run(t, drive)
			g.clear(t)
		})
	}
}

// clear removes the suite's people, for the next run.
func (g stage) clear(t *testing.T) {
	admin(t, g.s, func(c *goldap.Conn) error {
		r, err := c.Search(goldap.NewSearchRequest(g.s.Base, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false, "(|(uid=st*)(uid=#st*))", []string{"1.1"}, nil))
		if err != nil {
			return err
		}
		for _, e := range r.Entries {
			if err := c.Del(goldap.NewDelRequest(e.DN, nil)); err != nil {
				return err
			}
		}
		return nil
	})
}
