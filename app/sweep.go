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
	// keepEnded is how long recoveries, invitations and messages stay after their end. The audit
	// log is kept for good.
	keepEnded = 7 * 24 * time.Hour
)

// sweep ends what is overdue and forgets what ended long ago. A recovery that was applying when
// its node died ends unsettled here: nobody can tell whether the directory did it, so an operator
// and the person hear of it and nothing is written twice.
func (a *App) sweep(ctx context.Context) error {
	now := a.now()
	ids, err := a.Store.Overdue(ctx, now, sweepBatch)
	if err != nil {
		return fmt.Errorf("app: sweep: %w", err)
	}
	var errs []error
	for _, id := range ids {
		h, err := a.read(ctx, id)
		if err == nil && !h.Recovery.State.Final() {
			h, err = a.advance(ctx, Visitor{Language: h.Language}, h, recovery.Elapsed{}, now)
		}
		if err == nil && h.Recovery.State == recovery.Unsettled {
			a.Logger.ErrorContext(ctx, "a reset could not be settled: nobody can tell whether the directory did it; "+
				"ask the person to try both passwords", "flow", string(id), "subject", h.Recovery.Who.String())
		}
		var refused *Refusal
		if err != nil && !errors.Is(err, ErrConflict) && !errors.As(err, &refused) {
			errs = append(errs, fmt.Errorf("app: sweep %s: %w", id, err))
		}
	}
	if _, err := a.Store.Sweep(ctx, now.Add(-keepEnded), sweepBatch); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
