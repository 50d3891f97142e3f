// Package sqlstore keeps everything that Postern keeps, in SQLite or in PostgreSQL, with one SQL
// text for both.
//
// It implements app.Store, app.LogStore and directory.LocalStore. It decides nothing about people
// and never sees a secret in the clear: rows arrive sealed. It reads no clock. It guards three
// things: a Change is written whole and durably or not at all, a stale version never wins, and a
// limit is spent in the transaction of what it limits.
//
// A write is either refused before it begins (its context has ended, the store is closed) or
// waited for, whatever happens to the context meanwhile: a caller never walks away from a write
// without knowing its result. The one exception is a connection to PostgreSQL that is lost during
// COMMIT; the error then is neither nil nor app.ErrConflict, and the row must be read again.
//
// The files by kind: one for each subject's SQL; sqlite.go and postgres.go with all that differs
// between the databases; queue.go and transact.go, the two ways to write; migrate.go.
package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/app"
	"postern/directory"
	"postern/secret"
)

// Settings say where the store is. Exactly one must be given.
type Settings struct {
	Path string      // the SQLite file; it and its folder are made when they are missing
	DSN  secret.Text // a PostgreSQL connection string
}

// Store is an open store. It may be used by several goroutines.
type Store struct {
	dialect dialect
	read    conn
	write   writer
	release func() error // once, however often it is called
}

var (
	_ app.Store            = (*Store)(nil)
	_ app.LogStore         = (*Store)(nil)
	_ directory.LocalStore = (*Store)(nil)
)

// Open opens the store and brings its schema up to date. It refuses a database that a newer
// program has migrated.
func Open(ctx context.Context, at Settings) (*Store, error) {
	switch {
	case at.Path != "" && !at.DSN.Empty():
		return nil, errors.New("store: a path (SQLite) and a connection string (PostgreSQL) are set: choose one")
	case at.Path != "":
		return openSQLite(ctx, at.Path)
	case !at.DSN.Empty():
		return openPostgres(ctx, at.DSN)
	}
	return nil, errors.New("store: neither a path (SQLite) nor a connection string (PostgreSQL) is set")
}

// Close waits for the writes that have begun and closes the store. It may be called again.
func (s *Store) Close() error {
	s.write.close()
	if err := s.release(); err != nil {
		return fmt.Errorf("store: closing: %w", err)
	}
	return nil
}

// Ping reports whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	_, _, err := s.Head(ctx)
	return err
}

// dialect is what differs between the databases once they are open.
type dialect struct {
	adapt func(schema string) string // to the schema, from PostgreSQL's words
	taken func(error) bool           // a value that must be unique is taken
	again func(error) bool           // rolled back in favour of another transaction: may be repeated
}

// writer runs f in a transaction of its own and returns when the result is known. f may be run
// more than once, each time after a rollback. An error of f rolls back and is returned.
type writer interface {
	do(ctx context.Context, f func(ctx context.Context, tx conn) error) error
	close()
}

// claimed turns a unique value that is taken into condition and leaves other errors as they are.
func (s *Store) claimed(err, condition error) error {
	if err != nil && s.dialect.taken(err) {
		return condition
	}
	return err
}

// micros is how a moment is stored.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is how a moment is read.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// blob stores no bytes as no bytes, where a driver would store NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
