package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"postern/account"
	"postern/directory"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// known is the factor of a change: the current password, proven to the directory.
const known policy.Factor = "password"

// ChangePassword sets a new password for somebody who knows the old one, which may have expired or
// may have been given to them to be changed. Where the directory can, it is done as the person, so
// that the directory applies what it asks of people; else as the service. It runs through the same
// machine as a recovery, with the old password as its one proof, so that it is counted, limited,
// recorded and settled the same way. Unknown, locked, disabled and out-of-scope accounts and a
// wrong password get one and the same refusal.
func (a *App) ChangePassword(ctx context.Context, v Visitor, r ChangeRequest) (Flow, error) {
	name, ok := handle(r.Identifier)
	if !ok || r.Old.Empty() {
		return Flow{}, &Refusal{Problem: ProblemMalformed, Key: "problem.identifier"}
	}
	now := a.now()
	count := spends(v, now, "change", a.Limits.AnswerAddress, a.Limits.StartNetwork)
	if err := a.refuseEarly(ctx, count); err != nil {
		return Flow{}, err
	}
	who, err := a.find(ctx, name)
	if err != nil {
		a.Logger.ErrorContext(ctx, "a directory could not be asked; the change was refused", "error", err, "request", v.Request)
		return Flow{}, unavailable()
	}
	if l := a.Limits.ChangeAccount; !l.Unlimited() {
		count = append(count, Spend{Key: a.silent("change.account", who.limited()), Limit: l, Now: now})
	}
	h, err := a.beginChange(ctx, v, who, name, count, now)
	if refusal, quiet := limited(err); refusal != nil {
		return Flow{}, refusal
	} else if quiet {
		return Flow{}, wrongOld()
	} else if err != nil {
		return Flow{}, err
	}
	right, err := a.provesOld(ctx, h, r.Old)
	if err != nil {
		a.Logger.ErrorContext(ctx, "the old password could not be checked", "error", err, "request", v.Request)
		return Flow{}, unavailable()
	}
	h, c, err := a.prepare(v, h, recovery.Answered{Factor: known, Right: right}, a.now())
	if err != nil {
		return Flow{}, err
	}
	if h.Recovery.State == recovery.Verified { // a right password makes up for the wrong ones before
		c.Limits = []Spend{{Key: a.silent("change.account", who.limited()), Reset: true, Now: now}}
	}
	if err := a.commit(ctx, c); err != nil {
		return Flow{}, fmt.Errorf("app: change: %w", err)
	}
	if h.Recovery.State != recovery.Verified {
		return Flow{}, wrongOld()
	}
	return a.changeKnown(ctx, v, h, r)
}

// changeKnown goes on when the old password was right.
func (a *App) changeKnown(ctx context.Context, v Visitor, h held, r ChangeRequest) (Flow, error) {
	h.Rules, h.Targets = a.readRules(ctx, h)
	normal, bad := a.rules(h).Check(r.New)
	if len(bad) > 0 {
		if _, err := a.advance(ctx, v, h, recovery.Abandoned{}, a.now()); err != nil {
			return Flow{}, err
		}
		return Flow{}, &Refusal{Problem: ProblemPassword, Key: "problem.password", Violations: bad}
	}
	h.to = normal
	denied := false
	f, err := a.apply(ctx, v, h, policy.Change, func(ctx context.Context, d NamedDirectory, _ string) (detail string, err error) {
		if err := a.unused(ctx, h, normal); err != nil {
			return "", err
		}
		detail, denied, err = a.writeAs(ctx, d, h.Account, r.Old, normal)
		return detail, err
	})
	var no *Refusal
	if errors.As(err, &no) {
		no.Flow = nil // there is no token to go on with: the person fills in the form again
		a.giveUp(ctx, v, h, denied)
	}
	if denied && no != nil {
		return Flow{}, wrongOld()
	}
	return f, err
}

// writeAs sets a password as its owner where the directory can, and reads it back. denied tells that
// the directory no longer takes the old one, and that nothing was changed.
func (a *App) writeAs(ctx context.Context, d NamedDirectory, who account.Account, old, to secret.Text) (detail string, denied bool, err error) {
	c, can := directory.As[directory.Changer](d.Directory)
	switch {
	case !can && who.Barred != "":
		return "", false, &directory.Rejected{Reason: directory.NotAllowed, Operator: who.Barred}
	case !can:
		detail, err = a.write(ctx, d, who.Ref.ID, to)
		return detail, false, err
	}
	switch err = c.ChangePassword(ctx, who.Ref.ID, old, to); {
	case deniesOld(err):
		return "", true, &directory.Rejected{Reason: oldDenied, Operator: err.Error()}
	case errors.Is(err, directory.ErrMustChange), errors.Is(err, directory.ErrRestricted):
		return "", false, &directory.Rejected{Reason: directory.NotAllowed, Operator: err.Error()}
	}
	detail, err = a.readBack(ctx, d, who.Ref.ID, to, err)
	return detail, false, err
}

