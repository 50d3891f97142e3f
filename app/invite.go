package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"postern/account"
	"postern/audit"
	"postern/enroll"
	"postern/method"
	"postern/policy"
	"postern/secret"
)

// invitationTime is how long a link to enrol stays good.
const invitationTime = time.Hour

// Invite makes a one-time link with which login's owner enrols f in their browser.
func (a *App) Invite(ctx context.Context, op Operator, login string, f policy.Factor, params map[string]string) (Invitation, error) {
	acct, _, err := a.enroller(ctx, login, f)
	if err != nil {
		return Invitation{}, err
	}
	now, token := a.now(), secret.New(rand.Text())
	inv := enroll.Invitation{ID: a.ticketID(token), Version: 1, Who: acct.Ref, Factor: f, Params: params,
		By: op.Name, State: enroll.Invited, Deadline: now.Add(invitationTime)}
	rec, err := a.enrolled("enrollment.invited", op.Name, acct, f, inv.ID)
	if err != nil {
		return Invitation{}, err
	}
	c, err := a.ticket(inv, 0, rec)
	if err != nil {
		return Invitation{}, err
	}
	if err := a.commit(ctx, c); err != nil {
		return Invitation{}, fmt.Errorf("app: invite: %w", err)
	}
	return Invitation{Token: token, Expires: inv.Deadline}, nil
}

// LookInvitation shows an invitation to whoever holds its token.
func (a *App) LookInvitation(ctx context.Context, _ Visitor, token secret.Text) (Enrolling, error) {
	inv, _, acct, err := a.invitation(ctx, token)
	if err != nil {
		return Enrolling{}, err
	}
	return enrolling(inv, acct), nil
}

// AskInvitation poses the question that makes the enrolment.
func (a *App) AskInvitation(ctx context.Context, v Visitor, token secret.Text) (Enrolling, error) {
	inv, row, acct, err := a.invitation(ctx, token)
	if err != nil {
		return Enrolling{}, err
	}
	e, p, err := a.invited(ctx, v, inv, acct)
	if err != nil {
		return Enrolling{}, err
	}
	q, err := e.Invite(ctx, p, inv.Params)
	if err != nil {
		return Enrolling{}, fmt.Errorf("app: invite to %s: %w", inv.Factor, err)
	}
	public, err := json.Marshal(q.Public)
	if err != nil {
		return Enrolling{}, fmt.Errorf("app: encode invitation to %s: %w", inv.Factor, err)
	}
	next, kind, err := enroll.Step(inv, enroll.Posed{Public: public, Private: q.Private, Expires: q.Expires}, p.Now)
	if err != nil {
		return Enrolling{}, noTicket()
	}
	rec, err := a.enrolled(kind, "", acct, inv.Factor, inv.ID)
	if err != nil {
		return Enrolling{}, err
	}
	c, err := a.ticket(next, row, rec)
	if err != nil {
		return Enrolling{}, err
	}
	if next.State.Final() {
		q.Deliver = nil
	}
	err = a.deliver(&c, delivery{messages: q.Deliver, subject: inv.Who, language: v.Language, visitor: v, now: p.Now})
	if err != nil {
		return Enrolling{}, err
	}
	if err := a.commitSending(ctx, c); err != nil {
		return Enrolling{}, fmt.Errorf("app: ask invitation: %w", err)
	}
	if next.State.Final() {
		return Enrolling{}, noTicket()
	}
	return enrolling(next, acct), nil
}

