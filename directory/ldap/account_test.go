package ldap

import (
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
	"postern/directory"
	"postern/internal/testenv"
	"postern/password"
	"postern/secret"
)

func lookUp(t *testing.T, d *Directory, handle string) account.Account {
	t.Helper()
	a, err := d.Find(t.Context(), handle)
	if err != nil {
		t.Fatalf("find %q: %v", handle, err)
	}
	return a
}

func TestAccount(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	set := settings(t, s)
	d := open(t, set)

	a := lookUp(t, d, "alice")
	if want := []account.Contact{{Kind: account.Email, Address: "alice@example.test"}, {Kind: account.Phone, Address: "+4930901820"}}; !slices.Equal(a.Contacts, want) {
		t.Errorf("contacts: got %v, want %v", a.Contacts, want)
	}
	if !slices.Equal(a.Groups, []string{"helpdesk"}) || a.Name != "Alice Example" || len(a.Ref.ID) != 36 {
		t.Errorf("got %+v", a)
	}
	if a := lookUp(t, d, "dave"); !a.Disabled || a.Locked {
		t.Errorf("dave: got %+v, want disabled", a)
	}
	if a := lookUp(t, d, "erin"); !a.Locked || a.Disabled || a.LockedSince.IsZero() {
		t.Errorf("erin: got %+v, want locked", a)
	}
	if _, err := d.Find(t.Context(), "shared@example.test"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("an address of two: got %v", err)
	}
	for name, tune := range map[string]func(*Settings){
		"search": func(s *Settings) { s.Groups, s.GroupBase = "search", testenv.SlapdGroups },
		"login": func(s *Settings) {
			s.Groups, s.GroupBase, s.GroupFilter = "search", testenv.SlapdBase, "(&(cn=helpdesk)(!(cn={login})))"
		},
	} {
		set := set
		tune(&set)
		if got := lookUp(t, open(t, set), "alice").Groups; !slices.Equal(got, []string{"helpdesk"}) {
			t.Errorf("groups by %s: got %v", name, got)
		}
	}
	set.GroupBase = "ou=elsewhere," + testenv.SlapdBase
	if got := lookUp(t, open(t, set), "alice").Groups; len(got) > 0 {
		t.Errorf("groups outside group_base count: %v", got)
	}
}

func TestStates(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Quiet: true})
	set := settings(t, s)
	set.DisabledFilter = "(employeeType=former)"
	d := open(t, set)
	change := func(login, attribute string, values ...string) {
		t.Helper()
		admin(t, s, func(c *goldap.Conn) error {
			m := goldap.NewModifyRequest(s.DN(login), nil)
			m.Replace(attribute, values)
			return c.Modify(m)
		})
	}
	stamp := func(after time.Duration) string { return time.Now().Add(after).UTC().Format("20060102150405Z") }
	try := func(login string) error {
		return d.Authenticate(t.Context(), lookUp(t, d, login).Ref.ID, secret.New(testenv.SlapdInitialWord))
	}

	change("alice", "employeeType", "former")
	if a := lookUp(t, d, "alice"); !a.Disabled {
		t.Error("disabled_filter has no effect")
	}
	if err := try("alice"); !errors.Is(err, directory.ErrDisabled) {
		t.Errorf("matches disabled_filter: got %v", err)
	}
	change("bob", attrEnds, stamp(-time.Hour))
	if a := lookUp(t, d, "bob"); !a.Disabled {
		t.Error("pwdEndTime in the past has no effect")
	}
	change("frank", attrStarts, stamp(time.Hour))
	if a := lookUp(t, d, "frank"); !a.Disabled {
		t.Error("pwdStartTime in the future has no effect")
	}
	change("frank", attrStarts)
	if err := try("frank"); err != nil {
		t.Errorf("frank: got %v", err)
	}
	if err := try("erin"); !errors.Is(err, directory.ErrLocked) {
		t.Errorf("locked, and the server does not say so: got %v, want locked", err)
	}
	if err := try("dave"); !errors.Is(err, directory.ErrDisabled) {
		t.Errorf("locked for good: got %v, want disabled", err)
	}
	change("heidi", attrPolicy, "cn=brief,"+testenv.SlapdPolicies)
	change("heidi", attrLocked, stamp(-30*time.Second))
	if a := lookUp(t, d, "heidi"); !a.Locked {
		t.Error("locked half a minute ago for a minute: want locked")
	}
	change("heidi", attrLocked, stamp(-2*time.Minute))
	if a := lookUp(t, d, "heidi"); a.Locked {
		t.Error("locked two minutes ago for a minute: want not locked")
	}
	change("ivan", attrReset, "TRUE")
	if err := try("ivan"); !errors.Is(err, directory.ErrMustChange) {
		t.Errorf("pwdReset: got %v, want must change", err)
	}
}

