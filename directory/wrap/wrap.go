// Package wrap puts the same guards around any directory: a deadline for each call, a second try
// of reads, a circuit breaker, a bound on calls at once, and counters.
//
// It does not repeat a write, not even one that surely was not sent: that is the caller's
// decision. It does not hide an ability of the directory and does not invent one:
// directory.As on a wrapped directory finds Unlocker, Authenticator, Changer, RuleReader, SessionEnder
// and Examiner exactly when the directory has them, and then guarded as well. Everything else (Checker,
// Closer, and what only some directories have) is found unguarded, behind the guards.
package wrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/account"
	"postern/directory"
	"postern/password"
	"postern/secret"
)

// Options say how tight the guards are. Zero fields take the defaults.
type Options struct {
	Timeout     time.Duration    // for one call, second try included; 10 s
	Retries     int              // of reads that found the directory unavailable; 1, negative: none
	Failures    int              // in a row that open the breaker; 5
	Pause       time.Duration    // while it is open; 10 s
	Concurrency int              // calls at once; 64
	Now         func() time.Time // time.Now
}

func (o Options) withDefaults() Options {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set(&o.Retries, 1)
	set(&o.Failures, 5)
	set(&o.Concurrency, 64)
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Pause == 0 {
		o.Pause = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Directory is a guarded directory.
type Directory struct {
	inner   directory.Directory
	next    directory.Directory // the first of the guarded abilities
	o       Options
	slots   chan struct{}
	breaker breaker
	counts  counts
}

// New guards inner.
func New(inner directory.Directory, o Options) *Directory {
	o = o.withDefaults()
	d := &Directory{inner: inner, o: o, slots: make(chan struct{}, o.Concurrency)}
	d.breaker = breaker{now: o.Now, failures: o.Failures, pause: o.Pause}
	d.next = d.abilities()
	return d
}

// Unwrap leads to the guarded abilities, one after the other, and then to the directory itself.
func (d *Directory) Unwrap() directory.Directory { return d.next }

// Stats returns the counters since the start, and the breaker's state.
func (d *Directory) Stats() Stats { return d.counts.stats(&d.breaker) }

// Find looks a person up.
func (d *Directory) Find(ctx context.Context, handle string) (account.Account, error) {
	return read(ctx, d, opFind, func(ctx context.Context) (account.Account, error) { return d.inner.Find(ctx, handle) })
}

// Get reads an account.
func (d *Directory) Get(ctx context.Context, id string) (account.Account, error) {
	return read(ctx, d, opGet, func(ctx context.Context) (account.Account, error) { return d.inner.Get(ctx, id) })
}

// SetPassword sets a password, once.
func (d *Directory) SetPassword(ctx context.Context, id string, to secret.Text) error {
	return d.call(ctx, opSetPassword, func(ctx context.Context) error { return d.inner.SetPassword(ctx, id, to) })
}

// read calls f, and again while the directory is unavailable and tries are left.
func read[T any](ctx context.Context, d *Directory, o op, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	var out T
	for try := 0; ; try++ {
		err := d.call(ctx, o, func(ctx context.Context) error {
			var err error
			out, err = f(ctx)
			return err
		})
		if err == nil || !errors.Is(err, directory.ErrUnavailable) || try >= d.o.Retries || ctx.Err() != nil || d.breaker.isOpen() {
			return out, err
		}
		d.counts.retried(o)
	}
}

// call runs f once: bounded, timed, counted, and not at all while the breaker is open. What it
// refuses wraps ErrUnavailable, because the directory was not asked.
func (d *Directory) call(ctx context.Context, o op, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	if err := d.wait(ctx); err != nil {
		d.counts.refused(o)
		return err
	}
	defer func() { <-d.slots }()
	trial, ok := d.breaker.enter()
	if !ok {
		d.counts.refused(o)
		return fmt.Errorf("%w: it failed %d times in a row and is left alone for a while", directory.ErrUnavailable, d.o.Failures)
	}
	began, out := d.o.Now(), failed
	defer func() { // also after a panic, which must not leave the breaker waiting for a trial
		d.breaker.leave(trial, out)
		d.counts.called(o, out == failed, d.o.Now().Sub(began))
	}()
	err := f(ctx)
	out = judge(err)
	return err
}

// wait takes a slot, in time.
func (d *Directory) wait(ctx context.Context) error {
	select {
	case d.slots <- struct{}{}:
		if ctx.Err() == nil {
			return nil
		}
		<-d.slots
	case <-ctx.Done():
	}
	return fmt.Errorf("%w: not asked, too many calls at once: %w", directory.ErrUnavailable, ctx.Err())
}

// outcome is what a call says of the directory's health.
type outcome int

const (
	answered outcome = iota
	failed
	abandoned // the caller went away: nobody can say
)

func judge(err error) outcome {
	if err == nil || errors.As(err, new(*directory.Rejected)) {
		return answered
	}
	for _, said := range []error{
		directory.ErrNotFound, directory.ErrWrongPassword, directory.ErrMustChange, directory.ErrLocked,
		directory.ErrRestricted, directory.ErrDisabled, directory.ErrUnsupported, directory.ErrStale,
	} {
		if errors.Is(err, said) {
			return answered
		}
	}
	if errors.Is(err, context.Canceled) {
		return abandoned
	}
	return failed
}

// The links of the chain that Unwrap walks: each adds one ability.
type (
	link struct {
		directory.Directory
		next directory.Directory
	}
	unlocker struct {
		link
		d     *Directory
		inner directory.Unlocker
	}
	authenticator struct {
		link
		d     *Directory
		inner directory.Authenticator
	}
	ruleReader struct {
		link
		d     *Directory
		inner directory.RuleReader
	}
	sessionEnder struct {
		link
		d     *Directory
		inner directory.SessionEnder
	}
	changer struct {
		link
		d     *Directory
		inner directory.Changer
	}
	examiner struct {
		link
		d     *Directory
		inner directory.Examiner
	}
)

// Unwrap leads on.
func (l link) Unwrap() directory.Directory { return l.next }

// Unlock ends a lock-out, once.
func (u unlocker) Unlock(ctx context.Context, id string) error {
	return u.d.call(ctx, opUnlock, func(ctx context.Context) error { return u.inner.Unlock(ctx, id) })
}

// Authenticate tries a password, once: a try may count towards a lock-out.
func (a authenticator) Authenticate(ctx context.Context, id string, with secret.Text) error {
	return a.d.call(ctx, opAuthenticate, func(ctx context.Context) error { return a.inner.Authenticate(ctx, id, with) })
}

// Rules reads the password rules.
func (r ruleReader) Rules(ctx context.Context, id string) (password.Directory, error) {
	return read(ctx, r.d, opRules, func(ctx context.Context) (password.Directory, error) { return r.inner.Rules(ctx, id) })
}

// EndSessions ends sessions, once.
func (s sessionEnder) EndSessions(ctx context.Context, id string) error {
	return s.d.call(ctx, opEndSessions, func(ctx context.Context) error { return s.inner.EndSessions(ctx, id) })
}

// ChangePassword sets a password as its owner, once.
func (c changer) ChangePassword(ctx context.Context, id string, old, to secret.Text) error {
	return c.d.call(ctx, opChangePassword, func(ctx context.Context) error { return c.inner.ChangePassword(ctx, id, old, to) })
}

// Examine reads what the service may do to an account.
func (e examiner) Examine(ctx context.Context, id string) ([]directory.Finding, error) {
	return read(ctx, e.d, opExamine, func(ctx context.Context) ([]directory.Finding, error) { return e.inner.Examine(ctx, id) })
}

// abilities chains a link for each ability that the directory has.
func (d *Directory) abilities() directory.Directory {
	next := d.inner
	if a, ok := directory.As[directory.Unlocker](d.inner); ok {
		next = unlocker{link{d, next}, d, a}
	}
	if a, ok := directory.As[directory.Authenticator](d.inner); ok {
		next = authenticator{link{d, next}, d, a}
	}
	if a, ok := directory.As[directory.RuleReader](d.inner); ok {
		next = ruleReader{link{d, next}, d, a}
	}
	if a, ok := directory.As[directory.SessionEnder](d.inner); ok {
		next = sessionEnder{link{d, next}, d, a}
	}
	if a, ok := directory.As[directory.Changer](d.inner); ok {
		next = changer{link{d, next}, d, a}
	}
	if a, ok := directory.As[directory.Examiner](d.inner); ok {
		next = examiner{link{d, next}, d, a}
	}
	return next
}
