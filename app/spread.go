package app

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"postern/account"
	"postern/audit"
	"postern/directory"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// targetTime bounds one use of a target. It is shorter than directoryTime, which covers the
// person's own directory as well.
const targetTime = 10 * time.Second

// reached is what one target did.
type reached struct {
	heldTarget
	title    string
	outcome  recovery.Outcome
	detail   string
	operator string // the directory's own words
	unlock   bool   // an unlocking was asked for, not a password
}

// spread does in every target what h's own directory has just done, all at once.
func (a *App) spread(ctx context.Context, h held) []reached {
	ctx, cancel := context.WithTimeout(ctx, targetTime)
	defer cancel()
	out := make([]reached, len(h.Targets))
	var wg sync.WaitGroup
	for i, t := range h.Targets {
		wg.Go(func() {
			if t.State == targetUnseen {
				t = a.seek(ctx, h, t)
			}
			if h.Recovery.Action == policy.Unlock {
				out[i] = a.unlockTarget(ctx, t)
			} else {
				out[i] = a.reach(ctx, t, h.to, false)
			}
			if r := out[i]; r.outcome == recovery.Rejected && r.State == targetFound {
				a.Logger.WarnContext(ctx, "a target refused", "directory", r.Directory, "reason", r.detail, "operator", r.operator, "flow", string(h.Recovery.ID))
			}
		})
	}
	wg.Wait()
	return out
}

// reach sets a password in a target. With doubt, because an earlier try may have done it, the
// password is tried first, so that it is not set twice.
func (a *App) reach(ctx context.Context, t heldTarget, to secret.Text, doubt bool) reached {
	d, err := a.directory(t.Directory)
	r := reached{heldTarget: t, title: d.title(t.Directory)}
	switch {
	case t.State == targetNone || t.State == targetDisabled || t.State == targetGuarded:
		r.outcome, r.detail, r.operator = recovery.Rejected, t.State, t.Barred
		return r
	case err != nil || t.State == targetUnseen:
		r.outcome = recovery.Unreached
		return r
	}
	if doubt {
		if detail, err := tried(ctx, d, t.ID, to); detail != "" || err != nil {
			r.outcome, _, r.operator = said(err)
			r.detail = detail
			return r
		}
	}
	detail, err := a.write(ctx, d, t.ID, to)
	r.outcome, r.detail, r.operator = said(err)
	switch {
	case err == nil:
		r.detail = detail
	case doubt && r.outcome == recovery.Rejected && (r.detail == string(directory.SamePassword) || r.detail == string(directory.InHistory)):
		r.outcome, r.detail = recovery.Applied, "unchecked" // it is the present one
	case r.outcome == recovery.Uncertain || r.outcome == recovery.Unreached:
		a.Logger.WarnContext(ctx, "a target did not say that it has the new password", "directory", t.Directory,
			"outcome", string(r.outcome), "error", err)
	}
	return r
}

// tried finds out by using it whether a password was set. Neither a detail nor an error: it was not,
// or nobody can tell without setting it.
func tried(ctx context.Context, d NamedDirectory, id string, to secret.Text) (detail string, err error) {
	check, can := directory.As[directory.Authenticator](d.Directory)
	if !can {
		return "", nil
	}
	switch err := check.Authenticate(ctx, id, to); {
	case err == nil, errors.Is(err, directory.ErrRestricted):
		return "checked", nil
	case errors.Is(err, directory.ErrMustChange):
		return "must_change", nil
	case errors.Is(err, directory.ErrWrongPassword), errors.Is(err, directory.ErrLocked):
		return "", nil
	case errors.Is(err, directory.ErrDisabled):
		return targetDisabled, &directory.Rejected{Reason: targetDisabled}
	default:
		return "", err
	}
}

// unlockTarget ends a lock-out in a target. What is not locked there, or is not there, is left alone.
func (a *App) unlockTarget(ctx context.Context, t heldTarget) reached {
	d, err := a.directory(t.Directory)
	r := reached{heldTarget: t, title: d.title(t.Directory), unlock: true}
	if err != nil || !t.Locked || t.State != targetFound && t.Barred == "" {
		return r
	}
	err = unlock(ctx, d, t.ID)
	r.outcome, r.detail, r.operator = said(err)
	return r
}

// lines says what a target did. later: what did not answer is tried again.
func (r reached) lines(later bool) []recovery.Line {
	change := "password_set"
	if r.unlock {
		change = "unlocked"
	}
	l := recovery.Line{Target: r.title, Change: change, Result: recovery.OK, Detail: r.detail}
	switch {
	case r.outcome == "":
		return nil
	case r.outcome == recovery.Rejected && r.detail == targetNone:
		return []recovery.Line{{Target: r.title, Change: targetNone, Result: recovery.OK}}
	case r.outcome == recovery.Rejected:
		l.Result = recovery.Failed
	case r.outcome != recovery.Applied && later && !r.unlock:
		l.Result, l.Detail = recovery.Queued, ""
	case r.outcome == recovery.Unreached:
		l.Result, l.Detail = recovery.Failed, "unreached"
	case r.outcome == recovery.Uncertain:
		l.Result, l.Detail = recovery.Unknown, ""
	case change == "password_set" && r.Locked && r.detail != "still_locked":
		return []recovery.Line{l, {Target: r.title, Change: "unlocked", Result: recovery.OK}}
	}
	return []recovery.Line{l}
}

// kind names the event of what a target did.
func (r reached) kind(later bool) string {
	switch {
	case r.outcome == recovery.Applied && r.unlock:
		return "target.unlocked"
	case r.outcome == recovery.Applied:
		return "target.set"
	case r.outcome == recovery.Rejected && r.State != targetFound:
		return "target.left"
	case r.outcome != recovery.Rejected && later && !r.unlock:
		return "target.queued"
	}
	return "target.failed"
}

// spreadRecords makes the records of what the targets did.
func (a *App) spreadRecords(v Visitor, h held, all []reached) ([]audit.Record, error) {
	var out []audit.Record
	for _, r := range all {
		if r.outcome == "" {
			continue
		}
		rec, err := a.targetRecord(v, h, r, r.kind(a.Policy.RetryTargets > 0), "")
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
}

// targetRecord records what happened in a target.
func (a *App) targetRecord(v Visitor, h held, r reached, kind, attempt string) (audit.Record, error) {
	f := map[audit.Field]string{audit.Flow: string(h.Recovery.ID), audit.Directory: r.Directory, audit.Action: string(h.Recovery.Action),
		audit.Detail: r.detail, audit.Operator: r.operator, audit.Attempt: attempt, audit.Login: h.Account.Login}
	if r.outcome == recovery.Uncertain || r.outcome == recovery.Unreached {
		f[audit.Detail] = cmp.Or(r.detail, string(r.outcome))
	}
	if r.ID != "" {
		f[audit.Subject] = account.Ref{Directory: r.Directory, ID: r.ID}.String()
	}
	v.into(f)
	if v.Address.IsValid() {
		f[audit.Address] = v.Address.String()
	} else {
		f[audit.Actor] = "system"
	}
	return a.record(kind, f)
}
