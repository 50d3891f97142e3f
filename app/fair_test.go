package app_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/app"
	"postern/directory"
	"postern/policy"
	"postern/secret"
)

// elsewhere is a visitor in another network.
var elsewhere = app.Visitor{Address: netip.MustParseAddr("198.51.100.9"), Agent: "test", Language: "en"}

// TestAStrangerKeepsNobodyOut: what one network uses up is its own share.
func TestAStrangerKeepsNobodyOut(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) {
		s.Limits.WrongAccount, s.Limits.WrongTotal = burst(3), burst(20)
		s.Limits.Destination, s.Limits.DestinationTotal = burst(2), burst(20)
	})
	for range 6 {
		s, err := w.Begin(t.Context(), elsewhere, "alice", policy.Reset)
		if err != nil {
			t.Fatal(err)
		}
		w.ok(w.Ask(t.Context(), elsewhere, s.Token, id(s.Flow, "totp")))
		w.refused(second(w.Answer(t.Context(), elsewhere, s.Token, id(s.Flow, "totp"), typing("000000"))), app.ProblemAnswer)
		w.ok(w.Ask(t.Context(), elsewhere, s.Token, id(s.Flow, "email_code")))
	}
	w.verified("alice")
}

func TestAllNetworksTogether(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) { s.Limits.WrongAccount, s.Limits.WrongTotal = burst(3), burst(4) })
	for i := range 6 {
		v := visitor
		v.Address = netip.AddrFrom4([4]byte{10, 0, byte(i), 1})
		s, err := w.Begin(t.Context(), v, "alice", policy.Reset)
		if err != nil {
			t.Fatal(err)
		}
		w.ok(w.Ask(t.Context(), v, s.Token, id(s.Flow, "totp")))
		w.refused(second(w.Answer(t.Context(), v, s.Token, id(s.Flow, "totp"), typing("000000"))), app.ProblemAnswer)
	}
	s := w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice"))), app.ProblemAnswer)
}

// TestRightAnswersAreForgiven: what was wrong before a right answer no longer counts.
func TestRightAnswersAreForgiven(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) { s.Limits.WrongAccount, s.Limits.WrongTotal = burst(3), burst(3) })
	for range 4 {
		s := w.start("alice")
		w.pass(time.Minute)
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
		w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), typing("000000"))), app.ProblemAnswer)
		w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), typing("000001"))), app.ProblemAnswer)
		w.ok(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice")))
	}
}

// TestKnownPasswordIsForgiven: refused new passwords are no wrong tries of the old one.
func TestKnownPasswordIsForgiven(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) { s.Limits.ChangeAccount = burst(2) })
	r := app.ChangeRequest{Identifier: "alice", Old: secret.New("old password of alice"), New: secret.New("short")}
	for range 5 {
		w.refused(second(w.ChangePassword(t.Context(), visitor, r)), app.ProblemPassword)
	}
	r.New = secret.New(fresh)
	w.ok(w.ChangePassword(t.Context(), visitor, r))
}

// TestInvitationSendsItsCode: a method whose invitation sends something has it sent.
func TestInvitationSendsItsCode(t *testing.T) {
	w := newWorld(t)
	inv, err := w.Invite(t.Context(), operator, "frank", "email_code", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AskInvitation(t.Context(), visitor, inv.Token); err != nil {
		t.Fatal(err)
	}
	w.send()
	code := ""
	for _, m := range w.mail.all() {
		if _, c, ok := strings.Cut(m.Text, "email_code.enroll.message.body "); ok && m.To == "frank@example.test" {
			code = c
		}
	}
	e, err := w.AnswerInvitation(t.Context(), visitor, inv.Token, typing(code))
	if err != nil || !e.Done {
		t.Errorf("got %+v, %v with the code %q", e, err, code)
	}
}

// TestReadyTellsOfRecordsThatWait: a sequencer that stands still must not be silent.
func TestReadyTellsOfRecordsThatWait(t *testing.T) {
	w := newWorld(t)
	w.send()
	w.start("alice")
	if f := w.Ready(t.Context()); len(f) != 0 {
		t.Errorf("a moment later: %+v", f)
	}
	w.pass(2 * time.Minute)
	f := w.Ready(t.Context())
	if len(f) != 1 || f[0].Severity != directory.Fault || !strings.Contains(f[0].Text, "audit records") {
		t.Errorf("after two minutes: %+v", f)
	}
	w.send()
	if f := w.Ready(t.Context()); len(f) != 0 {
		t.Errorf("after the sequencer ran: %+v", f)
	}
}

// TestHints: destinations are shown once something was proven, and not before.
func TestHints(t *testing.T) {
	w := newWorld(t)
	s := w.start("alice")
	ctx := t.Context()
	f := w.ok(w.Ask(ctx, visitor, s.Token, id(s.Flow, "totp")))
	for _, m := range f.Methods {
		if m.Hint != "" {
			t.Errorf("shown before any proof: %q", m.Hint)
		}
	}
	f = w.ok(w.Answer(ctx, visitor, s.Token, id(s.Flow, "totp"), w.code("alice")))
	hint := ""
	for _, m := range f.Methods {
		if m.Factor == "email_code" {
			hint = m.Hint
		}
	}
	if hint != "a••••@example.test" {
		t.Errorf("got %q", hint)
	}
}

// TestSweepCatchesUp: many more ended recoveries than one batch are ended in one sweep.
func TestSweepCatchesUp(t *testing.T) {
	w := newWorld(t)
	for range 230 {
		w.start("nobody")
	}
	w.pass(time.Hour)
	if all := w.events(); count(all, "recovery.expired") != 230 {
		t.Errorf("%d of 230 were ended", count(all, "recovery.expired"))
	}
}
