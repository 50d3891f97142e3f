package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"
)

// transactions writes to PostgreSQL: one short transaction for each write, repeated when the
// database rolled it back in favour of another.
type transactions struct {
	db    *sql.DB
	again func(error) bool
}

const (
	tries     = 8
	writeMost = 30 * time.Second // for one write with all its tries
	pauseMost = 10 * time.Millisecond
)

func (w transactions) do(ctx context.Context, f func(context.Context, conn) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: nothing was written: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeMost)
	defer cancel()
	for try := 1; ; try++ {
		err := w.once(ctx, f)
		if err == nil || try == tries || !w.again(err) {
			return err
		}
		w.pause(ctx, try)
	}
}

// pause waits a little longer each time, and never the same for two.
func (w transactions) pause(ctx context.Context, try int) {
	t := time.NewTimer(rand.N(min(pauseMost, time.Millisecond<<try)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (w transactions) once(ctx context.Context, f func(context.Context, conn) error) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: nothing was written: BEGIN: %w", err)
	}
	if err := f(ctx, tx); err != nil {
		// Without a connection there is nothing to roll back.
		_ = tx.Rollback()
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store: COMMIT, nobody can tell whether it was done: %w", err)
	}
	return nil
}

// close has nothing to wait for: closing the pool waits.
func (w transactions) close() {}
