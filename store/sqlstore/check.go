package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"postern/secret"
)

// Check reports whether a PostgreSQL database answers, changing nothing in it: Open would bring
// its schema up to date.
func Check(ctx context.Context, dsn secret.Text) error {
	cfg, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		// As in openPostgres: the error quotes the string.
		return errors.New("store: the connection string can't be read: " +
			"want postgres://user:password@host:5432/database, or key=value pairs")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("store: connecting to PostgreSQL: %w", err)
	}
	if err := c.Ping(ctx); err != nil {
		return errors.Join(fmt.Errorf("store: asking PostgreSQL: %w", err), c.Close(ctx))
	}
	return c.Close(ctx)
}
