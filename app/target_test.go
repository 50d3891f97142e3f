package app_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// erp is a further directory, which a test can look into the middle of.
type erp struct {
	*people
	hook   sync.Mutex
	before func(to string) // of SetPassword, outside the directory's lock
}

func (e *erp) SetPassword(ctx context.Context, id string, to secret.Text) error {
	e.hook.Lock()
	before := e.before
	e.hook.Unlock()
	if before != nil {
		before(to.Reveal())
	}
	return e.people.SetPassword(ctx, id, to)
}

func (e *erp) onSet(f func(to string)) {
	e.hook.Lock()
	defer e.hook.Unlock()
	e.before = f
}

// theirs is alice's and dave's accounts in the further directory.
func newERP() *erp {
	p := &people{accounts: map[string]account.Account{}, words: map[string]string{}, writes: map[string]int{}}
	for id, login := range map[string]string{"e1": "alice", "e4": "dave"} {
		p.accounts[id] = account.Account{Ref: account.Ref{ID: id}, Login: login,
			Contacts: []account.Contact{{Kind: account.Email, Address: login + "@example.test"}}}
		p.words[id] = "old in erp"
	}
	return &erp{people: p}
}

func (e *erp) set(change func(*people)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e.people)
}

// away makes the directory unreachable for everything.
func (e *erp) away() {
	e.set(func(p *people) {
		p.down = fmt.Errorf("dial: %w", directory.ErrUnavailable)
		p.refuse = func(string) error { return p.down }
	})
}

func (e *erp) back() { e.set(func(p *people) { p.down, p.refuse, p.after = nil, nil, nil }) }

// withERP adds it as a target of everybody.
func withERP(e *erp, change ...func(*app.Settings)) func(*app.Settings) {
	return func(s *app.Settings) {
		s.Directories = append(s.Directories, app.NamedDirectory{Name: "erp", Title: "Merchandise", Lookup: app.LookupNever, Directory: e})
		s.Policy.Rules[0].Targets = []policy.Target{{Directory: "erp"}}
		s.Policy.RetryTargets = 15 * time.Minute
		for _, c := range change {
			c(s)
		}
	}
}

func byEmail(s *app.Settings) { s.Policy.Rules[0].Targets[0].By = policy.ByEmail }

// lines returns the receipt's lines of one place as "change result detail".
func lines(f app.Flow, target string) string {
	var out []string
	for _, l := range f.Receipt {
		if l.Target == target {
			out = append(out, strings.TrimSpace(l.Change+" "+string(l.Result)+" "+l.Detail))
		}
	}
	return strings.Join(out, ", ")
}

// later lets time pass in steps, small ones first, with the workers at work after each.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	for passed := time.Duration(0); passed < d; {
		step := min(max(4*time.Second, passed/4), d-passed)
		w.pass(step)
		w.send()
		passed += step
	}
}

