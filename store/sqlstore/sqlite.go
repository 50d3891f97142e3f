package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// readers is how many connections read at once. WAL lets them go on while one writes.
const readers = 4

var sqliteDialect = dialect{adapt: sqliteSchema, taken: sqliteTaken, again: func(error) bool { return false }}

func openSQLite(ctx context.Context, path string) (*Store, error) {
	if err := makeFile(path); err != nil {
		return nil, err
	}
	writing, err := sql.Open("sqlite", sqliteName(path, url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return nil, fmt.Errorf("store: opening %s: %w", path, err)
	}
	writing.SetMaxOpenConns(1)
	s, err := startSQLite(ctx, path, writing)
	if err != nil {
		return nil, errors.Join(err, writing.Close())
	}
	return s, nil
}

// journalMode makes the first connection, which puts the database into WAL, and returns its mode.
// Of programs that do so at the same moment SQLite refuses some at once, whatever busy_timeout says.
func journalMode(ctx context.Context, writing *sql.DB) (mode string, err error) {
	for range 200 {
		err = writing.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_BUSY {
			break
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(25 * time.Millisecond):
		}
	}
	return mode, err
}

func startSQLite(ctx context.Context, path string, writing *sql.DB) (*Store, error) {
	mode, err := journalMode(ctx, writing)
	if err != nil {
		return nil, fmt.Errorf("store: opening %s: %w", path, err)
	}
	if mode != "wal" {
		return nil, fmt.Errorf("store: %s is in journal mode %q and must be in WAL: is it on a network file system?", path, mode)
	}
	if err := migrate(ctx, writing, goose.DialectSQLite3, sqliteDialect); err != nil {
		return nil, err
	}
	writer, err := writing.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: opening %s: %w", path, err)
	}
	reading, err := sql.Open("sqlite", sqliteName(path, url.Values{"_pragma": {"query_only(1)"}}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: opening %s: %w", path, err), writer.Close())
	}
	reading.SetMaxOpenConns(readers)
	reading.SetMaxIdleConns(readers)
	read, write := &prepared{on: reading}, &prepared{on: writer}
	return &Store{dialect: sqliteDialect, read: read, write: newQueue(write), release: sync.OnceValue(func() error {
		read.close()
		write.close()
		return errors.Join(reading.Close(), writer.Close(), writing.Close())
	})}, nil
}

// makeFile makes the folder and the file for their owner alone, and closes a file that others can
// read. SQLite gives its other files the same mode.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store: making the folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("store: making the file: %w", err)
	}
	if err := f.Chmod(0o600); err != nil {
		return errors.Join(fmt.Errorf("store: closing the file to others: %w", err), f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("store: making the file: %w", err)
	}
	return nil
}

// sqliteName is the connection string. synchronous=FULL makes every COMMIT wait for the disk;
// temp_store=MEMORY keeps what savepoints need to undo out of files, a third of a write's work.
func sqliteName(path string, more url.Values) string {
	settings := url.Values{"_pragma": append(more["_pragma"],
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"temp_store(MEMORY)", "trusted_schema(0)")}
	if lock := more.Get("_txlock"); lock != "" {
		settings.Set("_txlock", lock)
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: settings.Encode()}
	return file.String()
}

// sqliteSchema changes the one phrase of the schema that SQLite says otherwise.
func sqliteSchema(text string) string {
	return strings.ReplaceAll(text, "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "INTEGER PRIMARY KEY")
}

func sqliteTaken(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
