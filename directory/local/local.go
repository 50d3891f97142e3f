// Package local is the directory that Postern brings along: accounts in its own store, passwords
// as Argon2id hashes in PHC strings. It serves trials and small organisations without another
// directory.
//
// It keeps no history of passwords and enforces no rule of its own beyond not being empty; the
// rules for everybody (package password) are checked before. It does not store anything itself:
// directory.LocalStore does.
//
// How it guards: an unknown login costs the same read and the same hashing as a known one; only
// so many hashings run at once, since each takes 19 MiB; an account is locked after a number of
// wrong passwords in a row, and while it is locked or disabled it says so whatever the password.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"postern/account"
	"postern/directory"
	"postern/password"
	"postern/secret"
)

// Settings are what an administrator may write about the built-in directory.
type Settings struct {
	LockAfter int `yaml:"lock_after" doc:"Wrong passwords in a row that lock an account until its password is reset or it is unlocked. 0: never."`
	Hashings  int `yaml:"hashings" doc:"Passwords that are hashed at the same time at most. Each takes 19 MiB of memory."`
}

// Defaults returns the settings that hold where the file is silent.
func Defaults() *Settings { return &Settings{LockAfter: 10, Hashings: 4} }

// Kind is this directory before it is configured.
var Kind = directory.Kind{
	ID: "local",
	Open: func(name string, decode func(any) error, env directory.Env) (directory.Directory, error) {
		s := Defaults()
		if err := decode(s); err != nil {
			return nil, err
		}
		return New(name, *s, env.Local, time.Now)
	},
	Settings: func() any { return Defaults() },
}

// longest is how many bytes of a handle are looked at, and most attempts to write a row that
// somebody else changes meanwhile.
const (
	longest  = 256
	attempts = 8
)

// Directory is the built-in directory. It is safe for concurrent use.
type Directory struct {
	name  string
	set   Settings
	store directory.LocalStore
	now   func() time.Time
	cost  password.Cost
	slots chan struct{} // one token for each hashing that runs
	nobys password.Hash // tried for nobody
}

// New returns the directory over a store.
func New(name string, s Settings, store directory.LocalStore, now func() time.Time) (*Directory, error) {
	switch {
	case store == nil:
		return nil, errors.New("local: there is no store here to keep accounts in")
	case s.LockAfter < 0:
		return nil, fmt.Errorf("lock_after: %d is below zero", s.LockAfter)
	case s.Hashings < 1:
		return nil, fmt.Errorf("hashings: %d: must be at least 1", s.Hashings)
	}
	return &Directory{
		name: name, set: s, store: store, now: now, cost: password.PresentCost(),
		slots: make(chan struct{}, s.Hashings), nobys: decoy(password.PresentCost()),
	}, nil
}

// Find looks a person up by login or address.
func (d *Directory) Find(ctx context.Context, handle string) (account.Account, error) {
	key, ok := prepare(handle)
	if !ok {
		key = "" // nobody has the empty key; the read is made all the same
	}
	rows, err := d.store.LocalFind(ctx, key)
	if err != nil {
		return account.Account{}, fmt.Errorf("local: look up a person: %w: %w", directory.ErrUnavailable, err)
	}
	switch {
	case ok && len(rows) > 1:
		return account.Account{}, directory.ErrAmbiguous
	case !ok || len(rows) != 1 || !answers(rows[0], key):
		return account.Account{}, directory.ErrNotFound
	}
	return d.account(rows[0]), nil
}

// answers reports whether key is the row's login or one of its addresses, however the store
// compares.
func answers(a directory.LocalAccount, key string) bool {
	return slices.ContainsFunc(append([]string{a.Login}, a.Emails...), func(s string) bool {
		k, ok := prepare(s)
		return ok && k == key
	})
}

// Get reads an account by its identifier.
func (d *Directory) Get(ctx context.Context, id string) (account.Account, error) {
	row, err := d.row(ctx, id)
	if err != nil {
		return account.Account{}, err
	}
	return d.account(row), nil
}

// SetPassword sets a password, forgets wrong ones and ends a lock-out. A disabled account stays
// disabled.
func (d *Directory) SetPassword(ctx context.Context, id string, to secret.Text) error {
	if to.Empty() {
		return &directory.Rejected{Reason: directory.TooShort, Operator: "an empty password"}
	}
	if _, err := d.row(ctx, id); err != nil { // before the hashing, which is for nothing without a row
		return err
	}
	hash, err := d.hash(ctx, to)
	if err != nil {
		return err
	}
	return d.change(ctx, id, func(a *directory.LocalAccount) {
		d.renew(a, hash)
	})
}

// ChangePassword sets a password as its owner, who gives the old one; a wrong one is counted as in
// Authenticate. The new one must be another.
func (d *Directory) ChangePassword(ctx context.Context, id string, old, to secret.Text) error {
	row, _, err := d.verify(ctx, id, old)
	if err != nil {
		return err
	}
	switch {
	case to.Empty():
		return &directory.Rejected{Reason: directory.TooShort, Operator: "an empty password"}
	case to.Equal(old):
		return &directory.Rejected{Reason: directory.SamePassword, Operator: "the new password is the old one"}
	}
	hash, err := d.hash(ctx, to)
	if err != nil {
		return err
	}
	return d.changeIf(ctx, row, func(a *directory.LocalAccount) { d.renew(a, hash) })
}

