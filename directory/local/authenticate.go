package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"postern/directory"
	"postern/password"
	"postern/secret"
)

// Authenticate tries a password. It hashes once whoever is asked for, and for nobody too. A wrong
// one is counted before the answer, and at the limit locks the account; a right one forgets what
// was counted.
func (d *Directory) Authenticate(ctx context.Context, id string, with secret.Text) error {
	row, stored, err := d.verify(ctx, id, with)
	if err != nil {
		return err
	}
	if err := d.welcome(ctx, row, stored, with); err != nil {
		return err
	}
	if row.MustChange {
		return directory.ErrMustChange
	}
	return nil
}

// verify returns the row whose password is with, and the hash that it fits.
func (d *Directory) verify(ctx context.Context, id string, with secret.Text) (directory.LocalAccount, password.Hash, error) {
	row, err := d.row(ctx, id)
	known := err == nil
	if !known && !errors.Is(err, directory.ErrNotFound) {
		return row, password.Hash{}, err
	}
	stored := d.nobys
	if known {
		if stored, err = password.ParseHash(row.Password); err != nil {
			return row, stored, fmt.Errorf("local: account %s: %w", id, err)
		}
	}
	right := false
	if err := d.hashing(ctx, func() { right = stored.Is(with) }); err != nil {
		return row, stored, err
	}
	switch {
	case !known:
		return row, stored, directory.ErrWrongPassword
	case row.Disabled:
		return row, stored, directory.ErrDisabled
	case !row.LockedAt.IsZero():
		return row, stored, directory.ErrLocked
	case !right || with.Empty():
		return row, stored, d.count(ctx, id)
	}
	return row, stored, nil
}

// count notes a wrong password. If it can't be noted nobody can tell: an attempt that is not
// counted is not answered.
func (d *Directory) count(ctx context.Context, id string) error {
	err := d.change(ctx, id, func(a *directory.LocalAccount) {
		a.Failures++
		if d.set.LockAfter > 0 && a.Failures >= d.set.LockAfter && a.LockedAt.IsZero() {
			a.LockedAt = d.now()
		}
	})
	if err != nil {
		return err
	}
	return directory.ErrWrongPassword
}

// welcome forgets wrong passwords, and replaces a hash that cost less than new ones do.
func (d *Directory) welcome(ctx context.Context, row directory.LocalAccount, stored password.Hash, with secret.Text) error {
	if row.Failures == 0 && stored.Cost == d.cost {
		return nil
	}
	next := row.Password
	if stored.Cost != d.cost {
		var err error
		if next, err = d.hash(ctx, with); err != nil {
			return err
		}
	}
	return d.changeIf(ctx, row, func(a *directory.LocalAccount) { a.Failures, a.Password = 0, next })
}

// changeIf changes a row whose password was found right. For somebody who was disabled, locked out
// or given another password meanwhile nothing is changed.
func (d *Directory) changeIf(ctx context.Context, row directory.LocalAccount, f func(*directory.LocalAccount)) error {
	verdict := error(nil)
	err := d.change(ctx, row.ID, func(a *directory.LocalAccount) {
		verdict = nil
		switch {
		case a.Disabled:
			verdict = directory.ErrDisabled
		case !a.LockedAt.IsZero():
			verdict = directory.ErrLocked
		case a.Password != row.Password:
			verdict = directory.ErrWrongPassword
		default:
			f(a)
		}
	})
	if err != nil {
		return err
	}
	return verdict
}

// hash makes a PHC string.
func (d *Directory) hash(ctx context.Context, word secret.Text) (string, error) {
	var out string
	salt := make([]byte, password.SaltBytes)
	_, _ = rand.Read(salt) // never fails
	err := d.hashing(ctx, func() { out = password.NewHash(word, salt, d.cost).String() })
	return out, err
}

// hashing runs f when fewer than set.Hashings run.
func (d *Directory) hashing(ctx context.Context, f func()) error {
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("local: wait for a hashing: %w: %w", directory.ErrUnavailable, ctx.Err())
	}
	defer func() { <-d.slots }()
	f()
	return nil
}

// decoy is a hash that no password has, at the same cost to try.
func decoy(c password.Cost) password.Hash {
	b := make([]byte, password.DecoyBytes)
	_, _ = rand.Read(b) // never fails
	return password.NewDecoy(b, c)
}
