package activedirectory

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/internal/testenv"
	"postern/secret"
)

func TestRestart(t *testing.T) {
	s := testenv.Samba(t, testenv.SambaOptions{})
	d := open(t, settings(t, s))
	alice := lookUp(t, d, "alice")
	s.Stop()
	_, err := d.Find(t.Context(), "alice")
	if !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("while it is down: got %v", err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := d.SetPassword(t.Context(), alice.Ref.ID, secret.New("After-a-restart-1")); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if err := s.Bind("alice", "After-a-restart-1"); err != nil {
		t.Error(err)
	}
	p := directorytest.NewProxy(t, s.TLSAddress)
	set := settings(t, s)
	set.URLs = []string{"ldaps://" + p.Addr()}
	d = open(t, set)
	for range 3 {
		lookUp(t, d, "alice")
		p.Cut() // the client has nothing to notice before it uses the connection
	}
	if err := d.SetPassword(t.Context(), alice.Ref.ID, secret.New("After-a-cut-1")); err != nil {
		t.Errorf("the connection was cut before the request: got %v", err)
	}
	p.LoseAnswer(1)
	lookUp(t, d, "alice") // a read is asked again
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.SetPassword(ctx, alice.Ref.ID, secret.New("Nobody-waits-1")); !errors.Is(err, directory.ErrUnavailable) || errors.Is(err, directory.ErrUncertain) {
		t.Errorf("cancelled: got %v, want unavailable", err)
	}
	if err := s.Bind("alice", "After-a-cut-1"); err != nil {
		t.Error(err)
	}
}

func TestTLSIsChecked(t *testing.T) {
	good := testenv.Samba(t, testenv.SambaOptions{})
	expired := testenv.Samba(t, testenv.SambaOptions{Expires: time.Now().Add(-time.Hour)})
	for _, c := range []struct {
		name   string
		server *testenv.SambaServer
		tune   func(*Settings)
		want   any
		fix    string
	}{
		{"another authority", good, func(s *Settings) { s.CAFile = expired.Authority }, new(x509.UnknownAuthorityError), "holds another authority"},
		{"no authority", good, func(s *Settings) { s.CAFile = "" }, new(x509.UnknownAuthorityError), "set ca_file"},
		{"another name", good, func(s *Settings) { s.ServerName = "dc9.ad.example.test" }, new(x509.HostnameError), testenv.SambaHost},
		{"expired", expired, func(*Settings) {}, new(x509.CertificateInvalidError), "renew"},
	} {
		for _, url := range []string{c.server.URL, c.server.TLSURL} {
			set := settings(t, c.server)
			set.URLs = []string{url}
			c.tune(&set)
			d := open(t, set)
			_, err := d.Find(t.Context(), "alice")
			if !errors.Is(err, directory.ErrUnavailable) || !errors.As(err, c.want) {
				t.Errorf("%s, %s: got %v, want %T", c.name, url, err, c.want)
			}
			found := d.Check(t.Context())
			if len(found) == 0 || found[0].Severity != directory.Fault || !strings.Contains(found[0].Fix, c.fix) {
				t.Errorf("%s, %s: check says %+v, want a fix with %q", c.name, url, found, c.fix)
			}
		}
	}
}

// TestControllers has two controllers of one domain between which nothing is replicated: what was
// written on one is not on the other.
func TestControllers(t *testing.T) {
	a, b := testenv.Samba(t, testenv.SambaOptions{}), testenv.Samba(t, testenv.SambaOptions{})
	pa, pb := directorytest.NewProxy(t, a.Address), directorytest.NewProxy(t, b.Address)
	set := settings(t, a)
	set.CAFile = bundle(t, a.Authority, b.Authority)
	set.RetryServerAfter = 0
	set.URLs = []string{"ldap://" + pa.Addr(), "ldap://" + pb.Addr()}
	t.Run("ReadBack", func(t *testing.T) { readBack(t, set, pa, pb) })
	t.Run("Lag", func(t *testing.T) { replicationLag(t, set, a) })
	t.Run("Master", func(t *testing.T) { master(t, set, a, b, pb) })
}

// readBack: a write is read back where it was made, and nowhere else, for some minutes.
func readBack(t *testing.T, set Settings, pa, pb *directorytest.Proxy) {
	now := time.Now()
	d := openAt(t, set, func() time.Time { return now })
	bob := lookUp(t, d, "bob")
	to := secret.New("Written-on-A-1")
	if err := d.SetPassword(t.Context(), bob.Ref.ID, to); err != nil {
		t.Fatal(err)
	}
	if err := d.Authenticate(t.Context(), bob.Ref.ID, to); err != nil {
		t.Errorf("where it was written: %v", err)
	}
	pa.Stop()
	asked := pb.Accepted()
	if err := d.Authenticate(t.Context(), bob.Ref.ID, to); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("while that one is down: got %v, want unavailable", err)
	}
	if pb.Accepted() != asked {
		t.Error("the other one was asked, which can't know")
	}
	if _, err := d.Get(t.Context(), bob.Ref.ID); err != nil {
		t.Errorf("one failed call is enough: got %v, want that the other one is asked now", err)
	}
	alice := lookUp(t, d, "alice") // nothing was written of her: the other one answers
	if err := d.Authenticate(t.Context(), alice.Ref.ID, secret.New(testenv.SambaInitialWord)); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if err := d.SetPassword(t.Context(), bob.Ref.ID, secret.New("Written-on-B-2")); err != nil {
		t.Errorf("another write while that one is down: %v", err)
	}
	pa.Start(t)
	if err := d.Authenticate(t.Context(), bob.Ref.ID, secret.New("Written-on-B-2")); err != nil {
		t.Errorf("where it was written last: %v", err)
	}
	now = now.Add(writtenFresh + time.Second)
	if err := d.Authenticate(t.Context(), bob.Ref.ID, to); err != nil {
		t.Errorf("after some minutes the first one is asked again: %v", err)
	}
}