// renew gives a its new password.
func (d *Directory) renew(a *directory.LocalAccount, hash string) {
	a.Password, a.Changed, a.MustChange = hash, d.now(), false
	a.Failures, a.LockedAt = 0, time.Time{}
}

// Unlock ends a lock-out. An account that is not locked stays as it is.
func (d *Directory) Unlock(ctx context.Context, id string) error {
	return d.change(ctx, id, func(a *directory.LocalAccount) { a.Failures, a.LockedAt = 0, time.Time{} })
}

// Rules returns that the directory has none of its own.
func (d *Directory) Rules(ctx context.Context, id string) (password.Directory, error) {
	_, err := d.row(ctx, id)
	return password.Directory{Enforced: true}, err
}

// Check asks the store.
func (d *Directory) Check(ctx context.Context) []directory.Finding {
	rows, err := d.store.LocalList(ctx, "", 1)
	switch {
	case err != nil:
		return []directory.Finding{{Severity: directory.Fault, Text: fmt.Sprintf("the store does not answer: %v", err), Fix: "see the settings of the store"}}
	case len(rows) == 0:
		return []directory.Finding{{Severity: directory.Warning, Text: "there is nobody in the built-in directory", Fix: "configure another directory, or add people"}}
	}
	return []directory.Finding{{Severity: directory.Good, Text: "the built-in directory answers"}}
}

// LockoutAfter returns after how many wrong passwords an account is locked, and the setting that
// says so; 0: never.
func (d *Directory) LockoutAfter(context.Context) (n int, setting string) {
	return d.set.LockAfter, "lock_after"
}

// Person is somebody to add.
type Person struct {
	Login    string
	Name     string
	Emails   []string
	Phones   []string
	Groups   []string
	Password secret.Text
	Disabled bool
	Locked   bool
	// MustChange: they have to change the password.
	MustChange bool
}

// Add adds a person. ErrStale: the login is taken.
func (d *Directory) Add(ctx context.Context, p Person) (account.Account, error) {
	key, ok := prepare(p.Login)
	if !ok {
		return account.Account{}, fmt.Errorf("local: %q can be no login (RFC 8265 section 3.3)", p.Login)
	}
	if p.Password.Empty() {
		return account.Account{}, fmt.Errorf("local: %s needs a password", p.Login)
	}
	hash, err := d.hash(ctx, p.Password)
	if err != nil {
		return account.Account{}, err
	}
	now := d.now()
	row := directory.LocalAccount{
		ID: rand.Text(), Login: p.Login, LoginKey: key, Name: p.Name, Emails: p.Emails, Phones: p.Phones,
		Groups: p.Groups, Password: hash, Disabled: p.Disabled, Created: now, Changed: now, MustChange: p.MustChange,
	}
	if p.Locked {
		row.LockedAt = now
	}
	if err := d.store.LocalPut(ctx, row); err != nil {
		return account.Account{}, fmt.Errorf("local: add %s: %w", p.Login, err)
	}
	return d.account(row), nil
}

// Rename gives an account another login; its identifier stays. ErrStale: the login is taken.
func (d *Directory) Rename(ctx context.Context, id, login string) error {
	key, ok := prepare(login)
	if !ok {
		return fmt.Errorf("local: %q can be no login (RFC 8265 section 3.3)", login)
	}
	row, err := d.row(ctx, id)
	if err != nil {
		return err
	}
	row.Login, row.LoginKey = login, key
	return d.store.LocalPut(ctx, row)
}

func (d *Directory) row(ctx context.Context, id string) (directory.LocalAccount, error) {
	if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		id = "" // not every store takes such a key; nobody has the empty one
	}
	row, err := d.store.LocalGet(ctx, id)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return row, err
	case err != nil:
		return row, fmt.Errorf("local: read an account: %w: %w", directory.ErrUnavailable, err)
	}
	return row, nil
}

// change writes a row, again when somebody else did meanwhile. It returns ErrUnavailable while
// nothing was written for certain, and ErrUncertain when the store failed in writing.
func (d *Directory) change(ctx context.Context, id string, f func(*directory.LocalAccount)) error {
	for range attempts {
		row, err := d.row(ctx, id)
		if err != nil {
			return err
		}
		f(&row)
		err = d.store.LocalPut(ctx, row)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, directory.ErrStale):
			return fmt.Errorf("local: write an account: %w: %w", directory.ErrUncertain, err)
		}
	}
	return fmt.Errorf("local: write an account: %w: others kept changing it", directory.ErrUnavailable)
}

func (d *Directory) account(r directory.LocalAccount) account.Account {
	a := account.Account{
		Ref: account.Ref{Directory: d.name, ID: r.ID}, Login: r.Login, Name: r.Name, Groups: slices.Clone(r.Groups),
		Disabled: r.Disabled, Locked: !r.LockedAt.IsZero(), LockedSince: r.LockedAt, MustChange: r.MustChange, Created: r.Created,
	}
	for _, e := range r.Emails {
		a.Contacts = append(a.Contacts, account.Contact{Kind: account.Email, Address: e})
	}
	for _, p := range r.Phones {
		a.Contacts = append(a.Contacts, account.Contact{Kind: account.Phone, Address: p})
	}
	return a
}

// prepare is how logins and addresses are compared: UsernameCaseMapped of RFC 8265 section 3.3.
// What that profile refuses is nobody's.
func prepare(handle string) (string, bool) {
	if handle == "" || len(handle) > longest || !utf8.ValidString(handle) {
		return "", false
	}
	key, err := precis.UsernameCaseMapped.String(handle)
	return key, err == nil && key != ""
}
