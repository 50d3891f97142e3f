package app

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"postern/account"
	"postern/audit"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// Begin starts a recovery for whoever identifier names, who came to reset (also "") or to unlock. It
// answers the same for somebody and for nobody: an unknown, ambiguous, disabled, out-of-scope,
// barred or unenrolled account gets a decoy that lives through the same code, rows and limits. Callers must let the answer leave at a fixed
// moment (web/edge), because a directory is faster for nobody.
func (a *App) Begin(ctx context.Context, v Visitor, identifier string, want policy.Action) (Started, error) {
	name, ok := handle(identifier)
	if !ok {
		return Started{}, &Refusal{Problem: ProblemMalformed, Key: "problem.identifier"}
	}
	switch want {
	case "":
		want = policy.Reset
	case policy.Reset, policy.Unlock:
	default:
		return Started{}, fmt.Errorf("app: a recovery cannot be begun to %q", want)
	}
	now := a.now()
	count := spends(v, now, "start", a.Limits.StartAddress, a.Limits.StartNetwork)
	if err := a.refuseEarly(ctx, count); err != nil {
		return Started{}, err
	}
	who, err := a.find(ctx, name)
	if err != nil {
		a.Logger.ErrorContext(ctx, "a directory could not be asked; the start was refused", "error", err, "request", v.Request)
		return Started{}, &Refusal{Problem: ProblemUnavailable, Key: "problem.try_later", Retry: retryLater}
	}
	d, hints, err := a.decide(ctx, who, want, now)
	if err != nil {
		return Started{}, err
	}
	if l := a.Limits.StartAccount; !l.Unlimited() {
		count = append(count, Spend{Key: a.silent("start.account", who.limited()), Limit: l, Now: now})
	}
	b := begin{who: who, want: want, decision: d, hints: hints, typed: name, spends: count, now: now}
	started, err := a.begin(ctx, v, b)
	if refusal, quiet := limited(err); refusal != nil {
		return Started{}, refusal
	} else if quiet {
		b.decision, b.spends = a.onlyUnguessable(d), count[:len(count)-1]
		return a.begin(ctx, v, b)
	}
	return started, err
}

const retryLater = 30 * time.Second

// onlyUnguessable is what remains of a decision when there were too many starts for the account:
// the methods that nobody can guess, so that a stranger who starts again and again never keeps
// the owner of a passkey out; without one it is a decoy. What is shown stays the same.
func (a *App) onlyUnguessable(d policy.Decision) policy.Decision {
	d.Usable = slices.DeleteFunc(slices.Clone(d.Usable), a.guessable)
	d.Why = policy.Limited
	if len(d.Plan.Within(d.Usable).Ways) == 0 {
		d.Allowed, d.Usable = false, nil
	}
	return d
}

// begin is one start on its way into the store.
type begin struct {
	who      found
	want     policy.Action
	decision policy.Decision
	hints    map[policy.Factor]string
	typed    string
	spends   []Spend
	now      time.Time
}

func (a *App) begin(ctx context.Context, v Visitor, b begin) (Started, error) {
	token := secret.New(rand.Text())
	ref := account.Ref{}
	if b.decision.Allowed {
		ref = b.who.account.Ref
	}
	r, event := recovery.Begin(a.recoveryID(token), ref, b.decision, b.now)
	r.Locked = b.decision.Allowed && b.who.account.Locked
	event.Action = b.want
	h := held{flowData: flowData{Recovery: r, Draw: b.who.draw, Language: v.Language, From: coarse(v)}}
	if b.decision.Allowed {
		h.Account, h.Hints = b.who.account, b.hints
	}
	rec, err := a.started(v, h, b, event)
	if err != nil {
		return Started{}, err
	}
	row, err := a.row(h, 0)
	if err != nil {
		return Started{}, err
	}
	if err := a.commit(ctx, Change{Recovery: row, Audit: []audit.Record{rec}, Limits: b.spends}); err != nil {
		return Started{}, fmt.Errorf("app: begin: %w", err)
	}
	return Started{Token: token, Flow: a.flow(h)}, nil
}

// started records the start; for the audit log, and for it alone, with who was meant.
func (a *App) started(v Visitor, h held, b begin, e recovery.Event) (audit.Record, error) {
	if b.who.ok {
		h.Account = b.who.account
		return a.step(v, h, e)
	}
	f := map[audit.Field]string{audit.Flow: string(h.Recovery.ID), audit.To: string(e.To), audit.Action: string(e.Action), audit.Rule: h.Recovery.Rule,
		audit.Why: string(h.Recovery.Why), audit.Typed: typed(b.typed), audit.Address: v.Address.String()}
	v.into(f)
	return a.record(e.Kind, f)
}

// decide asks the policy about who, who wants that. The enrolments of nobody are read too, and are
// none. The hints are the enrolments' labels by method.
func (a *App) decide(ctx context.Context, who found, want policy.Action, now time.Time) (policy.Decision, map[policy.Factor]string, error) {
	rows, err := a.Store.Enrollments(ctx, who.limited(), "")
	if err != nil {
		return policy.Decision{}, nil, fmt.Errorf("app: read enrolments: %w", err)
	}
	hints := map[policy.Factor]string{}
	p := policy.Person{Found: who.ok, Account: who.account, Want: want,
		Draw: binary.BigEndian.Uint64(a.Keys.Derive("draw.decoy", []byte(who.draw), 8))}
	for _, r := range rows {
		if inherits(who.account, r.Added) {
			p.Enrolled = append(p.Enrolled, policy.Enrolled{Factor: r.Factor, Added: r.Added})
			hints[r.Factor] = r.Label
		}
	}
	return a.Policy.Decide(p, a.traits, now), hints, nil
}

// limited returns whose limits and enrolments f stands for; for nobody a place that nobody has.
func (f found) limited() account.Ref {
	if f.ok {
		return f.account.Ref
	}
	return account.Ref{Directory: "-", ID: f.draw}
}

// Look returns the present state. A recovery whose deadline has passed ends now.
func (a *App) Look(ctx context.Context, v Visitor, token secret.Text) (Flow, error) {
	return again(func() (Flow, error) {
		h, err := a.load(ctx, token)
		if err != nil {
			return Flow{}, err
		}
		if now := a.now(); !h.Recovery.State.Final() && !now.Before(h.Recovery.Deadline) {
			if h, err = a.advance(ctx, v, h, recovery.Elapsed{}, now); err != nil {
				return Flow{}, err
			}
		}
		return a.flow(h), nil
	})
}

// Abandon ends a recovery because its bearer gives up.
func (a *App) Abandon(ctx context.Context, v Visitor, token secret.Text) error {
	_, err := again(func() (held, error) {
		h, err := a.load(ctx, token)
		if err != nil {
			return h, err
		}
		return a.advance(ctx, v, h, recovery.Abandoned{}, a.now())
	})
	return err
}
