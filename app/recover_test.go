package app_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/method"
	"postern/notify"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

const fresh = "a quite new and long passphrase"

func TestReset(t *testing.T) {
	w := newWorld(t)
	s := w.verified("alice")
	if s.Flow.Login != "alice" || len(s.Flow.Rules) == 0 {
		t.Errorf("verified, and neither login nor rules are shown: %+v", s.Flow)
	}
	f := w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
	if got, writes := w.dir.password("1"); got != fresh || writes != 1 {
		t.Errorf("got %q after %d writes", got, writes)
	}
	if f.State != recovery.Done || len(f.Receipt) < 2 || f.Receipt[0].Detail != "checked" || f.Receipt[0].Target != "Staff directory" {
		t.Errorf("got %s with the receipt %+v", f.State, f.Receipt)
	}
	all := w.events()
	for _, k := range []string{"recovery.started", "recovery.proved", "recovery.verified", "recovery.submitted", "recovery.applied"} {
		if count(all, k) != 1 {
			t.Errorf("%d times %s in %v", count(all, k), k, all)
		}
	}
	for _, m := range w.mail.all() {
		if strings.Contains(m.Subject+m.Text, fresh) {
			t.Errorf("the password was mailed: %s", m.Text)
		}
	}
	if got := w.noticed("alice", "notice.reset"); got != 1 {
		t.Errorf("the owner was told %d times", got)
	}
	w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh+"!"))), app.ProblemClosed)
}

func second[A, B any](_ A, b B) B { return b }

func TestPasswordIsCheckedBeforeAnythingChanges(t *testing.T) {
	w := newWorld(t)
	s := w.verified("alice")
	seen := w.faults.seen
	for _, bad := range []string{"", "short", "old", strings.Repeat("x", 5000)} {
		r := w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(bad))), app.ProblemPassword)
		if len(r.Violations) == 0 || r.Flow.State != recovery.Verified {
			t.Errorf("%d characters: %+v", len(bad), r)
		}
	}
	if got, writes := w.dir.password("1"); writes != 0 || got != "old password of alice" || w.faults.seen != seen {
		t.Error("a refused password changed something")
	}
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
}

func TestWhatTheDirectorySays(t *testing.T) {
	var wrote bool
	for _, c := range []struct {
		name    string
		refuse  func(string) error
		after   func(string) error
		problem string
		state   recovery.State
		writes  int
	}{
		{"refused", func(string) error { return &directory.Rejected{Reason: directory.InHistory} }, nil, app.ProblemPassword, recovery.Verified, 0},
		{"not reached", func(string) error { return fmt.Errorf("dial: %w", directory.ErrUnavailable) }, nil, app.ProblemUnavailable, recovery.Verified, 0},
		{"gone", func(string) error { return directory.ErrNotFound }, nil, app.ProblemPassword, recovery.Verified, 0},
		{"silent, not done", func(string) error { return errors.New("timeout") }, nil, app.ProblemUnsettled, recovery.Applying, 0},
		{"silent, done", nil, func(string) error { return directory.ErrUncertain }, "", recovery.Done, 1},
		{"done", nil, nil, "", recovery.Done, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s := w.verified("alice")
			w.dir.refuse, w.dir.after, wrote = c.refuse, c.after, false
			_, err := w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh))
			if c.problem == "" {
				w.ok(app.Flow{}, err)
			} else {
				w.refused(err, c.problem)
			}
			f := w.ok(w.Look(t.Context(), visitor, s.Token))
			if _, writes := w.dir.password("1"); f.State != c.state || writes != c.writes || wrote {
				t.Errorf("got %s after %d writes, want %s after %d", f.State, writes, c.state, c.writes)
			}
			if c.state != recovery.Verified {
				return
			}
			w.dir.refuse = nil // and now it goes well, with the same grant
			if f := w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh))); f.State != recovery.Done {
				t.Errorf("second try: %s", f.State)
			}
		})
	}
}

func TestSilenceEndsUnsettledAndIsTold(t *testing.T) {
	w := newWorld(t)
	s := w.verified("alice")
	w.dir.refuse = func(string) error { return errors.New("connection reset") }
	w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh))), app.ProblemUnsettled)
	w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh))), app.ProblemOrder)
	w.pass(3 * time.Minute)
	all := w.events() // runs the sweep
	if count(all, "recovery.unsettled") != 1 {
		t.Errorf("got %v", all)
	}
	w.send()
	if got := w.noticed("alice", "notice.unsettled"); got != 1 {
		t.Errorf("the owner was told %d times", got)
	}
	if _, writes := w.dir.password("1"); writes != 0 {
		t.Error("it was tried again blindly")
	}
}

