package app

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"postern/directory"
	"postern/method"
	"postern/notify"
	"postern/policy"
)

// App is the use cases. It keeps nothing between requests but what it was made of: every node on
// one store is equal.
type App struct {
	Settings
	traits  policy.Methods
	senders map[notify.Channel]notify.Sender
	wake    chan struct{} // tells the outbox that something is due
	hashes  chan struct{} // one token for each comparison with former passwords that runs
	opens   time.Time     // for rehearsals
}

// New checks s for contradictions and returns the use cases. It starts nothing: Run does.
func New(s Settings) (*App, error) {
	a := &App{Settings: s, traits: policy.Methods{}, senders: map[notify.Channel]notify.Sender{}}
	switch {
	case s.Store == nil || s.Log == nil || s.Keys == nil || s.Signer == nil || s.Texts == nil || s.Now == nil || s.Logger == nil:
		return nil, errors.New("app: store, log, keys, signer, texts, clock and logger are all needed")
	case len(s.Directories) == 0:
		return nil, errors.New("app: no directory is configured (setting directories)")
	}
	for _, m := range s.Methods {
		a.traits[m.Kind.ID] = m.Kind.Traits
	}
	for _, n := range s.Senders {
		if _, twice := a.senders[n.Channel()]; twice {
			return nil, fmt.Errorf("app: two senders for %s (setting notify)", n.Channel())
		}
		a.senders[n.Channel()] = n
	}
	for _, f := range s.Policy.Check(a.traits) {
		if f.Fault {
			return nil, fmt.Errorf("app: policy rule %q: %s: %s", f.Rule, f.Text, f.Fix)
		}
	}
	a.hashes = make(chan struct{}, hashesAtOnce)
	a.wake, a.opens = make(chan struct{}, 1), firstRehearsal(a.now())
	return a, nil
}

// Traits returns what the configured methods say of themselves.
func (a *App) Traits() policy.Methods { return a.traits }

func (a *App) now() time.Time { return a.Now().UTC().Truncate(time.Microsecond) }

// method returns the configured method f.
func (a *App) method(f policy.Factor) (method.Method, bool) {
	for _, m := range a.Methods {
		if m.Kind.ID == f {
			return m.Method, true
		}
	}
	return nil, false
}

// directory returns the configured directory of that name.
func (a *App) directory(name string) (NamedDirectory, error) {
	for _, d := range a.Directories {
		if d.Name == name {
			return d, nil
		}
	}
	return NamedDirectory{}, fmt.Errorf("app: directory %q is no longer configured: %w", name, directory.ErrUnavailable)
}

var plain32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// encode writes identifiers: letters and digits only.
func encode(b []byte) string { return strings.ToLower(plain32.EncodeToString(b)) }

// detached keeps working when the visitor goes away, because what was begun must be settled and
// recorded, but not for ever.
func detached(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), most)
}

// poke wakes a worker that may be waiting; it never blocks.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
