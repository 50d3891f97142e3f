package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/notify"
	"postern/password"
	"postern/policy"
	"postern/secret"
)

// door is the directory with a canary, whose answers can be changed.
type door struct {
	*people
	auth   func(n int, err error) error // of the n-th sign-in
	tried  int
	get    func(account.Account) account.Account
	unlock error
	rule   error
	shown  []directory.Finding
}

func (d *door) Authenticate(ctx context.Context, id string, with secret.Text) error {
	d.tried++
	err := d.people.Authenticate(ctx, id, with)
	if d.auth != nil {
		return d.auth(d.tried, err)
	}
	return err
}

func (d *door) Get(ctx context.Context, id string) (account.Account, error) {
	a, err := d.people.Get(ctx, id)
	if d.get != nil {
		a = d.get(a)
	}
	return a, err
}

func (d *door) Unlock(ctx context.Context, id string) error {
	if d.unlock != nil {
		return d.unlock
	}
	return d.people.Unlock(ctx, id)
}

func (d *door) Rules(ctx context.Context, id string) (password.Directory, error) {
	if d.rule != nil {
		return password.Directory{}, d.rule
	}
	return d.people.Rules(ctx, id)
}

func (d *door) Examine(context.Context, string) ([]directory.Finding, error) {
	return append([]directory.Finding{{Severity: directory.Good, Text: "fine"}}, d.shown...), nil
}

// canary is the account's identifier.
const canary = "c"

// rehearsals is a world with the canary "canary", on which nobody rehearses but by hand, and one
// address that hears of it.
func rehearsals(t *testing.T, change ...func(*app.Settings)) (*world, *door) {
	t.Helper()
	d := &door{}
	w := newWorld(t, append([]func(*app.Settings){func(s *app.Settings) {
		s.Canaries = app.Canaries{Logins: []string{"canary", "other"}, Alarm: []string{"ops@example.test"}}
		d.people = s.Directories[0].Directory.(*people)
		s.Directories[0].Directory = d
	}}, change...)...)
	d.accounts[canary] = account.Account{Ref: account.Ref{ID: canary}, Login: "canary",
		Contacts: []account.Contact{{Kind: account.Email, Address: "canary@example.test"}}}
	d.words[canary] = "at first"
	w.send()
	return w, d
}

func (w *world) rehearse() app.Rehearsal {
	w.t.Helper()
	r, err := w.Rehearse(w.t.Context(), operator, "canary")
	if err != nil {
		w.t.Fatalf("got %v", err)
	}
	return r
}

// mailedTo returns the subjects of what was sent to that address.
func (w *world) mailedTo(address string) []string {
	w.t.Helper()
	w.send()
	var out []string
	for _, m := range w.mail.all() {
		if m.To == address {
			out = append(out, m.Subject)
		}
	}
	return out
}

func TestRehearsal(t *testing.T) {
	w, d := rehearsals(t)
	before := w.events()
	r := w.rehearse()
	if _, failed := r.Failed(); failed || !r.OK || r.Login != "canary" || r.Directory != "people" || r.By != operator.Name {
		t.Fatalf("got %+v", r)
	}
	var names []string
	for _, s := range r.Steps {
		names = append(names, s.Name)
	}
	if got, want := strings.Join(names, " "), "lookup rules reset readback unlock state record outbox"; got != want {
		t.Errorf("got the steps %s, want %s", got, want)
	}
	first, writes := d.password(canary)
	if len(first) < 32 || writes != 1 {
		t.Errorf("the password has %d characters after %d writes", len(first), writes)
	}
	got := w.events()[len(before):]
	slices.Sort(got)
	want := []string{"message.withheld", "recovery.applied", "recovery.challenged", "recovery.started", "recovery.submitted", "recovery.verified", "rehearsal.done"}
	if !slices.Equal(got, want) {
		t.Errorf("got the records %v, want %v", got, want)
	}
	if m := w.mailedTo("canary@example.test"); len(m) != 0 {
		t.Errorf("the canary was written to: %v", m)
	}
	if m := w.mailedTo("ops@example.test"); len(m) != 0 {
		t.Errorf("an alarm without a reason: %v", m)
	}
	w.rehearse()
	if second, writes := d.password(canary); second == first || writes != 2 {
		t.Error("the second rehearsal did not set another password")
	}
	last, err := w.LastRehearsals(t.Context())
	if err != nil || len(last) != 1 || !last[0].OK || last[0].Login != "canary" {
		t.Errorf("got %+v, %v", last, err)
	}
}