// replicationLag: the doctor sees that one controller lacks what the other one has known for long.
func replicationLag(t *testing.T, set Settings, a *testenv.SambaServer) {
	later := openAt(t, set, func() time.Time { return time.Now().Add(time.Hour) })
	found := later.Check(t.Context())
	at := slices.IndexFunc(found, func(f directory.Finding) bool { return strings.Contains(f.Text, "replication lags") })
	if at < 0 {
		t.Errorf("an hour after bob's password was set on one: got %+v, want that replication lags", found)
	}
	if !slices.ContainsFunc(found, func(f directory.Finding) bool {
		return strings.Contains(f.Text, "clock") && f.Severity == directory.Fault
	}) {
		t.Errorf("an hour's difference of the clocks is no fault: %+v", found)
	}
	now := open(t, set).Check(t.Context())
	if slices.ContainsFunc(now, func(f directory.Finding) bool { return strings.Contains(f.Text, "replication lags") }) {
		t.Errorf("what was set just now may still be on its way: %+v", now)
	}
}

// master: the PDC emulator is asked first when it is among urls under its own name.
func master(t *testing.T, set Settings, a, b *testenv.SambaServer, pb *directorytest.Proxy) {
	const server = "CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration," + testenv.SambaBase
	for _, s := range []*testenv.SambaServer{a, b} {
		modify(t, s, server, "dNSHostName", "localhost")
	}
	set.URLs[1] = strings.Replace(set.URLs[1], "127.0.0.1", "localhost", 1)
	d := open(t, set)
	lookUp(t, d, "alice") // the first one tells who is the master
	asked := pb.Accepted()
	lookUp(t, d, "alice")
	if pb.Accepted() == asked {
		t.Error("the master was not asked")
	}
	bob := lookUp(t, d, "bob")
	if err := d.SetPassword(t.Context(), bob.Ref.ID, secret.New("On-the-master-1")); err != nil {
		t.Fatal(err)
	}
	if err := b.Bind("bob", "On-the-master-1"); err != nil {
		t.Errorf("the password was not set on the master: %v", err)
	}
	pb.Stop()
	lookUp(t, d, "alice") // while it is down the other one does
	pb.Start(t)
}

