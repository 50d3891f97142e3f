package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"postern/account"
	"postern/audit"
	"postern/directory"
	"postern/recovery"
	"postern/secret"
)

// targetsAtOnce bounds how many passwords one node sets in the background at one time.
const targetsAtOnce = 4

// targetJob is a password that a target still has to get. It is in the store, sealed, until the
// target has it, refuses it, or Until; then its row holds nothing any more.
//
// There is one place for each account in a target (see place), so that a newer reset of that account,
// whoever made it, finds the job of an older one and takes its place in the commit that settles it.
// A worker may be carrying out the older job at that very moment, and its write may come last. The
// newer reset therefore leaves a job of its own, even when its own write went well: it is due when the
// older claim has surely ended, and sets the password again unless it is the one that works.
type targetJob struct {
	Target heldTarget  `json:"target"`
	Flow   recovery.ID `json:"flow"`
	Doubt  bool        `json:"doubt,omitempty"` // an earlier try may have done it
	Until  time.Time   `json:"until"`
	// Password is revealed to be sealed, and taken out again as soon as the row is opened.
	Password string `json:"password"`
}

func (a *App) sealJob(id string, j targetJob, to secret.Text) ([]byte, error) {
	j.Password = to.Reveal()
	return a.seal(j, TargetChannel, id)
}

func (a *App) openJob(row MessageRow) (targetJob, secret.Text, error) {
	var j targetJob
	err := a.unseal(row.Data, TargetChannel, row.ID, &j)
	to := secret.New(j.Password)
	j.Password = ""
	return j, to, err
}

func (a *App) drainTargets(ctx context.Context) error {
	for {
		n, err := a.retryDue(ctx)
		if err != nil || n < claimAtOnce {
			return err
		}
	}
}

// retryDue carries out the jobs that are due, apart from the messages, so that a target that hangs
// keeps no code from anybody.
func (a *App) retryDue(ctx context.Context) (int, error) {
	now := a.now()
	rows, err := a.Store.Claim(ctx, Targets, now, now.Add(leaseTime), claimAtOnce)
	if err != nil {
		return 0, fmt.Errorf("app: claim passwords for targets: %w", err)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(rows))
	slots := make(chan struct{}, targetsAtOnce)
	for i, row := range rows {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = a.retry(ctx, row)
		})
	}
	wg.Wait()
	return len(rows), errors.Join(errs...)
}

// retry carries out one job. If the claim could end before it does, or if a newer reset has taken
// the place, it is left alone.
func (a *App) retry(ctx context.Context, row MessageRow) error {
	now := a.now()
	if now.Add(targetTime).After(row.Due) {
		return nil
	}
	present, err := a.Store.Message(ctx, row.ID)
	if errors.Is(err, ErrNoRow) || err == nil && present.Version != row.Version {
		return nil
	}
	if err != nil {
		return fmt.Errorf("app: read a password for a target: %w", err)
	}
	job, to, err := a.openJob(row)
	if err != nil {
		return err
	}
	h, err := a.read(ctx, job.Flow)
	swept := errors.Is(err, ErrNoRow) // nobody is left to be told, or to be asked for
	if swept {
		h.Recovery.ID, err = job.Flow, nil
	}
	if err != nil {
		return err
	}
	if swept || !now.Before(job.Until) || a.Policy.RetryTargets <= 0 {
		outcome := recovery.Unreached
		if job.Doubt {
			outcome = recovery.Uncertain
		}
		return a.finish(ctx, h, row, a.unreached(job, outcome))
	}
	row.Attempts++
	return a.carryOut(ctx, h, row, job, to)
}

// carryOut tries once more, for the person and the account in the target as they are now: either may
// have been disabled, guarded or deleted since the reset. Nothing is set while that cannot be seen.
func (a *App) carryOut(ctx context.Context, h held, row MessageRow, job targetJob, to secret.Text) error {
	tctx, cancel := detached(ctx, targetTime)
	defer cancel()
	r := a.unreached(job, recovery.Unreached)
	now := h
	var err error
	if now.Account, r.detail, err = a.owner(tctx, h); err != nil {
		a.Logger.WarnContext(ctx, "a password for a target waits, because the person's own directory could not be asked",
			"directory", h.Recovery.Who.Directory, "flow", string(h.Recovery.ID), "error", err)
		return a.putOff(ctx, h, row, r, job)
	}
	if r.detail != "" {
		return a.finish(ctx, h, row, r)
	}
	seen := a.seekAgain(tctx, now, job.Target)
	if seen.State == targetFound && a.place(seen, h.Recovery.Who) != row.ID {
		job.Target = seen
		return a.move(ctx, h, row, job, to)
	}
	r = a.reach(tctx, seen, to, job.Doubt)
	if r.outcome == recovery.Applied || r.outcome == recovery.Rejected {
		return a.finish(ctx, h, row, r)
	}
	if r.outcome == recovery.Uncertain {
		job.Doubt = true
		if row.Data, err = a.sealJob(row.ID, job, to); err != nil {
			return err
		}
	}
	return a.putOff(ctx, h, row, r, job)
}

