package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/account"
	"postern/audit"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// place names where the job for an account in a target is put: under that account, once it is known;
// until then under the person whose it is to be, and it is moved before anything is set (see move).
//
// What is there is the newest that was asked for the account, by a reset of anybody whose target it
// is or of the account itself. When that is done, its row stays for a while, without a password, so
// that an older job that turns out to be for the same account sees that it is late.
func (a *App) place(t heldTarget, who account.Ref) string {
	in := []string{"account", t.ID}
	if t.ID == "" {
		in = []string{"person", who.Directory, who.ID}
	}
	return encode(a.Keys.Derive("target.place", associated(t.Directory, in), 15))
}

// at returns the row in a place; one without a version when there is none.
func (a *App) at(ctx context.Context, place string) (MessageRow, error) {
	row, err := a.Store.Message(ctx, place)
	if errors.Is(err, ErrNoRow) {
		return MessageRow{}, nil
	}
	return row, err
}

// jobs are what a settlement queues, and takes from older ones.
type jobs struct {
	rows    []MessageRow
	records []audit.Record
}

// queue returns the jobs that h's reset leaves: for targets that did not answer, and wherever an
// older job waits or is being carried out. Older ones end here: the newest password is the right one.
func (a *App) queue(ctx context.Context, v Visitor, h held, targets []reached) (jobs, error) {
	var out jobs
	if h.to.Empty() {
		return out, nil
	}
	who := h.Recovery.Who
	if a.isTarget(who.Directory) {
		targets = append([]reached{{outcome: recovery.Applied, heldTarget: heldTarget{Directory: who.Directory, ID: who.ID, State: targetFound}}}, targets...)
	}
	for _, r := range targets {
		if err := a.queueOne(ctx, v, h, r, &out); err != nil {
			return out, fmt.Errorf("app: queue for target %s: %w", r.Directory, err)
		}
	}
	return out, nil
}

// isTarget reports whether the directory is a target of any rule.
func (a *App) isTarget(name string) bool {
	return slices.ContainsFunc(a.Policy.Rules, func(r policy.Rule) bool {
		return slices.ContainsFunc(r.Targets, func(t policy.Target) bool { return t.Directory == name })
	})
}

func (a *App) queueOne(ctx context.Context, v Visitor, h held, r reached, out *jobs) error {
	now := a.now()
	due, older := now.Add(backOff(1)), false
	mine, unseen := a.place(r.heldTarget, h.Recovery.Who), a.place(heldTarget{Directory: r.Directory}, h.Recovery.Who)
	row := MessageRow{ID: mine, Channel: TargetChannel, State: sent, Made: now}
	for _, place := range slices.Compact([]string{mine, unseen}) {
		there, err := a.at(ctx, place)
		if err != nil {
			return err
		}
		if place == mine {
			row.Version = there.Version
		}
		if there.Due.IsZero() {
			continue
		}
		older, due = true, later(due, there.ends(now))
		rec, err := a.targetRecord(v, h, reached{heldTarget: r.heldTarget}, "target.superseded", "")
		if err != nil {
			return err
		}
		out.records = append(out.records, rec)
		if place != mine {
			out.rows = append(out.rows, there.dropped())
		}
	}
	missed := r.outcome == recovery.Unreached || r.outcome == recovery.Uncertain
	if a.Policy.RetryTargets > 0 && (missed || older && r.outcome == recovery.Applied) {
		j := targetJob{Target: r.heldTarget, Flow: h.Recovery.ID, Doubt: r.outcome != recovery.Unreached || older, Until: due.Add(a.Policy.RetryTargets)}
		var err error
		if row.Data, err = a.sealJob(mine, j, h.to); err != nil {
			return err
		}
		row.State, row.Due = waiting, due
	}
	if row.Version != 0 || r.ID != "" || !row.Due.IsZero() {
		out.rows = append(out.rows, row)
	}
	return nil
}

// ends returns when whoever may be carrying out the job has surely ended.
func (m MessageRow) ends(now time.Time) time.Time { return minTime(m.Due, now.Add(leaseTime)) }

// dropped returns the row of a job that is not carried out any more. It holds no password.
func (m MessageRow) dropped() MessageRow {
	m.Due, m.State, m.Data = time.Time{}, dead, nil
	return m
}

// move puts a job under the account that it turned out to be for. A newer password there ends it, even
// one that is set already; an older one that waits is dropped, and the job waits until it has surely
// ended.
func (a *App) move(ctx context.Context, h held, row MessageRow, j targetJob, to secret.Text) error {
	now := a.now()
	id := a.place(j.Target, h.Recovery.Who)
	there, err := a.at(ctx, id)
	if err != nil {
		return fmt.Errorf("app: move a password for a target: %w", err)
	}
	r := a.unreached(j, recovery.Unreached)
	c := Change{Messages: []MessageRow{row.dropped()}}
	record := func(kind string) error {
		rec, err := a.targetRecord(Visitor{}, h, r, kind, "")
		c.Audit = append(c.Audit, rec)
		return err
	}
	if !there.Made.Before(row.Made) {
		r.outcome = ""
		if err := record("target.superseded"); err != nil {
			return err
		}
		return a.moved(ctx, c)
	}
	moved := MessageRow{ID: id, Version: there.Version, Channel: TargetChannel, State: waiting, Due: now, Attempts: row.Attempts, Made: row.Made}
	if err := record("target.queued"); err != nil {
		return err
	}
	if !there.Due.IsZero() {
		j.Doubt, moved.Due = true, later(now, there.ends(now))
		j.Until = later(j.Until, moved.Due.Add(leaseTime))
		r.outcome = ""
		if err := record("target.superseded"); err != nil {
			return err
		}
	}
	if moved.Data, err = a.sealJob(id, j, to); err != nil {
		return err
	}
	c.Messages = append(c.Messages, moved)
	return a.moved(ctx, c)
}

// moved commits a move. Whoever changed one of the places meanwhile has the last word; what is left
// of the job is tried again.
func (a *App) moved(ctx context.Context, c Change) error {
	if err := a.commit(ctx, c); !errors.Is(err, ErrConflict) {
		return err
	}
	return nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
