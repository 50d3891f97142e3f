package testenv

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// The suffix of every slapd here, and the accounts that are no people.
const (
	SlapdBase         = "dc=example,dc=test"
	SlapdPeople       = "ou=people," + SlapdBase
	SlapdGroups       = "ou=groups," + SlapdBase
	SlapdPolicies     = "ou=policies," + SlapdBase
	SlapdPolicy       = "cn=default," + SlapdPolicies
	SlapdService      = "cn=postern,ou=services," + SlapdBase
	SlapdServiceWord  = "service account 7"
	SlapdAdmin        = "cn=admin," + SlapdBase
	SlapdAdminWord    = "root of the tree 3"
	SlapdInitialWord  = "Initial-Passw0rd"
	slapdSystemUser   = "openldap"
	slapdPatience     = 60 * time.Second
	slapdDatabaseSize = 2 << 30
)

// SlapdOptions are what differs between the servers that tests want.
type SlapdOptions struct {
	// Right is what the service account has on userPassword: "=w" (the least that works, and
	// the default), "write", or "manage", which makes it a password administrator to ppolicy.
	Right string
	// Policy holds attributes of the default password policy that replace those of the recipe.
	Policy map[string]string
	// Extra is how many people u000001 … there are beside the named ones.
	Extra int
	// NoSync makes writes faster than a real server's: nothing is flushed to disk.
	NoSync bool
	// Names are the host names and addresses in the certificate; localhost and 127.0.0.1.
	Names []string
	// Expires is the end of the certificate; zero: a day from now.
	Expires time.Time
	// Quiet leaves out ppolicy_use_lockout, so that a locked bind looks like a wrong password.
	Quiet bool
	// Plain leaves the server without TLS.
	Plain bool
}

// SlapdServer is a running OpenLDAP with the overlays ppolicy, memberof and refint.
type SlapdServer struct {
	URL       string // ldap://127.0.0.1:…, StartTLS is offered
	TLSURL    string // ldaps://127.0.0.1:…
	Address   string // of URL, for a proxy
	Authority string // file with the CA's certificate
	Dir       string

	options SlapdOptions
	pool    *x509.CertPool
	process *Process
	t       testing.TB
}

// Slapd starts a server with people in it and stops it when the test ends: alice and bob (in the
// group helpdesk), carol (policy "young": changed too recently), dave (locked by an
// administrator), erin (locked by wrong passwords), grace (policy "safe": only with the old
// password), and heidi and ivan, who share the address shared@example.test.
func Slapd(t testing.TB, o SlapdOptions) *SlapdServer {
	t.Helper()
	s, err := newSlapd(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.fill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.groups(); err != nil {
		t.Fatal(err)
	}
	return s
}

func newSlapd(t testing.TB, o SlapdOptions) (*SlapdServer, error) {
	if o.Right == "" {
		o.Right = "=w"
	}
	if len(o.Names) == 0 {
		o.Names = []string{"localhost", "127.0.0.1"}
	}
	if o.Expires.IsZero() {
		o.Expires = time.Now().Add(24 * time.Hour)
	}
	dir, err := os.MkdirTemp("", "slapd") // not t.TempDir: the system user must get in
	if err != nil {
		return nil, fmt.Errorf("testenv: folder for slapd: %w", err)
	}
	t.Cleanup(func() { // after the server has ended: Start's cleanup runs before
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	plain, err1 := portFor(t)
	secured, err2 := portFor(t)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(plain))
	s := &SlapdServer{
		URL: "ldap://" + address, TLSURL: "ldaps://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(secured)), Address: address,
		Authority: filepath.Join(dir, "ca.pem"), Dir: dir, options: o, t: t,
	}
	s.pool, err = slapdCertificates(dir, o)
	return s, err
}

// Start starts the server again after Stop, with the same data and addresses.
func (s *SlapdServer) Start() error {
	path, err := program("slapd", "slapd", "/usr/sbin")
	if err != nil {
		return err
	}
	args := []string{"-f", filepath.Join(s.Dir, "slapd.conf"), "-h", s.URL + "/", "-d", "0"}
	if !s.options.Plain {
		args[3] += " " + s.TLSURL + "/"
	}
	if os.Getuid() == 0 {
		args = append(args, "-u", slapdSystemUser)
	}
	s.process = Start(s.t, exec.Command(path, args...))
	return waitFor("slapd", slapdPatience, func() error {
		c, err := goldap.DialURL(s.URL)
		if err != nil {
			return errors.Join(err, s.process.Exited())
		}
		defer c.Close()
		return c.UnauthenticatedBind("")
	})
}

// Stop ends the server and waits for it. Stopping a stopped one does nothing.
func (s *SlapdServer) Stop() { s.process.Stop(syscall.SIGTERM) }

// Freeze stops the server from answering without closing anything, until Thaw. It returns when
// every thread stands still.
func (s *SlapdServer) Freeze() error { return s.process.freeze() }

// Thaw lets a frozen server go on.
func (s *SlapdServer) Thaw() error { return s.process.Signal(syscall.SIGCONT) }

// DN is where the person with that login is.
func (s *SlapdServer) DN(login string) string {
	return "uid=" + goldap.EscapeDN(login) + "," + SlapdPeople
}

// AdminConn connects as the one who may do everything. The caller closes it.
func (s *SlapdServer) AdminConn() (*goldap.Conn, error) {
	return s.conn(SlapdAdmin, SlapdAdminWord)
}

// Bind signs in as the person, as any other program would; nil when the password is right.
func (s *SlapdServer) Bind(login, password string) error {
	c, err := s.conn(s.DN(login), password)
	if err != nil {
		return err
	}
	return c.Close()
}

// TLS returns a configuration that trusts the server's authority.
func (s *SlapdServer) TLS() *tls.Config {
	return &tls.Config{RootCAs: s.pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

func (s *SlapdServer) conn(dn, password string) (*goldap.Conn, error) {
	c, err := goldap.DialURL(s.URL)
	if err != nil {
		return nil, fmt.Errorf("testenv: connect to slapd: %w", err)
	}
	c.SetTimeout(slapdPatience)
	if err := c.Bind(dn, password); err != nil {
		c.Close()
		return nil, fmt.Errorf("testenv: bind as %s: %w", dn, err)
	}
	return c, nil
}

// own gives the files to the system user that the server becomes.
func (s *SlapdServer) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup(slapdSystemUser)
	if err != nil {
		return fmt.Errorf("testenv: the user that slapd runs as: %w", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return filepath.WalkDir(s.Dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, uid, gid)
	})
}