// unreached is what a target did that was not asked.
func (a *App) unreached(j targetJob, o recovery.Outcome) reached {
	d, _ := a.directory(j.Target.Directory) // which gives no title when it is not configured any more
	return reached{heldTarget: j.Target, title: d.title(j.Target.Directory), outcome: o}
}

// putOff puts a job off until its next try.
func (a *App) putOff(ctx context.Context, h held, row MessageRow, r reached, j targetJob) error {
	row.Due = minTime(a.now().Add(backOff(row.Attempts+1)), j.Until)
	return a.retried(ctx, h, row, r, Change{})
}

// Why a password is not set in a target any more, though the target would take it.
const (
	ownerGone     = "owner_gone"
	ownerDisabled = "owner_disabled"
)

// owner reads the account of h's person as it is now, and says why nothing more may be set for it.
func (a *App) owner(ctx context.Context, h held) (now account.Account, why string, err error) {
	d, err := a.directory(h.Recovery.Who.Directory)
	if err != nil {
		return now, "", err
	}
	now, err = d.Get(ctx, h.Recovery.Who.ID)
	switch {
	case errors.Is(err, directory.ErrNotFound), err == nil && !inherits(now, h.Recovery.Began):
		return now, ownerGone, nil
	case err != nil:
		return now, "", fmt.Errorf("app: read %s again: %w", h.Recovery.Who, err)
	case now.Disabled:
		return now, ownerDisabled, nil
	}
	now.Ref = h.Recovery.Who
	return now, "", nil
}

// seekAgain looks at the account in a target as it is now.
func (a *App) seekAgain(ctx context.Context, h held, t heldTarget) heldTarget {
	if t.ID == "" {
		return a.seek(ctx, h, t)
	}
	d, err := a.directory(t.Directory)
	var there account.Account
	if err == nil {
		there, err = d.Get(ctx, t.ID)
	}
	switch {
	case errors.Is(err, directory.ErrNotFound):
		t.State = targetNone
	case err != nil:
		t.State = targetUnseen
	default:
		t = t.judged(h.Account, there)
	}
	return t
}

// finish ends a job. Its row holds no password from this commit on, and the person hears of it when
// the target did not get theirs.
func (a *App) finish(ctx context.Context, h held, row MessageRow, r reached) error {
	row.Due, row.Data, row.State = time.Time{}, nil, sent
	if r.outcome == recovery.Applied {
		return a.retried(ctx, h, row, r, Change{})
	}
	row.State = dead
	var c Change
	var err error
	switch {
	case r.detail == ownerGone || r.detail == ownerDisabled: // an administrator's doing, who need not be told
		a.Logger.InfoContext(ctx, "a target does not get a new password any more", "directory", r.Directory, "detail", r.detail, "flow", string(h.Recovery.ID))
	case r.State == targetFound || r.outcome != recovery.Rejected:
		a.Logger.ErrorContext(ctx, "a target did not get a new password", "directory", r.Directory, "outcome", string(r.outcome),
			"detail", r.detail, "attempts", row.Attempts, "flow", string(h.Recovery.ID))
		c.Messages, err = a.tell(h.Account, notice{key: "notice.target_failed", language: h.Language, from: h.From, target: r.title}, a.now())
		if h.rehearsal() {
			c = withheld(c)
		}
	}
	if err != nil {
		return err
	}
	return a.retried(ctx, h, row, r, c)
}

// retried commits how a try went. A newer reset that took the place meanwhile has the last word; that
// the older password was set all the same is recorded.
func (a *App) retried(ctx context.Context, h held, row MessageRow, r reached, c Change) error {
	kind := r.kind(true)
	if kind == "target.queued" && row.Due.IsZero() {
		kind = "target.given_up"
	}
	rec, err := a.targetRecord(Visitor{}, h, r, kind, strconv.Itoa(row.Attempts))
	if err != nil {
		return err
	}
	c.Audit, c.Messages = []audit.Record{rec}, append(c.Messages, row)
	err = a.commit(ctx, c)
	switch {
	case !errors.Is(err, ErrConflict):
		return err
	case r.outcome == recovery.Applied:
		return a.commit(ctx, Change{Audit: c.Audit})
	}
	return nil
}