// TestRehearsalOnNobodyElse: no account is reset that is not listed, or that could be a person's.
func TestRehearsalOnNobodyElse(t *testing.T) {
	w, d := rehearsals(t)
	for _, login := range []string{"alice", "", "canary@example.test", "canar"} {
		r, err := w.Rehearse(t.Context(), operator, login)
		if !errors.Is(err, app.ErrNoCanary) || len(r.Steps) != 0 || !strings.Contains(err.Error(), "rehearsal.accounts") {
			t.Errorf("%q: got %+v, %v", login, r, err)
		}
	}
	set := func(change func(*account.Account)) func() {
		return func() {
			a := d.accounts[canary]
			change(&a)
			d.accounts[canary] = a
		}
	}
	healthy := d.accounts[canary]
	for _, c := range []struct {
		name string
		do   func()
		want string
	}{
		{"disabled", set(func(a *account.Account) { a.Disabled = true }), "may not sign in"},
		{"privileged", set(func(a *account.Account) { a.Privileged = true }), "privileged"},
		{"barred", set(func(a *account.Account) { a.Barred = "no right" }), "no right"},
		{"an address", set(func(a *account.Account) { a.Login = "alice2"; a.Contacts[0].Address = "canary" }), `of the account "alice2"`},
		{"unknown", func() { delete(d.accounts, canary) }, `"canary" names no account in`},
		{"ambiguous", func() { d.accounts["x"] = account.Account{Ref: account.Ref{ID: "x"}, Login: "canary"} }, `"canary" names several accounts: several in `},
		{"enrolled", func() { delete(d.accounts, "x"); w.enroll("canary") }, "2 methods are enrolled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			one := healthy
			one.Contacts = slices.Clone(healthy.Contacts)
			d.accounts[canary] = one
			c.do()
			r := w.rehearse()
			s, _ := r.Failed()
			if s.Name != "lookup" || !strings.Contains(s.Err, c.want) || s.Fix == "" || r.OK {
				t.Errorf("got %+v, want %q", s, c.want)
			}
		})
	}
	for id, n := range d.writes {
		t.Errorf("%s was written %d times", id, n)
	}
}