// oldDenied is the reason in the audit log when the old password was right at first and is not
// taken any more.
const oldDenied directory.Reason = "old_password"

// deniesOld reports whether a directory does not take somebody's present password.
func deniesOld(err error) bool {
	return errors.Is(err, directory.ErrWrongPassword) || errors.Is(err, directory.ErrLocked) ||
		errors.Is(err, directory.ErrDisabled) || errors.Is(err, directory.ErrNotFound)
}

// giveUp ends a change that came to nothing and got its grant back: nobody has a token to go on
// with. An old password that was denied at last counts as a wrong one.
func (a *App) giveUp(ctx context.Context, v Visitor, h held, denied bool) {
	ctx, now := context.WithoutCancel(ctx), a.now()
	present, err := a.read(ctx, h.Recovery.ID)
	if err == nil && present.Recovery.State == recovery.Verified {
		var c Change
		_, c, err = a.prepare(v, present, recovery.Abandoned{}, now)
		if l := a.Limits.ChangeAccount; denied && !l.Unlimited() {
			c.Limits = []Spend{{Key: a.silent("change.account", h.subject()), Limit: l, Now: now}}
		}
		if err == nil {
			err = a.commit(ctx, c)
		}
		if _, quiet := limited(err); quiet {
			c.Limits = nil
			err = a.commit(ctx, c)
		}
	}
	if err != nil {
		a.Logger.ErrorContext(ctx, "a change that came to nothing could not be ended", "flow", string(h.Recovery.ID), "error", err)
	}
}

// beginChange stores a recovery whose only way is the old password. Everybody gets one; only
// somebody whom a rule lets change can succeed.
func (a *App) beginChange(ctx context.Context, v Visitor, who found, typed string, count []Spend, now time.Time) (held, error) {
	d := policy.Decision{Rule: "change", Why: policy.NoSuch, Plan: policy.Plan{Ways: []policy.Way{{known}}},
		Offer: []policy.Factor{known}, Actions: []policy.Action{policy.Change}, Limits: policy.DefaultLimits()}
	d.Limits.Wrong = 1
	if who.ok {
		d.Why = policy.OutOfScope
	}
	if who.ok && a.Policy.Changes(who.account) {
		d.Allowed, d.Why, d.Usable = true, policy.Matched, []policy.Factor{known}
	}
	h := held{flowData: flowData{Draw: who.draw, Language: v.Language}}
	ref := who.account.Ref
	if d.Allowed {
		h.Account = who.account
	}
	r, event := recovery.Begin(recovery.ID(encode([]byte(rand.Text())[:15])), ref, d, now)
	event.Action = policy.Change
	h.Recovery = r
	started, err := a.started(v, h, begin{who: who, typed: typed}, event)
	if err != nil {
		return h, err
	}
	h, c, err := a.prepare(v, h, recovery.Challenged{Factor: known, Once: true}, now)
	if err != nil {
		return h, err
	}
	c.Audit = append(c.Audit[:0:0], started, c.Audit[0])
	c.Limits = count
	if err := a.commit(ctx, c); err != nil {
		return h, fmt.Errorf("app: begin change: %w", err)
	}
	return h, nil
}

// provesOld asks the directory whether old is right. Expired or to be changed counts as right. For
// a decoy a directory is asked about nobody, which costs it about the same.
func (a *App) provesOld(ctx context.Context, h held, old secret.Text) (bool, error) {
	check, err := a.authenticator(h.Recovery.Who.Directory)
	if err != nil {
		return false, err
	}
	err = check.Authenticate(ctx, h.Recovery.Who.ID, old)
	switch {
	case err == nil, errors.Is(err, directory.ErrMustChange), errors.Is(err, directory.ErrRestricted):
		return true, nil
	case deniesOld(err):
		return false, nil
	}
	return false, err
}

// authenticator returns what checks passwords in the directory of that name; for nobody's, in the
// first that can.
func (a *App) authenticator(name string) (directory.Authenticator, error) {
	for _, d := range a.Directories {
		check, ok := directory.As[directory.Authenticator](d.Directory)
		if ok && (name == "" && d.Lookup != LookupNever || d.Name == name) {
			return check, nil
		}
	}
	return nil, fmt.Errorf("app: directory %q cannot check a password: %w", name, directory.ErrUnsupported)
}

func wrongOld() *Refusal { return &Refusal{Problem: ProblemAnswer, Key: "problem.old_password"} }

func unavailable() *Refusal {
	return &Refusal{Problem: ProblemUnavailable, Key: "problem.try_later", Retry: retryLater}
}
