package sqlstore

import (
	"context"
	"fmt"
	"time"
)

// Lease takes or renews name for holder. The fence rises each time the holder changes, so that a
// former holder's late write can be told by its number.
func (s *Store) Lease(ctx context.Context, name, holder string, until, now time.Time) (fence int64, ok bool, err error) {
	// No lease is given for so long: whoever wrote it there only wants to stop the work.
	forged := now.Add(10 * max(until.Sub(now), time.Minute))
	err = s.write.do(ctx, func(ctx context.Context, tx conn) (err error) {
		fence, ok, err = first(ctx, tx, q(`INSERT INTO lease (name, holder, fence, expires) VALUES ($1, $2, 1, $3)
			ON CONFLICT (name) DO UPDATE SET
				fence = lease.fence + CASE WHEN lease.holder = excluded.holder THEN 0 ELSE 1 END,
				holder = excluded.holder,
				expires = excluded.expires
			WHERE lease.holder = excluded.holder OR lease.expires <= $4 OR lease.expires > $5
			RETURNING fence`, name, holder, micros(until), micros(now), micros(forged)), scanInt)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("store: taking the lease %s: %w", name, err)
	}
	return fence, ok, nil
}
