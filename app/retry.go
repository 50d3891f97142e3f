package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"postern/account"
	"postern/audit"
	"postern/directory"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// targetsAtOnce bounds how many passwords one node sets in the background at one time.
const targetsAtOnce = 4

// targetJob is a password that a target still has to get. It is in the store, sealed, until the
// target has it, refuses it, or Until; then its row holds nothing any more.
//
// There is one place for each account in a target (see place), so that a newer reset finds the job
// of an older one and takes its place in the commit that settles it. A worker may be carrying out
// the older job at that very moment, and its write may come last. The newer reset therefore leaves a
// job of its own, even when its own write went well: it is due when the older claim has surely
// ended, and sets the password again unless it is the one that works.
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

// place names where a job for an account is put: under what the account is looked up by, since the
// target may not have been there to be asked for its identifier.
func (a *App) place(in string, by policy.By, value string) string {
	return encode(a.Keys.Derive("target.place", associated(in, []string{string(by), strings.ToLower(value)}), 15))
}

// placesOf returns where older jobs for the account may lie that was just written to. One in the
// person's own directory, which is no target of this reset, may be another reset's by either.
func (a *App) placesOf(t heldTarget, who account.Account) []string {
	var out []string
	if t.By != policy.ByEmail {
		out = append(out, a.place(t.Directory, policy.ByLogin, who.Login))
	}
	if t.By == policy.ByEmail || t.Directory == who.Ref.Directory {
		for _, e := range emails(who) {
			out = append(out, a.place(t.Directory, policy.ByEmail, e))
		}
	}
	return out
}

// newPlace returns where a new job for t is put.
func (a *App) newPlace(t heldTarget, who account.Account) string {
	if all := emails(who); t.By == policy.ByEmail && len(all) > 0 {
		return a.place(t.Directory, policy.ByEmail, cmp.Or(t.Common, all[0]))
	}
	return a.place(t.Directory, policy.ByLogin, who.Login)
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
	if h.to.Empty() || !a.targeted() {
		return out, nil
	}
	own := reached{outcome: recovery.Applied, heldTarget: heldTarget{Directory: h.Recovery.Who.Directory, ID: h.Recovery.Who.ID, State: targetFound}}
	for _, r := range append([]reached{own}, targets...) {
		if err := a.queueOne(ctx, v, h, r, &out); err != nil {
			return out, fmt.Errorf("app: queue for target %s: %w", r.Directory, err)
		}
	}
	return out, nil
}

// targeted reports whether any rule has targets.
func (a *App) targeted() bool {
	return slices.ContainsFunc(a.Policy.Rules, func(r policy.Rule) bool { return len(r.Targets) > 0 })
}

func (a *App) queueOne(ctx context.Context, v Visitor, h held, r reached, out *jobs) error {
	now := a.now()
	due, older := now.Add(backOff(1)), false
	there := map[string]MessageRow{}
	for _, place := range a.placesOf(r.heldTarget, h.Account) {
		row, err := a.Store.Message(ctx, place)
		if errors.Is(err, ErrNoRow) {
			continue
		}
		if err != nil {
			return err
		}
		if !row.Due.IsZero() {
			older = true
			if ends := minTime(row.Due, now.Add(leaseTime)); ends.After(due) {
				due = ends
			}
		}
		there[place] = row
	}
	missed := r.outcome == recovery.Unreached || r.outcome == recovery.Uncertain
	mine := ""
	if a.Policy.RetryTargets > 0 && (missed || older && r.outcome == recovery.Applied) {
		mine = a.newPlace(r.heldTarget, h.Account)
		j := targetJob{Target: r.heldTarget, Flow: h.Recovery.ID, Doubt: r.outcome != recovery.Unreached || older, Until: due.Add(a.Policy.RetryTargets)}
		data, err := a.sealJob(mine, j, h.to)
		if err != nil {
			return err
		}
		out.rows = append(out.rows, MessageRow{ID: mine, Version: there[mine].Version, Channel: TargetChannel, Due: due,
			State: waiting, Made: now, Data: data})
	}
	for place, row := range there {
		if row.Due.IsZero() {
			continue
		}
		rec, err := a.targetRecord(v, h, reached{heldTarget: r.heldTarget}, "target.superseded", "")
		if err != nil {
			return err
		}
		out.records = append(out.records, rec)
		if place != mine {
			row.Due, row.State, row.Data = time.Time{}, dead, nil
			out.rows = append(out.rows, row)
		}
	}
	return nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
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
	if errors.Is(err, ErrNoRow) { // swept: nobody is left to be told
		h.Recovery.ID, err = job.Flow, nil
	}
	if err != nil {
		return err
	}
	if !now.Before(job.Until) {
		d, _ := a.directory(job.Target.Directory)
		r := reached{heldTarget: job.Target, title: d.title(job.Target.Directory), outcome: recovery.Unreached}
		if job.Doubt {
			r.outcome = recovery.Uncertain
		}
		return a.finish(ctx, h, row, r)
	}
	row.Attempts++
	rctx, cancel := detached(ctx, targetTime)
	defer cancel()
	r := a.reach(rctx, a.seekAgain(rctx, h, job.Target), to, job.Doubt)
	if r.outcome == recovery.Applied || r.outcome == recovery.Rejected {
		return a.finish(ctx, h, row, r)
	}
	job.Target, job.Doubt = r.heldTarget, job.Doubt || r.outcome == recovery.Uncertain
	if row.Data, err = a.sealJob(row.ID, job, to); err != nil {
		return err
	}
	row.Due = minTime(a.now().Add(backOff(row.Attempts+1)), job.Until)
	return a.retried(ctx, h, row, r, Change{})
}

// seekAgain looks at the account in a target as it is now: it may have been disabled or deleted
// since the reset.
func (a *App) seekAgain(ctx context.Context, h held, t heldTarget) heldTarget {
	if t.State == targetUnseen {
		return a.seek(ctx, h, t)
	}
	d, err := a.directory(t.Directory)
	if err != nil {
		return t // which says it again
	}
	switch now, err := d.Get(ctx, t.ID); {
	case errors.Is(err, directory.ErrNotFound):
		t.State = targetNone
	case err == nil && now.Disabled:
		t.State = targetDisabled
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
	if r.State == targetFound || r.outcome != recovery.Rejected {
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
