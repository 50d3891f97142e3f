package app_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/app"
	"postern/audit"
	"postern/directory"
	"postern/recovery"
	"postern/secret"
)

// TestNothingProvenNothingTold: whoever types a login and walks away, or guesses until it ends,
// causes no mail to its owner.
func TestNothingProvenNothingTold(t *testing.T) {
	w := newWorld(t)
	w.send()
	before := len(w.mail.all())
	w.start("alice")
	s := w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
	for range 5 {
		_, err := w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), typing("000000"))
		if err == nil {
			t.Fatal("a wrong code was taken")
		}
	}
	w.pass(time.Hour)
	w.send()
	w.send()
	if got := w.mail.all()[before:]; len(got) != 0 {
		t.Errorf("the owner was told %q", got[0].Subject)
	}
}

// TestRightAnswerForgetsWrongOnes: the limit on wrong answers is about those in a row.
func TestRightAnswerForgetsWrongOnes(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) { s.Limits.WrongAccount = burst(3) })
	for round := range 3 {
		w.pass(time.Minute)
		s := w.start("alice")
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
		for range 2 {
			w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), typing("000000"))), app.ProblemAnswer)
		}
		if _, err := w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice")); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// TestDirectoryThatLies: it says yes, and the new password does not work.
func TestDirectoryThatLies(t *testing.T) {
	w := newWorld(t)
	s := w.verified("alice")
	w.dir.after = func(string) error { w.dir.words["1"] = "old password of alice"; return nil }
	r := w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh))), app.ProblemUnsettled)
	if r.Flow.State != recovery.Applying || len(r.Flow.Receipt) != 0 {
		t.Errorf("got %s with the receipt %+v", r.Flow.State, r.Flow.Receipt)
	}
}

// TestRefusalIsBelieved: that a password works is no proof that the directory set it.
func TestRefusalIsBelieved(t *testing.T) {
	w := newWorld(t)
	s := w.verified("alice")
	w.dir.words["1"] = fresh
	w.dir.refuse = func(string) error { return &directory.Rejected{Reason: directory.SamePassword} }
	r := w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh))), app.ProblemPassword)
	if len(r.Violations) != 1 || r.Violations[0].Rule != "directory_same_password" {
		t.Errorf("got %+v", r.Violations)
	}
}

// leaving is a directory during whose work the visitor goes away.
type leaving struct {
	*people
	leave context.CancelFunc
}

func (l *leaving) SetPassword(ctx context.Context, id string, to secret.Text) error {
	l.leave()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", directory.ErrUnavailable, err)
	}
	return l.people.SetPassword(ctx, id, to)
}

// TestVisitorGoesAway: what was begun is done, read back and recorded all the same.
func TestVisitorGoesAway(t *testing.T) {
	l := &leaving{}
	w := newWorld(t, func(s *app.Settings) {
		l.people = s.Directories[0].Directory.(*people)
		s.Directories[0].Directory = l
	})
	s := w.verified("alice")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.leave = cancel
	f := w.ok(w.SetPassword(ctx, visitor, s.Token, secret.New(fresh)))
	if _, writes := w.dir.password("1"); f.State != recovery.Done || writes != 1 || f.Receipt[0].Detail != "checked" {
		t.Errorf("got %s after %d writes, %+v", f.State, writes, f.Receipt)
	}
}

