package app_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/account"
	"postern/app"
	"postern/method"
	"postern/policy"
)

// TestOneHomeIsOneAddress: a home has a whole /64 of IPv6, and cannot start over from each of it.
func TestOneHomeIsOneAddress(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) { s.Limits.StartAddress, s.Limits.StartNetwork = burst(2), burst(4) })
	start := func(from string) error {
		v := visitor
		v.Address = netip.MustParseAddr(from)
		_, err := w.Begin(t.Context(), v, "alice", policy.Reset)
		return err
	}
	for _, c := range []struct {
		from string
		ok   bool
	}{
		{"2001:db8:0:1::1", true}, {"2001:db8:0:1:ffff::2", true}, {"2001:db8:0:1::3", false}, // the home
		{"2001:db8:0:2::1", true}, {"2001:db8:0:3::1", true}, {"2001:db8:0:4::1", false}, // its provider's /48
		{"2001:db8:1::1", true},
		{"198.51.100.1", true}, {"198.51.100.2", true}, {"::ffff:198.51.100.3", true}, {"198.51.100.4", true},
		{"198.51.100.5", false}, {"198.51.101.1", true}, // a /24
	} {
		err := start(c.from)
		if c.ok && err != nil {
			t.Errorf("%s: %v", c.from, err)
		}
		if !c.ok {
			w.refused(err, app.ProblemLimited)
		}
	}
}

// touch is a method that nobody can guess: the answer is right when it says so.
type touch struct{}

func (touch) Ask(context.Context, method.Person) (method.Question, error) {
	return method.Question{Public: struct{}{}}, nil
}

func (touch) Judge(_ context.Context, p method.Person, _ []byte, a method.Answer) (method.Judgement, error) {
	return method.Judgement{Right: len(p.Enrolled) == 1 && a.Code.Reveal() == "touched"}, nil
}

func (touch) Invite(context.Context, method.Person, map[string]string) (method.Question, error) {
	return method.Question{}, errors.New("not here")
}

func (touch) Enroll(context.Context, method.Person, []byte, method.Answer) (method.Enrollment, error) {
	return method.Enrollment{}, errors.New("not here")
}

func (touch) EnrollDirectly(context.Context, method.Person, map[string]string) (method.Enrollment, any, error) {
	return method.Enrollment{Factor: "touch", Label: "Key", Data: []byte("{}")}, nil, nil
}

// TestNobodyIsLockedOutOfAKey: a stranger's wrong answers never use up a method that cannot be guessed.
func TestNobodyIsLockedOutOfAKey(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) {
		s.Limits.WrongAccount = burst(2)
		s.Methods = append(s.Methods, app.NamedMethod{Method: touch{}, Kind: method.Kind{ID: "touch", Traits: policy.Traits{
			Strength: policy.PhishingResistant, Holdings: []policy.Holding{policy.Key}, Verifies: true, Enrolled: true}}})
	})
	if _, err := w.EnrollDirectly(t.Context(), operator, "alice", "touch", nil); err != nil {
		t.Fatal(err)
	}
	w.pass(48 * time.Hour)
	for range 4 {
		s := w.start("alice")
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "touch")))
		w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "touch"), typing("no"))), app.ProblemAnswer)
	}
	s := w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "touch")))
	w.ok(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "touch"), typing("touched")))
}

// TestTwoDirectoriesInAnyOrder: which of them is asked first makes nobody of nobody somebody.
func TestTwoDirectoriesInAnyOrder(t *testing.T) {
	other := &people{accounts: map[string]account.Account{"x": {Ref: account.Ref{ID: "x"}, Login: "alice"}}}
	for _, first := range []bool{false, true} {
		w := newWorld(t)
		w.enrolledElsewhere(first, other)
		s := w.start("alice")
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
		w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice"))), app.ProblemAnswer)
	}
}

// enrolledElsewhere adds a directory after everybody was enrolled.
func (w *world) enrolledElsewhere(first bool, other *people) {
	w.t.Helper()
	s := w.Settings
	mine, theirs := s.Directories[0], app.NamedDirectory{Name: "other", Directory: other}
	s.Directories = []app.NamedDirectory{mine, theirs}
	if first {
		s.Directories = []app.NamedDirectory{theirs, mine}
	}
	var err error
	if w.App, err = app.New(s); err != nil {
		w.t.Fatal(err)
	}
}

// TestMessagesAreGivenUp: a sender that fails for ever is asked a bounded number of times.
func TestMessagesAreGivenUp(t *testing.T) {
	w := newWorld(t)
	w.send()
	if err := w.Unenroll(t.Context(), operator, "alice", w.enrolment("alice")); err != nil {
		t.Fatal(err)
	}
	w.mail.fail = errors.New("greylisted")
	for range 20 {
		w.send()
		w.pass(time.Hour)
	}
	all := w.events()
	if count(all, "message.failed") != 11 || count(all, "message.dead") != 1 {
		t.Errorf("%d failed and %d given up, want 11 and 1", count(all, "message.failed"), count(all, "message.dead"))
	}
}

// enrolment returns the identifier of login's first enrolment.
func (w *world) enrolment(login string) string {
	w.t.Helper()
	p, err := w.Person(w.t.Context(), operator, login)
	if err != nil || len(p.Enrolled) == 0 {
		w.t.Fatalf("%s has %+v, %v", login, p.Enrolled, err)
	}
	return p.Enrolled[0].ID
}

// restored is a log whose size is not that of its checkpoint, as after a restore of half a backup.
type restored struct {
	app.LogStore
	by int64
}

func (r *restored) Head(ctx context.Context) (int64, string, error) {
	size, signed, err := r.LogStore.Head(ctx)
	if signed != "" {
		size += r.by
	}
	return size, signed, err
}

// TestNoCheckpointOverADoubtfulLog: when size and checkpoint disagree, nothing more is signed.
func TestNoCheckpointOverADoubtfulLog(t *testing.T) {
	r := &restored{}
	w := newWorld(t, func(s *app.Settings) { r.LogStore, s.Log = s.Log, r })
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, before, err := w.store.Head(t.Context())
	if err != nil || before == "" {
		t.Fatalf("got %q, %v", before, err)
	}
	w.start("alice")
	for _, r.by = range []int64{-1, 1} {
		if err := w.Settle(t.Context()); err == nil || !strings.Contains(err.Error(), "checkpoint is of") {
			t.Errorf("off by %d: got %v", r.by, err)
		}
	}
	if _, after, _ := w.store.Head(t.Context()); after != before {
		t.Error("a checkpoint was signed all the same")
	}
	r.by = 0
	if err := w.Settle(t.Context()); err != nil {
		t.Errorf("in order again: %v", err)
	}
}