func TestUnlock(t *testing.T) {
	w := newWorld(t)
	s := w.verified("dave")
	if !s.Flow.Locked || len(s.Flow.Can) != 2 {
		t.Fatalf("locked, and may only %v", s.Flow.Can)
	}
	f := w.ok(w.Unlock(t.Context(), visitor, s.Token))
	if got, writes := w.dir.password("4"); writes != 0 || got != "old password of dave" || w.dir.accounts["4"].Locked {
		t.Error("unlocking did something else, or nothing")
	}
	if f.State != recovery.Done || f.Receipt[0].Change != "unlocked" {
		t.Errorf("got %+v", f)
	}
	s = w.verified("alice")
	w.refused(second(w.Unlock(t.Context(), visitor, s.Token)), app.ProblemOrder)
}

// TestNobodyCanTell walks five kinds of account that cannot recover, one that can with wrong
// answers, and one that does not exist through every step: what they see must be the same.
func TestNobodyCanTell(t *testing.T) {
	walk := func(w *world, login string) []string {
		var seen []string
		see := func(f app.Flow, err error) {
			var r *app.Refusal
			if errors.As(err, &r) {
				f = app.Flow{}
				if r.Flow != nil {
					f = *r.Flow
				}
				seen = append(seen, r.Problem+" "+r.Key)
			} else if err != nil {
				t.Fatalf("%s: %v", login, err)
			}
			f.ID = ""
			seen = append(seen, fmt.Sprintf("%+v %+v", f, f.Open))
		}
		s := w.start(login)
		see(s.Flow, nil)
		for range 2 {
			for _, m := range s.Flow.Methods {
				see(w.Ask(t.Context(), visitor, s.Token, m.ID))
				see(w.Look(t.Context(), visitor, s.Token))
				see(w.Answer(t.Context(), visitor, s.Token, m.ID, typing("000000")))
			}
		}
		see(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
		see(w.Answer(t.Context(), visitor, s.Token, "m1", typing("000000")))
		see(w.Answer(t.Context(), visitor, s.Token, "m1", typing("000000")))
		see(app.Flow{}, w.Abandon(t.Context(), visitor, s.Token))
		return seen
	}
	want := walk(newWorld(t), "alice")
	for i := range want { // pointers differ from run to run
		want[i] = hex.ReplaceAllString(want[i], "0x")
	}
	for _, login := range []string{"eve", "frank", "otto", "dave", "nobody-at-all", "ALICE@example.test"} {
		got := walk(newWorld(t), login)
		for i := range want {
			if g := hex.ReplaceAllString(got[i], "0x"); g != want[i] {
				t.Errorf("%s, step %d:\ngot  %s\nwant %s", login, i, g, want[i])
			}
		}
	}
}

func TestOnlyAddressesOnRecordAreWrittenTo(t *testing.T) {
	w := newWorld(t)
	for _, typed := range []string{"attacker@evil.test", "eve", "frank", "otto", "nobody"} {
		s := w.start(typed)
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code")))
	}
	before := len(w.mail.all())
	w.send()
	for _, m := range w.mail.all()[before:] {
		if strings.Contains(m.Text, "email_code") || strings.Contains(m.To, "evil") {
			t.Errorf("a code was mailed to %s", m.To)
		}
	}
}

func TestAmbiguousIsNobody(t *testing.T) {
	w := newWorld(t)
	two := w.dir.accounts["6"]
	two.Contacts = w.dir.accounts["1"].Contacts
	w.dir.accounts["6"] = two
	s := w.start("alice@example.test")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice"))), app.ProblemAnswer)
}

func TestCantTellMeansNo(t *testing.T) {
	w := newWorld(t)
	w.dir.down = fmt.Errorf("dial: %w", directory.ErrUnavailable)
	seen := w.faults.seen
	for _, login := range []string{"alice", "nobody"} {
		w.refused(second(w.Begin(t.Context(), visitor, login, policy.Reset)), app.ProblemUnavailable)
	}
	if w.faults.seen != seen {
		t.Error("something was written")
	}
}

func TestTheSameLoginInTwoDirectoriesIsNobody(t *testing.T) {
	other := &people{accounts: map[string]account.Account{}}
	w := newWorld(t, func(s *app.Settings) {
		s.Directories = append(s.Directories, app.NamedDirectory{Name: "other", Directory: other})
	})
	for _, knows := range []bool{false, true} {
		if knows {
			other.accounts["x"] = account.Account{Ref: account.Ref{ID: "x"}, Login: "alice"}
		}
		s := w.start("alice")
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
		_, err := w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice"))
		if knows {
			w.refused(err, app.ProblemAnswer)
		} else {
			w.ok(app.Flow{}, err)
		}
		w.pass(time.Minute)
	}
}

func TestBadInput(t *testing.T) {
	w := newWorld(t)
	seen := w.faults.seen
	for _, typed := range []string{"", "   ", strings.Repeat("a", 257), "a\x00b"} {
		w.refused(second(w.Begin(t.Context(), visitor, typed, policy.Reset)), app.ProblemMalformed)
	}
	for _, token := range []string{"", "nonsense", strings.Repeat("A", 1000)} {
		w.refused(second(w.Look(t.Context(), visitor, secret.New(token))), app.ProblemNone)
	}
	s := w.start("alice")
	seen++
	w.refused(second(w.Ask(t.Context(), visitor, s.Token, "m99")), app.ProblemMethod)
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, "", typing("1"))), app.ProblemMethod)
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, "m1", typing("123456"))), app.ProblemOrder)
	w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh))), app.ProblemOrder)
	w.refused(second(w.Unlock(t.Context(), visitor, s.Token)), app.ProblemOrder)
	if w.faults.seen != seen {
		t.Errorf("%d commits, want %d: bad input changed something", w.faults.seen, seen)
	}
}

