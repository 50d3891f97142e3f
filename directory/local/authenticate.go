package local

import (
	"context"
	"errors"
	"fmt"

	"postern/directory"
	"postern/secret"
)

// Authenticate tries a password. It hashes once whoever is asked for, and for nobody too. A wrong
// one is counted before the answer, and at the limit locks the account; a right one forgets what
// was counted.
func (d *Directory) Authenticate(ctx context.Context, id string, with secret.Text) error {
	row, err := d.row(ctx, id)
	known := err == nil
	if !known && !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	stored := d.nobys
	if known {
		if stored, err = parsePHC(row.Password); err != nil {
			return fmt.Errorf("local: account %s: %w", id, err)
		}
	}
	right := false
	if err := d.hashing(ctx, func() { right = stored.matches(with) }); err != nil {
		return err
	}
	switch {
	case !known:
		return directory.ErrWrongPassword
	case row.Disabled:
		return directory.ErrDisabled
	case !row.LockedAt.IsZero():
		return directory.ErrLocked
	case !right || with.Empty():
		return d.count(ctx, id)
	}
	return d.welcome(ctx, id, row, stored, with)
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

// welcome forgets wrong passwords, and replaces a hash that cost less than new ones do. Somebody
// who was locked out or given another password meanwhile is not let in.
func (d *Directory) welcome(ctx context.Context, id string, row directory.LocalAccount, stored phc, with secret.Text) error {
	if row.Failures == 0 && stored.cost == d.cost {
		return nil
	}
	next := row.Password
	if stored.cost != d.cost {
		var err error
		if next, err = d.hash(ctx, with); err != nil {
			return err
		}
	}
	verdict := error(nil)
	err := d.change(ctx, id, func(a *directory.LocalAccount) {
		verdict = nil
		switch {
		case a.Disabled:
			verdict = directory.ErrDisabled
		case !a.LockedAt.IsZero():
			verdict = directory.ErrLocked
		case a.Password != row.Password:
			verdict = directory.ErrWrongPassword
		default:
			a.Failures, a.Password = 0, next
		}
	})
	if err != nil {
		return err
	}
	return verdict
}

// hash makes a PHC string.
func (d *Directory) hash(ctx context.Context, password secret.Text) (string, error) {
	var out string
	err := d.hashing(ctx, func() { out = newPHC(password, d.cost).String() })
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
