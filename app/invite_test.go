package app_test

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/app"
	"postern/method"
	"postern/secret"
)

var operator = app.Operator{Name: "cli:test"}

// invite makes an invitation for frank to the authenticator app and poses its question.
func invite(t *testing.T, w *world) secret.Text {
	t.Helper()
	inv, err := w.Invite(t.Context(), operator, "frank", "totp", nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := w.AskInvitation(t.Context(), visitor, inv.Token)
	if err != nil {
		t.Fatal(err)
	}
	m := secretOf.FindSubmatch(e.Public)
	if m == nil || e.Login != "frank" {
		t.Fatalf("the question is %s for %s", e.Public, e.Login)
	}
	w.secrets["frank"] = string(m[1])
	return inv.Token
}

func TestInvitation(t *testing.T) {
	w := newWorld(t)
	token := invite(t, w)
	if _, err := w.AnswerInvitation(t.Context(), visitor, token, typing("000000")); err == nil {
		t.Fatal("a wrong code enrolled")
	}
	code := w.code("frank")
	e, err := w.AnswerInvitation(t.Context(), visitor, token, code)
	if err != nil || !e.Done {
		t.Fatalf("got %+v, %v", e, err)
	}
	w.refused(second(w.AnswerInvitation(t.Context(), visitor, token, code)), app.ProblemTicket)
	w.refused(second(w.LookInvitation(t.Context(), visitor, token)), app.ProblemTicket)
	p, err := w.Person(t.Context(), operator, "frank")
	if err != nil || len(p.Enrolled) != 1 || p.Enrolled[0].Factor != "totp" || p.Decision.Allowed {
		t.Fatalf("got %+v, %v", p, err)
	}
	w.send()
	if got := w.noticed("frank", "notice.enrolled"); got != 1 {
		t.Errorf("the owner was told %d times", got)
	}
	if all := w.events(); count(all, "enrollment.invited") != 1 || count(all, "enrollment.refused") != 1 {
		t.Errorf("got %v", all)
	}
}

func TestInvitationRunsOut(t *testing.T) {
	w := newWorld(t)
	token := invite(t, w)
	w.pass(time.Hour)
	w.refused(second(w.AnswerInvitation(t.Context(), visitor, token, w.code("frank"))), app.ProblemTicket)
	for _, bad := range []string{"", "x", strings.Repeat("A", 500)} {
		w.refused(second(w.AskInvitation(t.Context(), visitor, secret.New(bad))), app.ProblemTicket)
	}
}

func TestInvitationMakesOneEnrolment(t *testing.T) {
	w := newWorld(t)
	token := invite(t, w)
	code := w.code("frank")
	var done atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := w.AnswerInvitation(t.Context(), visitor, token, code); err == nil {
				done.Add(1)
			}
		})
	}
	wg.Wait()
	p, err := w.Person(t.Context(), operator, "frank")
	if err != nil || len(p.Enrolled) != 1 || done.Load() != 1 {
		t.Errorf("%d told, %d enrolled, %v", done.Load(), len(p.Enrolled), err)
	}
}

func TestUnenroll(t *testing.T) {
	w := newWorld(t)
	p, err := w.Person(t.Context(), operator, "alice")
	if err != nil || len(p.Enrolled) != 2 || !p.Decision.Allowed || len(p.Thieves) != 1 {
		t.Fatalf("got %+v, %v", p, err)
	}
	if err := w.Unenroll(t.Context(), operator, "alice", "nonsense"); err == nil {
		t.Error("an enrolment that is not there was removed")
	}
	if err := w.Unenroll(t.Context(), operator, "bert", p.Enrolled[0].ID); err == nil {
		t.Error("another person's enrolment was removed")
	}
	totp := p.Enrolled[slices.IndexFunc(p.Enrolled, func(m app.PersonMethod) bool { return m.Factor == "totp" })].ID
	s := w.start("alice") // begun before, and the method is gone for it too
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
	if err := w.Unenroll(t.Context(), operator, "alice", totp); err != nil {
		t.Fatal(err)
	}
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice"))), app.ProblemAnswer)
	if p, _ = w.Person(t.Context(), operator, "alice"); len(p.Enrolled) != 1 || p.Decision.Allowed {
		t.Errorf("got %+v", p)
	}
}

func TestOperatorsAreToldWhy(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ login, factor, want string }{
		{"nobody", "totp", `"nobody" names no account`},
		{"alice", "carrier_pigeon", "not configured (setting methods); there are: totp, email_code"},
		{"", "totp", "no login"},
	} {
		_, err := w.EnrollDirectly(t.Context(), operator, c.login, policyFactor(c.factor), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: got %v, want %q", c.login, c.factor, err, c.want)
		}
	}
}

// TestQuarantine: what was enrolled a moment ago proves nothing yet.
func TestQuarantine(t *testing.T) {
	w := newWorld(t)
	w.enroll("frank")
	s := w.start("frank")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("frank"))), app.ProblemAnswer)
	w.pass(25 * time.Hour)
	w.verified("frank")
}

// TestNamesakeInheritsNothing: an account that was made after the enrolments is another person's.
func TestNamesakeInheritsNothing(t *testing.T) {
	w := newWorld(t)
	a := w.dir.accounts["1"]
	a.Created = w.now().Add(-time.Hour)
	w.dir.accounts["1"] = a
	s := w.start("alice")
	w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
	w.refused(second(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code("alice"))), app.ProblemAnswer)
}

func TestMethodThatCannotTell(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) {
		s.Methods[0].Method = broken{s.Methods[0].Method.(method.Enroller)}
	})
	s := w.start("alice")
	seen := w.faults.seen
	w.refused(second(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp"))), app.ProblemUnavailable)
	if w.faults.seen != seen {
		t.Error("an error of the method was counted")
	}
}