func TestTargetsAtOnce(t *testing.T) {
	refused := &directory.Rejected{Reason: directory.InHistory, Operator: "0000052D"}
	gone := func(e *erp) { e.set(func(p *people) { delete(p.accounts, "e1") }) }
	account1 := func(change func(*account.Account)) func(*erp) {
		return func(e *erp) {
			e.set(func(p *people) { a := p.accounts["e1"]; change(&a); p.accounts["e1"] = a })
		}
	}
	for _, c := range []struct {
		name   string
		change func(*app.Settings)
		before func(*erp)
		want   string // of the receipt
		event  string
		writes int
	}{
		{"done", nil, func(*erp) {}, "password_set ok checked", "target.set", 1},
		{"done, by address", byEmail, account1(func(a *account.Account) { a.Login = "ab12" }), "password_set ok checked", "target.set", 1},
		{"locked before", nil, account1(func(a *account.Account) { a.Locked = true }), "password_set ok checked, unlocked ok", "target.set", 1},
		{"refused", nil, func(e *erp) { e.refuse = func(string) error { return refused } }, "password_set failed in_history", "target.failed", 0},
		{"no account", nil, gone, "no_account ok", "target.left", 0},
		{"several accounts", byEmail, func(e *erp) {
			e.set(func(p *people) {
				two := p.accounts["e1"]
				two.Ref.ID, two.Login = "e9", "alice2"
				p.accounts["e9"] = two
			})
		}, "no_account ok", "target.left", 0},
		{"found by what people can write", nil, account1(func(a *account.Account) {
			a.Login, a.Contacts = "mallory", []account.Contact{{Kind: account.Email, Address: "alice"}}
		}), "no_account ok", "target.left", 0},
		{"disabled", nil, account1(func(a *account.Account) { a.Disabled = true }), "password_set failed disabled", "target.left", 0},
		{"barred", nil, account1(func(a *account.Account) { a.Barred = "no right" }), "password_set failed not_allowed", "target.left", 0},
		{"found by a letter that only looks the same", byEmail, account1(func(a *account.Account) { a.Contacts[0].Address = "alice@example.te\u017ft" }), "no_account ok", "target.left", 0},
		{"guarded", nil, account1(func(a *account.Account) { a.Privileged = true }), "password_set failed not_allowed", "target.left", 0},
		{"gone meanwhile", nil, func(e *erp) { e.refuse = func(string) error { return directory.ErrNotFound } }, "password_set failed gone", "target.failed", 0},
		{"not reached", nil, (*erp).away, "password_set queued", "target.queued", 0},
		{"never retried, not reached", func(s *app.Settings) { s.Policy.RetryTargets = 0 }, (*erp).away, "password_set failed unreached", "target.failed", 0},
		{"never retried, silent", func(s *app.Settings) { s.Policy.RetryTargets = 0 },
			func(e *erp) { e.refuse = func(string) error { return errors.New("reset by peer") } }, "password_set unknown", "target.failed", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newERP()
			var changes []func(*app.Settings)
			if c.change != nil {
				changes = append(changes, c.change)
			}
			w := newWorld(t, withERP(e, changes...))
			c.before(e)
			s := w.verified("alice")
			f := w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
			if f.State != recovery.Done || lines(f, "Staff directory") != "password_set ok checked" {
				t.Errorf("the person's own directory: %s, %+v", f.State, f.Receipt)
			}
			if got := lines(f, "Merchandise"); got != c.want {
				t.Errorf("the receipt says %q, want %q", got, c.want)
			}
			if all := w.events(); count(all, c.event) != 1 || count(all, "recovery.applied") != 1 {
				t.Errorf("got the events %v, want one %s", all, c.event)
			}
			if got, n := e.password("e1"); n != c.writes || n == 1 && got != fresh {
				t.Errorf("%q after %d writes, want %d", got, n, c.writes)
			}
			if got, _ := w.dir.password("1"); got != fresh {
				t.Error("the person's own password is not set")
			}
			if n, _, err := w.store.Outbox(t.Context()); err != nil || (n == 1) != strings.HasSuffix(c.want, "queued") {
				t.Errorf("%d rows wait, %v", n, err)
			}
		})
	}
}

// TestTargetsLater: what did not answer is tried again, and its row holds nothing once that is over.
func TestTargetsLater(t *testing.T) {
	silent := func(string) error { return errors.New("reset by peer") }
	for _, c := range []struct {
		name   string
		at     func(*erp) // when the password is set
		then   func(*erp) // a while later
		event  string
		writes int
		told   int
	}{
		{"back", (*erp).away, (*erp).back, "target.set", 1, 0},
		{"never back", (*erp).away, func(*erp) {}, "target.given_up", 0, 1},
		{"silent and done", func(e *erp) {
			e.set(func(p *people) {
				p.after = func(string) error { p.down = directory.ErrUnavailable; return directory.ErrUncertain }
			})
		}, (*erp).back, "target.set", 1, 0},
		{"silent and not done", func(e *erp) {
			e.set(func(p *people) {
				p.refuse = func(string) error { p.down = directory.ErrUnavailable; return silent("") }
			})
		}, (*erp).back, "target.set", 1, 0},
		{"silent for ever", func(e *erp) {
			e.set(func(p *people) {
				p.refuse = func(string) error { p.down = directory.ErrUnavailable; return silent("") }
			})
		}, func(*erp) {}, "target.given_up", 0, 1},
		{"refused later", (*erp).away, func(e *erp) {
			e.back()
			e.set(func(p *people) {
				p.refuse = func(string) error { return &directory.Rejected{Reason: directory.TooWeak} }
			})
		}, "target.failed", 0, 1},
		{"disabled later", (*erp).away, func(e *erp) {
			e.back()
			e.set(func(p *people) { a := p.accounts["e1"]; a.Disabled = true; p.accounts["e1"] = a })
		}, "target.left", 0, 0},
		{"deleted later", (*erp).away, func(e *erp) { e.back(); e.set(func(p *people) { delete(p.accounts, "e1") }) }, "target.left", 0, 0},
	} {
		for _, seen := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, looked up before: %v", c.name, seen), func(t *testing.T) {
				e := newERP()
				w := newWorld(t, withERP(e))
				if !seen {
					e.away()
				}
				s := w.verified("alice")
				if !seen {
					e.back()
					if c.name == "back" || c.name == "never back" || strings.HasSuffix(c.name, "later") {
						e.away() // and nothing is known of the account
					}
				}
				c.at(e)
				f := w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
				if got := lines(f, "Merchandise"); f.State != recovery.Done || got != "password_set queued" {
					t.Fatalf("got %s, %q", f.State, got)
				}
				w.later(20 * time.Second)
				row := w.job()
				c.then(e)
				w.later(20 * time.Minute)
				all := w.events()
				if count(all, c.event) != 1 || w.noticed("alice", "notice.target_failed") != c.told {
					t.Errorf("got %v and %d notices, want one %s and %d", all, w.noticed("alice", "notice.target_failed"), c.event, c.told)
				}
				if got, n := e.password("e1"); n != c.writes || n == 1 && got != fresh {
					t.Errorf("%q after %d writes, want %d", got, n, c.writes)
				}
				over, err := w.store.Message(t.Context(), row.ID)
				if err != nil || !over.Due.IsZero() || len(over.Data) != 0 {
					t.Errorf("the row is not empty: %+v, %v", over, err)
				}
				if got, _ := w.dir.password("1"); got != fresh {
					t.Error("the reset was undone")
				}
				for _, m := range w.mail.all() {
					if strings.Contains(m.Subject+m.Text, fresh) {
						t.Error("the password was mailed")
					}
				}
			})
		}
	}
}

