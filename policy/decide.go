package policy

import (
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"postern/account"
)

// Decide says what holds for one person now. A person who is not found, whom no rule matches, who
// is denied, disabled or barred, or who has too little enrolled gets a Decision that is not Allowed
// and otherwise looks like anybody's who wants the same: Unknown's plan, limits and actions.
//
// Accounts that a rule for the Privileged matches are asked for that rule's ways and shown
// Unknown's, so that nobody can pick them out (docs/design/0005-privileged.md).
func (p Policy) Decide(who Person, methods Methods, now time.Time) Decision {
	if !who.Found {
		return p.decoy(who, methods, NoSuch)
	}
	rule, reason := p.match(who.Account)
	switch {
	case reason != Matched:
	case who.Account.Disabled:
		reason = Disabled
	case who.Want == Unlock && !slices.Contains(rule.actions(), Unlock):
		reason = NoUnlock
	case who.Want != Unlock && who.Account.Barred != "":
		reason = Barred
	}
	if reason != Matched {
		return p.decoy(who, methods, reason).under(rule)
	}
	plan := rule.asks(who.Want).Compile(methods)
	shown, hidden := p.Unknown.asks(who.Want).Compile(methods), rule.Match.Privileged && p.Disclose != DisclosePerson
	if hidden {
		plan = plan.Within(shown.Factors())
	}
	ripe, all := usable(plan, who.Enrolled, now.Add(-p.Quarantine)), usable(plan, who.Enrolled, now)
	switch {
	case len(plan.Within(ripe).Ways) > 0:
	case len(plan.Within(all).Ways) > 0:
		return p.decoy(who, methods, InQuarantine).under(rule)
	default:
		return p.decoy(who, methods, NotEnrolled).under(rule)
	}
	d := Decision{Rule: rule.Name, Allowed: true, Why: Matched, Plan: plan, Usable: ripe, Offer: plan.Factors(),
		Actions: rule.ends(who.Want), Limits: rule.Limits.or(DefaultLimits())}
	switch {
	case hidden:
		d.Shown, d.Offer = &shown, shown.Factors()
	case p.Disclose == DisclosePerson:
		d.Plan = plan.Within(ripe)
		d.Offer = d.Plan.Factors()
	}
	return d
}

// asks returns what r demands of somebody who wants that.
func (r Rule) asks(want Action) Requirement {
	if want == Unlock && r.Unlock != nil {
		return *r.Unlock
	}
	return r.Require
}

// ends returns what a recovery under r of somebody who wants that may end in.
func (r Rule) ends(want Action) []Action {
	if want == Unlock {
		return []Action{Unlock}
	}
	return r.actions()
}

// Rule returns the rule that holds for a, as an administrator wants to see it.
func (p Policy) Rule(a account.Account) (Rule, Reason) { return p.match(a) }

// match returns the first rule that is for a.
func (p Policy) match(a account.Account) (Rule, Reason) {
	for _, r := range p.Rules {
		if !r.Match.holds(a) || !r.staged(a) {
			continue
		}
		if r.Deny || r.Stage == Off {
			return r, Denied
		}
		return r, Matched
	}
	return Rule{}, OutOfScope
}

// decoy returns what everybody gets who cannot recover.
func (p Policy) decoy(who Person, methods Methods, why Reason) Decision {
	plan := p.Unknown.asks(who.Want).Compile(methods)
	d := Decision{Rule: p.Unknown.Name, Why: why, Plan: plan, Offer: plan.Factors(),
		Actions: p.Unknown.ends(who.Want), Limits: p.Unknown.Limits.or(DefaultLimits())}
	if p.Disclose == DisclosePerson {
		d.Plan = plan.Within(p.draw(who, plan))
		d.Offer = d.Plan.Factors()
	}
	return d
}

// under names the rule that d comes from, for the audit log and for administrators. What is shown
// stays as it is.
func (d Decision) under(r Rule) Decision {
	if r.Name != "" {
		d.Rule = r.Name
	}
	return d
}

// draw picks one of the sets of factors that real people have, the same each time for one handle.
func (p Policy) draw(who Person, plan Plan) []Factor {
	var sets [][]Factor
	for _, s := range p.Decoys {
		if len(plan.Within(s).Ways) > 0 {
			sets = append(sets, s)
		}
	}
	if len(sets) == 0 {
		return plan.Factors()
	}
	return sets[who.Draw%uint64(len(sets))]
}

// usable returns the plan's factors that were enrolled before the given moment, in plan order.
func usable(plan Plan, enrolled []Enrolled, before time.Time) []Factor {
	var out []Factor
	for _, f := range plan.Factors() {
		if slices.ContainsFunc(enrolled, func(e Enrolled) bool { return e.Factor == f && !e.Added.After(before) }) {
			out = append(out, f)
		}
	}
	return out
}

// actions returns what a recovery under r may end in; a change of a known password is asked for
// by Changes.
func (r Rule) actions() []Action {
	if len(r.Actions) == 0 {
		return []Action{Reset, Unlock}
	}
	return slices.DeleteFunc(slices.Clone(r.Actions), func(a Action) bool { return a == Change })
}

// Changes reports whether a may change a password that they know.
func (p Policy) Changes(a account.Account) bool {
	rule, reason := p.match(a)
	return reason == Matched && !a.Disabled && (len(rule.Actions) == 0 || slices.Contains(rule.Actions, Change))
}

// staged reports whether the rule's roll-out has reached a.
func (r Rule) staged(a account.Account) bool {
	switch r.Stage {
	case Draft:
		return false
	case Test:
		return anyFold(r.Testers, []string{a.Login})
	case Pilot:
		return anyFold(r.PilotGroups, a.Groups) || r.share(a)
	}
	return true
}

// share reports whether a is in the drawn part of a pilot. The draw is fixed for each account, so
// that raising the share takes nobody out.
func (r Rule) share(a account.Account) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(a.Ref.Directory + "\x00" + a.Ref.ID))
	return int(h.Sum32()%100) < r.PilotPercent
}

func (m Match) holds(a account.Account) bool {
	if len(m.Directories) > 0 && !slices.Contains(m.Directories, a.Ref.Directory) {
		return false
	}
	if len(m.Groups) > 0 && !anyFold(m.Groups, a.Groups) {
		return false
	}
	if m.Privileged && !a.Privileged {
		return false
	}
	return len(m.Logins) == 0 || anyFold(m.Logins, []string{a.Login})
}

// everybody reports whether m leaves nobody out.
func (m Match) everybody() bool {
	return len(m.Directories) == 0 && len(m.Groups) == 0 && len(m.Logins) == 0 && !m.Privileged
}

func anyFold(want, have []string) bool {
	return slices.ContainsFunc(have, func(h string) bool {
		return slices.ContainsFunc(want, func(w string) bool { return strings.EqualFold(w, h) })
	})
}
