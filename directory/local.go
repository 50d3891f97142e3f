package directory

import (
	"context"
	"time"
)

// LocalAccount is one row of the built-in directory.
type LocalAccount struct {
	ID       string
	Version  int64
	Login    string // unique, as typed when it was made
	LoginKey string // Login prepared for comparison; unique
	Name     string
	Emails   []string
	Phones   []string
	Groups   []string
	Password string // PHC string (Argon2id)
	Disabled bool
	Failures int       // consecutive wrong passwords
	LockedAt time.Time // zero: not locked
	Created  time.Time
	Changed  time.Time // of the password
	// MustChange: the password was given to its owner, who has to change it.
	MustChange bool
}

// LocalStore is the port that store/sqlstore implements for directory/local. Its writes are no
// part of a recovery's commit: to app, local is a directory like any other.
type LocalStore interface {
	// LocalFind returns the accounts whose LoginKey or one of whose e-mail keys is key.
	LocalFind(ctx context.Context, key string) ([]LocalAccount, error)
	LocalGet(ctx context.Context, id string) (LocalAccount, error) // ErrNotFound
	// LocalPut inserts (Version 0) or replaces the row if its version is the stored one, and
	// raises it; ErrStale otherwise, and for a second account with the same LoginKey.
	LocalPut(ctx context.Context, a LocalAccount) error
	LocalList(ctx context.Context, after string, limit int) ([]LocalAccount, error) // by LoginKey
}
