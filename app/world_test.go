package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/account"
	"postern/app"
	"postern/audit"
	"postern/directory"
	"postern/internal/keyring"
	"postern/limit"
	"postern/method"
	"postern/method/emailcode"
	"postern/method/totp"
	"postern/notify"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
	"postern/store/sqlstore"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a whole instance on a real store with a directory that does as it is told.
type world struct {
	*app.App
	t       *testing.T
	store   *sqlstore.Store
	faults  *faults
	keys    *keyring.Ring
	dir     *people
	mail    *mailbox
	mu      sync.Mutex
	clock   time.Time
	secrets map[string]string // login → TOTP secret
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// faults is a store whose commits can be made to fail.
type faults struct {
	app.Store
	mu   sync.Mutex
	seen int
	at   int  // the commit that fails, from 1; 0 for none
	kept bool // it is written all the same, and the answer is lost
	// before is called with every change on its way into the store.
	before func(app.Change)
	// reading is called before a row of the outbox is read.
	reading func()
}

func (f *faults) onRead(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading = do
}

func (f *faults) Message(ctx context.Context, id string) (app.MessageRow, error) {
	f.mu.Lock()
	reading := f.reading
	f.mu.Unlock()
	if reading != nil {
		reading()
	}
	return f.Store.Message(ctx, id)
}

var errLost = errors.New("the answer of the store was lost")

func (f *faults) Commit(ctx context.Context, c app.Change) error {
	f.mu.Lock()
	f.seen++
	hit, kept, before := f.at != 0 && f.seen == f.at, f.kept, f.before
	f.mu.Unlock()
	if before != nil {
		before(c)
	}
	if hit && !kept {
		return errLost
	}
	err := f.Store.Commit(ctx, c)
	if hit && err == nil {
		return errLost
	}
	return err
}

// people is a directory in memory.
type people struct {
	mu       sync.Mutex
	accounts map[string]account.Account // by ID
	words    map[string]string          // passwords by ID
	writes   map[string]int
	finds    int                   // look-ups so far
	down     error                 // of every look-up
	unread   error                 // of reading an account by its identifier
	refuse   func(to string) error // of SetPassword, before it does anything
	after    func(to string) error // of SetPassword, when it is done
	rules    password.Directory
}

func (p *people) Find(_ context.Context, handle string) (account.Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finds++
	if p.down != nil {
		return account.Account{}, p.down
	}
	var hits []account.Account
	for _, a := range p.accounts {
		mails := slices.ContainsFunc(a.Contacts, func(c account.Contact) bool { return strings.EqualFold(c.Address, handle) })
		if strings.EqualFold(a.Login, handle) || mails {
			hits = append(hits, a)
		}
	}
	switch len(hits) {
	case 0:
		return account.Account{}, directory.ErrNotFound
	case 1:
		return hits[0], nil
	}
	return account.Account{}, directory.ErrAmbiguous
}

func (p *people) Get(_ context.Context, id string) (account.Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.accounts[id]
	switch {
	case p.unread != nil:
		return account.Account{}, p.unread
	case !ok:
		return a, directory.ErrNotFound
	}
	return a, nil
}

func (p *people) SetPassword(_ context.Context, id string, to secret.Text) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		if err := p.refuse(to.Reveal()); err != nil {
			return err
		}
	}
	p.words[id] = to.Reveal()
	p.writes[id]++
	a := p.accounts[id]
	a.Locked = false
	p.accounts[id] = a
	if p.after != nil {
		return p.after(to.Reveal())
	}
	return nil
}

func (p *people) Unlock(_ context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.accounts[id]
	a.Locked = false
	p.accounts[id] = a
	return nil
}

func (p *people) Authenticate(_ context.Context, id string, with secret.Text) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch a := p.accounts[id]; {
	case p.down != nil:
		return p.down
	case a.Locked:
		return directory.ErrLocked
	case p.words[id] != with.Reveal():
		return directory.ErrWrongPassword
	case a.Disabled:
		return directory.ErrDisabled
	}
	return nil
}

func (p *people) Rules(context.Context, string) (password.Directory, error) { return p.rules, nil }

func (p *people) password(id string) (string, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.words[id], p.writes[id]
}

// mailbox is a sender that keeps what it is given.
type mailbox struct {
	mu   sync.Mutex
	got  []notify.Message
	fail error
}

func (m *mailbox) Channel() notify.Channel { return notify.Email }

