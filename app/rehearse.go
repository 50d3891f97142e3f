package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/account"
	"postern/audit"
	"postern/directory"
	"postern/policy"
	"postern/secret"
)

// rehearsed is the factor of a rehearsal, which whoever runs it proves. No method has that name,
// and no rule the other.
const (
	rehearsed    policy.Factor = "rehearsal"
	rehearsalFor string        = "rehearsal" // in the place of a rule's name, in the audit log
)

// The lease under which one rehearsal at a time is done. It is longer than a rehearsal can take:
// what it reads, and one reset.
const (
	rehearsalLease = 4 * time.Minute
	rehearsalTime  = 2 * time.Minute
)

// Rehearse resets the canary of that login for real, on the way that a person's reset takes: the
// machine, the grant, the directory, the read-back, the records, the messages (which are not
// sent). In the end the canary has a random password that nobody knows. An error means that
// nothing was done, or that how it went could not be recorded; else the result says it.
func (a *App) Rehearse(ctx context.Context, op Operator, login string) (Rehearsal, error) {
	name, ok := handle(login)
	i := slices.IndexFunc(a.Canaries.Logins, func(l string) bool { return strings.EqualFold(l, name) })
	if !ok || i < 0 {
		return Rehearsal{}, fmt.Errorf("app: %q %w", login, ErrNoCanary)
	}
	end, err := a.turn(ctx)
	if err != nil {
		return Rehearsal{}, err
	}
	defer end()
	return a.rehearse(ctx, op, a.Canaries.Logins[i], account.Ref{})
}

// turn waits for nobody: it returns ErrRehearsed while another rehearsal is done, even by this
// process, and else what ends the turn.
func (a *App) turn(ctx context.Context) (end func(), err error) {
	now, holder := a.now(), a.Node+"/"+rand.Text()[:8]
	_, mine, err := a.Store.Lease(ctx, rehearsalFor, holder, now.Add(rehearsalLease), now)
	if err != nil {
		return nil, fmt.Errorf("app: rehearsal: %w", err)
	}
	if !mine {
		return nil, ErrRehearsed
	}
	return func() {
		ctx, cancel := detached(ctx, commitTime)
		defer cancel()
		now := a.now()
		if _, _, err := a.Store.Lease(ctx, rehearsalFor, holder, now, now); err != nil {
			a.Logger.WarnContext(ctx, "the next rehearsal has to wait for the lease of this one to end", "error", err)
		}
	}, nil
}

// rehearse does it. What was begun is finished and recorded, even when whoever asked goes away.
// Unless before is zero, the login must still name that account: only somebody at the command line
// can say that another one is a canary too.
func (a *App) rehearse(ctx context.Context, op Operator, login string, before account.Ref) (Rehearsal, error) {
	begun, r := a.Now(), &rehearsing{a: a, before: before, Rehearsal: Rehearsal{Login: login, By: op.Name, At: a.now()}}
	ctx, cancel := detached(ctx, rehearsalTime)
	defer cancel()
	r.all(ctx)
	r.Took = a.Now().Sub(begun)
	_, failed := r.Failed()
	r.OK = !failed
	f := map[audit.Field]string{audit.Actor: op.Name, audit.Login: login, audit.Directory: r.Directory,
		audit.Flow: string(r.held.Recovery.ID)}
	if who := r.held.Account.Ref; !who.Zero() {
		f[audit.Subject] = who.String()
	}
	return r.Rehearsal, a.conclude(context.WithoutCancel(ctx), r.Rehearsal, f)
}

// rehearsing is a rehearsal on its way.
type rehearsing struct {
	Rehearsal
	a        *App
	before   account.Ref // whom the login named the last time; zero: anybody
	who      found
	dir      NamedDirectory
	held     held
	word     secret.Text
	left     []string // why a target was left alone
	locked   bool     // the new password is right, and the account is locked
	mustPick bool     // the new password is right, and must be changed
}

// all does every step that still makes sense. A directory that sticks says nothing of the log and
// of the outbox, which are looked at in any case.
func (r *rehearsing) all(ctx context.Context) {
	if r.step(ctx, "lookup", r.lookUp) {
		r.step(ctx, "rules", r.rules)
		if !r.word.Empty() && r.step(ctx, "reset", r.reset) {
			r.step(ctx, "readback", r.readBack)
			r.step(ctx, "unlock", r.unlock)
			r.step(ctx, "state", r.state)
		}
		if _, failed := r.Failed(); failed {
			r.examine(ctx)
		}
	}
	r.step(ctx, "record", r.record)
	r.step(ctx, "outbox", r.outbox)
}

// step does one step, notes how it went and how long it took, and reports whether it went well.
func (r *rehearsing) step(ctx context.Context, name string, do func(context.Context) (note string, err error)) bool {
	begun := r.a.Now()
	note, err := do(ctx)
	s := RehearsalStep{Name: name, Took: r.a.Now().Sub(begun), Note: note}
	if err != nil {
		s.Note, s.Err, s.Fix = "", brief(err), mends(err)
	}
	s.Note, s.Fix = directory.Plain(s.Note), directory.PlainLines(s.Fix)
	r.Steps = append(r.Steps, s)
	return err == nil
}