// TestAdministratorsLockStays: a reset of somebody whom an administrator has locked must not let them in.
func TestAdministratorsLockStays(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Right: "manage"})
	d := open(t, settings(t, s))
	dave := lookUp(t, d, "dave")
	for name, err := range map[string]error{
		"set":    d.SetPassword(t.Context(), dave.Ref.ID, secret.New("a password for dave")),
		"unlock": d.Unlock(t.Context(), dave.Ref.ID),
	} {
		var r *directory.Rejected
		if !errors.As(err, &r) || r.Reason != directory.NotAllowed {
			t.Errorf("%s: got %v, want not allowed", name, err)
		}
	}
	for _, p := range []string{"a password for dave", testenv.SlapdInitialWord} {
		if err := s.Bind("dave", p); !goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) {
			t.Errorf("%q: got %v, want result 49", p, err)
		}
	}
}

func TestRules(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Policy: map[string]string{"pwdMaxLength": "200"}})
	set := settings(t, s)
	d := open(t, set)
	set.PasswordRight = "manage"
	bypass := open(t, set)
	set.PolicyDN = ""
	blind := open(t, set)
	for _, c := range []struct {
		d     *Directory
		login string
		want  password.Directory
	}{
		{d, "alice", password.Directory{MinBytes: 10, MaxLength: 200, History: 5, Enforced: true}},
		{d, "carol", password.Directory{MinBytes: 10, MaxLength: 200, History: 5, MinAge: time.Hour, Enforced: true}},
		{bypass, "alice", password.Directory{MinBytes: 10, MaxLength: 200, History: 5}},
		{blind, "alice", password.Directory{}},
	} {
		got, err := c.d.Rules(t.Context(), lookUp(t, c.d, c.login).Ref.ID)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v and %v, want %+v", c.login, got, err, c.want)
		}
	}
}

// TestReferral: the directory names another server, which must not be asked.
func TestReferral(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	trap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var fell atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := trap.Accept()
			if err != nil {
				return
			}
			fell.Add(1)
			c.Close()
		}
	}()
	defer func() { trap.Close(); <-done }()
	admin(t, s, func(c *goldap.Conn) error {
		a := goldap.NewAddRequest("ou=away,"+testenv.SlapdPeople, []goldap.Control{goldap.NewControlManageDsaIT(true)})
		a.Attribute("objectClass", []string{"referral", "extensibleObject"})
		a.Attribute("ou", []string{"away"})
		a.Attribute("ref", []string{"ldap://" + trap.Addr().String() + "/" + testenv.SlapdPeople})
		return c.Add(a)
	})
	d := open(t, settings(t, s))
	if a := lookUp(t, d, "alice"); a.Login != "alice" {
		t.Errorf("got %v", a)
	}
	if _, err := d.Find(t.Context(), "mallory"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("got %v, want nobody", err)
	}
	if n := fell.Load(); n != 0 {
		t.Errorf("the referral was followed %d times", n)
	}
}

// TestServerIsLooser shows why values are compared again: slapd finds these, Find does not.
func TestServerIsLooser(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	d := open(t, settings(t, s))
	for _, handle := range []string{"ａｌｉｃｅ", " alice ", "alic\u212f"} {
		admin(t, s, func(c *goldap.Conn) error {
			r, err := c.Search(goldap.NewSearchRequest(testenv.SlapdPeople, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 5, false, "(uid="+goldap.EscapeFilter(handle)+")", nil, nil))
			if err == nil && len(r.Entries) != 1 {
				t.Errorf("%q: slapd finds %d entries; this tests nothing", handle, len(r.Entries))
			}
			return err
		})
		if a, err := d.Find(t.Context(), handle); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%q: got %v and %v, want nobody", handle, a.Login, err)
		}
	}
}
