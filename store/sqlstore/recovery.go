package sqlstore

import (
	"context"
	"fmt"
	"time"

	"postern/account"
	"postern/app"
	"postern/recovery"
)

// Recovery returns the recovery as it is stored, app.ErrNoRow when there is none.
func (s *Store) Recovery(ctx context.Context, id recovery.ID) (app.RecoveryRow, error) {
	r, ok, err := first(ctx, s.read, q(`SELECT id, version, directory, account, state, deadline, began, data
		FROM recovery WHERE id = $1`, string(id)), scanRecovery)
	if err != nil {
		return app.RecoveryRow{}, fmt.Errorf("store: reading a recovery: %w", err)
	}
	if !ok {
		return app.RecoveryRow{}, app.ErrNoRow
	}
	return r, nil
}

func scanRecovery(r row) (app.RecoveryRow, error) {
	var v app.RecoveryRow
	var deadline, began int64
	err := r(&v.ID, &v.Version, &v.Who.Directory, &v.Who.ID, &v.State, &deadline, &began, &v.Data)
	v.Deadline, v.Began = moment(deadline), moment(began)
	return v, err
}

// OpenRecoveries returns the recoveries of who that are not final; none for nobody, with whom no
// two decoys have anything in common.
func (s *Store) OpenRecoveries(ctx context.Context, who account.Ref) ([]recovery.ID, error) {
	ids, err := list(ctx, s.read, q(`SELECT id FROM recovery
		WHERE directory = $1 AND account = $2 AND account <> '' AND deadline <> 0
		ORDER BY began, id`, who.Directory, who.ID), scanRecoveryID)
	if err != nil {
		return nil, fmt.Errorf("store: reading open recoveries: %w", err)
	}
	return ids, nil
}

// Overdue returns up to limit recoveries whose deadline has come, the longest overdue first.
func (s *Store) Overdue(ctx context.Context, now time.Time, limit int) ([]recovery.ID, error) {
	ids, err := list(ctx, s.read, q(`SELECT id FROM recovery
		WHERE deadline <> 0 AND deadline <= $1 ORDER BY deadline LIMIT $2`, micros(now), limit), scanRecoveryID)
	if err != nil {
		return nil, fmt.Errorf("store: reading overdue recoveries: %w", err)
	}
	return ids, nil
}

func scanRecoveryID(r row) (recovery.ID, error) {
	id, err := scanText(r)
	return recovery.ID(id), err
}

func putRecovery(ctx context.Context, tx conn, r app.RecoveryRow, at time.Time) error {
	deadline, ended := micros(r.Deadline), int64(0)
	if deadline == 0 {
		ended = micros(at)
	}
	if r.Version == 0 {
		return put(ctx, tx, q(`INSERT INTO recovery
			(id, version, directory, account, state, began, deadline, ended, data)
			VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			string(r.ID), r.Who.Directory, r.Who.ID, string(r.State), micros(r.Began), deadline, ended, blob(r.Data)))
	}
	return put(ctx, tx, q(`UPDATE recovery SET version = version + 1, directory = $3, account = $4, state = $5,
		began = $6, deadline = $7, ended = $8, data = $9 WHERE id = $1 AND version = $2`,
		string(r.ID), r.Version, r.Who.Directory, r.Who.ID, string(r.State), micros(r.Began), deadline, ended, blob(r.Data)))
}
