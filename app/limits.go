package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/account"
	"postern/limit"
	"postern/policy"
)

// Keys of limits that a visitor may be told of: they concern the visitor's address alone. All
// other limits are silent, because they would reveal that an account exists.
const loud = "address."

// spends returns what one request of v takes from the loud limits.
func spends(v Visitor, now time.Time, what string, address, network limit.Limit) []Spend {
	var out []Spend
	host, net := widths(v.Address)
	if !address.Unlimited() {
		out = append(out, Spend{Key: loud + what + ":" + host, Limit: address, Now: now})
	}
	if !network.Unlimited() {
		out = append(out, Spend{Key: loud + what + ".network:" + net, Limit: network, Now: now})
	}
	return out
}

// widths returns the two widths at which addresses are counted: the host (/32, /64) and its
// network (/24, /48), because one home has a whole IPv6 /64.
func widths(a netip.Addr) (host, network string) {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return "none", "none"
	}
	h, n := 32, 24
	if a.Is6() {
		h, n = 64, 48
	}
	hp, _ := a.Prefix(h)
	np, _ := a.Prefix(n)
	return hp.String(), np.String()
}

// silent returns the key of a limit on one account, or on whoever a handle might have been. The
// store must not show who that is.
func (a *App) silent(what string, who account.Ref, rest ...string) string {
	in := strings.Join(append([]string{who.Directory, who.ID}, rest...), "\x00")
	return what + ":" + encode(a.Keys.Derive("limit."+what, []byte(in), 15))
}

// refuseEarly says no before any work is done when a loud limit is exhausted already. The commit
// that follows counts; this only saves a directory from being asked for nothing.
func (a *App) refuseEarly(ctx context.Context, spends []Spend) error {
	for _, s := range spends {
		full, err := a.Store.Full(ctx, s.Key)
		if err != nil {
			return err // a limiter that cannot tell says no
		}
		if _, retry, ok := s.Limit.Take(full, s.Now); !ok {
			return tooMany(retry)
		}
	}
	return nil
}

func tooMany(retry time.Duration) *Refusal {
	return &Refusal{Problem: ProblemLimited, Key: "problem.too_many", Retry: retry}
}

// limited tells which sort of limit stopped a commit: the refusal for a loud one, or quiet.
func limited(err error) (refusal error, quiet bool) {
	var l *LimitedError
	if !errors.As(err, &l) {
		return nil, false
	}
	if strings.HasPrefix(l.Key, loud) {
		return tooMany(l.Retry), false
	}
	return nil, true
}

// both returns what one event of v takes from a silent limit on one thing: from what its network
// may cause, and from what all networks together may. A stranger at one place uses up the first
// alone, and so never keeps the owner out.
func (a *App) both(v Visitor, key string, one, all limit.Limit, now time.Time) []Spend {
	var out []Spend
	_, network := widths(v.Address)
	if !one.Unlimited() {
		out = append(out, Spend{Key: key + "@" + encode(a.Keys.Derive("limit.network", []byte(key+network), 10)), Limit: one, Now: now})
	}
	if !all.Unlimited() {
		out = append(out, Spend{Key: key, Limit: all, Now: now})
	}
	return out
}

// forgiven returns spends followed by their reset: a right answer, where there was still room for
// it, makes up for the wrong ones before.
func forgiven(spends []Spend) []Spend {
	out := slices.Clone(spends)
	for _, s := range spends {
		s.Reset = true
		out = append(out, s)
	}
	return out
}

// exhausted reports whether one of spends is impossible now.
func (a *App) exhausted(ctx context.Context, spends []Spend) (bool, error) {
	for _, s := range spends {
		full, err := a.Store.Full(ctx, s.Key)
		if err != nil {
			return false, fmt.Errorf("app: read limit: %w", err)
		}
		if _, _, ok := s.Limit.Take(full, s.Now); !ok {
			return true, nil
		}
	}
	return false, nil
}

// guessable reports whether wrong answers to f are limited per account: a method that nobody can
// guess is left out, so that a stranger who types wrong codes never locks its owner out of it.
func (a *App) guessable(f policy.Factor) bool {
	return a.traits[f].Strength < policy.PhishingResistant
}
