package app

import (
	"context"
	"slices"
	"time"

	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// Unlock spends the grant on ending a lock-out; the password stays.
func (a *App) Unlock(ctx context.Context, v Visitor, token secret.Text) (Flow, error) {
	h, err := a.load(ctx, token)
	if err != nil {
		return Flow{}, err
	}
	return a.apply(ctx, v, h, policy.Unlock, func(ctx context.Context, d NamedDirectory, id string) (string, error) {
		return "", unlock(ctx, d, id)
	})
}

// unlocksOnly reports whether r can end in nothing but an unlocking.
func unlocksOnly(r recovery.Recovery) bool {
	return slices.Equal(r.Actions, []policy.Action{policy.Unlock})
}

// lockNow reads again how the account of a recovery that can only unlock is locked, because that is
// all that its person came for, and a lock can end or begin while they prove who they are. If the
// directory cannot say, what it said at the start stands.
func (a *App) lockNow(ctx context.Context, h held) held {
	if !unlocksOnly(h.Recovery) {
		return h
	}
	ctx, cancel := detached(ctx, 2*time.Second)
	defer cancel()
	d, err := a.directory(h.Recovery.Who.Directory)
	if err == nil {
		now, lerr := d.Get(ctx, h.Recovery.Who.ID)
		if err = lerr; err == nil {
			h.Recovery.Locked = now.Locked
			h.Account.Locked, h.Account.LockedSince, h.Account.LockedUntil = now.Locked, now.LockedSince, now.LockedUntil
			h.Account.MustChange, h.Account.Expired = now.MustChange, now.Expired
		}
	}
	if err != nil {
		a.Logger.WarnContext(ctx, "the lock could not be read again; it is shown as of the start", "directory", h.Recovery.Who.Directory, "error", err)
	}
	return h
}