func TestCodesWorkOnce(t *testing.T) {
	w := newWorld(t)
	one, two := w.start("alice"), w.start("alice")
	ctx, code := t.Context(), w.code("alice")
	w.ok(w.Ask(ctx, visitor, one.Token, id(one.Flow, "totp")))
	w.ok(w.Ask(ctx, visitor, two.Token, id(two.Flow, "totp")))
	w.ok(w.Answer(ctx, visitor, one.Token, id(one.Flow, "totp"), code))
	w.refused(second(w.Answer(ctx, visitor, one.Token, id(one.Flow, "totp"), code)), app.ProblemOrder)
	w.refused(second(w.Answer(ctx, visitor, two.Token, id(two.Flow, "totp"), code)), app.ProblemAnswer)
	// A mailed code belongs to the recovery that asked for it, and a new one replaces it.
	w.ok(w.Ask(ctx, visitor, one.Token, id(one.Flow, "email_code")))
	first := w.mailed()
	w.ok(w.Ask(ctx, visitor, two.Token, id(two.Flow, "email_code")))
	w.refused(second(w.Answer(ctx, visitor, two.Token, id(two.Flow, "email_code"), first)), app.ProblemAnswer)
	w.send()
	w.ok(w.Ask(ctx, visitor, one.Token, id(one.Flow, "email_code")))
	w.refused(second(w.Answer(ctx, visitor, one.Token, id(one.Flow, "email_code"), first)), app.ProblemAnswer)
	w.ok(w.Answer(ctx, visitor, one.Token, id(one.Flow, "email_code"), w.mailed()))
}

func TestExpiredCode(t *testing.T) {
	w := newWorld(t)
	s := w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code")))
	code := w.mailed()
	w.pass(10*time.Minute + time.Second)
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "email_code"), code)), app.ProblemAnswer)
}

func TestDeadlineEndsIt(t *testing.T) {
	w := newWorld(t)
	s := w.start("alice")
	w.pass(time.Hour)
	if f := w.ok(w.Look(t.Context(), visitor, s.Token)); f.State != recovery.Expired {
		t.Errorf("got %s", f.State)
	}
	w.refused(second(w.Ask(t.Context(), visitor, s.Token, "m1")), app.ProblemClosed)
}

