package sqlstore

import (
	"context"
	"fmt"

	"postern/account"
	"postern/app"
)

// History returns the former passwords of who that are kept, newest first, up to limit.
func (s *Store) History(ctx context.Context, who account.Ref, limit int) ([]app.HistoryRow, error) {
	rows, err := list(ctx, s.read, q(`SELECT id, directory, account, at, data FROM password_history
		WHERE directory = $1 AND account = $2 ORDER BY at DESC, id DESC LIMIT $3`, who.Directory, who.ID, limit), scanHistory)
	if err != nil {
		return nil, fmt.Errorf("store: reading former passwords: %w", err)
	}
	return rows, nil
}

func scanHistory(r row) (app.HistoryRow, error) {
	var v app.HistoryRow
	var at int64
	err := r(&v.ID, &v.Who.Directory, &v.Who.ID, &at, &v.Data)
	v.At = moment(at)
	return v, err
}

// addHistory adds one and forgets what is too many.
func addHistory(ctx context.Context, tx conn, h app.HistoryRow) error {
	err := put(ctx, tx, q(`INSERT INTO password_history (id, directory, account, at, data)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, h.ID, h.Who.Directory, h.Who.ID, micros(h.At), blob(h.Data)))
	if err != nil {
		return err
	}
	_, err = exec(ctx, tx, `DELETE FROM password_history WHERE directory = $1 AND account = $2 AND id NOT IN
		(SELECT id FROM password_history WHERE directory = $1 AND account = $2 ORDER BY at DESC, id DESC LIMIT $3)`,
		h.Who.Directory, h.Who.ID, h.Keep)
	return err
}
