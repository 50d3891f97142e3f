package testenv

import (
	"database/sql"
	"testing"
)

func TestPostgresGivesEachTestADatabase(t *testing.T) {
	one, two := Postgres(t), Postgres(t)
	if one == two {
		t.Fatal("two calls got one database")
	}
	for _, dsn := range []string{one, two} {
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE fresh (n BIGINT)"); err != nil {
			t.Errorf("the database is not fresh: %v", err)
		}
		var address string
		if err := db.QueryRowContext(t.Context(), "SHOW listen_addresses").Scan(&address); err != nil {
			t.Fatal(err)
		}
		if address != "127.0.0.1" {
			t.Errorf("PostgreSQL listens on %q, want 127.0.0.1 only", address)
		}
	}
}
