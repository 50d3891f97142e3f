package testenv

import (
	"crypto/sha256"
	_ "embed" // for the seed
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf16"

	goldap "github.com/go-ldap/ldap/v3"
)

const sambaPackage = "samba"

// sambaSeed makes the domain and its people with Samba's own modules for Debian's Python.
//
//go:embed samba_seed.py
var sambaSeed string

// fill gives the server a copy of the stored domain and its configuration.
func (s *SambaServer) fill() error {
	if err := sambaCopy(filepath.Join(s.Dir, "private")); err != nil {
		return err
	}
	for _, d := range []string{"state", "cache", "lock", "run"} {
		if err := os.Mkdir(filepath.Join(s.Dir, d), 0o700); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.Dir, "smb.conf"), []byte(s.configuration()), 0o600)
}

func (s *SambaServer) configuration() string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%s = %s\n", name, value) }
	b.WriteString("[global]\n")
	line("netbios name", "DC1")
	line("realm", sambaRealm)
	line("workgroup", sambaDomain)
	line("server role", "active directory domain controller")
	line("server services", "ldap")
	line("interfaces", s.ip+"/8") // the mask of the loopback interface; the address alone is used
	line("bind interfaces only", "yes")
	for name, dir := range map[string]string{
		"private dir": "private", "state directory": "state", "cache directory": "cache", "lock directory": "lock",
		"pid directory": "run", "ncalrpc dir": "run/ncalrpc", "binddns dir": "run/dns", "winbindd socket directory": "run/winbindd",
		"ntp signd socket directory": "run/ntp", "log file": "log",
		"tls cafile": "ca.pem", "tls certfile": "server.pem", "tls keyfile": "server.key",
	} {
		line(name, filepath.Join(s.Dir, dir))
	}
	line("tls enabled", "yes")
	line("ldb:nosync", "true")               // nothing needs to outlive the machine
	line("old password allowed period", "0") // else the former password works for another hour
	return b.String()
}

// sambaCopy copies the databases of the stored domain, which it makes when it is not there: making
// one takes seconds. The store is the user's, and a lock keeps test processes from making it twice.
func sambaCopy(to string) error {
	root, key, err := sambaStore()
	if err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(root, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("testenv: lock of the stored domains: %w", err)
	}
	defer lock.Close() // and lets the lock go
	if err := flock(lock, syscall.LOCK_EX); err != nil {
		return err
	}
	stored := filepath.Join(root, key)
	if _, err := os.Stat(stored); errors.Is(err, fs.ErrNotExist) {
		err = sambaProvision(root, stored)
		if err != nil {
			return err
		}
	} else if err != nil {
		return fmt.Errorf("testenv: stored domain: %w", err)
	}
	if err := os.CopyFS(to, os.DirFS(filepath.Join(stored, "private"))); err != nil {
		return fmt.Errorf("testenv: copying the stored domain: %w", err)
	}
	return nil
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("testenv: waiting for the stored domain: %w", err)
		}
	}
}

// sambaStore returns where domains are stored, and the name of the one that this recipe makes.
func sambaStore() (root, key string, err error) {
	path, err := program("samba", sambaPackage, "/usr/sbin")
	if err != nil {
		return "", "", err
	}
	version, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "", "", fmt.Errorf("testenv: version of Samba: %w", err)
	}
	root, err = os.UserCacheDir()
	if err != nil {
		return "", "", fmt.Errorf("testenv: a place to store domains: %w", err)
	}
	root = filepath.Join(root, "postern-testenv")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", "", fmt.Errorf("testenv: folder of stored domains: %w", err)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{string(version), sambaSeed, sambaAdminWord, SambaInitialWord, SambaServiceWord}, "\x00")))
	return root, "samba-" + hex.EncodeToString(sum[:8]), nil
}

