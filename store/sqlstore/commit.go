package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/app"
	"postern/audit"
)

// Commit writes all of c in one transaction, durably, or nothing (see app.Store). What ends with
// c ended at the moment of its last record. The rows are taken in one order by everybody, limits
// last, because that is what concurrent writes wait for.
func (s *Store) Commit(ctx context.Context, c app.Change) error {
	if len(c.Audit) == 0 {
		return app.ErrNoEvent
	}
	err := s.write.do(ctx, func(ctx context.Context, tx conn) error { return commit(ctx, tx, c) })
	if err = s.claimed(err, app.ErrConflict); err == nil || isAnswer(err) {
		return err
	}
	return fmt.Errorf("store: commit: %w", err)
}

// isAnswer reports whether err is one that callers branch on.
func isAnswer(err error) bool {
	var limited *app.LimitedError
	return errors.Is(err, app.ErrConflict) || errors.As(err, &limited)
}

func commit(ctx context.Context, tx conn, c app.Change) error {
	at := latest(c.Audit)
	if c.Recovery != nil {
		if err := putRecovery(ctx, tx, *c.Recovery, at); err != nil {
			return err
		}
	}
	for _, e := range sorted(c.Enroll, func(e app.EnrollmentRow) string { return e.ID }) {
		if err := putEnrollment(ctx, tx, e); err != nil {
			return err
		}
	}
	if c.Ticket != nil {
		if err := putTicket(ctx, tx, *c.Ticket, at); err != nil {
			return err
		}
	}
	for _, m := range sorted(c.Messages, func(m app.MessageRow) string { return m.ID }) {
		if err := putMessage(ctx, tx, m, at); err != nil {
			return err
		}
	}
	for _, h := range c.History {
		if err := addHistory(ctx, tx, h); err != nil {
			return err
		}
	}
	for _, r := range c.Audit {
		if err := addRecord(ctx, tx, r); err != nil {
			return err
		}
	}
	return spend(ctx, tx, c.Limits)
}

// latest returns the moment of the last record.
func latest(records []audit.Record) time.Time {
	return slices.MaxFunc(records, func(a, b audit.Record) int { return a.At.Compare(b.At) }).At
}

// sorted returns rows by key, equal keys in their order, and leaves rows alone. With one order
// for all, two transactions never wait for each other.
func sorted[T any](rows []T, key func(T) string) []T {
	if len(rows) < 2 {
		return rows
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	return rows
}

// put runs a statement that must change one row, and nothing means that somebody else was first.
func put(ctx context.Context, tx conn, q query) error {
	n, err := exec(ctx, tx, q.text, q.args...)
	if err != nil {
		return err
	}
	if n != 1 {
		return app.ErrConflict
	}
	return nil
}