// AnswerInvitation judges the answer; a right one makes the enrolment, in one commit with the end
// of the invitation, its record and the notices.
func (a *App) AnswerInvitation(ctx context.Context, v Visitor, token secret.Text, ans method.Answer) (Enrolling, error) {
	inv, row, acct, err := a.invitation(ctx, token)
	if err != nil {
		return Enrolling{}, err
	}
	e, p, err := a.invited(ctx, v, inv, acct)
	if err != nil {
		return Enrolling{}, err
	}
	if inv.State != enroll.Asked {
		return Enrolling{}, &Refusal{Problem: ProblemOrder, Key: "problem.order"}
	}
	made, err := e.Enroll(ctx, p, inv.Private, ans)
	refused := errors.Is(err, method.ErrRefused) || errors.Is(err, method.ErrMalformed)
	if err != nil && !refused {
		return Enrolling{}, fmt.Errorf("app: enrol %s: %w", inv.Factor, err)
	}
	next, kind, err := enroll.Step(inv, enroll.Answered{Accepted: !refused}, p.Now)
	if errors.Is(err, enroll.ErrOutOfOrder) {
		return Enrolling{}, &Refusal{Problem: ProblemOrder, Key: "problem.order"}
	} else if err != nil {
		return Enrolling{}, noTicket()
	}
	rec, err := a.enrolled(kind, "", acct, inv.Factor, inv.ID)
	if err != nil {
		return Enrolling{}, err
	}
	c, err := a.ticket(next, row, rec)
	if err != nil {
		return Enrolling{}, err
	}
	if next.State == enroll.Done {
		if err := a.enroll(&c, v, acct, made, p.Now); err != nil {
			return Enrolling{}, err
		}
	}
	if err := a.commit(ctx, c); errors.Is(err, ErrConflict) {
		return Enrolling{}, &Refusal{Problem: ProblemAnswer, Key: "problem.enrolled_already"}
	} else if err != nil {
		return Enrolling{}, fmt.Errorf("app: answer invitation: %w", err)
	}
	if next.State != enroll.Done {
		return Enrolling{}, &Refusal{Problem: ProblemAnswer, Key: "problem.answer"}
	}
	return enrolling(next, acct), nil
}

// enroll adds the new enrolment and its notices to c.
func (a *App) enroll(c *Change, v Visitor, acct account.Account, made method.Enrollment, now time.Time) error {
	made.ID, made.Version, made.Added = rand.Text(), 0, now
	row, err := a.enrollment(acct.Ref, made)
	if err != nil {
		return err
	}
	c.Enroll = []EnrollmentRow{row}
	c.Messages, err = a.tell(acct, notice{key: "notice.enrolled", language: v.Language, from: coarse(v), factor: made.Factor}, now)
	return err
}

// EnrollDirectly enrols f for login without a browser, as an operator may with methods that
// allow it; public is what to hand to the person (a key for their app), shown once.
func (a *App) EnrollDirectly(ctx context.Context, op Operator, login string, f policy.Factor, params map[string]string) (public any, err error) {
	acct, m, err := a.enroller(ctx, login, f)
	if err != nil {
		return nil, err
	}
	direct, ok := m.(method.Direct)
	if !ok {
		return nil, ErrNeedsBrowser
	}
	now := a.now()
	made, public, err := direct.EnrollDirectly(ctx, method.Person{Account: acct, Draw: a.draw(acct.Login), Now: now}, params)
	if err != nil {
		return nil, fmt.Errorf("app: enrol %s for %s: %w", f, login, err)
	}
	rec, err := a.enrolled("enrollment.added", op.Name, acct, f, "")
	if err != nil {
		return nil, err
	}
	c := Change{Audit: []audit.Record{rec}}
	if err := a.enroll(&c, Visitor{}, acct, made, now); err != nil {
		return nil, err
	}
	if err := a.commit(ctx, c); err != nil {
		return nil, fmt.Errorf("app: enrol: %w", err)
	}
	return public, nil
}

// ErrNeedsBrowser: the method can be enrolled only by its owner, in a browser; Invite makes the link.
var ErrNeedsBrowser = errors.New("app: this method is enrolled in a browser")

// Unenroll removes one enrolment of login and tells its owner.
func (a *App) Unenroll(ctx context.Context, op Operator, login, id string) error {
	who, err := a.known(ctx, login)
	if err != nil {
		return err
	}
	rows, err := a.Store.Enrollments(ctx, who.Ref, "")
	if err != nil {
		return fmt.Errorf("app: read enrolments: %w", err)
	}
	for _, row := range rows {
		if row.ID != id {
			continue
		}
		rec, err := a.enrolled("enrollment.removed", op.Name, who, row.Factor, "")
		if err != nil {
			return err
		}
		row.Removed = true
		c := Change{Enroll: []EnrollmentRow{row}, Audit: []audit.Record{rec}}
		if c.Messages, err = a.tell(who, notice{key: "notice.removed", factor: row.Factor}, a.now()); err != nil {
			return err
		}
		return a.commit(ctx, c)
	}
	return fmt.Errorf("app: %s has no enrolment %s (see postern people show %s)", login, id, login)
}
