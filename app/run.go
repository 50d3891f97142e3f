package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"postern/directory"
	"postern/notify"
)

// Run does the background work until ctx ends: it sends what is queued, sets passwords in targets
// that did not answer, gives records their place in the log, and sweeps. Any number of nodes may run it on one store. A failure is logged and
// tried again; none stops it.
func (a *App) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { a.work(ctx, "outbox", a.wake, outboxPause, a.drainOutbox) })
	wg.Go(func() { a.work(ctx, "targets", nil, outboxPause, a.drainTargets) })
	wg.Go(func() { a.work(ctx, "sequencer", nil, sequencePause, a.drainLog) })
	wg.Go(func() { a.work(ctx, "sweep", nil, sweepPause, a.sweep) })
	wg.Go(func() { a.work(ctx, "rehearsal", nil, rehearsalPause, a.rehearseDue) })
	wg.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return ctx.Err()
}

// Settle places the records that still wait, for a clean end after Run returned, and lets another
// node take over at once.
func (a *App) Settle(ctx context.Context) error {
	err := a.drainLog(ctx)
	now := a.now()
	if _, _, lease := a.Store.Lease(ctx, sequencer, a.Node, now, now); lease != nil {
		err = errors.Join(err, fmt.Errorf("app: give back the lease: %w", lease))
	}
	return err
}

// work calls do when it is woken and after every pause.
func (a *App) work(ctx context.Context, name string, wake <-chan struct{}, pause time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if err := do(context.WithoutCancel(ctx)); err != nil {
			a.Logger.ErrorContext(ctx, "background work failed and will be tried again", "work", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-tick.C:
		}
	}
}

func (a *App) drainOutbox(ctx context.Context) error {
	for {
		n, err := a.sendDue(ctx)
		if err != nil || n < claimAtOnce {
			return err
		}
	}
}

// drainLog places what waits. It is not woken by commits, so that a burst shares one checkpoint.
func (a *App) drainLog(ctx context.Context) error {
	for {
		n, err := a.sequence(ctx)
		if err != nil || n < sequenceBatch {
			return err
		}
	}
}

// Readiness is one thing that was seen of a part of the instance.
type Readiness struct {
	Part string // "store", "directory staff", "notify email", "outbox", "audit log", "rehearsals"
	directory.Finding
}

// Ready tells whether the instance can do its work: the store answers, every directory and sender
// would do, nothing waits too long. It changes nothing.
func (a *App) Ready(ctx context.Context) []Readiness {
	var out []Readiness
	add := func(part string, found ...directory.Finding) {
		for _, f := range found {
			out = append(out, Readiness{part, f})
		}
	}
	if err := a.Store.Ping(ctx); err != nil {
		add("store", directory.Finding{Severity: directory.Fault, Text: "the store does not answer: " + err.Error(), Fix: "setting store"})
	}
	for _, d := range a.Directories {
		if c, ok := directory.As[directory.Checker](d.Directory); ok {
			add("directory "+d.Name, c.Check(ctx)...)
		}
	}
	for _, s := range a.Senders {
		c, ok := s.(notify.Checker)
		if !ok {
			continue
		}
		if err := c.Check(ctx); err != nil {
			add("notify "+string(s.Channel()), directory.Finding{Severity: directory.Fault,
				Text: fmt.Sprintf("messages by %s cannot be sent: %v", s.Channel(), err), Fix: "setting notify"})
		}
	}
	add("outbox", a.readyOutbox(ctx)...)
	add("audit log", a.readyLog(ctx)...)
	add("rehearsals", a.readyRehearsals(ctx)...)
	return out
}

// logWaits is how long a record may wait for its place in the log before somebody should look.
const logWaits = time.Minute

// readyLog tells when records wait for their place: until they have one, deleting them would not
// be noticed.
func (a *App) readyLog(ctx context.Context) []directory.Finding {
	pending, err := a.Log.Pending(ctx, 1)
	if err != nil || len(pending) == 0 {
		return nil
	}
	age := a.now().Sub(pending[0].At)
	if age < logWaits {
		return nil
	}
	return []directory.Finding{{Severity: directory.Fault,
		Text: fmt.Sprintf("audit records have waited for their place in the log for %s", age.Round(time.Second)),
		Fix:  "see the process log for \"sequencer\"; postern serve must be running, and postern audit verify must pass"}}
}

func (a *App) readyOutbox(ctx context.Context) []directory.Finding {
	n, oldest, err := a.Store.Outbox(ctx)
	if err != nil || n == 0 {
		return nil // the store's own finding says it
	}
	if age := a.now().Sub(oldest); age > 5*time.Minute {
		return []directory.Finding{{Severity: directory.Warning,
			Text: fmt.Sprintf("%d messages wait (or passwords for targets), the oldest for %s", n, age.Round(time.Second)), Fix: "setting notify, or the target's directory; see the log"}}
	}
	return nil
}
