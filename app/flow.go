package app

import (
	"slices"
	"strconv"

	"postern/password"
	"postern/policy"
)

// flow returns what the bearer of h may see.
func (a *App) flow(h held) Flow {
	f := Flow{ID: h.Recovery.ID, View: h.Recovery.View()}
	for i, o := range f.View.Methods {
		f.Methods = append(f.Methods, FlowMethod{ID: methodID(i), Factor: o.Factor,
			Strength: a.traits[o.Factor].Strength, Answered: o.Answered, Hint: h.hint(o.Factor)})
	}
	if slices.ContainsFunc(h.Recovery.Proofs, func(p policy.Proof) bool {
		return a.traits[p.Factor].Strength >= f.AtLeast
	}) {
		f.AtLeast = policy.Weak
	}
	if h.verified() {
		f.Login = h.Account.Login
		f.Words = h.Account.OwnWords()
		f.Rules = a.rules(h).Lines()
		f.Stale = h.Account.MustChange || h.Account.Expired
		if h.Recovery.Locked && !h.Recovery.State.Final() {
			f.Lock = &Lock{Since: h.Account.LockedSince, Until: h.Account.LockedUntil}
		}
	}
	return f
}

// verified reports whether the person has shown who they are, so that they may be told about
// their own account.
func (h held) verified() bool {
	return !h.Recovery.Decoy() && h.Recovery.Plan.Met(h.Recovery.Proofs)
}

// hint returns where f's question goes or what answers it, once something was proven.
func (h held) hint(f policy.Factor) string {
	if len(h.Recovery.Proofs) == 0 || !h.usable(f) {
		return ""
	}
	return h.Hints[f]
}

// PasswordRules returns the organisation's own rules, without what belongs to one person.
func (a *App) PasswordRules() []password.Line { return a.Password.Lines() }

// rules returns what holds for a new password of h's person.
func (a *App) rules(h held) password.Rules {
	r := a.Password
	r.Own, r.Directory = h.Account.OwnWords(), h.Rules
	return r
}

// methodID names the i-th method of a flow.
func methodID(i int) string { return "m" + strconv.Itoa(i+1) }

// factor returns which method id names in h's flow.
func (h held) factor(id string) (policy.Factor, bool) {
	for i, f := range h.Recovery.Offer {
		if methodID(i) == id {
			return f, true
		}
	}
	return "", false
}

// refuse attaches the present state to a refusal.
func (a *App) refuse(h held, problem, key string) *Refusal {
	f := a.flow(h)
	return &Refusal{Problem: problem, Key: key, Flow: &f}
}