// TestRehearsalSaysWhatSticks: each fault is told at its step, with what mends it, to the log, to
// who wants to hear of it, and to nobody else.
func TestRehearsalSaysWhatSticks(t *testing.T) {
	for _, c := range []struct {
		name, step string
		fault      func(*world, *door)
		err, fix   string
		writes     int
	}{
		{"the directory is down", "lookup", func(_ *world, d *door) { d.down = directory.ErrUnavailable }, "look up in people: could not be asked", "postern check", 0},
		{"no rules", "rules", func(_ *world, d *door) { d.rule = errors.New("insufficient access") }, "rules could not be read: insufficient access", "process log", 1},
		{"no password fits", "rules", func(_ *world, d *door) { d.rules = password.Directory{MaxLength: 9} }, "no random password fits", "settings under password", 0},
		{"too young", "reset", func(_ *world, d *door) {
			d.refuse = func(string) error { return &directory.Rejected{Reason: directory.TooYoung, Operator: "too soon"} }
		}, "refused (too_young): too soon", "rehearsal.every", 0},
		{"no right", "reset", func(_ *world, d *door) {
			d.refuse = func(string) error { return &directory.Rejected{Reason: directory.NotAllowed} }
		}, "not_allowed", "docs/operate", 0},
		{"gone away", "reset", func(_ *world, d *door) { d.refuse = func(string) error { return directory.ErrUnavailable } }, "could not be asked", "can be reached", 0},
		{"silence", "reset", func(_ *world, d *door) {
			d.refuse = func(string) error { return fmt.Errorf("cut off: %w", directory.ErrUncertain) }
		}, "cut off", "Nobody knows the canary's password", 0},
		{"yes, and not done", "reset", func(_ *world, d *door) {
			d.after = func(string) error { d.words[canary] = "older"; return nil }
		}, "does not work", "the directory's log", 1},
		{"put back", "readback", func(_ *world, d *door) {
			d.auth = func(n int, err error) error {
				if n > 1 {
					return directory.ErrWrongPassword
				}
				return err
			}
		}, "does not take it", "replication", 1},
		{"must change, says the sign-in", "state", func(_ *world, d *door) {
			d.auth = func(int, error) error { return directory.ErrMustChange }
		}, "must be changed at the next sign-in", "take that mark away", 1},
		{"must change, says the account", "state", func(_ *world, d *door) {
			d.get = func(a account.Account) account.Account { a.MustChange = true; return a }
		}, "must be changed at the next sign-in", "take that mark away", 1},
		{"still locked", "state", func(_ *world, d *door) {
			d.get = func(a account.Account) account.Account { a.Locked = true; return a }
		}, "is locked", "right to end a lock", 1},
		{"locked, says the sign-in", "state", func(_ *world, d *door) {
			d.auth = func(int, error) error { return directory.ErrLocked }
		}, "is locked", "right to end a lock", 1},
		{"no right to unlock", "unlock", func(_ *world, d *door) {
			d.unlock = &directory.Rejected{Reason: directory.NotAllowed, Operator: "no access"}
		}, "no access", "docs/operate", 1},
		{"another account", "state", func(_ *world, d *door) {
			d.get = func(a account.Account) account.Account { a.Ref.ID = "2"; return a }
		}, "not the one that was found", "exchanged", 1},
		{"disabled by it", "state", func(_ *world, d *door) {
			d.get = func(a account.Account) account.Account { a.Disabled = true; return a }
		}, "may not sign in after", "enable", 1},
		{"mail waits", "outbox", func(w *world, _ *door) {
			w.mail.fail = errors.New("greylisted")
			if err := w.Unenroll(w.t.Context(), operator, "bert", w.enrolment("bert")); err != nil {
				w.t.Fatal(err)
			}
			w.pass(10 * time.Minute)
		}, "messages wait", "postern serve", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, d := rehearsals(t)
			d.shown = []directory.Finding{{Severity: directory.Fault, Text: "a right is missing", Fix: "grant it"}}
			before := w.events()
			c.fault(w, d)
			r := w.rehearse()
			s, _ := r.Failed()
			if r.OK || s.Name != c.step || !strings.Contains(s.Err, c.err) || !strings.Contains(s.Fix, c.fix) {
				t.Errorf("got %s: %q, fix %q; want %s: %q, %q", s.Name, s.Err, s.Fix, c.step, c.err, c.fix)
			}
			if _, n := d.password(canary); n != c.writes {
				t.Errorf("the password was set %d times, want %d", n, c.writes)
			}
			if examined := s.Name != "lookup" && s.Name != "outbox"; examined != (len(r.Findings) == 1) {
				t.Errorf("got the findings %+v", r.Findings)
			}
			if i := slices.IndexFunc(r.Steps, func(s app.RehearsalStep) bool { return s.Name == "record" }); i < 0 || r.Steps[i].Err != "" {
				t.Error("the log was not looked at")
			}
			w.mail.fail = nil
			w.pass(time.Hour)
			if got := w.mailedTo("ops@example.test"); !slices.Equal(got, []string{"notice.rehearsal_failed"}) {
				t.Errorf("the alarm: got %v", got)
			}
			if got := w.mailedTo("canary@example.test"); len(got) != 0 {
				t.Errorf("the canary was written to: %v", got)
			}
			if got := count(w.events()[len(before):], "rehearsal.failed"); got != 1 {
				t.Errorf("%d records of a failed rehearsal", got)
			}
			if ready := w.Ready(t.Context()); !slices.ContainsFunc(ready, func(f app.Readiness) bool {
				return f.Severity == directory.Warning && strings.Contains(f.Text, "step "+c.step)
			}) || slices.ContainsFunc(ready, func(f app.Readiness) bool { return f.Severity == directory.Fault }) {
				t.Errorf("ready: got %+v", ready)
			}
		})
	}
}

