package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/account"
	"postern/audit"
	"postern/directory"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// directoryTime bounds one use of a directory after the grant was spent. It is shorter than the
// state's own limit, so that the outcome is known before the sweep gives up.
const directoryTime = 45 * time.Second

// SetPassword spends the grant and sets the password. Everything is checked before anything is
// changed; the grant is spent, durably, before the directory is asked; and what the person is
// told is what was read back.
func (a *App) SetPassword(ctx context.Context, v Visitor, token secret.Text, to secret.Text) (Flow, error) {
	h, err := a.load(ctx, token)
	if err != nil {
		return Flow{}, err
	}
	now := a.now()
	if _, _, err := a.next(h, recovery.Submitted{Action: policy.Reset}, now); err != nil {
		return Flow{}, err
	}
	normal, bad := a.rules(h).Check(to)
	if len(bad) > 0 {
		r := a.refuse(h, ProblemPassword, "problem.password")
		r.Violations = bad
		return Flow{}, r
	}
	h.to = normal
	return a.apply(ctx, v, h, policy.Reset, func(ctx context.Context, d NamedDirectory, id string) (string, error) {
		if err := a.unused(ctx, h, normal); err != nil {
			return "", err
		}
		return a.write(ctx, d, id, normal)
	})
}

// write sets the password and reads it back; detail says how sure that is.
func (a *App) write(ctx context.Context, d NamedDirectory, id string, to secret.Text) (detail string, err error) {
	return a.readBack(ctx, d, id, to, d.SetPassword(ctx, id, to))
}

// readBack finds out whether the password is set, which a directory was asked for and answered with
// err; detail says how sure that is.
func (a *App) readBack(ctx context.Context, d NamedDirectory, id string, to secret.Text, err error) (detail string, _ error) {
	if certain(err) {
		return "", err
	}
	check, can := directory.As[directory.Authenticator](d.Directory)
	if !can {
		return "unchecked", err
	}
	// Directory said yes, or nobody can tell: only using the new password shows the truth.
	switch seen := check.Authenticate(ctx, id, to); {
	case seen == nil, errors.Is(seen, directory.ErrRestricted):
		return "checked", nil
	case errors.Is(seen, directory.ErrMustChange):
		return "must_change", nil
	case errors.Is(seen, directory.ErrLocked) && err == nil:
		if err := unlock(ctx, d, id); err != nil {
			return "still_locked", nil
		}
		return a.recheck(ctx, check, id, to), nil
	case errors.Is(seen, directory.ErrWrongPassword) && err == nil:
		return "", fmt.Errorf("app: the directory said yes, and the new password does not work: %w", directory.ErrUncertain)
	case err == nil:
		return "unchecked", nil
	}
	return "", err
}

func (a *App) recheck(ctx context.Context, check directory.Authenticator, id string, to secret.Text) string {
	if err := check.Authenticate(ctx, id, to); err != nil {
		return "unchecked"
	}
	return "checked"
}

func unlock(ctx context.Context, d NamedDirectory, id string) error {
	u, ok := directory.As[directory.Unlocker](d.Directory)
	if !ok {
		return &directory.Rejected{Reason: directory.NotAllowed, Operator: "this directory cannot unlock"}
	}
	return u.Unlock(ctx, id)
}

// certain reports whether err says for sure that nothing was changed.
func certain(err error) bool {
	var no *directory.Rejected
	return errors.As(err, &no) || errors.Is(err, directory.ErrUnavailable) || errors.Is(err, directory.ErrNotFound)
}