func (m *mailbox) Send(_ context.Context, msg notify.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.got = append(m.got, msg)
	return nil
}

func (m *mailbox) all() []notify.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

// texts shows keys and the code, which is all that the tests read.
type texts struct{}

func (texts) Text(_, key string, params map[string]any) string {
	if code, ok := params["code"]; ok {
		return key + " " + code.(string)
	}
	return key
}

// five kinds of account: alice can recover; eve is disabled; frank has nothing enrolled; dave is
// locked; otto is in nobody's scope.
func newPeople() *people {
	p := &people{accounts: map[string]account.Account{}, words: map[string]string{}, writes: map[string]int{}}
	for i, login := range []string{"alice", "eve", "frank", "dave", "otto", "bert"} {
		id := string(rune('1' + i))
		a := account.Account{Ref: account.Ref{ID: id}, Login: login, Name: "Some Body", Groups: []string{"Staff"},
			Contacts: []account.Contact{{Kind: account.Email, Address: login + "@example.test"}}}
		a.Disabled, a.Locked = login == "eve", login == "dave"
		if login == "otto" {
			a.Groups = nil
		}
		p.accounts[id], p.words[id] = a, "old password of "+login
	}
	return p
}

func testPolicy() policy.Policy {
	two := policy.Requirement{Methods: 2, AtLeast: policy.Strong, Passkey: true}
	return policy.Policy{
		Rules:      []policy.Rule{{Name: "staff", Match: policy.Match{Groups: []string{"Staff"}}, Require: two}},
		Unknown:    policy.Rule{Name: "unknown", Require: two},
		Quarantine: 24 * time.Hour,
	}
}