// TestRehearsalEndsALock: a canary that was locked out is as good as another.
func TestRehearsalEndsALock(t *testing.T) {
	w, d := rehearsals(t)
	a := d.accounts[canary]
	a.Locked = true
	d.accounts[canary] = a
	if r := w.rehearse(); !r.OK || d.accounts[canary].Locked {
		t.Errorf("got %+v, %+v", r, d.accounts[canary])
	}
}

// TestRehearsalLeavesOutWhatNobodyMay: where no rule offers an unlock, the service needs no right to it.
func TestRehearsalLeavesOutWhatNobodyMay(t *testing.T) {
	w, d := rehearsals(t, func(s *app.Settings) { s.Policy.Rules[0].Actions = []policy.Action{policy.Reset} })
	d.unlock = &directory.Rejected{Reason: directory.NotAllowed}
	if r := w.rehearse(); !r.OK || r.Steps[4].Note != "left out: no rule offers it" {
		t.Errorf("got %+v", r)
	}
}

// TestRehearsalWithoutTheStore: what cannot be recorded is not begun, and is said.
func TestRehearsalWithoutTheStore(t *testing.T) {
	for at, writes := range map[int]int{1: 0, 2: 0, 3: 0, 4: 1} { // begin, proof, grant; then the directory's word
		w, d := rehearsals(t)
		w.faults.seen, w.faults.at = 0, at
		s, _ := w.rehearse().Failed()
		if _, n := d.password(canary); s.Name != "reset" || !strings.Contains(s.Err, errLost.Error()) || n != writes {
			t.Errorf("commit %d: got %+v after %d writes, want %d", at, s, n, writes)
		}
	}
	w, d := rehearsals(t)
	w.faults.seen, w.faults.at = 0, 5
	if r, err := w.Rehearse(t.Context(), operator, "canary"); !errors.Is(err, errLost) || len(r.Steps) != 8 {
		t.Errorf("the result could not be recorded: got %v, %+v", err, r)
	}
	if _, n := d.password(canary); n != 1 {
		t.Errorf("set %d times", n)
	}
}

// TestRehearsalSeesADoubtfulLog: a log that cannot go on is told at its step.
func TestRehearsalSeesADoubtfulLog(t *testing.T) {
	r := &restored{}
	w, _ := rehearsals(t, func(s *app.Settings) { r.LogStore, s.Log = s.Log, r })
	r.by = 1
	s, _ := w.rehearse().Failed()
	if s.Name != "record" || !strings.Contains(s.Err, "checkpoint is of") || !strings.Contains(s.Fix, "postern audit verify") {
		t.Errorf("got %+v", s)
	}
}