// apply spends the grant, acts, and settles. From the first commit on, the work goes on when the
// visitor goes away.
func (a *App) apply(ctx context.Context, v Visitor, h held, action policy.Action,
	act func(context.Context, NamedDirectory, string) (string, error)) (Flow, error) {
	h, err := a.advance(ctx, v, h, recovery.Submitted{Action: action}, a.now())
	if errors.Is(err, ErrConflict) { // somebody else spends it at this moment
		return Flow{}, a.refuse(h, ProblemOrder, "problem.order")
	} else if err != nil {
		return Flow{}, err
	}
	if h.Recovery.State != recovery.Applying {
		return Flow{}, a.refuse(h, ProblemClosed, "problem.closed")
	}
	ctx, cancel := detached(ctx, directoryTime)
	defer cancel()
	d, err := a.directory(h.Recovery.Who.Directory)
	var detail string
	if err == nil {
		detail, err = act(ctx, d, h.Recovery.Who.ID)
	}
	return a.settle(ctx, v, h, d, detail, err)
}

// said tells what a directory's answer means.
func said(err error) (out recovery.Outcome, detail, operator string) {
	var no *directory.Rejected
	switch {
	case err == nil:
		return recovery.Applied, "", ""
	case errors.As(err, &no):
		return recovery.Rejected, string(no.Reason), no.Operator
	case errors.Is(err, directory.ErrNotFound):
		return recovery.Rejected, "gone", ""
	case errors.Is(err, directory.ErrUnavailable):
		return recovery.Unreached, "", ""
	}
	return recovery.Uncertain, "", ""
}

// settle commits what the directory did and says so. Once the person's own directory has done it,
// the targets are asked; whatever they say, the recovery is done. A process that dies before the
// commit leaves a recovery that ends unsettled, and targets of which some may have the new password:
// none is tried again, because nobody knows whether the person's own directory has it.
func (a *App) settle(ctx context.Context, v Visitor, h held, d NamedDirectory, detail string, err error) (Flow, error) {
	out, reason, operator := said(err)
	in := recovery.Settled{Outcome: out, Detail: reason}
	var targets []reached
	if out == recovery.Applied {
		targets = a.spread(ctx, h)
		in.Detail, in.Receipt = detail, a.receipt(ctx, h, d, detail, targets)
	}
	h.told = map[audit.Field]string{audit.Directory: d.Name, audit.Operator: operator}
	if in.Outcome == recovery.Uncertain || in.Outcome == recovery.Unreached {
		a.Logger.WarnContext(ctx, "the directory did not do it", "outcome", string(in.Outcome), "directory", d.Name,
			"flow", string(h.Recovery.ID), "error", err, "request", v.Request)
	}
	next, serr := a.settled(context.WithoutCancel(ctx), v, h, in, targets)
	if serr != nil {
		return Flow{}, fmt.Errorf("app: the directory answered (%s) and it could not be recorded: %w", in.Outcome, serr)
	}
	if in.Outcome == recovery.Applied {
		a.cancelOthers(ctx, v, next)
	}
	return a.told(next, h.Recovery.Action, in)
}

// settled commits how it went, with what the targets did and still have to do, and with the
// password among the former ones.
func (a *App) settled(ctx context.Context, v Visitor, h held, in recovery.Settled, targets []reached) (held, error) {
	now := a.now()
	next, c, err := a.prepare(v, h, in, now)
	if err != nil {
		return h, err
	}
	done := in.Outcome == recovery.Applied
	if done {
		c.History = a.former(ctx, h, now)
	}
	records, err := a.spreadRecords(v, h, targets)
	if err != nil {
		return h, err
	}
	c.Audit = append(c.Audit, records...)
	// A job of an older reset may be taken or finished by another worker meanwhile.
	return again(func() (held, error) {
		full := c
		if done {
			jobs, err := a.queue(ctx, v, h, targets)
			if err != nil {
				return h, err
			}
			full.Messages = slices.Concat(c.Messages, jobs.rows)
			full.Audit = slices.Concat(c.Audit, jobs.records)
		}
		if err := a.commit(ctx, full); err != nil {
			return h, fmt.Errorf("app: %T: %w", in, err)
		}
		return next, nil
	})
}

