package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"postern/app"
	"postern/config"
	"postern/directory"
	directories "postern/directory/all"
	"postern/directory/wrap"
	"postern/internal/keyring"
	"postern/internal/testenv"
	"postern/method"
	methods "postern/method/all"
	"postern/notify"
	senders "postern/notify/all"
	"postern/password"
	"postern/store/sqlstore"
	"postern/web/page"
)

// connections is pool_size, and how many connections the raw load has at most.
const connections = 32

// company is a directory, a data folder and people who have enrolled.
type company struct {
	slapd  *testenv.SlapdServer
	target *testenv.SlapdServer // gets every password too; nil: there is none
	dir    string
	people []person
	next   int       // of people
	last   time.Time // when somebody last used a code
}

// person is what somebody has to prove who they are.
type person struct {
	login, mail string
	secret      string // of the authenticator app, base32
}

// newCompany starts slapd and enrols n people.
func newCompany(b *testing.B, n int) *company {
	b.Helper()
	c := &company{slapd: testenv.Slapd(b, testenv.SlapdOptions{Extra: n}), dir: b.TempDir()}
	ring, err := keyring.Create(origin, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	if err := ring.Init(filepath.Join(c.dir, config.KeysName)); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "ldap-password"), []byte(testenv.SlapdServiceWord), 0o600); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		login := fmt.Sprintf("u%06d", i+1)
		c.people = append(c.people, person{login: login, mail: login + "@example.test", secret: rand.Text()})
	}
	pprof.Do(b.Context(), client, func(context.Context) { c.enrol(b) })
	return c
}

// targetTitle is what receipts call the target.
const targetTitle = "Merchandise"

const origin = "localhost/postern-bench"

// mailbox is the file that messages go to.
func (c *company) mailbox() string { return filepath.Join(c.dir, "mail.jsonl") }

// settings is postern.yaml. Limits are counted like any instance's and never reached.
func (c *company) settings(port int, moment time.Duration) string {
	wide, second, rules := "{burst: 1000000, every: 1ms}", "", ""
	if t := c.target; t != nil {
		second = fmt.Sprintf("  - {name: erp, title: %s, lookup: never, type: ldap, urls: [%q], ca_file: %q, pool_size: %d,\n     bind_dn: %q, bind_password_file: ldap-password, base: %q, policy_dn: %q}\n",
			targetTitle, t.TLSURL, t.Authority, connections, testenv.SlapdService, testenv.SlapdPeople, testenv.SlapdPolicy)
		rules = ", rules: [{name: staff, targets: [{directory: erp}]}]"
	}
	return fmt.Sprintf(`
public_url: "http://localhost:%[1]d"
listen: "127.0.0.1:%[1]d"
organisation: {name: Example Ltd, help_desk: "help@example.test"}
data: %[2]q
audit: {origin: %[3]q}
directories:
  - {name: staff, title: Staff account, type: ldap, urls: [%[4]q], ca_file: %[5]q, pool_size: %[6]d,
     bind_dn: %[7]q, bind_password_file: ldap-password, base: %[8]q, policy_dn: %[9]q}
%[13]smethods: {totp: {}, email_code: {}}
notify: [{type: file, file: %[10]q}]
policy: {quarantine: 0%[14]s}
limits: {start_address: %[11]s, start_network: %[11]s, start_account: %[11]s, answer_address: %[11]s,
  wrong_account: %[11]s, wrong_account_total: %[11]s, destination: %[11]s, destination_total: %[11]s, change_account: %[11]s}
reply_moment: %[12]s
`, port, c.dir, origin, c.slapd.TLSURL, c.slapd.Authority, connections, testenv.SlapdService, testenv.SlapdPeople,
		testenv.SlapdPolicy, c.mailbox(), wide, moment, second, rules)
}

// instance is the program's parts in this process.
type instance struct {
	app   *app.App
	store *sqlstore.Store
	texts *page.Texts
	conf  config.Config
}

