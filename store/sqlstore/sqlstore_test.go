package sqlstore

import (
	"path/filepath"
	"testing"

	"postern/internal/testenv"
	"postern/secret"
	"postern/store/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "postern.db")
		return opener(t, Settings{Path: path})
	})
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		return opener(t, Settings{DSN: secret.New(testenv.Postgres(t))})
	})
}

func opener(t *testing.T, at Settings) storetest.Opener {
	return func() (storetest.Store, error) { return Open(t.Context(), at) }
}
