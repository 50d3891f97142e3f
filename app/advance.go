package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/audit"
	"postern/policy"
	"postern/recovery"
)

// advance takes one step of h that needs nothing else in its commit.
func (a *App) advance(ctx context.Context, v Visitor, h held, in recovery.Input, now time.Time) (held, error) {
	next, c, err := a.prepare(v, h, in, now)
	if err != nil {
		return h, err
	}
	if err := a.commit(ctx, c); err != nil {
		return h, fmt.Errorf("app: %T: %w", in, err)
	}
	return next, nil
}

// next asks the machine. Its refusals become refusals that a person may be told.
func (a *App) next(h held, in recovery.Input, now time.Time) (recovery.Recovery, recovery.Event, error) {
	r, event, err := recovery.Step(h.Recovery, in, now)
	switch {
	case errors.Is(err, recovery.ErrFinished):
		err = a.refuse(h, ProblemClosed, "problem.closed")
	case errors.Is(err, recovery.ErrNotOffered):
		err = a.refuse(h, ProblemMethod, "problem.method")
	case err != nil:
		err = a.refuse(h, ProblemOrder, "problem.order")
	}
	return r, event, err
}

// prepare asks the machine and returns the recovery after the step with the change that stores
// it, its record and the notices that belong to it.
func (a *App) prepare(v Visitor, h held, in recovery.Input, now time.Time) (held, Change, error) {
	r, event, err := a.next(h, in, now)
	if err != nil {
		return h, Change{}, err
	}
	next := h
	next.Recovery = r
	if v.Address.IsValid() {
		next.From = coarse(v)
	}
	rec, err := a.step(v, next, event)
	if err != nil {
		return h, Change{}, err
	}
	row, err := a.row(next, h.row)
	if err != nil {
		return h, Change{}, err
	}
	c := Change{Recovery: row, Audit: []audit.Record{rec}}
	next.told = nil
	if key := noticeOf(event, r); key != "" && !r.Decoy() {
		c.Messages, err = a.tell(next.Account, notice{key: key, language: next.Language, from: next.From}, now)
		if next.rehearsal() { // the same work, and nothing is sent
			c = withheld(c)
		}
	}
	next.row++
	return next, c, err
}

// noticeOf returns the text key of the notice that an event calls for, or "".
func noticeOf(e recovery.Event, r recovery.Recovery) string {
	switch e.To {
	case recovery.Done:
		return "notice." + string(e.Action)
	case recovery.Unsettled:
		if e.Action == policy.Unlock {
			return "notice.unsettled_unlock"
		}
		return "notice.unsettled"
	case recovery.Refused, recovery.Expired:
		// Somebody proved a part and not the rest: the owner should hear of it (ASVS 6.3.5).
		if len(r.Proofs) > 0 && unlocksOnly(r) {
			return "notice.suspicious_unlock"
		}
		if len(r.Proofs) > 0 {
			return "notice.suspicious"
		}
	}
	return ""
}

// again runs one try of a use case until it does not conflict with somebody else's, a few times.
func again[T any](try func() (T, error)) (T, error) {
	var out T
	var err error
	for range conflicts {
		if out, err = try(); !errors.Is(err, ErrConflict) {
			break
		}
	}
	return out, err
}

const conflicts = 5
