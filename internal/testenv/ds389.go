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

const (
	ds389Base       = "dc=example,dc=test"
	ds389People     = "ou=people," + ds389Base
	ds389Groups     = "ou=groups," + ds389Base
	ds389Service    = "cn=postern,ou=services," + ds389Base
	ds389Admin      = "cn=Directory Manager"
	ds389SystemUser = "dirsrv"
	ds389Patience   = 60 * time.Second
)

// DS389InitialWord is the password of everybody here; it is long enough for grace too.
const DS389InitialWord = SlapdInitialWord

// DS389Options are what differs between the servers that tests want.
type DS389Options struct {
	// Policy holds attributes of cn=config that replace or join those of the recipe: the global
	// password policy is there, and passwordStorageScheme, which is SSHA512 here because the
	// server's own PBKDF2 is slow on purpose.
	Policy map[string]string
	// Extra is how many people u000001 … there are beside the named ones.
	Extra int
	// Blind leaves the service without the right to read the global policy.
	Blind bool
	// IPA adds the part of FreeIPA's schema that tells the state of an account, and people with
	// such attributes below DS389Server.IPAUsers. It is storage only: nothing of FreeIPA runs.
	IPA bool
}

// DS389Server is a running 389 Directory Server. It answers a change of a password first and
// brings history, counters and times up to date after that: a test that looks at them waits.
type DS389Server struct {
	URL        string // ldap://127.0.0.1:…, StartTLS is offered
	TLSURL     string // ldaps://127.0.0.1:…
	Address    string // of URL, for a proxy
	TLSAddress string
	Authority  string // file with the CA's certificate
	Dir        string

	Base, People, Groups string
	Service, ServiceWord string // by access control alone, no password administrator
	Admin, AdminWord     string // Directory Manager, for whom no rule holds

	IPAUsers, IPAGroups, IPAPolicies string // with the option IPA

	options DS389Options
	pool    *x509.CertPool
	port    [2]int // plain, TLS
	process *Process
	t       testing.TB
}

// DS389 starts a server with people in it and stops it when the test ends. It needs no dscreate,
// no systemd and no root (as root it runs as dirsrv), and all its files are in one temporary
// folder; the suffix, the groups and the policies are as fill describes.
func DS389(t testing.TB, o DS389Options) *DS389Server {
	t.Helper()
	s, err := newDS389(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.configure(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.fill(); err != nil {
		t.Fatal(err)
	}
	return s
}

func newDS389(t testing.TB, o DS389Options) (*DS389Server, error) {
	dir, err := os.MkdirTemp("", "ds389-") // not t.TempDir: the system user must get in
	if err != nil {
		return nil, fmt.Errorf("testenv: folder for 389-ds: %w", err)
	}
	t.Cleanup(func() { // after the server has ended: Start's cleanup runs before
		// The server names a semaphore after the folder, and leaves it when it is killed.
		semaphore := "/dev/shm/sem." + filepath.Base(dir) + ".stats"
		if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(semaphore)); err != nil {
			t.Error(err)
		}
	})
	plain, err1 := portFor(t)
	secured, err2 := portFor(t)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	s := &DS389Server{
		Address: loopback(plain), TLSAddress: loopback(secured), Authority: filepath.Join(dir, "ca.pem"), Dir: dir,
		Base: ds389Base, People: ds389People, Groups: ds389Groups,
		Service: ds389Service, ServiceWord: SlapdServiceWord, Admin: ds389Admin, AdminWord: SlapdAdminWord,
		IPAUsers: ipaUsers, IPAGroups: ipaGroups, IPAPolicies: ipaPolicies,
		options: o, port: [2]int{plain, secured}, t: t,
	}
	s.URL, s.TLSURL = "ldap://"+s.Address, "ldaps://"+s.TLSAddress
	return s, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Start starts the server again after Stop, with the same data and addresses.
func (s *DS389Server) Start() error {
	path, err := program("ns-slapd", "389-ds-base", "/usr/sbin")
	if err != nil {
		return err
	}
	run := exec.Command(path, "-D", s.Dir, "-i", filepath.Join(s.Dir, "pid"), "-d", "0")
	_, uid, gid, err := ds389Owner()
	if err != nil {
		return err
	}
	if os.Getuid() == 0 { // before it starts: a change of user by itself would outlive this process
		run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	s.process = Start(s.t, run)
	err = waitFor("389-ds", ds389Patience, func() error {
		if s.process.Exited() != nil {
			return nil // no use in waiting on
		}
		c, err := goldap.DialURL(s.URL)
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetTimeout(ds389Patience)
		_, err = c.Search(goldap.NewSearchRequest("", goldap.ScopeBaseObject, goldap.NeverDerefAliases,
			1, 0, false, "(objectClass=*)", []string{"vendorVersion"}, nil))
		return err
	})
	if ended := s.process.Exited(); ended != nil {
		log, _ := os.ReadFile(filepath.Join(s.Dir, "log", "errors")) // it says little elsewhere
		return fmt.Errorf("%w\n%s", ended, log)
	}
	return err
}

// Stop ends the server and waits for it, some seconds. Stopping a stopped one does nothing.
func (s *DS389Server) Stop() { s.process.Stop(syscall.SIGTERM) }

// Freeze stops the server from answering without closing anything, until Thaw. It returns when
// every thread stands still.
func (s *DS389Server) Freeze() error { return s.process.freeze() }

// Thaw lets a frozen server go on.
func (s *DS389Server) Thaw() error { return s.process.Signal(syscall.SIGCONT) }

// DN is where the person with that login is.
func (s *DS389Server) DN(login string) string {
	return "uid=" + goldap.EscapeDN(login) + "," + s.People
}

// AdminConn connects as the one for whom no rule holds. The caller closes it.
func (s *DS389Server) AdminConn() (*goldap.Conn, error) {
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	if err := c.Bind(s.Admin, s.AdminWord); err != nil {
		c.Close()
		return nil, fmt.Errorf("testenv: bind as %s: %w", s.Admin, err)
	}
	return c, nil
}

// Bind signs in as the person, as any other program would; nil when the password is right, and
// otherwise the library's error as it is. A password that has expired, or must be changed, is
// right to this server: it says so in a control.
func (s *DS389Server) Bind(login, password string) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Bind(s.DN(login), password)
}

// TLS returns a configuration that trusts the server's authority.
func (s *DS389Server) TLS() *tls.Config {
	return &tls.Config{RootCAs: s.pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

func (s *DS389Server) dial() (*goldap.Conn, error) {
	c, err := goldap.DialURL(s.TLSURL, goldap.DialWithTLSConfig(s.TLS()))
	if err != nil {
		return nil, fmt.Errorf("testenv: connect to 389-ds: %w", err)
	}
	c.SetTimeout(ds389Patience)
	return c, nil
}

// ds389Owner is whom the server runs as: the package's own user, or whoever runs the test.
func ds389Owner() (name string, uid, gid int, err error) {
	u, err := user.Current()
	if os.Getuid() == 0 {
		u, err = user.Lookup(ds389SystemUser)
	}
	if err != nil {
		return "", 0, 0, fmt.Errorf("testenv: the user that 389-ds runs as: %w: install the Debian package 389-ds-base", err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return u.Username, uid, gid, errors.Join(err1, err2)
}