// job returns the one row that waits for a target, and leaves it as it is.
func (w *world) job() app.MessageRow {
	w.t.Helper()
	far := w.now().Add(time.Hour)
	rows, err := w.store.Claim(w.t.Context(), app.Targets, far, w.now().Add(time.Second), 10)
	if err != nil || len(rows) != 1 {
		w.t.Fatalf("%d rows wait for targets, %v; want one", len(rows), err)
	}
	if len(rows[0].Data) == 0 || strings.Contains(string(rows[0].Data), fresh) {
		w.t.Errorf("the row is empty or not sealed: %q", rows[0].Data)
	}
	return rows[0]
}

const fresher = "another passphrase, newer than that"

// TestNewerResetWins: whatever becomes of the job of an older reset, the newest password stays.
func TestNewerResetWins(t *testing.T) {
	reset := func(w *world, before func()) app.Flow {
		w.pass(time.Minute) // for another code
		s := w.verified("alice")
		before()
		return w.ok(w.SetPassword(w.t.Context(), visitor, s.Token, secret.New(fresher)))
	}
	for name, c := range map[string]struct {
		run    func(w *world, e *erp)
		want   string
		writes int
	}{
		"the target is back": {func(w *world, e *erp) {
			if f := reset(w, e.back); lines(f, "Merchandise") != "password_set ok checked" {
				t.Errorf("got %+v", f.Receipt)
			}
		}, fresher, 1},
		"the target is still away": {func(w *world, e *erp) { reset(w, func() {}); e.back() }, fresher, 1},
		"the target refuses the newer one": {func(w *world, e *erp) {
			reset(w, func() {
				e.back()
				e.set(func(p *people) {
					p.refuse = func(string) error { return &directory.Rejected{Reason: directory.TooWeak} }
				})
			})
			e.back()
		}, "old in erp", 0},
		"the older one is claimed": {func(w *world, e *erp) {
			e.back()
			w.pass(10 * time.Second)
			w.faults.onRead(func() {
				w.faults.onRead(nil)
				reset(w, func() {})
			})
			w.send()
		}, fresher, 1},
		"the older one is being carried out": {func(w *world, e *erp) {
			e.back()
			e.onSet(func(string) {
				e.onSet(nil)
				reset(w, func() {}) // and then the older write comes last
			})
			w.later(20 * time.Second)
		}, fresher, 3},
	} {
		t.Run(name, func(t *testing.T) {
			e := newERP()
			w := newWorld(t, withERP(e))
			s := w.verified("alice")
			e.away()
			w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
			c.run(w, e)
			w.later(10 * time.Minute)
			if got, n := e.password("e1"); got != c.want || n != c.writes {
				t.Errorf("got %q after %d writes, want %q after %d", got, n, c.want, c.writes)
			}
			if n, _, err := w.store.Outbox(t.Context()); n != 0 || err != nil {
				t.Errorf("%d rows still wait, %v", n, err)
			}
			all := w.events()
			if sets := count(all, "target.set"); count(all, "target.superseded") != 1 || sets < c.writes {
				t.Errorf("%d writes are recorded of %d: %v", sets, c.writes, all)
			}
		})
	}
}