// TestRehearsalOnTwoNodes: while one is done nobody begins another, and afterwards anybody may.
func TestRehearsalOnTwoNodes(t *testing.T) {
	w, d := rehearsals(t)
	s := w.Settings
	s.Node = "two"
	two, err := app.New(s)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	d.refuse = func(string) error {
		for _, a := range []*app.App{two, w.App} { // another node, and the same
			asked++
			if r, err := a.Rehearse(t.Context(), operator, "canary"); !errors.Is(err, app.ErrRehearsed) || len(r.Steps) != 0 {
				t.Errorf("got %+v, %v", r, err)
			}
		}
		return nil
	}
	if r := w.rehearse(); !r.OK || asked != 2 {
		t.Errorf("got %+v after %d", r, asked)
	}
	d.refuse = nil
	if r, err := two.Rehearse(t.Context(), operator, "CANARY"); err != nil || !r.OK {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestRehearsalsAlarm: one message when it begins to fail, one every six hours, one when all is well.
func TestRehearsalsAlarm(t *testing.T) {
	w, d := rehearsals(t)
	sticks := func(string) error { return directory.ErrUnavailable }
	failed, works := "notice.rehearsal_failed", "notice.rehearsal_works"
	var want []string
	for i, c := range []struct {
		refuse func(string) error
		more   string
	}{
		{nil, ""}, {sticks, failed}, {sticks, ""}, {sticks, ""}, {sticks, ""}, {sticks, ""}, {sticks, ""},
		{sticks, failed}, {sticks, ""}, {nil, works}, {nil, ""}, {sticks, failed}, {nil, works},
	} {
		d.refuse = c.refuse
		w.rehearse()
		if c.more != "" {
			want = append(want, c.more)
		}
		if got := w.mailedTo("ops@example.test"); !slices.Equal(got, want) {
			t.Fatalf("after rehearsal %d: got %v, want %v", i, got, want)
		}
		w.pass(time.Hour)
	}
}

// TestRehearsalsByTheClock: some minutes after the start, then every so often, on one node.
func TestRehearsalsByTheClock(t *testing.T) {
	w, d := rehearsals(t, func(s *app.Settings) { s.Canaries.Every, s.Canaries.Logins = time.Hour, []string{"canary"} })
	d.writes[canary] = 0 // the world is older than its canary
	s := w.Settings
	nodes := make([]*app.App, 2)
	w.pass(24 * time.Hour)
	for i := range nodes {
		s.Node = fmt.Sprint("node ", i)
		var err error
		if nodes[i], err = app.New(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 0}, {2*time.Minute - time.Second, 0}, {4 * time.Minute, 1}, {time.Minute, 1}, {58 * time.Minute, 1}, {time.Minute, 2}, {10 * time.Hour, 3}} {
		w.pass(c.after)
		for _, w.App = range nodes {
			w.send()
		}
		if _, n := d.password(canary); n != c.want {
			t.Errorf("after another %s: rehearsed %d times, want %d", c.after, n, c.want)
		}
	}
	w.pass(1000 * time.Hour) // a clock that went wrong
	w.rehearse()
	w.pass(-999 * time.Hour)
	w.send()
	if _, n := d.password(canary); n != 5 {
		t.Errorf("after a rehearsal in the future: %d, want 5", n)
	}
}

// TestRehearsalOfAnotherAccount: a login that names another account than before is not rehearsed on
// until an operator says so.
func TestRehearsalOfAnotherAccount(t *testing.T) {
	w, d := rehearsals(t, func(s *app.Settings) { s.Canaries.Logins = []string{"canary"} })
	w.Canaries.Every = time.Hour
	w.send()
	a := d.accounts[canary]
	a.Ref.ID = "new"
	delete(d.accounts, canary)
	d.accounts["new"] = a
	hour := func(want int, step string) {
		t.Helper()
		w.pass(time.Hour)
		w.send()
		last, err := w.LastRehearsals(t.Context())
		if err != nil || len(last) != 1 {
			t.Fatalf("got %+v, %v", last, err)
		}
		if s, _ := last[0].Failed(); s.Name != step || d.writes["new"] != want {
			t.Errorf("got %+v after %d writes, want %d", s, d.writes["new"], want)
		}
	}
	hour(0, "lookup")
	hour(0, "lookup") // nor the next time
	if r := w.rehearse(); !r.OK {
		t.Errorf("by hand: got %+v", r)
	}
	hour(2, "")
}

// TestRehearsalThatDied: a process that ends in the middle leaves a recovery that is settled like
// any other, and nobody is written to.
func TestRehearsalThatDied(t *testing.T) {
	w, d := rehearsals(t)
	d.refuse = func(string) error { return directory.ErrUncertain }
	w.rehearse()
	w.pass(10 * time.Minute)
	w.send() // the sweep makes the notice, which is withheld next
	if all := w.events(); count(all, "recovery.unsettled") != 1 || count(all, "message.withheld") != 1 {
		t.Errorf("got %v", all)
	}
	if got := w.mailedTo("canary@example.test"); len(got) != 0 {
		t.Errorf("the canary was written to: %v", got)
	}
}

// TestNoticesOfPeopleGoOut: a rule that is called like rehearsals withholds nothing.
func TestNoticesOfPeopleGoOut(t *testing.T) {
	w, _ := rehearsals(t, func(s *app.Settings) { s.Policy.Rules[0].Name = "rehearsal" })
	s := w.verified("alice")
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
	w.send()
	if got := w.noticed("alice", "notice."+string(policy.Reset)); got != 1 {
		t.Errorf("alice was told %d times", got)
	}
}

// wouldNot is a mail server that would not take anything.
type wouldNot struct{ *mailbox }

func (wouldNot) Check(context.Context) error { return errors.New("certificate expired") }

func TestRehearsalAsksTheMailServer(t *testing.T) {
	w, _ := rehearsals(t, func(s *app.Settings) { s.Senders = []notify.Sender{wouldNot{&mailbox{}}} })
	if s, _ := w.rehearse().Failed(); s.Name != "outbox" || !strings.Contains(s.Err, "certificate expired") || !strings.Contains(s.Fix, "notify") {
		t.Errorf("got %+v", s)
	}
}

// TestRehearsalInTargets: where a rule sets the password elsewhere too, a rehearsal does, and tells
// when it sticks there; an account that is not listed is left alone.
func TestRehearsalInTargets(t *testing.T) {
	there := func(login string) func(*people) {
		return func(p *people) {
			p.accounts["x"] = account.Account{Ref: account.Ref{ID: "x"}, Login: login,
				Contacts: []account.Contact{{Kind: account.Email, Address: "canary@example.test"}}}
			p.words["x"] = "at first"
		}
	}
	for _, c := range []struct {
		name  string
		by    policy.By
		there func(*people)
		step  string // that fails
		want  string // in a note or the error
		set   int
	}{
		{"the same login", policy.ByLogin, there("Canary"), "", "checked", 1},
		{"a person with the same address", policy.ByEmail, there("alice"), "", `"alice" there is not listed`, 0},
		{"nobody", policy.ByLogin, func(*people) {}, "", "no account in the target second", 0},
		{"down", policy.ByLogin, func(p *people) { p.down = directory.ErrUnavailable }, "rules", "the target second: look up in second: could not be asked", 0},
		{"no right", policy.ByLogin, func(p *people) {
			there("canary")(p)
			p.refuse = func(string) error { return &directory.Rejected{Reason: directory.NotAllowed} }
		}, "reset", "in second not all is well: password_set failed not_allowed (directory second)", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			second := &people{accounts: map[string]account.Account{}, words: map[string]string{}, writes: map[string]int{}}
			w, d := rehearsals(t, func(s *app.Settings) {
				s.Directories = append(s.Directories, app.NamedDirectory{Name: "second", Lookup: app.LookupNever, Directory: unlike{second}})
				s.Policy.Rules[0].Targets = []policy.Target{{Directory: "second", By: c.by}}
			})
			a := d.accounts[canary]
			a.Groups = []string{"Staff"}
			d.accounts[canary] = a
			c.there(second)
			r := w.rehearse()
			s, _ := r.Failed()
			if s.Name != c.step || !strings.Contains(fmt.Sprintf("%+v", r.Steps), c.want) {
				t.Errorf("got %+v", r.Steps)
			}
			if c.step == "reset" && (s.Fix != "grant it there" || !strings.Contains(fmt.Sprint(r.Findings), "directory second: no right on x")) {
				t.Errorf("mended by %q, found %v", s.Fix, r.Findings)
			}
			mine, n := d.password(canary)
			other, m := second.password("x")
			if n != 1 || m != c.set || m == 1 && mine != other {
				t.Errorf("set %d times here and %d there, %v", n, m, mine == other)
			}
			w.pass(time.Hour)
			w.send()
			w.send()
			if got := w.mailedTo("canary@example.test"); len(got) != 0 {
				t.Errorf("the canary was written to: %v", got)
			}
		})
	}
}

// unlike can be asked what the service may do.
type unlike struct{ *people }

func (unlike) Examine(_ context.Context, id string) ([]directory.Finding, error) {
	return []directory.Finding{{Severity: directory.Good, Text: "fine"}, {Severity: directory.Fault, Text: "no right on " + id, Fix: "grant it there"}}, nil
}

// TestRehearsalIsLogged: those that nobody watches stand in the process log.
func TestRehearsalIsLogged(t *testing.T) {
	var out strings.Builder
	w, d := rehearsals(t, func(s *app.Settings) {
		s.Canaries.Logins, s.Logger = []string{"canary"}, slog.New(slog.NewTextHandler(&out, nil))
	})
	w.Canaries.Every = time.Hour
	w.send()
	d.down = directory.ErrUnavailable
	w.pass(time.Hour)
	w.send()
	if got := out.String(); strings.Count(got, `level=INFO msg="a rehearsal went well"`) != 1 ||
		strings.Count(got, `level=ERROR msg="a rehearsal failed`) != 1 || !strings.Contains(got, "step=lookup") || strings.Contains(got, d.words[canary]) {
		t.Errorf("got %s", got)
	}
}
