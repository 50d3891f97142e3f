package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"postern/app"
)

const messageColumns = `id, version, channel, state, attempts, made, due, data`

// Claim takes up to limit rows of a queue that are due: their Due becomes lease and their version
// rises, so that no other node gets them before then. They come in the order they were made.
func (s *Store) Claim(ctx context.Context, queue app.Queue, now, lease time.Time, limit int) ([]app.MessageRow, error) {
	var got []app.MessageRow
	err := s.write.do(ctx, func(ctx context.Context, tx conn) (err error) {
		// The condition stands twice: PostgreSQL looks at the outer one again after it has
		// waited for another node's claim.
		got, err = list(ctx, tx, q(`UPDATE message SET due = $1, version = version + 1
			WHERE due <> 0 AND due <= $2 AND id IN
				(SELECT id FROM message WHERE due <> 0 AND due <= $2 AND (channel = $4) = $5 ORDER BY due, id LIMIT $3)
			RETURNING `+messageColumns, micros(lease), micros(now), limit, app.TargetChannel, queue == app.Targets), scanMessage)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: claiming messages: %w", err)
	}
	slices.SortFunc(got, func(a, b app.MessageRow) int {
		return cmp.Or(a.Made.Compare(b.Made), cmp.Compare(a.ID, b.ID))
	})
	return got, nil
}

// Message returns one row of the outbox, app.ErrNoRow when there is none.
func (s *Store) Message(ctx context.Context, id string) (app.MessageRow, error) {
	m, ok, err := first(ctx, s.read, q(`SELECT `+messageColumns+` FROM message WHERE id = $1`, id), scanMessage)
	if err != nil {
		return app.MessageRow{}, fmt.Errorf("store: reading a message: %w", err)
	}
	if !ok {
		return app.MessageRow{}, app.ErrNoRow
	}
	return m, nil
}

// Outbox counts the messages that are not final, and says when the oldest of them was made.
func (s *Store) Outbox(ctx context.Context) (waiting int, oldest time.Time, err error) {
	type count struct{ n, oldest int64 }
	c, _, err := first(ctx, s.read, q(`SELECT COUNT(*), COALESCE(MIN(made), 0) FROM message WHERE due <> 0`),
		func(r row) (c count, err error) {
			err = r(&c.n, &c.oldest)
			return c, err
		})
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("store: counting messages: %w", err)
	}
	return int(c.n), moment(c.oldest), nil
}

func scanMessage(r row) (app.MessageRow, error) {
	var v app.MessageRow
	var made, due int64
	err := r(&v.ID, &v.Version, &v.Channel, &v.State, &v.Attempts, &made, &due, &v.Data)
	v.Made, v.Due = moment(made), moment(due)
	return v, err
}

func putMessage(ctx context.Context, tx conn, m app.MessageRow, at time.Time) error {
	due, ended := micros(m.Due), int64(0)
	if due == 0 {
		ended = micros(at)
	}
	if m.Version == 0 {
		return put(ctx, tx, q(`INSERT INTO message (id, version, channel, state, attempts, made, due, ended, data)
			VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			m.ID, m.Channel, m.State, m.Attempts, micros(m.Made), due, ended, blob(m.Data)))
	}
	return put(ctx, tx, q(`UPDATE message SET version = version + 1, channel = $3, state = $4, attempts = $5,
		made = $6, due = $7, ended = $8, data = $9 WHERE id = $1 AND version = $2`,
		m.ID, m.Version, m.Channel, m.State, m.Attempts, micros(m.Made), due, ended, blob(m.Data)))
}
