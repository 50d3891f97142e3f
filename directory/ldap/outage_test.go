package ldap

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/internal/testenv"
	"postern/secret"
)

func TestRestart(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	d := open(t, settings(t, s))
	alice := lookUp(t, d, "alice")
	for _, p := range []string{"password after a restart", "password after another"} {
		s.Stop()
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if err := d.SetPassword(t.Context(), alice.Ref.ID, secret.New(p)); err != nil {
			t.Errorf("the connection that lay idle is dead: got %v, want that another is used", err)
		}
	}
	s.Stop()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	lookUp(t, d, "alice")
	if err := s.Bind("alice", "password after another"); err != nil {
		t.Error(err)
	}
}

// TestCutIdle cuts connections without closing the server, so that the client has nothing to
// notice before it uses one.
func TestCutIdle(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	p := directorytest.NewProxy(t, s.Address)
	set := settings(t, s)
	set.URLs = []string{"ldap://" + p.Addr()}
	d := open(t, set)
	for range 5 {
		lookUp(t, d, "alice")
		p.Cut()
	}
	lookUp(t, d, "alice")
	p.LoseAnswer(1)
	lookUp(t, d, "alice") // a read is asked again
}

func TestFrozen(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	set := settings(t, s)
	patient := open(t, set)
	alice := lookUp(t, patient, "alice")
	set.DialTimeout, set.RequestTimeout = 200*time.Millisecond, 200*time.Millisecond
	d := open(t, set)
	testenv.WaitFor(t, "an answer so soon", time.Minute, func() error { // at once, but on a busy machine
		_, err := d.Find(t.Context(), "alice")
		return err
	})
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	_, err := d.Find(t.Context(), "alice")
	if !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("find: got %v, want unavailable", err)
	}
	err = d.SetPassword(t.Context(), alice.Ref.ID, secret.New("password for a frozen one"))
	if !errors.Is(err, directory.ErrUnavailable) || errors.Is(err, directory.ErrUncertain) {
		t.Errorf("set: got %v, want unavailable", err)
	}
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	lookUp(t, patient, "alice")
	if err := s.Bind("alice", testenv.SlapdInitialWord); err != nil {
		t.Errorf("the password was changed: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	d := open(t, settings(t, s))
	alice := lookUp(t, d, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.SetPassword(ctx, alice.Ref.ID, secret.New("password nobody waits for")); !errors.Is(err, directory.ErrUnavailable) || errors.Is(err, directory.ErrUncertain) {
		t.Errorf("got %v, want unavailable", err)
	}
	lookUp(t, d, "alice")
}

func TestTLSIsChecked(t *testing.T) {
	good := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	other := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Names: []string{"ldap.example.test"}})
	expired := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Expires: time.Now().Add(-time.Hour)})
	for _, c := range []struct {
		name   string
		server *testenv.SlapdServer
		tune   func(*Settings)
		want   any
		fix    string
	}{
		{"another authority", good, func(s *Settings) { s.CAFile = other.Authority }, new(x509.UnknownAuthorityError), "holds another authority"},
		{"no authority", good, func(s *Settings) { s.CAFile = "" }, new(x509.UnknownAuthorityError), "set ca_file"},
		{"another name", other, func(*Settings) {}, new(x509.HostnameError), "ldap.example.test"},
		{"another server_name", good, func(s *Settings) { s.ServerName = "ldap.example.test" }, new(x509.HostnameError), "localhost"},
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
	set := settings(t, other)
	set.ServerName = "ldap.example.test"
	lookUp(t, open(t, set), "alice")
}

// TestNothingInClear listens to what is said to a server that refuses StartTLS, one that answers
// nonsense, and one that goes away.
func TestNothingInClear(t *testing.T) {
	for name, reply := range map[string]string{
		"refuses":  "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00",
		"nonsense": "HTTP/1.1 400 Bad Request\r\n\r\n",
		"agrees, and slips in more": "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00" +
			"\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
		"goes away": "",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan string, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				heard <- ""
				return
			}
			defer c.Close()
			buf := make([]byte, 64<<10)
			n, _ := c.Read(buf)
			_, _ = c.Write([]byte(reply))
			_ = c.(*net.TCPConn).CloseWrite()
			more, _ := c.Read(buf[n:])
			heard <- string(buf[:n+more])
		}()
		set := *Defaults()
		set.URLs, set.BindDN, set.Base = []string{"ldap://" + l.Addr().String()}, testenv.SlapdService, testenv.SlapdPeople
		set.BindPasswordFile = filepath.Join(t.TempDir(), "word")
		if err := os.WriteFile(set.BindPasswordFile, []byte(testenv.SlapdServiceWord), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, set).Find(t.Context(), "alice"); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("%s: got %v, want unavailable", name, err)
		}
		l.Close()
		said := <-heard
		if !strings.Contains(said, "1.3.6.1.4.1.1466.20037") || strings.Contains(said, testenv.SlapdServiceWord) || strings.Contains(said, "cn=postern") {
			t.Errorf("%s: heard %q", name, said)
		}
	}
}