// TestNewerResetInTheTargetItself: somebody may be reset in the target as in their own directory,
// while a password of another reset still waits for it.
func TestNewerResetInTheTargetItself(t *testing.T) {
	for _, seen := range []bool{true, false} {
		e := newERP()
		e.set(func(p *people) {
			a := p.accounts["e1"]
			a.Login, a.Groups = "a.erp", []string{"Staff"}
			p.accounts["e1"] = a
			delete(p.accounts, "e4") // nobody's login is in both directories
		})
		w := newWorld(t, withERP(e, byEmail, func(s *app.Settings) { s.Directories[1].Lookup = app.LookupAlways }))
		w.enroll("a.erp")
		w.pass(48 * time.Hour)
		w.send()
		s := w.start("alice")
		ctx := t.Context()
		w.ok(w.Ask(ctx, visitor, s.Token, id(s.Flow, "totp")))
		w.ok(w.Answer(ctx, visitor, s.Token, id(s.Flow, "totp"), w.code("alice")))
		w.ok(w.Ask(ctx, visitor, s.Token, id(s.Flow, "email_code")))
		if !seen {
			e.away()
		}
		w.ok(w.Answer(ctx, visitor, s.Token, id(s.Flow, "email_code"), w.mailed()))
		e.away()
		w.ok(w.SetPassword(ctx, visitor, s.Token, secret.New(fresh)))
		e.back()
		own := w.verified("a.erp")
		if f := w.ok(w.SetPassword(ctx, visitor, own.Token, secret.New(fresher))); f.State != recovery.Done || lines(f, "Merchandise") != "password_set ok checked" {
			t.Fatalf("got %+v", f)
		}
		w.later(10 * time.Minute)
		if got, n := e.password("e1"); got != fresher || n != 1 {
			t.Errorf("looked up before %v: got %q after %d writes, want the newer one after 1", seen, got, n)
		}
	}
}

// TestJobIsTakenWhileAResetSettles: a worker finishes the older job between the look at its row and
// the commit that takes its place.
func TestJobIsTakenWhileAResetSettles(t *testing.T) {
	e := newERP()
	w := newWorld(t, withERP(e))
	s := w.verified("alice")
	e.set(func(p *people) { // it is found, and takes no password
		p.refuse = func(string) error { return fmt.Errorf("dial: %w", directory.ErrUnavailable) }
	})
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
	w.pass(time.Minute)
	next := w.verified("alice")
	w.pass(2 * time.Minute)
	taken := false
	w.faults.before = func(c app.Change) {
		ours := slices.ContainsFunc(c.Messages, func(m app.MessageRow) bool { return m.Channel == app.TargetChannel })
		if c.Recovery == nil || !ours || taken {
			return
		}
		taken = true
		e.back()
		w.send() // carries out the older job
	}
	f := w.ok(w.SetPassword(t.Context(), visitor, next.Token, secret.New(fresher)))
	if got, n := e.password("e1"); !taken || got != fresh || n != 1 {
		t.Fatalf("the older job was not carried out: %v, %q, %d", taken, got, n)
	}
	if f.State != recovery.Done {
		t.Errorf("got %s", f.State)
	}
	w.later(10 * time.Minute)
	if got, _ := e.password("e1"); got != fresher {
		t.Errorf("got %q, want the newer password", got)
	}
}

// TestWorkersSetOnce: of two nodes one sets the password.
func TestWorkersSetOnce(t *testing.T) {
	e := newERP()
	w := newWorld(t, withERP(e))
	s := w.verified("alice")
	e.away()
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
	e.back()
	w.pass(10 * time.Second)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(w.send)
	}
	wg.Wait()
	if got, n := e.password("e1"); got != fresh || n != 1 {
		t.Errorf("got %q after %d writes", got, n)
	}
	if all := w.events(); count(all, "target.set") != 1 {
		t.Errorf("got %v", all)
	}
}