// sambaProvision makes a domain in a folder of its own and moves it where it belongs when it is
// complete. The domains of other recipes go.
func sambaProvision(root, stored string) error {
	old, err := filepath.Glob(filepath.Join(root, "samba-*"))
	if err != nil {
		return err
	}
	for _, o := range old {
		if err := os.RemoveAll(o); err != nil {
			return fmt.Errorf("testenv: removing an old domain: %w", err)
		}
	}
	making := stored + ".new"
	if err := os.Mkdir(making, 0o700); err != nil {
		return fmt.Errorf("testenv: folder for the domain: %w", err)
	}
	// Samba's modules belong to Debian's Python, which need not be the first in $PATH.
	cmd := exec.Command("/usr/bin/python3", "-", making, sambaAdminWord, SambaInitialWord, SambaServiceWord)
	cmd.Stdin = strings.NewReader(sambaSeed)
	cmd.Env = append(os.Environ(), "SMB_CONF_PATH=/dev/null", "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("testenv: making a domain (Debian packages %s, samba-ad-provision, samba-dsdb-modules): %w\n%s", sambaPackage, err, out)
	}
	return os.Rename(making, stored)
}

// SambaUser is an account to add. Only Login must be there.
type SambaUser struct {
	Login    string   // sAMAccountName
	UPN      string   // LOGIN@ad.example.test when empty
	Name     string   // of the entry and for display; LOGIN when empty
	Mail     string   // Active Directory holds one
	Proxies  []string // proxyAddresses, such as SMTP:a@b and smtp:c@d
	Password string   // SambaInitialWord when empty
	OU       string   // a DN; OU=People when empty
	Groups   []string // DNs

	Disabled   bool
	Locked     bool // by wrong passwords
	MustChange bool
	Expired    bool // the account, not the password
	// More holds further attributes.
	More map[string][]string
}

// AddUser adds an account as Administrator.
func (s *SambaServer) AddUser(u SambaUser) error {
	c, err := s.AdminConn()
	if err != nil {
		return err
	}
	defer c.Close()
	either := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	name := either(u.Name, u.Login)
	dn := "CN=" + goldap.EscapeDN(name) + "," + either(u.OU, SambaPeople)
	add := goldap.NewAddRequest(dn, nil)
	add.Attribute("objectClass", []string{"user"})
	add.Attribute("sAMAccountName", []string{u.Login})
	add.Attribute("userPrincipalName", []string{either(u.UPN, u.Login+"@"+sambaDNS)})
	add.Attribute("displayName", []string{name})
	add.Attribute("unicodePwd", []string{SambaPassword(either(u.Password, SambaInitialWord))})
	control := 0x200 // NORMAL_ACCOUNT
	if u.Disabled {
		control |= 0x2 // ACCOUNTDISABLE
	}
	add.Attribute("userAccountControl", []string{strconv.Itoa(control)})
	if u.Mail != "" {
		add.Attribute("mail", []string{u.Mail})
	}
	if len(u.Proxies) > 0 {
		add.Attribute("proxyAddresses", u.Proxies)
	}
	if u.MustChange {
		add.Attribute("pwdLastSet", []string{"0"})
	}
	if u.Expired {
		add.Attribute("accountExpires", []string{SambaTime(time.Now().Add(-24 * time.Hour))})
	}
	for name, values := range u.More {
		add.Attribute(name, values)
	}
	if err := c.Add(add); err != nil {
		return fmt.Errorf("testenv: add %s: %w", u.Login, err)
	}
	for _, g := range u.Groups {
		join := goldap.NewModifyRequest(g, nil)
		join.Add("member", []string{dn})
		if err := c.Modify(join); err != nil {
			return fmt.Errorf("testenv: add %s to %s: %w", u.Login, g, err)
		}
	}
	if u.Locked {
		return s.lock(dn)
	}
	return nil
}

// lock gives wrong passwords for the account until it is locked.
func (s *SambaServer) lock(login string) error {
	for range sambaThreshold {
		if err := s.Bind(login, "not the password"); !goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) {
			return fmt.Errorf("testenv: locking %s: got %v, want result 49", login, err)
		}
	}
	if err := s.Bind(login, "not the password"); err == nil || !strings.Contains(err.Error(), "data 775") {
		return fmt.Errorf("testenv: %s is not locked after %d wrong passwords: %v", login, sambaThreshold, err)
	}
	return nil
}

// SambaPassword is the form in which unicodePwd takes a password: in quotes, as UTF-16.
func SambaPassword(password string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(`"` + password + `"`)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// SambaTime is a moment as accountExpires and its like hold it: in units of 100 ns since 1601.
func SambaTime(at time.Time) string {
	const to1970 = 116444736000000000
	return strconv.FormatInt(at.UnixNano()/100+to1970, 10)
}