// TestCheck names the fault and the fix of set-ups that are broken on purpose.
func TestCheck(t *testing.T) {
	s := testenv.Samba(t, testenv.SambaOptions{Expires: time.Now().Add(90 * 24 * time.Hour)})
	bad := func(found []directory.Finding) (out []directory.Finding) {
		for _, f := range found {
			if f.Severity != directory.Good && !strings.Contains(f.Text, "history is not enforced here") {
				out = append(out, f)
			}
		}
		return out
	}
	for _, c := range []struct {
		name, text, fix string
		tune            func(*Settings)
		spoil           func()
	}{
		{name: "nothing is wrong"},
		{name: "wrong base", text: "base OU=Nowhere", fix: "correct base", tune: func(s *Settings) { s.Base = "OU=Nowhere," + testenv.SambaBase }},
		{name: "nobody matches", text: "nobody below", fix: "user_filter", tune: func(s *Settings) { s.UserFilter = "(objectClass=printQueue)" }},
		{name: "wrong account", text: "wrong password", fix: "-s base 1.1", tune: func(s *Settings) { s.BindDN = "nobody@ad.example.test" }},
		{name: "disabled account", text: "disabled", fix: "samba-tool user enable 'svc-off'", tune: func(s *Settings) { s.BindDN = "svc-off@ad.example.test" }, spoil: func() {
			if err := s.AddUser(testenv.SambaUser{Login: "svc-off", Password: testenv.SambaServiceWord, Disabled: true}); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "no rights", text: "may not set the password (Reset Password): it has the right for none of the 5", fix: "dsacls", tune: func(s *Settings) { s.BindDN = testenv.SambaWeak }},
		{name: "no settings objects", text: "password settings objects can't be read", fix: "Password Settings Container", tune: func(s *Settings) { s.BindDN = testenv.SambaHalf }},
		{name: "locked account", text: "the account is locked by wrong passwords", fix: "samba-tool user unlock 'svc-shut'", tune: func(s *Settings) { s.BindDN = "svc-shut@ad.example.test" }, spoil: func() {
			if err := s.AddUser(testenv.SambaUser{Login: "svc-shut", Password: testenv.SambaServiceWord, Locked: true}); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "TLS to the port that speaks StartTLS", text: "speaks no TLS from the start", fix: "write ldap://", tune: func(x *Settings) { x.URLs = []string{"ldaps://" + s.Address} }},
		{name: "StartTLS to the port that speaks TLS", text: "speaks TLS from the start", fix: "write ldaps://", tune: func(x *Settings) { x.URLs = []string{"ldap://" + s.TLSAddress} }},
		{name: "too mighty", text: "Domain Admins", fix: "delegate", tune: func(s *Settings) { s.BindDN = "svc-mighty@ad.example.test" }, spoil: func() {
			if err := s.AddUser(testenv.SambaUser{Login: "svc-mighty", Password: testenv.SambaServiceWord, Groups: []string{"CN=Domain Admins,CN=Users," + testenv.SambaBase}}); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "no Unexpire Password", text: "Unexpire Password", fix: "Unexpire Password", spoil: func() {
			tool := "samba-tool dsacl set --objectdn='" + testenv.SambaBase + "' --sddl='(OD;;CR;" + idUnexpire + ";;AU)'"
			samba(t, s, tool)
		}},
	} {
		set := settings(t, s)
		if c.spoil != nil {
			c.spoil()
		}
		if c.tune != nil {
			c.tune(&set)
		}
		found := bad(open(t, set).Check(t.Context()))
		if c.text == "" {
			if len(found) > 0 {
				t.Errorf("%s: got %+v", c.name, found)
			}
			continue
		}
		if !slices.ContainsFunc(found, func(f directory.Finding) bool {
			return strings.Contains(f.Text, c.text) && strings.Contains(f.Fix, c.fix)
		}) {
			t.Errorf("%s: got %+v, want %q and a fix with %q", c.name, found, c.text, c.fix)
		}
		for _, f := range found {
			if c.name == "locked account" && strings.Contains(f.Text, c.text) { // what is printed lets it work, and keeps it so
				samba(t, s, f.Fix)
				if _, err := open(t, set).Find(t.Context(), "alice"); err != nil {
					t.Errorf("unlocked: %v", err)
				}
			}
			if strings.Contains(f.Text, ".c:") {
				t.Errorf("%s: a place in the server's source: %s", c.name, f.Text)
			}
		}
	}
	slapd := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	set := settings(t, s)
	set.URLs, set.CAFile, set.ServerName, set.BindDN = []string{slapd.TLSURL}, slapd.Authority, "", testenv.SlapdService
	set.BindPasswordFile, set.BindPasswordEnv = "", "POSTERN_TEST_SLAPD"
	t.Setenv("POSTERN_TEST_SLAPD", testenv.SlapdServiceWord)
	found := bad(open(t, set).Check(t.Context()))
	if !slices.ContainsFunc(found, func(f directory.Finding) bool { return strings.Contains(f.Text, "no domain controller") }) {
		t.Errorf("another kind of server: got %+v", found)
	}
}
