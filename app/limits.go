package app

import (
	"context"
	"errors"
	"net/netip"
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

// guessable reports whether wrong answers to f are limited per account: a method that nobody can
// guess is left out, so that a stranger who types wrong codes never locks its owner out of it.
func (a *App) guessable(f policy.Factor) bool {
	return a.traits[f].Strength < policy.PhishingResistant
}
