package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"postern/app"
)

// Ticket returns an invitation to enrol, app.ErrNoRow when there is none.
func (s *Store) Ticket(ctx context.Context, id string) (app.TicketRow, error) {
	t, ok, err := first(ctx, s.read, q(`SELECT id, version, deadline, data FROM ticket WHERE id = $1`, id), scanTicket)
	if err != nil {
		return app.TicketRow{}, fmt.Errorf("store: reading an invitation: %w", err)
	}
	if !ok {
		return app.TicketRow{}, app.ErrNoRow
	}
	return t, nil
}

func scanTicket(r row) (app.TicketRow, error) {
	var v app.TicketRow
	var deadline int64
	err := r(&v.ID, &v.Version, &deadline, &v.Data)
	v.Deadline = moment(deadline)
	return v, err
}

// putTicket writes t. One that nobody uses ends at its deadline without another write.
func putTicket(ctx context.Context, tx conn, t app.TicketRow, at time.Time) error {
	deadline := micros(t.Deadline)
	ended := cmp.Or(deadline, micros(at))
	if t.Version == 0 {
		return put(ctx, tx, q(`INSERT INTO ticket (id, version, deadline, ended, data)
			VALUES ($1, 1, $2, $3, $4) ON CONFLICT DO NOTHING`, t.ID, deadline, ended, blob(t.Data)))
	}
	return put(ctx, tx, q(`UPDATE ticket SET version = version + 1, deadline = $3, ended = $4, data = $5
		WHERE id = $1 AND version = $2`, t.ID, t.Version, deadline, ended, blob(t.Data)))
}
