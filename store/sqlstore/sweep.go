package sqlstore

import (
	"context"
	"fmt"
	"time"
)

// The sweep's statements: $1 is the moment, $2 how many rows at most. The condition on limits
// stands twice because a limit may be spent from while the sweep waits for its row.
var sweeps = []string{
	`DELETE FROM recovery WHERE id IN (SELECT id FROM recovery WHERE deadline = 0 AND ended < $1 ORDER BY ended LIMIT $2)`,
	`DELETE FROM ticket WHERE id IN (SELECT id FROM ticket WHERE ended < $1 ORDER BY ended LIMIT $2)`,
	`DELETE FROM message WHERE id IN (SELECT id FROM message WHERE due = 0 AND ended < $1 ORDER BY ended LIMIT $2)`,
	`DELETE FROM spent WHERE full_at < $1 AND key IN (SELECT key FROM spent WHERE full_at < $1 LIMIT $2)`,
}

// Sweep deletes up to limit rows of each kind of what ended before the given moment: final recoveries,
// invitations that were used or have expired, final messages, and limits that are full again.
// Each kind is a transaction of its own, so that no sweep stands in the way for long.
func (s *Store) Sweep(ctx context.Context, ended time.Time, limit int) (int, error) {
	swept := 0
	for _, text := range sweeps {
		var n int64
		err := s.write.do(ctx, func(ctx context.Context, tx conn) (err error) {
			n, err = exec(ctx, tx, text, micros(ended), limit)
			return err
		})
		if err != nil {
			return swept, fmt.Errorf("store: sweeping: %w", err)
		}
		swept += int(n)
	}
	return swept, nil
}
