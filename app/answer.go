package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/account"
	"postern/directory"
	"postern/limit"
	"postern/method"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// Answer judges an answer to the open question. The verdict, its count, the use of the enrolment
// and the record are one commit, and nobody learns the verdict before it: of any number of
// simultaneous answers one is judged per version of the recovery.
func (a *App) Answer(ctx context.Context, v Visitor, token secret.Text, id string, ans method.Answer) (Flow, error) {
	return again(func() (Flow, error) { return a.answer(ctx, v, token, id, ans) })
}

func (a *App) answer(ctx context.Context, v Visitor, token secret.Text, id string, ans method.Answer) (Flow, error) {
	h, err := a.load(ctx, token)
	if err != nil {
		return Flow{}, err
	}
	f, ok := h.factor(id)
	if !ok {
		return Flow{}, a.refuse(h, ProblemMethod, "problem.method")
	}
	now := a.now()
	// Whether an answer is possible at all is the machine's to say, before any method looks at it.
	probe, _, err := recovery.Step(h.Recovery, recovery.Answered{Factor: f}, now)
	if err != nil || probe.State == recovery.Expired {
		return Flow{}, a.notPossible(ctx, v, h, f, now)
	}
	loud := spends(v, now, "answer", a.Limits.AnswerAddress, limit.Limit{})
	if err := a.refuseEarly(ctx, loud); err != nil {
		return Flow{}, err
	}
	j, err := a.judge(ctx, h, f, ans, now)
	switch {
	case errors.Is(err, method.ErrPending):
		return Flow{}, a.refuse(h, ProblemPending, "problem.pending")
	case errors.Is(err, method.ErrMalformed):
		return Flow{}, a.refuse(h, ProblemMalformed, "problem.malformed")
	case err != nil:
		return Flow{}, a.cannotTell(ctx, h, v, f, err)
	}
	next, err := a.judged(ctx, v, h, verdict{f, j, loud, now})
	if err != nil {
		return Flow{}, err
	}
	return a.outcome(h, next, f)
}

// outcome turns the state after an answer into what its giver is told.
func (a *App) outcome(before, after held, f policy.Factor) (Flow, error) {
	switch {
	case after.Recovery.State.Final():
		return Flow{}, a.refuse(after, ProblemClosed, "problem.closed")
	case len(after.Recovery.Proofs) == len(before.Recovery.Proofs):
		return Flow{}, a.refuse(after, ProblemAnswer, "problem.answer")
	}
	return a.flow(after), nil
}

// notPossible answers an answer that came out of order, or too late.
func (a *App) notPossible(ctx context.Context, v Visitor, h held, f policy.Factor, now time.Time) error {
	next, err := a.advance(ctx, v, h, recovery.Answered{Factor: f}, now)
	if err != nil {
		return err
	}
	return a.refuse(next, ProblemClosed, "problem.closed")
}

func (a *App) judge(ctx context.Context, h held, f policy.Factor, ans method.Answer, now time.Time) (method.Judgement, error) {
	m, ok := a.method(f)
	if !ok {
		return method.Judgement{}, fmt.Errorf("method %s is no longer configured", f)
	}
	p, err := a.person(ctx, h, f, now)
	if err != nil {
		return method.Judgement{}, err
	}
	return m.Judge(ctx, p, h.Recovery.Open.Private, ans)
}

// verdict is a method's judgement on its way into the store.
type verdict struct {
	factor policy.Factor
	method.Judgement
	loud []Spend
	now  time.Time
}

// judged commits a verdict. An exhausted silent limit makes any answer wrong.
func (a *App) judged(ctx context.Context, v Visitor, h held, j verdict) (held, error) {
	right := j.Right && h.usable(j.factor)
	count := a.wrongs(v, h, j)
	if full, err := a.exhausted(ctx, count); err != nil {
		return h, err
	} else if full {
		return a.advance(ctx, v, h, recovery.Answered{Factor: j.factor, Note: "limited"}, j.now)
	}
	if right {
		count = forgiven(count)
	}
	next, c, err := a.prepare(v, h, recovery.Answered{Factor: j.factor, Right: right, Note: j.Note}, j.now)
	if err != nil {
		return h, err
	}
	if right && j.Update != nil {
		row, err := a.enrollment(h.Recovery.Who, *j.Update)
		if err != nil {
			return h, err
		}
		row.Used = j.now
		c.Enroll = []EnrollmentRow{row}
	}
	if next.Recovery.State == recovery.Verified {
		next.Rules, next.Targets = a.readRules(ctx, next)
		next = a.lockNow(ctx, next)
		if c.Recovery, err = a.row(next, h.row); err != nil {
			return h, err
		}
	}
	c.Limits = append(j.loud, count...)
	err = a.commit(ctx, c)
	if refusal, quiet := limited(err); refusal != nil {
		return h, refusal
	} else if quiet {
		return a.advance(ctx, v, h, recovery.Answered{Factor: j.factor, Note: "limited"}, j.now)
	}
	if err != nil {
		return h, fmt.Errorf("app: answer: %w", err)
	}
	return next, nil
}

// wrongs returns what an answer to something that can be guessed takes from the silent limits.
func (a *App) wrongs(v Visitor, h held, j verdict) []Spend {
	if !a.guessable(j.factor) {
		return nil
	}
	return a.both(v, a.silent("wrong", h.subject(), string(j.factor)), a.Limits.WrongAccount, a.Limits.WrongTotal, j.now)
}

// usable reports whether h's person can prove f.
func (h held) usable(f policy.Factor) bool {
	return !h.Recovery.Decoy() && slices.Contains(h.Recovery.Usable, f)
}

// readRules asks what the directory and the targets will demand of a new password, now that the
// person may know, and who the person is in the targets. If a directory cannot say, the page shows
// the other rules, and the directory still has the last word.
func (a *App) readRules(ctx context.Context, h held) (password.Directory, []heldTarget) {
	ctx, cancel := detached(ctx, 2*time.Second)
	defer cancel()
	return a.survey(ctx, h, a.rulesOf(ctx, h.Recovery.Who))
}

// rulesOf reads the rules of one directory for one account.
func (a *App) rulesOf(ctx context.Context, who account.Ref) password.Directory {
	d, err := a.directory(who.Directory)
	if err != nil {
		return password.Directory{}
	}
	reader, ok := directory.As[directory.RuleReader](d.Directory)
	if !ok {
		return password.Directory{}
	}
	rules, err := reader.Rules(ctx, who.ID)
	if err != nil {
		a.Logger.WarnContext(ctx, "the directory's password rules could not be read; only our own are shown",
			"directory", d.Name, "error", err)
	}
	return rules
}