// TestNodeDiesBetween: the process dies between the directory's yes and the commit that says so. The
// recovery ends unsettled as ever, and no password is left behind for a target.
func TestNodeDiesBetween(t *testing.T) {
	e := newERP()
	w := newWorld(t, withERP(e))
	s := w.verified("alice")
	e.away()
	w.faults.at, w.faults.seen = 2, 0 // the grant is spent; the settlement is lost
	if _, err := w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)); !errors.Is(err, errLost) {
		t.Fatalf("got %v", err)
	}
	w.faults.at = 0
	e.back()
	w.later(5 * time.Minute)
	if f := w.ok(w.Look(t.Context(), visitor, s.Token)); f.State != recovery.Unsettled {
		t.Errorf("got %s", f.State)
	}
	if got, n := e.password("e1"); got != "old in erp" || n != 0 {
		t.Errorf("the target has %q after %d writes", got, n)
	}
	if rows, err := w.store.Claim(t.Context(), app.Targets, w.now().Add(time.Hour), w.now(), 10); len(rows) != 0 || err != nil {
		t.Errorf("%d passwords wait, %v", len(rows), err)
	}
}

// TestNothingGoesToATargetUnlessItIsDone: nobody is looked up there before they have proven who they
// are, and nothing is written there before their own directory has the password.
func TestNothingGoesToATargetUnlessItIsDone(t *testing.T) {
	e := newERP()
	w := newWorld(t, withERP(e))
	for _, login := range []string{"alice", "otto", "eve", "nobody"} {
		s := w.start(login)
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
		w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), typing("000000"))), app.ProblemAnswer)
	}
	if e.finds != 0 {
		t.Errorf("%d people were looked up in the target before anything was proven", e.finds)
	}
	s := w.verified("alice")
	for _, refuse := range []error{&directory.Rejected{Reason: directory.TooWeak}, directory.ErrUnavailable, errors.New("silence")} {
		w.dir.refuse = func(string) error { return refuse }
		if _, err := w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)); err == nil {
			t.Error("the directory's no is lost")
		}
	}
	if _, n := e.password("e1"); n != 0 {
		t.Errorf("%d writes to the target without the person's own directory", n)
	}
}

// TestStricterOfBoth: the checklist shows, and the check asks for, what all directories want.
func TestStricterOfBoth(t *testing.T) {
	e := newERP()
	e.rules = password.Directory{MinLength: 40, History: 7, Enforced: true}
	w := newWorld(t, withERP(e))
	w.dir.rules = password.Directory{MinLength: 20, Complex: true}
	s := w.verified("alice")
	shown := fmt.Sprint(s.Flow.Rules)
	for _, want := range []string{"{length map[n:40]", "{history map[n:7]", "{complexity"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%s is not shown: %s", want, shown)
		}
	}
	r := w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New("Only 36 Characters are in this phrase"))), app.ProblemPassword)
	if len(r.Violations) != 1 || r.Violations[0].Rule != password.RuleLength {
		t.Errorf("got %+v", r.Violations)
	}
	if _, n := w.dir.password("1"); n != 0 {
		t.Error("something was written")
	}
	w.pass(time.Minute)
	e.rules = password.Directory{MaxLength: 12} // nothing can be both: the target may refuse
	s = w.verified("alice")
	if shown := fmt.Sprint(s.Flow.Rules); !strings.Contains(shown, "{length map[n:20]") || strings.Contains(shown, "too_long") {
		t.Errorf("got %s", shown)
	}
}

func TestTargetOfAChange(t *testing.T) {
	e := newERP()
	w := newWorld(t, withERP(e))
	f := w.ok(w.ChangePassword(t.Context(), visitor, app.ChangeRequest{Identifier: "alice", Old: secret.New("old password of alice"), New: secret.New(fresh)}))
	if got, n := e.password("e1"); got != fresh || n != 1 || lines(f, "Merchandise") != "password_set ok checked" {
		t.Errorf("got %q after %d writes, %+v", got, n, f.Receipt)
	}
}

func TestTargetOfAnUnlocking(t *testing.T) {
	for locked, want := range map[bool]string{true: "unlocked ok", false: ""} {
		e := newERP()
		e.set(func(p *people) { a := p.accounts["e4"]; a.Locked = locked; p.accounts["e4"] = a })
		w := newWorld(t, withERP(e))
		s := w.verified("dave")
		f := w.ok(w.Unlock(t.Context(), visitor, s.Token))
		if got := lines(f, "Merchandise"); got != want {
			t.Errorf("locked %v: the receipt says %q, want %q", locked, got, want)
		}
		if _, n := e.password("e4"); n != 0 || e.accounts["e4"].Locked {
			t.Errorf("locked %v: %d writes, still locked: %v", locked, n, e.accounts["e4"].Locked)
		}
	}
}