// TestOneOfFiftyWins sends one right answer fifty times at once.
func TestOneOfFiftyWins(t *testing.T) {
	w := newWorld(t)
	for round := range 10 {
		w.pass(time.Minute)
		s := w.start("alice")
		ctx := t.Context()
		w.ok(w.Ask(ctx, visitor, s.Token, id(s.Flow, "totp")))
		code := w.code("alice")
		var right atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := w.Answer(ctx, visitor, s.Token, id(s.Flow, "totp"), code); err == nil {
					right.Add(1)
				}
			})
		}
		wg.Wait()
		if right.Load() != 1 {
			t.Fatalf("round %d: %d answers were taken", round, right.Load())
		}
	}
}

// TestOnePasswordPerGrant submits two passwords at once.
func TestOnePasswordPerGrant(t *testing.T) {
	w := newWorld(t)
	s := w.verified("alice")
	var wg sync.WaitGroup
	var done atomic.Int32
	for i := range 20 {
		wg.Go(func() {
			if _, err := w.SetPassword(t.Context(), visitor, s.Token, secret.New(fmt.Sprintf("%s number %d", fresh, i))); err == nil {
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if _, writes := w.dir.password("1"); writes != 1 || done.Load() != 1 {
		t.Errorf("%d writes, %d told that it was done", writes, done.Load())
	}
}

func TestLimits(t *testing.T) {
	t.Run("address is told", func(t *testing.T) {
		w := newWorld(t, func(s *app.Settings) { s.Limits.StartAddress = burst(3) })
		for range 3 {
			w.start("alice")
		}
		if r := w.refused(second(w.Begin(t.Context(), visitor, "bert", policy.Reset)), app.ProblemLimited); r.Retry <= 0 {
			t.Error("no time to come back")
		}
		other := visitor
		other.Address = visitor.Address.Next()
		if _, err := w.Begin(t.Context(), other, "alice", policy.Reset); err != nil {
			t.Errorf("another address: %v", err)
		}
	})
	t.Run("account is silent", func(t *testing.T) {
		for _, login := range []string{"alice", "nobody"} {
			w := newWorld(t, func(s *app.Settings) { s.Limits.StartAccount = burst(2) })
			want := w.start(login).Flow
			w.start(login)
			s := w.start(login)
			got := s.Flow
			got.ID, want.ID = "", ""
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the limit shows:\n%+v\n%+v", login, got, want)
			}
			w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
			if login == "alice" {
				w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code(login))), app.ProblemAnswer)
			}
		}
	})
	t.Run("account, and what nobody can guess", func(t *testing.T) {
		w := newWorld(t, func(s *app.Settings) {
			s.Limits.StartAccount = burst(1)
			s.Methods[0].Kind.Traits.Strength = policy.PhishingResistant
			s.Methods[0].Kind.Traits.Verifies = true
		})
		w.start("alice")
		s := w.start("alice") // one too many, and what cannot be guessed still counts
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
		if f := w.ok(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice"))); f.State != recovery.Verified {
			t.Errorf("got %s", f.State)
		}
	})
	t.Run("wrong answers over many recoveries", func(t *testing.T) {
		w := newWorld(t, func(s *app.Settings) { s.Limits.WrongAccount = burst(4) })
		for range 4 {
			s := w.start("alice")
			w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
			w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), typing("000000"))), app.ProblemAnswer)
		}
		s := w.start("alice")
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
		w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice"))), app.ProblemAnswer)
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code"))) // another method is free
		w.ok(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "email_code"), w.mailed()))
	})
	t.Run("messages to one destination", func(t *testing.T) {
		w := newWorld(t, func(s *app.Settings) { s.Limits.Destination = burst(2) })
		for range 4 {
			s := w.start("alice")
			w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code")))
		}
		before := count(w.events(), "message.withheld")
		n := 0
		for _, m := range w.mail.all() {
			if strings.Contains(m.Text, "email_code") {
				n++
			}
		}
		if n != 2 || before != 2 {
			t.Errorf("%d codes were mailed and %d withheld, want 2 each", n, before)
		}
	})
}

