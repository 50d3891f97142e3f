package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/recovery"
)

const (
	sweepPause = 15 * time.Second
	sweepBatch = 200
	sweepMost  = 50 // batches in one go, so that shutting down need not wait long
	// keepEnded is how long recoveries, invitations and messages stay after their end. The audit
	// log is kept for good.
	keepEnded = 7 * 24 * time.Hour
)

// sweep ends what is overdue and forgets what ended long ago. A recovery that was applying when
// its node died ends unsettled here: nobody can tell whether the directory did it, so an operator
// and the person hear of it and nothing is written twice.
func (a *App) sweep(ctx context.Context) error {
	now := a.now()
	var errs []error
	for range sweepMost {
		ids, err := a.Store.Overdue(ctx, now, sweepBatch)
		if err != nil {
			return fmt.Errorf("app: sweep: %w", err)
		}
		failed := 0
		for _, id := range ids {
			if err := a.expire(ctx, id, now); err != nil {
				errs, failed = append(errs, err), failed+1
			}
		}
		if len(ids) < sweepBatch || failed > sweepBatch/2 {
			break
		}
	}
	for range sweepMost {
		n, err := a.Store.Sweep(ctx, now.Add(-keepEnded), sweepBatch)
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("app: sweep: %w", err))...)
		}
		if n < sweepBatch {
			break
		}
	}
	return errors.Join(errs...)
}

// expire ends one recovery whose deadline has passed.
func (a *App) expire(ctx context.Context, id recovery.ID, now time.Time) error {
	h, err := a.read(ctx, id)
	if err == nil && !h.Recovery.State.Final() {
		h, err = a.advance(ctx, Visitor{Language: h.Language}, h, recovery.Elapsed{}, now)
	}
	var refused *Refusal
	if err != nil && !errors.Is(err, ErrConflict) && !errors.As(err, &refused) {
		return fmt.Errorf("app: sweep %s: %w", id, err)
	}
	if err == nil && h.Recovery.State == recovery.Unsettled {
		a.Logger.ErrorContext(ctx, "a reset could not be settled: nobody can tell whether the directory did it; "+
			"ask the person to try both passwords", "flow", string(id), "subject", h.Recovery.Who.String())
	}
	return nil
}
