package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/secure/precis"

	"postern/app"
	"postern/directory"
)

const localColumns = `id, version, login, login_key, name, emails, phones, member_of,
	password, disabled, failures, locked_at, created, changed, must_change`

// LocalFind returns the accounts whose LoginKey or one of whose e-mail keys is key.
func (s *Store) LocalFind(ctx context.Context, key string) ([]directory.LocalAccount, error) {
	found, err := list(ctx, s.read, q(`SELECT `+localColumns+` FROM local_account WHERE id IN
		(SELECT id FROM local_account WHERE login_key = $1 UNION SELECT account FROM local_email WHERE key = $1)
		ORDER BY login_key`, key), scanLocal)
	if err != nil {
		return nil, fmt.Errorf("store: finding a local account: %w", err)
	}
	return found, nil
}

// LocalGet returns the account, directory.ErrNotFound when there is none.
func (s *Store) LocalGet(ctx context.Context, id string) (directory.LocalAccount, error) {
	a, ok, err := first(ctx, s.read, q(`SELECT `+localColumns+` FROM local_account WHERE id = $1`, id), scanLocal)
	if err != nil {
		return directory.LocalAccount{}, fmt.Errorf("store: reading a local account: %w", err)
	}
	if !ok {
		return directory.LocalAccount{}, directory.ErrNotFound
	}
	return a, nil
}

// LocalList returns up to limit accounts whose LoginKey comes after the given one.
func (s *Store) LocalList(ctx context.Context, after string, limit int) ([]directory.LocalAccount, error) {
	all, err := list(ctx, s.read, q(`SELECT `+localColumns+` FROM local_account
		WHERE login_key > $1 ORDER BY login_key LIMIT $2`, after, limit), scanLocal)
	if err != nil {
		return nil, fmt.Errorf("store: listing local accounts: %w", err)
	}
	return all, nil
}

// LocalPut inserts a (Version 0) or replaces the row of its version; directory.ErrStale for
// another version and for a login that is taken.
func (s *Store) LocalPut(ctx context.Context, a directory.LocalAccount) error {
	err := s.write.do(ctx, func(ctx context.Context, tx conn) error { return putLocal(ctx, tx, a) })
	if err = s.claimed(err, directory.ErrStale); errors.Is(err, app.ErrConflict) {
		err = directory.ErrStale
	}
	if err == nil || errors.Is(err, directory.ErrStale) {
		return err
	}
	return fmt.Errorf("store: writing a local account: %w", err)
}

func putLocal(ctx context.Context, tx conn, a directory.LocalAccount) error {
	emails, phones, groups, err := localLists(a)
	if err != nil {
		return err
	}
	text := `UPDATE local_account SET version = version + 1, login = $3, login_key = $4, name = $5,
		emails = $6, phones = $7, member_of = $8, password = $9, disabled = $10, failures = $11,
		locked_at = $12, created = $13, changed = $14, must_change = $15 WHERE id = $1 AND version = $2`
	if a.Version == 0 {
		a.Version = 1 // stored so
		text = `INSERT INTO local_account (` + localColumns + `)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING`
	}
	if err := put(ctx, tx, q(text, a.ID, a.Version, a.Login, a.LoginKey, a.Name, emails, phones, groups, a.Password,
		a.Disabled, a.Failures, micros(a.LockedAt), micros(a.Created), micros(a.Changed), a.MustChange)); err != nil {
		return err
	}
	if _, err := exec(ctx, tx, `DELETE FROM local_email WHERE account = $1`, a.ID); err != nil {
		return err
	}
	for _, e := range a.Emails {
		if _, err := exec(ctx, tx, `INSERT INTO local_email (key, account) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
			emailKey(e), a.ID); err != nil {
			return err
		}
	}
	return nil
}

// emailKey prepares an address as logins are prepared: RFC 8265 section 3.3. An address that
// this profile doesn't allow is only lowered.
func emailKey(address string) string {
	if key, err := precis.UsernameCaseMapped.String(address); err == nil {
		return key
	}
	return strings.ToLower(address)
}

func localLists(a directory.LocalAccount) (emails, phones, groups string, err error) {
	var texts [3]string
	for i, v := range [][]string{a.Emails, a.Phones, a.Groups} {
		b, err := json.Marshal(v)
		if err != nil {
			return "", "", "", fmt.Errorf("store: writing a list: %w", err)
		}
		texts[i] = string(b)
	}
	return texts[0], texts[1], texts[2], nil
}

func scanLocal(r row) (directory.LocalAccount, error) {
	var v directory.LocalAccount
	var lists [3]string
	var locked, created, changed int64
	if err := r(&v.ID, &v.Version, &v.Login, &v.LoginKey, &v.Name, &lists[0], &lists[1], &lists[2],
		&v.Password, &v.Disabled, &v.Failures, &locked, &created, &changed, &v.MustChange); err != nil {
		return v, err
	}
	v.LockedAt, v.Created, v.Changed = moment(locked), moment(created), moment(changed)
	for i, into := range []*[]string{&v.Emails, &v.Phones, &v.Groups} {
		if err := json.Unmarshal([]byte(lists[i]), into); err != nil {
			return v, fmt.Errorf("store: reading a list: %w", err)
		}
	}
	return v, nil
}