// told turns the outcome into what the person hears.
func (a *App) told(h held, action policy.Action, in recovery.Settled) (Flow, error) {
	if h.Recovery.State == recovery.Refused || h.Recovery.State == recovery.Expired {
		return Flow{}, a.refuse(h, ProblemClosed, "problem.closed")
	}
	suffix := ""
	if action == policy.Unlock {
		suffix = "_unlock"
	}
	switch in.Outcome {
	case recovery.Rejected:
		if in.Detail == string(formerPassword) {
			r := a.refuse(h, ProblemPassword, "problem.password")
			r.Violations = []password.Violation{{Rule: password.RuleHistory, Params: map[string]any{"n": a.Password.History}}}
			return Flow{}, r
		}
		r := a.refuse(h, ProblemPassword, "problem.directory_refused"+suffix)
		if action != policy.Unlock {
			r.Violations = []password.Violation{{Rule: "directory_" + in.Detail}}
		}
		return Flow{}, r
	case recovery.Unreached:
		r := a.refuse(h, ProblemUnavailable, "problem.directory_unreached")
		r.Retry = retryLater
		return Flow{}, r
	case recovery.Uncertain:
		return Flow{}, a.refuse(h, ProblemUnsettled, "problem.unsettled"+suffix)
	}
	return a.flow(h), nil
}

// title is what people call the directory; one that is not configured any more has only its name.
func (d NamedDirectory) title(name string) string {
	return cmp.Or(d.Title, d.Name, name)
}

// receipt says line by line what was done.
func (a *App) receipt(ctx context.Context, h held, d NamedDirectory, detail string, targets []reached) []recovery.Line {
	title := d.title(h.Recovery.Who.Directory)
	change := "password_set"
	if h.Recovery.Action == policy.Unlock {
		change = "unlocked"
	}
	out := []recovery.Line{{Target: title, Change: change, Result: recovery.OK, Detail: detail}}
	if change == "password_set" && h.Recovery.Locked && detail != "still_locked" {
		out = append(out, recovery.Line{Target: title, Change: "unlocked", Result: recovery.OK})
	}
	if s, ok := directory.As[directory.SessionEnder](d.Directory); ok && change == "password_set" {
		l := recovery.Line{Target: title, Change: "sessions_ended", Result: recovery.OK}
		if err := s.EndSessions(ctx, h.Recovery.Who.ID); err != nil {
			l.Result = recovery.Failed
			a.Logger.WarnContext(ctx, "sessions could not be ended", "directory", d.Name, "error", err)
		}
		out = append(out, l)
	}
	for _, t := range targets {
		out = append(out, t.lines(a.Policy.RetryTargets > 0)...)
	}
	for _, to := range h.Account.Notices() {
		out = append(out, recovery.Line{Target: "notice", Change: "notice_queued", Result: recovery.Queued,
			Detail: account.Contact{Kind: to.Kind, Address: to.Address}.Mask()})
	}
	return out
}

// cancelOthers ends the person's other recoveries in which something was proven: whoever proved
// it, the password is set. One in which nothing was proven goes on and runs out like a decoy,
// because its bearer must not learn that the account exists and was reset just now.
func (a *App) cancelOthers(ctx context.Context, v Visitor, h held) {
	ids, err := a.Store.OpenRecoveries(ctx, h.Recovery.Who)
	if err != nil {
		a.Logger.ErrorContext(ctx, "other recoveries of the person could not be cancelled", "error", err)
		return
	}
	for _, id := range ids {
		if id == h.Recovery.ID {
			continue
		}
		other, err := a.read(ctx, id)
		if err == nil && len(other.Recovery.Proofs) > 0 && other.Recovery.State != recovery.Applying {
			_, err = a.advance(ctx, v, other, recovery.Abandoned{}, a.now())
		}
		if err != nil && !errors.Is(err, ErrConflict) {
			a.Logger.ErrorContext(ctx, "another recovery of the person could not be cancelled", "flow", string(id), "error", err)
		}
	}
}