// open puts the parts together as "postern serve" does. sender replaces the configured ones
// unless it is nil.
func (c *company) open(b *testing.B, port int, moment time.Duration, sender notify.Sender) *instance {
	b.Helper()
	kinds := config.Kinds{Directories: directories.Kinds(), Methods: methods.Kinds, Senders: senders.Kinds}
	conf, err := config.Read(filepath.Join(c.dir, "postern.yaml"), []byte(c.settings(port, moment)), kinds)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := keyring.Load(conf.Keys.File)
	if err != nil {
		b.Fatal(err)
	}
	in := &instance{conf: conf}
	if in.store, err = sqlstore.Open(b.Context(), sqlstore.Settings{Path: conf.Store.SQLite}); err != nil {
		b.Fatal(err)
	}
	s := app.Settings{Store: in.store, Log: in.store, Keys: keys, Signer: keys, Policy: conf.Policy.Policy(),
		Password: password.Rules{Min: conf.Password.MinLength, Max: conf.Password.MaxLength,
			Guesses: conf.Password.MinGuesses, Common: password.CommonPasswords()},
		Limits: app.Limits{StartAddress: conf.Limits.StartAddress.Limit(), StartNetwork: conf.Limits.StartNetwork.Limit(),
			StartAccount: conf.Limits.StartAccount.Limit(), AnswerAddress: conf.Limits.AnswerAddress.Limit(),
			WrongAccount: conf.Limits.WrongAccount.Limit(), Destination: conf.Limits.Destination.Limit(),
			ChangeAccount: conf.Limits.ChangeAccount.Limit()},
		Organisation: conf.Organisation.Name, PublicURL: conf.PublicURL, HelpDesk: conf.Organisation.HelpDesk,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler), Node: rand.Text()}
	c.plugIn(b, in, &s, sender)
	if in.app, err = app.New(s); err != nil {
		b.Fatal(err)
	}
	return in
}

// plugIn opens the directory, the methods and the sender that the settings name.
func (c *company) plugIn(b *testing.B, in *instance, s *app.Settings, sender notify.Sender) {
	b.Helper()
	for _, section := range in.conf.Directories {
		for _, k := range directories.Kinds() {
			if k.ID != section.Type {
				continue
			}
			d, err := k.Open(section.Name, section.Decode, directory.Env{Local: in.store})
			if err != nil {
				b.Fatal(err)
			}
			s.Directories = append(s.Directories, app.NamedDirectory{Name: section.Name, Title: section.Title, Directory: wrap.New(d, wrap.Options{})})
		}
	}
	env := method.Env{Organisation: in.conf.Organisation.Name, PublicURL: in.conf.PublicURL,
		Decoy: func(label string, who method.Person, n int) []byte {
			return s.Keys.Derive("decoy/"+label, []byte(who.Draw), n)
		}}
	var kinds []method.Kind
	for _, section := range in.conf.Methods {
		for _, k := range methods.Kinds {
			if string(k.ID) != section.Type {
				continue
			}
			m, err := k.Open(section.Decode, env)
			if err != nil {
				b.Fatal(err)
			}
			s.Methods, kinds = append(s.Methods, app.NamedMethod{Kind: k, Method: m}), append(kinds, k)
		}
	}
	var err error
	if in.texts, err = page.NewTexts(kinds); err != nil {
		b.Fatal(err)
	}
	s.Texts = in.texts
	if sender == nil {
		section := in.conf.Notify[0]
		for _, k := range senders.Kinds {
			if k.ID == section.Type {
				if sender, err = k.Open(section.Decode); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	s.Senders = []notify.Sender{sender}
}

// nowhere takes every message, so that enrolling leaves no mail to wait for.
type nowhere struct{}

func (nowhere) Channel() notify.Channel                    { return notify.Email }
func (nowhere) Send(context.Context, notify.Message) error { return nil }

// enrol gives everybody an authenticator app and an address, and finishes what that leaves to do.
func (c *company) enrol(b *testing.B) {
	b.Helper()
	in := c.open(b, 1, time.Second, nowhere{})
	ctx, stop := context.WithCancel(b.Context())
	var work, all sync.WaitGroup
	work.Go(func() {
		if err := in.app.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	todo := make(chan person)
	for range connections {
		all.Go(func() {
			for p := range todo {
				op := app.Operator{Name: "cli:bench"}
				if _, err := in.app.EnrollDirectly(ctx, op, p.login, "totp", map[string]string{"secret": p.secret}); err != nil {
					b.Error(err)
				}
				if _, err := in.app.EnrollDirectly(ctx, op, p.login, "email_code", map[string]string{"address": p.mail}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, p := range c.people {
		todo <- p
	}
	close(todo)
	all.Wait()
	testenv.WaitFor(b, "the outbox to be empty", time.Minute, func() error {
		if n, _, err := in.store.Outbox(ctx); err != nil || n > 0 {
			return fmt.Errorf("%d messages wait: %w", n, err)
		}
		return nil
	})
	stop()
	work.Wait()
	if err := in.app.Settle(context.WithoutCancel(ctx)); err != nil {
		b.Error(err)
	}
	in.close(b)
	if b.Failed() {
		b.FailNow()
	}
}

func (in *instance) close(b *testing.B) {
	b.Helper()
	for _, d := range in.app.Directories {
		if closer, ok := directory.As[directory.Closer](d.Directory); ok {
			if err := closer.Close(); err != nil {
				b.Error(err)
			}
		}
	}
	if err := in.store.Close(); err != nil {
		b.Error(err)
	}
}