func TestSuspicion(t *testing.T) {
	w := newWorld(t)
	s := w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
	w.ok(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice")))
	w.pass(time.Hour)
	w.send()
	w.send()
	if got := w.noticed("alice", "notice.suspicious"); got != 1 {
		t.Errorf("the owner was told %d times", got)
	}
}

func TestOtherRecoveriesEnd(t *testing.T) {
	w := newWorld(t)
	stranger, thief := w.start("alice"), w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, thief.Token, id(thief.Flow, "totp")))
	w.ok(w.Answer(t.Context(), visitor, thief.Token, id(thief.Flow, "totp"), w.code("alice")))
	w.pass(time.Minute)
	s := w.verified("alice")
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
	if f := w.ok(w.Look(t.Context(), visitor, thief.Token)); f.State != recovery.Cancelled {
		t.Errorf("the recovery with a proof is %s", f.State)
	}
	if f := w.ok(w.Look(t.Context(), visitor, stranger.Token)); f.State != recovery.Verifying {
		t.Errorf("the recovery without a proof is %s: its bearer learns that the account exists", f.State)
	}
}

func TestMessagesAreTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.send()
	s := w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code")))
	w.mail.fail = errors.New("greylisted")
	before := len(w.mail.all())
	w.send()
	w.pass(4 * time.Second)
	w.mail.fail = nil
	w.send()
	if len(w.mail.all()) != before {
		t.Error("tried again before the back-off was over")
	}
	w.pass(2 * time.Second)
	w.send()
	if len(w.mail.all()) != before+1 {
		t.Errorf("%d messages after the retry", len(w.mail.all())-before)
	}
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code")))
	w.mail.fail = fmt.Errorf("no such mailbox: %w", notify.ErrPermanent)
	w.send()
	w.mail.fail = nil
	w.pass(time.Hour)
	if all := w.events(); count(all, "message.dead") != 1 || count(all, "message.failed") != 1 {
		t.Errorf("got %v", all)
	}
}

func TestRulesOfTheDirectoryAreShown(t *testing.T) {
	w := newWorld(t)
	w.dir.rules = password.Directory{MinLength: 20}
	s := w.verified("alice")
	r := w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New("only eighteen long"))), app.ProblemPassword)
	if len(r.Violations) != 1 || r.Violations[0].Rule != password.RuleLength {
		t.Errorf("got %+v", r.Violations)
	}
}

// TestFaults makes each commit of a whole reset fail, once before it is written and once with the
// answer lost, and checks the world after each.
func TestFaults(t *testing.T) {
	for _, kept := range []bool{false, true} {
		for at := 1; ; at++ {
			w := newWorld(t)
			w.faults.at, w.faults.kept = at, kept
			w.tryReset()
			if w.faults.seen < at {
				if at < 7 {
					t.Fatalf("a reset took only %d commits", at-1)
				}
				break // every commit had its turn
			}
			w.faults.at = 0
			w.pass(time.Hour)
			all := w.events()
			got, writes := w.dir.password("1")
			submitted := count(all, "recovery.submitted")
			told := count(all, "recovery.applied") + count(all, "recovery.unsettled") + count(all, "recovery.rejected") + count(all, "recovery.unreached")
			if writes > submitted || writes > 1 {
				t.Errorf("commit %d (kept %v): %d writes, %d submitted: %v", at, kept, writes, submitted, all)
			}
			if submitted != told {
				t.Errorf("commit %d (kept %v): %d submitted and %d settled: %v", at, kept, submitted, told, all)
			}
			if count(all, "recovery.applied") == 1 && got != fresh {
				t.Errorf("commit %d (kept %v): recorded as applied, and the password is %q", at, kept, got)
			}
		}
	}
}

// tryReset does what a person does, going on after errors as far as they would.
func (w *world) tryReset() {
	ctx := w.t.Context()
	s, err := w.Begin(ctx, visitor, "alice", policy.Reset)
	if err != nil {
		return
	}
	for _, step := range []struct {
		f      policy.Factor
		answer func() method.Answer
	}{{"totp", func() method.Answer { return w.code("alice") }}, {"email_code", w.tryMailed}} {
		if _, err := w.Ask(ctx, visitor, s.Token, id(s.Flow, step.f)); err != nil {
			return
		}
		if _, err := w.Answer(ctx, visitor, s.Token, id(s.Flow, step.f), step.answer()); err != nil {
			return
		}
	}
	_, _ = w.SetPassword(ctx, visitor, s.Token, secret.New(fresh))
}

// tryMailed runs the background work as far as it gets and returns the last code.
func (w *world) tryMailed() method.Answer {
	ctx, stop := context.WithCancel(w.t.Context())
	stop()
	if err := w.Run(ctx); err != nil {
		w.t.Error(err)
	}
	return w.lastCode()
}

var hex = regexp.MustCompile(`0x[0-9a-f]+`)
