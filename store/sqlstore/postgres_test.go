package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"postern/app"
	"postern/internal/testenv"
	"postern/secret"
)

func TestPostgresRepeatsWhatWasRolledBackForAnother(t *testing.T) {
	s := mustOpen(t, Settings{DSN: secret.New(testenv.Postgres(t))})
	for _, code := range []string{serializationFailure, deadlockDetected} {
		count := 0
		err := s.write.do(t.Context(), func(ctx context.Context, tx conn) error {
			count++
			if err := addRecord(ctx, tx, begin(fmt.Sprint(code, count)).Audit[0]); err != nil {
				return err
			}
			if count < 3 {
				_, err := tx.ExecContext(ctx, fmt.Sprintf(`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '%s'; END $$`, code))
				return err
			}
			return nil
		})
		if err != nil || count != 3 {
			t.Errorf("%s: %v after %d tries, want success at the third", code, err, count)
		}
	}
	if rs, err := s.Pending(t.Context(), 10); err != nil || len(rs) != 2 {
		t.Errorf("%d records, %v; want 2: what was rolled back leaves nothing", len(rs), err)
	}
	count := 0
	err := s.write.do(t.Context(), func(ctx context.Context, tx conn) error {
		count++
		_, err := tx.ExecContext(ctx, `DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$`)
		return err
	})
	if !postgresAgain(err) || count != tries {
		t.Errorf("got %v after %d tries, want the failure after %d", err, count, tries)
	}
}

// TestPostgresLostDuringCommit: a connection that is lost in the last moment leaves an error that
// says so, never success and never a conflict.
func TestPostgresLostDuringCommit(t *testing.T) {
	dsn := testenv.Postgres(t)
	s := mustOpen(t, Settings{DSN: secret.New(dsn)})
	other, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	err = s.write.do(t.Context(), func(ctx context.Context, tx conn) error {
		if err := commit(ctx, tx, begin("r")); err != nil {
			return err
		}
		pid, _, err := first(ctx, tx, q(`SELECT pg_backend_pid()`), scanInt)
		if err != nil {
			return err
		}
		_, err = other.ExecContext(ctx, `SELECT pg_terminate_backend($1, 5000)`, pid)
		return err
	})
	if err == nil || errors.Is(err, app.ErrConflict) || !strings.Contains(err.Error(), "nobody can tell") {
		t.Errorf("got %v, want that nobody can tell", err)
	}
	if err := s.Commit(t.Context(), begin("next")); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

func TestPostgresErrorsKeepThePassword(t *testing.T) {
	const canary = "correct-horse"
	for _, dsn := range []string{
		"postgres://u:" + canary + "@127.0.0.1:1/d?sslmode=disable", // nobody listens
		"postgres://u:" + canary + "@127.0.0.1:port/d",
		"postgres://u:" + canary + "@[::1/d",
		"user=u password=" + canary + " port=x",
		"user=u password='" + canary,
		canary,
	} {
		s, err := Open(t.Context(), Settings{DSN: secret.New(dsn)})
		if err == nil {
			s.Close()
			t.Fatal("opened")
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}
