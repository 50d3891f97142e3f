package sqlstore

import (
	"context"
	"fmt"

	"postern/account"
	"postern/policy"
)

// Holding is one method that somebody has enrolled, for the operator's list.
type Holding struct {
	Who    account.Ref
	Factor policy.Factor
	Count  int
}

// Enrolled returns what up to limit people who come after the given one have enrolled, in the
// order of their references: all rows of one person are together.
func (s *Store) Enrolled(ctx context.Context, after account.Ref, limit int) ([]Holding, error) {
	rows, err := list(ctx, s.read, q(`SELECT e.directory, e.account, e.factor, COUNT(*) FROM enrollment e
		JOIN (SELECT DISTINCT directory, account FROM enrollment
			WHERE directory > $1 OR (directory = $1 AND account > $2)
			ORDER BY directory, account LIMIT $3) p ON p.directory = e.directory AND p.account = e.account
		GROUP BY e.directory, e.account, e.factor ORDER BY e.directory, e.account, e.factor`,
		after.Directory, after.ID, limit), scanHolding)
	if err != nil {
		return nil, fmt.Errorf("store: listing who has enrolled: %w", err)
	}
	return rows, nil
}

func scanHolding(r row) (Holding, error) {
	var v Holding
	err := r(&v.Who.Directory, &v.Who.ID, &v.Factor, &v.Count)
	return v, err
}
