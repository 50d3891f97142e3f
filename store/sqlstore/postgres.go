package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"postern/secret"
)

const (
	poolMost       = 20 // connections of one process
	poolAge        = 30 * time.Minute
	connectTimeout = 5 * time.Second
)

var postgresDialect = dialect{adapt: func(schema string) string { return schema }, taken: postgresTaken, again: postgresAgain}

func openPostgres(ctx context.Context, dsn secret.Text) (*Store, error) {
	cfg, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		// The error quotes the string, and with it perhaps the password.
		return nil, errors.New("store: the connection string can't be read: " +
			"want postgres://user:password@host:5432/database, or key=value pairs")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "postern"
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(poolMost)
	db.SetMaxIdleConns(poolMost)
	db.SetConnMaxLifetime(poolAge)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store: connecting to PostgreSQL: %w", err), db.Close())
	}
	if err := migrate(ctx, db, goose.DialectPostgres, postgresDialect); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	write := transactions{db: db, again: postgresDialect.again}
	return &Store{dialect: postgresDialect, read: db, write: write, release: db.Close}, nil
}

// PostgreSQL's error codes: Appendix A of its documentation.
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

func postgresTaken(err error) bool { return postgresCode(err) == uniqueViolation }

func postgresAgain(err error) bool {
	code := postgresCode(err)
	return code == serializationFailure || code == deadlockDetected
}

func postgresCode(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}
