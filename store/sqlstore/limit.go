package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"postern/app"
)

// Full returns the stored moment of a limit; zero when it was never used.
func (s *Store) Full(ctx context.Context, key string) (time.Time, error) {
	at, err := fullAt(ctx, s.read, key)
	if err != nil {
		return time.Time{}, fmt.Errorf("store: reading a limit: %w", err)
	}
	return moment(at), nil
}

func fullAt(ctx context.Context, c conn, key string) (int64, error) {
	at, _, err := first(ctx, c, q(`SELECT full_at FROM spent WHERE key = $1`, key), scanInt)
	return at, err
}

// spend takes from all limits, in the order of their keys. Of several that are exhausted the
// error names the one that the caller put first.
func spend(ctx context.Context, tx conn, limits []app.Spend) error {
	order := make([]int, 0, len(limits))
	for i := range limits {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(limits[a].Key, limits[b].Key) })
	refused, first := (*app.LimitedError)(nil), len(limits)
	for _, i := range order {
		retry, ok, err := spendOne(ctx, tx, limits[i])
		if err != nil {
			return err
		}
		if !ok && i < first {
			refused, first = &app.LimitedError{Key: limits[i].Key, Retry: retry}, i
		}
	}
	if refused != nil {
		return refused
	}
	return nil
}

func spendOne(ctx context.Context, tx conn, l app.Spend) (retry time.Duration, ok bool, err error) {
	if l.Reset {
		_, err := exec(ctx, tx, `DELETE FROM spent WHERE key = $1`, l.Key)
		return 0, true, err
	}
	if l.Limit.Unlimited() {
		return 0, true, nil
	}
	l.Now = l.Now.Truncate(time.Microsecond)
	full, err := fullAt(ctx, tx, l.Key)
	if err != nil {
		return 0, false, err
	}
	next, retry, ok := l.Limit.Take(moment(full), l.Now)
	if !ok {
		return retry, false, nil
	}
	if won, err := swapFull(ctx, tx, l.Key, full, micros(next)); won || err != nil {
		return 0, won, err
	}
	return spendLocked(ctx, tx, l)
}

// swapFull stores to if from is still what is stored.
func swapFull(ctx context.Context, tx conn, key string, from, to int64) (bool, error) {
	text := `UPDATE spent SET full_at = $2 WHERE key = $1 AND full_at = $3`
	args := []any{key, to, from}
	if from == 0 {
		text, args = `INSERT INTO spent (key, full_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, args[:2]
	}
	n, err := exec(ctx, tx, text, args...)
	return n == 1, err
}

// spendLocked is for the one who lost against another transaction: it locks the row, which is
// what an update without a change does on PostgreSQL, and takes from what is there now.
func spendLocked(ctx context.Context, tx conn, l app.Spend) (retry time.Duration, ok bool, err error) {
	full, _, err := first(ctx, tx, q(`INSERT INTO spent (key, full_at) VALUES ($1, 0)
		ON CONFLICT (key) DO UPDATE SET full_at = spent.full_at RETURNING full_at`, l.Key), scanInt)
	if err != nil {
		return 0, false, err
	}
	next, retry, ok := l.Limit.Take(moment(full), l.Now)
	if !ok {
		return retry, false, nil
	}
	_, err = exec(ctx, tx, `UPDATE spent SET full_at = $2 WHERE key = $1`, l.Key, micros(next))
	return 0, err == nil, err
}
