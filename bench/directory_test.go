package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/config"
	"postern/directory"
	directories "postern/directory/all"
	"postern/directory/directorytest"
	"postern/internal/testenv"
	methods "postern/method/all"
	senders "postern/notify/all"
	"postern/secret"
)

// directoryWorkers ask at once, each about a person of its own.
const directoryWorkers = 8

// server under measurement, and how to speak to it without Postern.
type subject struct {
	name   string
	d      directory.Directory // through a proxy that counts
	proxy  *directorytest.Proxy
	logins []string
	search func(c *goldap.Conn, login string) error
	set    func(c *goldap.Conn, login, password string) error
	conn   func() (*goldap.Conn, error)
}

// BenchmarkDirectory is looking people up and setting passwords in each kind of directory beside
// one search and one write of the same server, in turn; and what a look-up and a reset send.
func BenchmarkDirectory(b *testing.B) {
	for _, make := range []func(*testing.B) subject{onSlapd, onSamba} {
		s := make(b)
		b.Run(s.name, func(b *testing.B) { s.measure(b) })
	}
}

func (s subject) measure(b *testing.B) {
	ids := s.identify(b)
	conns := make([]*goldap.Conn, directoryWorkers)
	for i := range conns {
		var err error
		if conns[i], err = s.conn(); err != nil {
			b.Fatal(err)
		}
		defer conns[i].Close()
	}
	ctx := b.Context()
	opened, sent := s.proxy.Accepted(), s.proxy.Sent()
	if _, err := s.d.Find(ctx, s.logins[0]); err != nil {
		b.Fatal(err)
	}
	finds := s.proxy.Sent() - sent
	sent = s.proxy.Sent()
	if err := s.d.SetPassword(ctx, ids[0], fresh(0)); err != nil {
		b.Fatal(err)
	}
	sets := s.proxy.Sent() - sent
	var find, search, set, write []float64
	for range rounds {
		search = append(search, rate(b, func(w, _ int) error { return s.search(conns[w], s.logins[w]) }))
		find = append(find, rate(b, func(w, _ int) error { _, err := s.d.Find(ctx, s.logins[w]); return err }))
		write = append(write, rate(b, func(w, n int) error { return s.set(conns[w], s.logins[w], fresh(n).Reveal()) }))
		set = append(set, rate(b, func(w, n int) error { return s.d.SetPassword(ctx, ids[w], fresh(n)) }))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(find)/median(search), "look-up/search")
	b.ReportMetric(median(set)/median(write), "set/write")
	table.note("%s: %.0f look-ups a second, %.2f of bare searches; %.1f passwords set a second, %.2f of bare writes; a look-up sent %d messages, a reset %d; %d connections opened after the first",
		s.name, median(find), median(find)/median(search), median(set), median(set)/median(write), finds, sets, s.proxy.Accepted()-opened)
}