func newWorld(t *testing.T, change ...func(*app.Settings)) *world {
	t.Helper()
	w := &world{t: t, clock: t0, dir: newPeople(), mail: &mailbox{}, secrets: map[string]string{}}
	var err error
	if w.store, err = sqlstore.Open(t.Context(), sqlstore.Settings{Path: filepath.Join(t.TempDir(), "postern.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	if w.keys, err = keyring.Create("postern.test/log", t0); err != nil {
		t.Fatal(err)
	}
	w.faults = &faults{Store: w.store}
	s := app.Settings{Store: w.faults, Log: w.store, Keys: w.keys, Signer: w.keys, Texts: texts{},
		Directories:  []app.NamedDirectory{{Name: "people", Title: "Staff directory", Directory: w.dir}},
		Senders:      []notify.Sender{w.mail},
		Policy:       testPolicy(),
		Password:     password.Rules{Min: 15, Max: 128},
		Organisation: "Example", PublicURL: "https://reset.example.test",
		Now: w.now, Logger: slog.New(slog.DiscardHandler), Node: "one"}
	for _, k := range []method.Kind{totp.Kind, emailcode.Kind} {
		m, err := k.Open(func(any) error { return nil }, method.Env{Organisation: "Example", PublicURL: s.PublicURL,
			Decoy: func(label string, p method.Person, n int) []byte {
				return w.keys.Derive("decoy."+label, []byte(p.Draw), n)
			}})
		if err != nil {
			t.Fatal(err)
		}
		s.Methods = append(s.Methods, app.NamedMethod{Kind: k, Method: m})
	}
	for _, c := range change {
		c(&s)
	}
	if w.App, err = app.New(s); err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"alice", "eve", "dave", "otto", "bert"} {
		w.enroll(login)
	}
	w.pass(48 * time.Hour)
	w.faults.seen = 0
	return w
}

var secretOf = regexp.MustCompile(`secret=([A-Z2-7]+)`)

func (w *world) enroll(login string) {
	w.t.Helper()
	op := app.Operator{Name: "cli:test"}
	public, err := w.EnrollDirectly(w.t.Context(), op, login, "totp", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	b, _ := json.Marshal(public)
	m := secretOf.FindSubmatch(b)
	if m == nil {
		w.t.Fatalf("no secret in %s", b)
	}
	w.secrets[login] = string(m[1])
	if _, err := w.EnrollDirectly(w.t.Context(), op, login, "email_code", nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) code(login string) method.Answer {
	w.t.Helper()
	c, err := hotp.GenerateCodeCustom(w.secrets[login], uint64(w.now().Unix()/30), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		w.t.Fatal(err)
	}
	return typing(c)
}

func typing(code string) method.Answer { return method.Answer{Code: secret.New(code)} }

var visitor = app.Visitor{Address: netip.MustParseAddr("192.0.2.7"), Agent: "test", Language: "en"}

func (w *world) start(login string) app.Started {
	w.t.Helper()
	s, err := w.Begin(w.t.Context(), visitor, login, policy.Reset)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// method returns the identifier of factor f in flow s.
func id(f app.Flow, factor policy.Factor) string {
	for _, m := range f.Methods {
		if m.Factor == factor {
			return m.ID
		}
	}
	return ""
}

// mailed sends what is due and returns the last code that was mailed.
func (w *world) mailed() method.Answer {
	w.t.Helper()
	w.send()
	return w.lastCode()
}

// noticed returns how often login's owner was sent the notice of that key.
func (w *world) noticed(login, key string) int {
	n := 0
	for _, m := range w.mail.all() {
		if m.Subject == key && m.To == login+"@example.test" {
			n++
		}
	}
	return n
}

// lastCode returns the last code that was mailed, or one that is wrong.
func (w *world) lastCode() method.Answer {
	for all := w.mail.all(); len(all) > 0; all = all[:len(all)-1] {
		if _, code, ok := strings.Cut(all[len(all)-1].Text, "email_code.message.body "); ok {
			return typing(code)
		}
	}
	return typing("000000")
}

// send runs the background work once, to its end.
func (w *world) send() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	stop() // Run does each kind of work once before it looks
	if err := w.Run(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// verified takes a recovery of login through both proofs.
func (w *world) verified(login string) app.Started {
	w.t.Helper()
	s := w.start(login)
	ctx := w.t.Context()
	w.ok(w.Ask(ctx, visitor, s.Token, id(s.Flow, "totp")))
	w.ok(w.Answer(ctx, visitor, s.Token, id(s.Flow, "totp"), w.code(login)))
	w.send() // so that the code is the only thing on its way
	w.ok(w.Ask(ctx, visitor, s.Token, id(s.Flow, "email_code")))
	f := w.ok(w.Answer(ctx, visitor, s.Token, id(s.Flow, "email_code"), w.mailed()))
	if f.State != recovery.Verified {
		w.t.Fatalf("got %s, want verified", f.State)
	}
	s.Flow = f
	return s
}

func (w *world) ok(f app.Flow, err error) app.Flow {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("got %v (%+v)", err, err)
	}
	return f
}

// refused checks that err is the refusal of that problem.
func (w *world) refused(err error, problem string) *app.Refusal {
	w.t.Helper()
	var r *app.Refusal
	if !errors.As(err, &r) || r.Problem != problem {
		w.t.Fatalf("got %v, want the refusal %s", err, problem)
	}
	return r
}

// events returns the kinds of all audit events in order, after checking that the log verifies.
func (w *world) events() []string {
	w.t.Helper()
	w.send() // the sweep and the outbox make records,
	w.send() // which then get their places
	_, signed, err := w.store.Head(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	var all []audit.Record
	for from := int64(0); ; {
		page, err := w.store.Records(w.t.Context(), from, 100)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		all, from = append(all, page...), from+int64(len(page))
	}
	report, err := audit.Verify(audit.Check{Checkpoint: signed, Key: w.keys.Verifier(),
		Records: func(yield func(audit.Record, error) bool) {
			for _, r := range all {
				if !yield(r, nil) {
					return
				}
			}
		}})
	if err != nil || report.Size != int64(len(all)) {
		w.t.Fatalf("the log does not verify: %v, %d of %d", err, report.Size, len(all))
	}
	for _, r := range all {
		out = append(out, r.Kind)
	}
	return out
}

func count(all []string, kind string) int {
	n := 0
	for _, k := range all {
		if k == kind {
			n++
		}
	}
	return n
}

func burst(n int) limit.Limit { return limit.Limit{Every: time.Hour, Burst: n} }

func policyFactor(s string) policy.Factor { return policy.Factor(s) }

// broken is a method that enrols and can tell nothing else.
type broken struct{ method.Enroller }

func (b broken) EnrollDirectly(ctx context.Context, p method.Person, params map[string]string) (method.Enrollment, any, error) {
	return b.Enroller.(method.Direct).EnrollDirectly(ctx, p, params)
}

func (broken) Ask(context.Context, method.Person) (method.Question, error) {
	return method.Question{}, errors.New("the token server does not answer")
}

func (broken) Judge(context.Context, method.Person, []byte, method.Answer) (method.Judgement, error) {
	return method.Judgement{}, errors.New("the token server does not answer")
}
