package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"postern/account"
	"postern/audit"
	"postern/policy"
)

// Person is what an operator may see of somebody.
type Person struct {
	Account  account.Account
	Enrolled []PersonMethod
	Rule     string             // the rule that is for them; "" where none is
	Decision policy.Decision    // whether they could reset now, and why not
	Unlock   policy.Decision    // whether they could unlock alone now, and why not
	Thieves  [][]policy.Holding // what it would take to pass for them, once nothing is in quarantine
	Ripe     time.Time          // when the last enrolment leaves the quarantine; zero if none is in it
	Targets  []PersonTarget     // where else the rule sets their password
}

// PersonTarget is somebody's account in a target of their rule.
type PersonTarget struct {
	Directory string
	Account   account.Account // zero: none is theirs, or it is not known
	Guarded   bool            // left alone, because the directory guards it and not their own
	Err       error           // why it is not known who they are there
}

// PersonMethod is one enrolment without its secrets.
type PersonMethod struct {
	ID          string
	Factor      policy.Factor
	Label       string
	Added, Used time.Time
}

// Person shows login to an operator, and records that it was shown.
func (a *App) Person(ctx context.Context, op Operator, login string) (Person, error) {
	who, err := a.known(ctx, login)
	if err != nil {
		return Person{}, err
	}
	rows, err := a.Store.Enrollments(ctx, who.Ref, "")
	if err != nil {
		return Person{}, fmt.Errorf("app: read enrolments: %w", err)
	}
	f, now := found{account: who, ok: true, draw: a.draw(login)}, a.now()
	d, _, err := a.decide(ctx, f, policy.Reset, now)
	if err != nil {
		return Person{}, err
	}
	unlock, _, err := a.decide(ctx, f, policy.Unlock, now)
	if err != nil {
		return Person{}, err
	}
	later, _, err := a.decide(ctx, f, policy.Reset, now.Add(a.Policy.Quarantine))
	if err != nil {
		return Person{}, err
	}
	rule, _ := a.Policy.Rule(who)
	p := Person{Account: who, Rule: rule.Name, Decision: d, Unlock: unlock, Thieves: later.Thieves(a.traits), Targets: a.inTargets(ctx, who)}
	for _, r := range rows {
		if end := r.Added.Add(a.Policy.Quarantine); end.After(now) && end.After(p.Ripe) {
			p.Ripe = end
		}
		p.Enrolled = append(p.Enrolled, PersonMethod{ID: r.ID, Factor: r.Factor, Label: r.Label, Added: r.Added, Used: r.Used})
	}
	rec, err := a.record("person.shown", map[audit.Field]string{audit.Actor: op.Name, audit.Subject: who.Ref.String(), audit.Login: who.Login})
	if err != nil {
		return Person{}, err
	}
	return p, a.commit(ctx, Change{Audit: []audit.Record{rec}})
}

// inTargets looks for who's account in every target of the rule, in all of them at once.
func (a *App) inTargets(ctx context.Context, who account.Account) []PersonTarget {
	h := held{flowData: flowData{Account: who}}
	h.Recovery.Who = who.Ref
	targets := a.targetsOf(h)
	out := make([]PersonTarget, len(targets))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() {
			out[i].Directory = t.Directory
			if t = a.seek(ctx, h, t); t.State == targetUnseen {
				out[i].Err = a.unseen(ctx, who, t)
				return
			}
			out[i].Guarded = t.State == targetGuarded
			d, err := a.directory(t.Directory)
			if err == nil && t.ID != "" {
				out[i].Account, err = d.Get(ctx, t.ID)
				out[i].Account.Ref.Directory = t.Directory
			}
			out[i].Err = err
		})
	}
	all.Wait()
	return out
}

// unseen is why it is not known who somebody is in a target. The directory is asked once more.
func (a *App) unseen(ctx context.Context, who account.Account, t heldTarget) error {
	d, err := a.directory(t.Directory)
	if err == nil {
		_, _, err = one(ctx, d, t.names(who))
	}
	if err == nil {
		err = errors.New("app: it did not answer, and does now")
	}
	return err
}

// Recorded writes an event about an account that an operator did something to elsewhere.
func (a *App) Recorded(ctx context.Context, op Operator, kind string, who account.Account) error {
	rec, err := a.record(kind, map[audit.Field]string{audit.Actor: op.Name, audit.Subject: who.Ref.String(), audit.Login: who.Login})
	if err != nil {
		return err
	}
	return a.commit(ctx, Change{Audit: []audit.Record{rec}})
}

// Record writes an event that stands alone: the system started, keys were rotated, the log was read.
func (a *App) Record(ctx context.Context, op Operator, kind, detail string) error {
	rec, err := a.record(kind, map[audit.Field]string{audit.Actor: op.Name, audit.Detail: detail})
	if err != nil {
		return err
	}
	return a.commit(ctx, Change{Audit: []audit.Record{rec}})
}
