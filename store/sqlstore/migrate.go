package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// Files are numbered from 1, only ever added, and go forward. schema.sql is what they lead to.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migration is one file.
type migration struct {
	version  int64
	text     string
	checksum string
}

// raceMost is how many programs may migrate one database at once before the last gives up.
const raceMost = 10

// migrate brings the schema up to date. Each file and the line that records its checksum are one
// transaction, so that of two programs that start together one migrates and the other waits.
func migrate(ctx context.Context, db *sql.DB, name goose.Dialect, d dialect) error {
	files, err := migrationFiles(migrations)
	if err != nil {
		return err
	}
	return migrateTo(ctx, db, name, d, files)
}

func migrateTo(ctx context.Context, db *sql.DB, name goose.Dialect, d dialect, files []migration) error {
	var steps []*goose.Migration
	for _, f := range files {
		steps = append(steps, goose.NewGoMigration(f.version, &goose.GoFunc{RunTx: f.run(d)}, nil))
	}
	p, err := goose.NewProvider(name, db, nil, goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("store: reading the migrations: %w", err)
	}
	if err := up(ctx, p); err != nil {
		return err
	}
	return compare(ctx, db, files)
}

// up applies what is missing. An attempt that fails because another program has just done the
// same is repeated.
func up(ctx context.Context, p *goose.Provider) error {
	for try := 1; ; try++ {
		before, known, err := p.GetVersions(ctx)
		if err != nil {
			return fmt.Errorf("store: reading the version of the schema: %w", err)
		}
		if before > known {
			return fmt.Errorf("store: the database is of schema version %d and this program knows versions up to %d: "+
				"start the newer program, or restore the copy that was made before it", before, known)
		}
		_, err = p.Up(ctx)
		if err == nil {
			return nil
		}
		if after, _, e := p.GetVersions(ctx); e != nil || after == before || try == raceMost {
			return fmt.Errorf("store: migrating from schema version %d: %w", before, err)
		}
	}
}

// compare refuses a database that was migrated with other files than these.
func compare(ctx context.Context, db *sql.DB, files []migration) error {
	type record struct {
		version  int64
		checksum string
	}
	rows, err := list(ctx, db, q("SELECT version, checksum FROM schema_migration ORDER BY version"),
		func(r row) (m record, err error) {
			err = r(&m.version, &m.checksum)
			return m, err
		})
	if err != nil {
		return fmt.Errorf("store: reading the checksums of the migrations: %w", err)
	}
	applied := map[int64]string{}
	for _, r := range rows {
		applied[r.version] = r.checksum
	}
	for _, f := range files {
		if applied[f.version] != f.checksum {
			return fmt.Errorf("store: migration %d of this database is not the one in this program", f.version)
		}
	}
	return nil
}

// run applies m and records it. The record's primary key lets only one program do so.
func (m migration) run(d dialect) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, d.adapt(m.text)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO schema_migration (version, checksum) VALUES ($1, $2)", m.version, m.checksum)
		return err
	}
}

// migrationFiles reads NNNN_name.sql from the folder "migrations", in order and without gaps.
func migrationFiles(in fs.FS) ([]migration, error) {
	entries, err := fs.ReadDir(in, "migrations")
	if err != nil {
		return nil, fmt.Errorf("store: reading the migrations: %w", err)
	}
	var out []migration
	for i, e := range entries {
		text, err := fs.ReadFile(in, "migrations/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("store: reading a migration: %w", err)
		}
		number, _, _ := strings.Cut(e.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i+1) {
			return nil, errors.New("store: migration " + e.Name() + " is not numbered in order")
		}
		sum := sha256.Sum256(text)
		out = append(out, migration{version: version, text: string(text), checksum: hex.EncodeToString(sum[:])})
	}
	return out, nil
}
