package testenv

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// The domain of every Samba here, and the accounts that are no people. The service accounts stand
// in OU=Services and differ in what was delegated to them on users below OU=People: to
// SambaService the right to reset passwords, lockoutTime, pwdLastSet, and reading the password
// settings objects; to SambaHalf the right to reset alone; to SambaWeak nothing.
const (
	SambaHost        = "dc1.ad.example.test" // the domain controller's own name, in its certificate
	SambaBase        = "DC=ad,DC=example,DC=test"
	SambaPeople      = "OU=People," + SambaBase
	SambaGroups      = "OU=Groups," + SambaBase
	SambaSettings    = "CN=Password Settings Container,CN=System," + SambaBase
	SambaService     = "svc-postern@" + sambaDNS
	SambaHalf        = "svc-half@" + sambaDNS
	SambaWeak        = "svc-weak@" + sambaDNS
	SambaServiceWord = "Service-Passw0rd-77"
	SambaInitialWord = "Initial-Passw0rd1"

	sambaDNS       = "ad.example.test"
	sambaRealm     = "AD.EXAMPLE.TEST"
	sambaDomain    = "ADEX"
	sambaAdmin     = "Administrator@" + sambaDNS
	sambaAdminWord = "Adm1n-Passw0rd!"
	sambaPatience  = 60 * time.Second
	sambaThreshold = 3 // wrong passwords until an account is locked
)

// SambaOptions are what differs between the servers that tests want.
type SambaOptions struct {
	// Names are the host names and addresses in the certificate; SambaHost, localhost and the
	// server's address when empty.
	Names []string
	// Expires is the end of the certificate; zero: a day from now.
	Expires time.Time
}

// SambaServer is a running domain controller of an Active Directory domain that serves LDAP and
// the global catalogue, and no other protocol.
type SambaServer struct {
	URL, TLSURL         string // ldap://127.x.y.z:389, StartTLS is demanded; ldaps://127.x.y.z:636
	Address, TLSAddress string // of both, for a proxy
	Authority           string // file with the CA's certificate
	Dir                 string // where it keeps its data

	Base, People         string // SambaBase, SambaPeople
	Service, ServiceWord string // SambaService, SambaServiceWord
	Domain, Realm        string

	ip      string
	pool    *x509.CertPool
	leaf    []byte // the server's certificate
	process *Process
	t       testing.TB
}

