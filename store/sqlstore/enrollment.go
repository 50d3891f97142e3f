package sqlstore

import (
	"context"
	"fmt"

	"postern/account"
	"postern/app"
	"postern/policy"
)

const enrollmentColumns = `id, version, directory, account, factor, label, found, added, used, data`

// Enrollments returns those of who, oldest first; for factor "" all.
func (s *Store) Enrollments(ctx context.Context, who account.Ref, factor policy.Factor) ([]app.EnrollmentRow, error) {
	rows, err := list(ctx, s.read, q(`SELECT `+enrollmentColumns+` FROM enrollment
		WHERE directory = $1 AND account = $2 AND ($3 = '' OR factor = $3)
		ORDER BY added, id`, who.Directory, who.ID, string(factor)), scanEnrollment)
	if err != nil {
		return nil, fmt.Errorf("store: reading enrolments: %w", err)
	}
	return rows, nil
}

// EnrollmentByFound returns the one with that index value, app.ErrNoRow when there is none.
func (s *Store) EnrollmentByFound(ctx context.Context, factor policy.Factor, found string) (app.EnrollmentRow, error) {
	e, ok, err := first(ctx, s.read, q(`SELECT `+enrollmentColumns+` FROM enrollment
		WHERE factor = $1 AND found = $2 AND found <> ''`, string(factor), found), scanEnrollment)
	if err != nil {
		return app.EnrollmentRow{}, fmt.Errorf("store: finding an enrolment: %w", err)
	}
	if !ok {
		return app.EnrollmentRow{}, app.ErrNoRow
	}
	return e, nil
}

func scanEnrollment(r row) (app.EnrollmentRow, error) {
	var v app.EnrollmentRow
	var added, used int64
	err := r(&v.ID, &v.Version, &v.Who.Directory, &v.Who.ID, &v.Factor, &v.Label, &v.Found, &added, &used, &v.Data)
	v.Added, v.Used = moment(added), moment(used)
	return v, err
}

func putEnrollment(ctx context.Context, tx conn, e app.EnrollmentRow) error {
	switch {
	case e.Removed:
		return put(ctx, tx, q(`DELETE FROM enrollment WHERE id = $1 AND version = $2`, e.ID, e.Version))
	case e.Version == 0:
		return put(ctx, tx, q(`INSERT INTO enrollment (`+enrollmentColumns+`)
			VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			e.ID, e.Who.Directory, e.Who.ID, string(e.Factor), e.Label, e.Found, micros(e.Added), micros(e.Used), blob(e.Data)))
	}
	return put(ctx, tx, q(`UPDATE enrollment SET version = version + 1, directory = $3, account = $4, factor = $5,
		label = $6, found = $7, added = $8, used = $9, data = $10 WHERE id = $1 AND version = $2`,
		e.ID, e.Version, e.Who.Directory, e.Who.ID, string(e.Factor), e.Label, e.Found, micros(e.Added), micros(e.Used), blob(e.Data)))
}
