package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"postern/limit"
	"postern/method"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// Ask poses the question of one of the flow's methods: a code is queued for sending, a passkey's
// options are made. For a decoy the same is done, and nothing is sent.
func (a *App) Ask(ctx context.Context, v Visitor, token secret.Text, id string) (Flow, error) {
	return again(func() (Flow, error) { return a.ask(ctx, v, token, id) })
}

func (a *App) ask(ctx context.Context, v Visitor, token secret.Text, id string) (Flow, error) {
	h, err := a.load(ctx, token)
	if err != nil {
		return Flow{}, err
	}
	f, ok := h.factor(id)
	if !ok {
		return Flow{}, a.refuse(h, ProblemMethod, "problem.method")
	}
	now := a.now()
	// The machine is asked first, so that no method works for a step that is not possible.
	if _, _, err := a.next(h, recovery.Challenged{Factor: f}, now); err != nil {
		return Flow{}, err
	}
	q, err := a.question(ctx, h, f, now)
	if err != nil {
		return Flow{}, a.cannotTell(ctx, h, v, f, err)
	}
	public, err := json.Marshal(q.Public)
	if err != nil {
		return Flow{}, fmt.Errorf("app: encode question of %s: %w", f, err)
	}
	next, c, err := a.prepare(v, h, recovery.Challenged{Factor: f, Public: public, Private: q.Private, Expires: q.Expires, Once: q.Once}, now)
	if err != nil {
		return Flow{}, err
	}
	c.Limits = spends(v, now, "answer", a.Limits.AnswerAddress, limit.Limit{})
	if next.Recovery.State.Final() { // one question too many, or too late: nothing is sent
		q.Deliver = nil
	}
	err = a.deliver(&c, delivery{messages: q.Deliver, subject: h.subject(), language: h.Language, visitor: v, now: now})
	if err != nil {
		return Flow{}, err
	}
	if err := a.commitSending(ctx, c); err != nil {
		return Flow{}, fmt.Errorf("app: ask %s: %w", f, err)
	}
	if next.Recovery.State.Final() {
		return Flow{}, a.refuse(next, ProblemClosed, "problem.closed")
	}
	return a.flow(next), nil
}

// question lets the method pose its question.
func (a *App) question(ctx context.Context, h held, f policy.Factor, now time.Time) (method.Question, error) {
	m, ok := a.method(f)
	if !ok {
		return method.Question{}, fmt.Errorf("method %s is no longer configured", f)
	}
	p, err := a.person(ctx, h, f, now)
	if err != nil {
		return method.Question{}, err
	}
	return m.Ask(ctx, p)
}

// cannotTell is the answer to an error from a guard: no, nothing was counted, try later.
func (a *App) cannotTell(ctx context.Context, h held, v Visitor, f policy.Factor, err error) error {
	a.Logger.ErrorContext(ctx, "a method could not tell; nothing was counted", "method", string(f),
		"flow", string(h.Recovery.ID), "error", err, "request", v.Request)
	r := a.refuse(h, ProblemUnavailable, "problem.try_later")
	r.Retry = retryLater
	return r
}