// Samba starts a domain controller with people in it and stops it when the test ends. Two of them
// hold the same accounts with the same objectGUIDs and know nothing of each other, like replicas
// between which nothing is replicated any more.
//
// The domain asks for 8 characters of three classes, remembers 5 passwords and locks for half an
// hour after 3 wrong ones. People's passwords are SambaInitialWord, their addresses are
// LOGIN@example.test, and they stand in OU=People unless told otherwise: alice and bob (in the
// group helpdesk), carol (in staff; settings "vip": 14 characters), dave (in OU=Berlin below; in
// berlin, which is in staff), erin (locked by wrong passwords), frank and ivy (nothing special),
// heidi and ivan (who share the address shared@example.test), judy (disabled), karl (account
// expired), lena (must change), mona (settings "brief": password expired), nick (settings "young":
// changed too recently), oscar (of Domain Admins: guarded by AdminSDHolder), peter (may sign in at
// no hour), quinn (in OU=Elsewhere, where nothing is delegated), rita (cannot change her
// password), o'neil (with all that a DN must escape in his name), and the look-alikes jurgen and
// jürgen, michael and mıchael.
func Samba(t testing.TB, o SambaOptions) *SambaServer {
	t.Helper()
	s, err := newSamba(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	// Not in the stored domain, where the half hour would pass.
	if err := s.lock("erin"); err != nil {
		t.Fatal(err)
	}
	return s
}

func newSamba(t testing.TB, o SambaOptions) (*SambaServer, error) {
	if os.Getuid() != 0 {
		return nil, errors.New("testenv: Samba's ports (389, 636, 3268, 3269) are fixed and only root may listen on them: run these tests as root, for example with sudo -E env \"PATH=$PATH\" go test")
	}
	ip, err := sambaAddress()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "samba") // not t.TempDir: paths of sockets must be short
	if err != nil {
		return nil, fmt.Errorf("testenv: folder for Samba: %w", err)
	}
	t.Cleanup(func() { // after the server has ended: Start's cleanup runs before
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := &SambaServer{
		Address: net.JoinHostPort(ip, "389"), TLSAddress: net.JoinHostPort(ip, "636"), Authority: filepath.Join(dir, "ca.pem"), Dir: dir,
		Base: SambaBase, People: SambaPeople, Service: SambaService, ServiceWord: SambaServiceWord, Domain: sambaDomain, Realm: sambaRealm,
		ip: ip, t: t,
	}
	s.URL, s.TLSURL = "ldap://"+s.Address, "ldaps://"+s.TLSAddress
	return s, errors.Join(s.certificate(o), s.fill())
}

func (s *SambaServer) certificate(o SambaOptions) error {
	if len(o.Names) == 0 {
		o.Names = []string{SambaHost, "localhost", s.ip}
	}
	if o.Expires.IsZero() {
		o.Expires = time.Now().Add(24 * time.Hour)
	}
	var err error
	if s.pool, err = slapdCertificates(s.Dir, SlapdOptions{Names: o.Names, Expires: o.Expires}); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(s.Dir, "server.pem"))
	if err != nil {
		return err
	}
	b, _ := pem.Decode(text)
	s.leaf = b.Bytes
	return nil
}

// sambaAddress draws a loopback address on whose ports nobody listens.
func sambaAddress() (string, error) {
	var last error
	for range portDraws {
		ip := fmt.Sprintf("127.%d.%d.%d", 10+rand.IntN(240), rand.IntN(256), 1+rand.IntN(254))
		last = nil
		for _, port := range []string{"389", "636", "3268", "3269"} {
			l, err := net.Listen("tcp", net.JoinHostPort(ip, port))
			if err == nil {
				err = l.Close()
			}
			last = errors.Join(last, err)
		}
		if last == nil {
			return ip, nil
		}
	}
	return "", fmt.Errorf("testenv: no loopback address with free ports in %d draws: %w", portDraws, last)
}

// Start starts the server again after Stop, with the same data and addresses.
func (s *SambaServer) Start() error {
	path, err := program("samba", sambaPackage, "/usr/sbin")
	if err != nil {
		return err
	}
	s.process = Start(s.t, exec.Command(path, "-i", "-M", "single", "-s", filepath.Join(s.Dir, "smb.conf")))
	return waitFor("Samba", sambaPatience, func() error {
		c, err := s.AdminConn()
		if err != nil {
			return errors.Join(err, s.process.Exited())
		}
		return c.Close()
	})
}

// Stop ends the server and waits for it. Stopping a stopped one does nothing.
func (s *SambaServer) Stop() { s.process.Stop(syscall.SIGTERM) }

// Freeze stops the server from answering without closing anything, until Thaw.
func (s *SambaServer) Freeze() error { return s.process.freeze() }

// Thaw lets a frozen server go on.
func (s *SambaServer) Thaw() error { return s.process.Signal(syscall.SIGCONT) }

// TLS returns a configuration that trusts the server's authority.
func (s *SambaServer) TLS() *tls.Config {
	return &tls.Config{RootCAs: s.pool, ServerName: SambaHost, MinVersion: tls.VersionTLS12}
}

// AdminConn connects as Administrator by LDAPS, whatever names are in the certificate. The caller
// closes it.
func (s *SambaServer) AdminConn() (*goldap.Conn, error) {
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	if err := c.Bind(sambaAdmin, sambaAdminWord); err != nil {
		c.Close()
		return nil, fmt.Errorf("testenv: bind as %s: %w", sambaAdmin, err)
	}
	return c, nil
}

// Bind signs in by LDAPS as any other program would, with a login of the domain, a principal name
// or a DN. The server's refusal is returned as it is, a *goldap.Error.
func (s *SambaServer) Bind(login, password string) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if !strings.ContainsAny(login, "@=") {
		login += "@" + sambaDNS
	}
	return c.Bind(login, password)
}

// dial connects by LDAPS and accepts exactly the server's certificate, also one that others must
// refuse: that of another name, or one that has expired.
func (s *SambaServer) dial() (*goldap.Conn, error) {
	exactly := func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 || !bytes.Equal(raw[0], s.leaf) {
			return errors.New("testenv: that is not the certificate of this server")
		}
		return nil
	}
	c, err := goldap.DialURL(s.TLSURL, goldap.DialWithTLSConfig(&tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyPeerCertificate: exactly}))
	if err != nil {
		return nil, fmt.Errorf("testenv: connect to Samba: %w", err)
	}
	c.SetTimeout(sambaPatience)
	return c, nil
}

// DN is where the account with that sAMAccountName is now. It fails the test when there is none.
func (s *SambaServer) DN(login string) string {
	s.t.Helper()
	c, err := s.AdminConn()
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	dn, err := sambaDN(c, login)
	if err != nil {
		s.t.Fatal(err)
	}
	return dn
}

func sambaDN(c *goldap.Conn, login string) (string, error) {
	r, err := c.Search(goldap.NewSearchRequest(SambaBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false,
		"(sAMAccountName="+goldap.EscapeFilter(login)+")", []string{"1.1"}, nil))
	if err != nil {
		return "", fmt.Errorf("testenv: search for %s: %w", login, err)
	}
	if len(r.Entries) != 1 {
		return "", fmt.Errorf("testenv: %d accounts are called %s, want 1", len(r.Entries), login)
	}
	return r.Entries[0].DN, nil
}