// TestOneQuestionTooMany: the question that ends the recovery sends nothing.
func TestOneQuestionTooMany(t *testing.T) {
	w := newWorld(t)
	s := w.start("alice")
	for range 12 {
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code")))
	}
	w.refused(second(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code"))), app.ProblemClosed)
	if n := w.codes(); n != 12 {
		t.Errorf("%d codes were mailed, want 12", n)
	}
}

// codes sends what is due and counts the codes that were mailed so far.
func (w *world) codes() int {
	w.t.Helper()
	w.send()
	n := 0
	for _, m := range w.mail.all() {
		if strings.Contains(m.Text, "email_code.message") {
			n++
		}
	}
	return n
}

func TestQuestionsOfOneAddressAreLimited(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) { s.Limits.AnswerAddress = burst(2) })
	s := w.start("alice")
	for range 2 {
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code")))
	}
	w.refused(second(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code"))), app.ProblemLimited)
	if n := w.codes(); n != 2 {
		t.Errorf("%d codes were mailed, want 2", n)
	}
}

// TestWithheldMessageLooksSent: beyond a destination's limit the question stands, is recorded and
// judged like any other, and nothing is mailed.
func TestWithheldMessageLooksSent(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) { s.Limits.Destination = burst(1) })
	s := w.start("alice")
	for range 3 {
		f := w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code")))
		if f.Open == nil || f.Open.Factor != "email_code" {
			t.Fatalf("no question is open: %+v", f)
		}
	}
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "email_code"), typing("000000"))), app.ProblemAnswer)
	if n := w.codes(); n != 1 {
		t.Errorf("%d codes were mailed, want 1", n)
	}
	if all := w.events(); count(all, "recovery.challenged") != 3 || count(all, "message.sent") < 3 {
		t.Errorf("got %v", all)
	}
}

// TestYoungAppBesideAnOldOne: the quarantine is each enrolment's own.
func TestYoungAppBesideAnOldOne(t *testing.T) {
	w := newWorld(t)
	old := w.secrets["alice"]
	w.enroll("alice")
	young := w.secrets["alice"]
	s := w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice"))), app.ProblemAnswer)
	w.secrets["alice"] = old
	w.ok(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice")))
	w.pass(25 * time.Hour)
	w.secrets["alice"] = young
	w.verified("alice")
}

// TestRowsCannotBeSwapped: whoever can write to the store cannot hand one person's recovery to
// another token, because a sealed value opens only where it belongs.
func TestRowsCannotBeSwapped(t *testing.T) {
	w := newWorld(t)
	mine, theirs := w.start("bert"), w.verified("alice")
	from, err := w.store.Recovery(t.Context(), theirs.Flow.ID)
	if err != nil {
		t.Fatal(err)
	}
	to, err := w.store.Recovery(t.Context(), mine.Flow.ID)
	if err != nil {
		t.Fatal(err)
	}
	to.Data = from.Data
	record, err := audit.Event{ID: "forged", At: w.now(), Kind: "system.started"}.Record(func() []byte { return make([]byte, 16) })
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Commit(t.Context(), app.Change{Recovery: &to, Audit: []audit.Record{record}}); err != nil {
		t.Fatal(err)
	}
	var r *app.Refusal
	if f, err := w.Look(t.Context(), visitor, mine.Token); err == nil || errors.As(err, &r) {
		t.Errorf("another person's row was opened: %s, %v", f.State, err)
	}
	if _, err := w.SetPassword(t.Context(), visitor, mine.Token, secret.New(fresh)); err == nil {
		t.Error("and a password was set")
	}
}

// TestCodesAreNotSentLate: a message whose use is over is given up and recorded.
func TestCodesAreNotSentLate(t *testing.T) {
	w := newWorld(t)
	s := w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "email_code")))
	w.pass(10 * time.Minute)
	if n := w.codes(); n != 0 {
		t.Error("a code was mailed that can no longer be used")
	}
	if all := w.events(); count(all, "message.dead") != 1 {
		t.Errorf("got %v", all)
	}
}

// TestWhatWasTypedIsNotKept: a password in the wrong field must not end up in the log.
func TestWhatWasTypedIsNotKept(t *testing.T) {
	const slip = "hunter2-my-real-password"
	w := newWorld(t)
	w.start(slip)
	w.events()
	records, err := w.store.Records(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	typed := ""
	for _, r := range records {
		if strings.Contains(string(r.Leaf)+string(r.Personal), slip[:4]) {
			t.Errorf("%s holds it", r.Kind)
		}
		if fields, err := audit.Fields(r); err == nil && fields[audit.Typed] != "" {
			typed = fields[audit.Typed]
		}
	}
	if typed != "h…" {
		t.Errorf("got %q, want the first letter", typed)
	}
}