// identify finds everybody, each on a connection of its own, so that all are open.
func (s subject) identify(b *testing.B) []string {
	b.Helper()
	ids := make([]string, len(s.logins))
	var all sync.WaitGroup
	for i, login := range s.logins {
		all.Go(func() {
			a, err := s.d.Find(b.Context(), login)
			if err != nil {
				b.Error(err)
			}
			ids[i] = a.Ref.ID
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return ids
}

var drawn atomic.Int64

// fresh is a password that no directory here refuses, and never the same again.
func fresh(n int) secret.Text {
	return secret.New(fmt.Sprintf("Speed-is-a-feature-%d-%d", n, drawn.Add(1)))
}

// rate returns how often a second all workers together did f.
func rate(b *testing.B, f func(worker, n int) error) float64 {
	b.Helper()
	var n atomic.Int64
	errs := make([]error, directoryWorkers)
	began := time.Now()
	var all sync.WaitGroup
	for w := range directoryWorkers {
		all.Go(func() {
			for i := 0; time.Since(began) < rawTime; i++ {
				if errs[w] = f(w, i); errs[w] != nil {
					return
				}
				n.Add(1)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	return float64(n.Load()) / time.Since(began).Seconds()
}

// openDirectory opens a directory from what an administrator would write.
func openDirectory(b *testing.B, settings, word string) directory.Directory {
	b.Helper()
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "word"), []byte(word), 0o600); err != nil {
		b.Fatal(err)
	}
	text := fmt.Sprintf(`
public_url: "http://localhost:8080"
organisation: {name: Example Ltd, help_desk: "help@example.test"}
data: %q
methods: {totp: {}, email_code: {}}
notify: [{type: file, file: mail}]
directories:
  - {name: staff, bind_password_file: word, pool_size: %d, %s}
`, dir, directoryWorkers, settings)
	kinds := config.Kinds{Directories: directories.Kinds(), Methods: methods.Kinds, Senders: senders.Kinds}
	conf, err := config.Read(filepath.Join(dir, "postern.yaml"), []byte(text), kinds)
	if err != nil {
		b.Fatal(err)
	}
	section := conf.Directories[0]
	for _, k := range directories.Kinds() {
		if k.ID != section.Type {
			continue
		}
		d, err := k.Open(section.Name, section.Decode, directory.Env{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if c, ok := directory.As[directory.Closer](d); ok {
				if err := c.Close(); err != nil {
					b.Error(err)
				}
			}
		})
		return d
	}
	b.Fatalf("there is no directory of type %s", section.Type)
	return nil
}

// search is one for an entry by one attribute, as bare as it can be.
func search(c *goldap.Conn, base, attribute, value string) error {
	found, err := c.Search(goldap.NewSearchRequest(base, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 2, 5, false,
		"("+attribute+"="+value+")", []string{attribute}, nil))
	if err == nil && len(found.Entries) != 1 {
		err = fmt.Errorf("%s: %d entries", value, len(found.Entries))
	}
	return err
}

func onSlapd(b *testing.B) subject {
	s := testenv.Slapd(b, testenv.SlapdOptions{Extra: directoryWorkers})
	out := subject{name: "OpenLDAP", proxy: directorytest.NewProxy(b, s.TLSURL[len("ldaps://"):])}
	out.d = openDirectory(b, fmt.Sprintf("type: ldap, urls: [\"ldaps://%s\"], ca_file: %q, bind_dn: %q, base: %q, policy_dn: %q",
		out.proxy.Addr(), s.Authority, testenv.SlapdService, testenv.SlapdPeople, testenv.SlapdPolicy), testenv.SlapdServiceWord)
	for i := range directoryWorkers {
		out.logins = append(out.logins, fmt.Sprintf("u%06d", i+1))
	}
	out.conn = func() (*goldap.Conn, error) {
		c, err := goldap.DialURL(s.TLSURL, goldap.DialWithTLSConfig(s.TLS()))
		if err != nil {
			return nil, err
		}
		return c, c.Bind(testenv.SlapdService, testenv.SlapdServiceWord)
	}
	out.search = func(c *goldap.Conn, login string) error { return search(c, testenv.SlapdPeople, "uid", login) }
	out.set = func(c *goldap.Conn, login, password string) error {
		_, err := c.PasswordModify(goldap.NewPasswordModifyRequest(s.DN(login), "", password))
		return err
	}
	return out
}

func onSamba(b *testing.B) subject {
	s := testenv.Samba(b, testenv.SambaOptions{})
	out := subject{name: "Active Directory (Samba)", proxy: directorytest.NewProxy(b, s.TLSAddress)}
	out.d = openDirectory(b, fmt.Sprintf("type: activedirectory, urls: [\"ldaps://%s\"], server_name: %q, ca_file: %q, bind_dn: %q, base: %q",
		out.proxy.Addr(), testenv.SambaHost, s.Authority, s.Service, s.People), s.ServiceWord)
	dn := map[string]string{}
	for i := range directoryWorkers {
		login := fmt.Sprintf("bench%d", i)
		if err := s.AddUser(testenv.SambaUser{Login: login}); err != nil {
			b.Fatal(err)
		}
		out.logins, dn[login] = append(out.logins, login), s.DN(login)
	}
	out.conn = func() (*goldap.Conn, error) {
		c, err := goldap.DialURL(s.TLSURL, goldap.DialWithTLSConfig(s.TLS()))
		if err != nil {
			return nil, err
		}
		return c, c.Bind(s.Service, s.ServiceWord)
	}
	out.search = func(c *goldap.Conn, login string) error { return search(c, s.People, "sAMAccountName", login) }
	out.set = func(c *goldap.Conn, login, password string) error {
		change := goldap.NewModifyRequest(dn[login], nil)
		change.Replace("unicodePwd", []string{testenv.SambaPassword(password)})
		change.Replace("lockoutTime", []string{"0"})
		return c.Modify(change)
	}
	return out
}
