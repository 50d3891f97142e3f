package sqlstore

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"postern/internal/testenv"
	"postern/secret"
)

// engine is one of the databases as these tests see it.
type engine struct {
	name    string
	goose   goose.Dialect
	dialect dialect
	fresh   func(t *testing.T) (Settings, *sql.DB) // an empty database
	shape   string                                 // lists everything in the schema but goose's table
}

func engines() []engine {
	return []engine{
		{"SQLite", goose.DialectSQLite3, sqliteDialect, freshSQLite,
			`SELECT type || ' ' || tbl_name || ' ' || name || ': ' || COALESCE(sql, '') FROM sqlite_master
			WHERE tbl_name NOT IN ('goose_db_version', 'sqlite_sequence')`},
		{"PostgreSQL", goose.DialectPostgres, postgresDialect, freshPostgres,
			`SELECT 'column ' || table_name || ' ' || ordinal_position || ' ' || column_name || ' ' || data_type || ' ' ||
				is_nullable || ' ' || COALESCE(column_default, '') || ' ' || is_identity
			FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'goose_db_version'
			UNION ALL SELECT 'index ' || indexdef FROM pg_indexes
			WHERE schemaname = 'public' AND tablename <> 'goose_db_version'
			UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
			FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'goose%'`},
	}
}

func freshSQLite(t *testing.T) (Settings, *sql.DB) {
	path := filepath.Join(t.TempDir(), "postern.db")
	return Settings{Path: path}, openDB(t, "sqlite", path)
}

func freshPostgres(t *testing.T) (Settings, *sql.DB) {
	dsn := testenv.Postgres(t)
	return Settings{DSN: secret.New(dsn)}, openDB(t, "pgx", dsn)
}

func openDB(t *testing.T, driver, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func eachEngine(t *testing.T, test func(*testing.T, engine)) {
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}

func mustOpen(t *testing.T, at Settings) *Store {
	t.Helper()
	s, err := Open(t.Context(), at)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustExec(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// shapeOf lists a schema, without comments and with single spaces.
func shapeOf(t *testing.T, db *sql.DB, text string) string {
	t.Helper()
	lines, err := list(t.Context(), db, q(text), scanText)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range lines {
		var kept []string
		for part := range strings.Lines(l) {
			code, _, _ := strings.Cut(part, "--")
			kept = append(kept, strings.Fields(code)...)
		}
		// A column that was added later stands behind a comma of its own.
		lines[i] = strings.NewReplacer(" ,", ",", " )", ")").Replace(strings.Join(kept, " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestMigrationsLeadToTheSchema(t *testing.T) {
	text, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	eachEngine(t, func(t *testing.T, e engine) {
		at, migrated := e.fresh(t)
		mustOpen(t, at)
		_, direct := e.fresh(t)
		mustExec(t, direct, e.dialect.adapt(string(text)))
		got, want := shapeOf(t, migrated, e.shape), shapeOf(t, direct, e.shape)
		if got != want {
			t.Errorf("migrating leads to\n%s\nand schema.sql says\n%s", got, want)
		}
		if !strings.Contains(want, "local_email") {
			t.Errorf("the comparison doesn't see the tables:\n%s", want)
		}
	})
}

func TestOpeningAgainChangesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		at, db := e.fresh(t)
		versions := `SELECT COUNT(*) FROM goose_db_version`
		var counts []int64
		for range 3 {
			if err := mustOpen(t, at).Close(); err != nil {
				t.Fatal(err)
			}
			n, _, err := first(t.Context(), db, q(versions), scanInt)
			if err != nil {
				t.Fatal(err)
			}
			counts = append(counts, n)
		}
		if counts[0] != counts[1] || counts[1] != counts[2] {
			t.Errorf("applied migrations after each opening: %v", counts)
		}
	})
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		at, db := e.fresh(t)
		mustOpen(t, at)
		mustExec(t, db, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, '1')`)
		s, err := Open(t.Context(), at)
		if err == nil {
			s.Close()
			t.Fatal("a newer database was opened")
		}
		if !strings.Contains(err.Error(), "9999") || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("got %q, want both versions and what to do", err)
		}
	})
}

func TestChangedMigrationIsRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		at, db := e.fresh(t)
		mustOpen(t, at)
		mustExec(t, db, `UPDATE schema_migration SET checksum = 'other'`)
		s, err := Open(t.Context(), at)
		if err == nil {
			s.Close()
			t.Fatal("a database of another migration 1 was opened")
		}
		if !strings.Contains(err.Error(), "migration 1") {
			t.Errorf("got %q, want the migration's number", err)
		}
	})
}

// TestSecondMigration: the next file is applied to what the first made, and when it fails nothing
// of it is there.
func TestSecondMigration(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		_, db := e.fresh(t)
		files, err := migrationFiles(migrations)
		if err != nil {
			t.Fatal(err)
		}
		next := int64(len(files) + 1)
		bad := append(slices.Clone(files), migration{version: next, text: "CREATE TABLE more (n BIGINT); INSERT INTO missing VALUES (1)", checksum: "b"})
		if err := migrateTo(t.Context(), db, e.goose, e.dialect, bad); err == nil {
			t.Fatal("a migration that fails was applied")
		}
		good := append(slices.Clone(files), migration{version: next, text: "CREATE TABLE more (n BIGINT)", checksum: "g"})
		if err := migrateTo(t.Context(), db, e.goose, e.dialect, good); err != nil {
			t.Fatalf("after one that failed: %v", err)
		}
		mustExec(t, db, "INSERT INTO more VALUES (1)")
		if err := migrateTo(t.Context(), db, e.goose, e.dialect, files); err == nil {
			t.Error("an older program accepts the newer database")
		}
	})
}

// TestProgramsThatStartTogether migrate one database once.
func TestProgramsThatStartTogether(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		at, db := e.fresh(t)
		errs := make(chan error)
		for range 3 {
			go func() {
				s, err := Open(context.Background(), at)
				if err == nil {
					err = s.Close()
				}
				errs <- err
			}()
		}
		for range 3 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		n, _, err := first(t.Context(), db, q(`SELECT COUNT(*) FROM goose_db_version WHERE version_id = 1`), scanInt)
		if err != nil || n != 1 {
			t.Errorf("migration 1 is recorded %d times, %v", n, err)
		}
	})
}

func TestMigrationFilesAreNumbered(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("SELECT 1")}
	for _, names := range [][]string{{"0002_b.sql"}, {"0001_a.sql", "0003_c.sql"}, {"0001_a.sql", "0001_b.sql"}, {"a.sql"}} {
		files := fstest.MapFS{}
		for _, n := range names {
			files["migrations/"+n] = file
		}
		if _, err := migrationFiles(files); err == nil {
			t.Errorf("%v were accepted", names)
		}
	}
}
