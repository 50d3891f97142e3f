package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"postern/directory"
	"postern/password"
	"postern/secret"
)

// hashesAtOnce bounds how many passwords are hashed at one time; each takes 19 MiB.
const hashesAtOnce = 2

// formerPassword is the reason in the audit log when the person was given that password here before.
const formerPassword directory.Reason = "former_password"

// unused refuses a candidate that is one of the person's former passwords, before the directory is
// asked. It is called when the grant is spent, and a refusal gives that back and counts as one of the
// passwords that a recovery may have refused: so comparing, which costs a hashing for each former
// password, runs once at a time in one recovery, and not for ever. What cannot be compared is not set.
func (a *App) unused(ctx context.Context, h held, candidate secret.Text) error {
	used, err := a.usedBefore(ctx, h, candidate)
	switch {
	case err != nil:
		return fmt.Errorf("app: compare with former passwords: %w: %w", directory.ErrUnavailable, err)
	case used:
		return &directory.Rejected{Reason: formerPassword, Operator: "compared here; the directory was not asked"}
	}
	return nil
}

// usedBefore reports whether h's person was given that password here before. Only those who have
// proven who they are get here, so that the time it takes tells nothing of who exists. An account
// that was made later inherits nothing.
func (a *App) usedBefore(ctx context.Context, h held, candidate secret.Text) (bool, error) {
	if a.Password.History <= 0 {
		return false, nil
	}
	rows, err := a.Store.History(ctx, h.Recovery.Who, a.Password.History)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if !inherits(h.Account, r.At) {
			continue
		}
		stored, err := a.openHash(r)
		if err != nil {
			return false, err
		}
		same := false
		if err := a.hashing(ctx, func() { same = stored.Is(candidate) }); err != nil || same {
			return same, err
		}
	}
	return false, nil
}

// former returns the password that was just set as one of the former ones. That it could not be kept
// must not hide that it was set.
func (a *App) former(ctx context.Context, h held, now time.Time) []HistoryRow {
	if a.Password.History <= 0 || h.to.Empty() {
		return nil
	}
	row := HistoryRow{ID: rand.Text(), Who: h.Recovery.Who, At: now, Keep: a.Password.History}
	var hash password.Hash
	err := a.hashing(ctx, func() { hash = password.NewHash(h.to, salt(), password.PresentCost()) })
	if err == nil {
		row.Data, err = a.Keys.Seal([]byte(hash.String()), row.associated())
	}
	if err != nil {
		a.Logger.ErrorContext(ctx, "a password was set, and is not among the former ones", "flow", string(h.Recovery.ID), "error", err)
		return nil
	}
	return []HistoryRow{row}
}

func (a *App) openHash(r HistoryRow) (password.Hash, error) {
	plain, err := a.Keys.Open(r.Data, r.associated())
	if err != nil {
		return password.Hash{}, fmt.Errorf("open a former password: %w", err)
	}
	return password.ParseHash(string(plain))
}

// associated binds a row's data to the row and its person.
func (r HistoryRow) associated() []byte {
	return associated("former", []string{r.Who.Directory, r.Who.ID, r.ID})
}

// hashing runs f when fewer than hashesAtOnce run.
func (a *App) hashing(ctx context.Context, f func()) error {
	select {
	case a.hashes <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.hashes }()
	f()
	return nil
}
