package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/account"
)

// Finding is something about a policy that its author should know.
type Finding struct {
	Fault bool   // refuse to start; else a warning
	Rule  string // its name; empty for the policy as a whole
	Text  string
	Fix   string // what mends it: "change policy.rules[0].match"
}

// Check returns what is wrong or doubtful with p under the methods that exist.
func (p Policy) Check(methods Methods) []Finding {
	var out []Finding
	names := map[string]bool{}
	for i, r := range p.Rules {
		at := p.at(i)
		if r.Name == "" {
			out = append(out, Finding{true, "", fmt.Sprintf("rule %d has no name", i+1), "name it: set " + at + ".name"})
		}
		if names[r.Name] && r.Name != "" {
			out = append(out, Finding{true, r.Name, "two rules have this name; the audit log could not tell them apart", "change " + at + ".name"})
		}
		names[r.Name] = true
		if by := p.shadowed(i); by != "" {
			out = append(out, Finding{false, r.Name, fmt.Sprintf("is never reached: rule %q before it matches everybody it matches", by), "move it before that rule, or change " + at + ".match"})
		}
		if r.Deny || r.Stage == Off || r.Stage == Draft {
			continue
		}
		out = append(out, r.check(at, methods)...)
		out = append(out, p.visible(r, at, methods)...)
	}
	out = append(out, p.Unknown.check("policy.unknown", methods)...)
	if p.Quarantine == 0 {
		out = append(out, Finding{false, "", "there is no quarantine: whoever gets at a session can enrol a method and reset with it at once", "set policy.quarantine: 24h"})
	}
	if p.Disclose == DisclosePerson {
		out = append(out, Finding{false, "", "people are shown their own methods: whoever knows two names of one person (login and e-mail address) can tell that the person exists, because made-up lists differ between names", "set policy.disclose: rule, unless that is meant"})
	}
	if p.Disclose == DisclosePerson && len(p.Decoys) == 0 {
		out = append(out, Finding{true, "", "people are shown their own methods, but there are no decoys to draw from: unknown people could be told apart", "set policy.decoys to the sets of methods that most people have, such as [[totp, email_code]]"})
	}
	return out
}

func (r Rule) check(at string, methods Methods) []Finding {
	out, plan := r.demand(r.Require, at+".require", methods)
	warn := func(setting, text string) { out = append(out, Finding{false, r.Name, text, "change " + at + setting}) }
	for _, w := range plan.Ways {
		if len(w) == 1 && !methods[w[0]].Verifies {
			warn(".require.methods", fmt.Sprintf("%q alone is enough, and it does not verify the person: one theft is a takeover", w[0]))
		}
	}
	strong := slices.ContainsFunc(plan.Factors(), func(f Factor) bool { return methods[f].Strength == PhishingResistant })
	if !strong && len(plan.Ways) > 0 {
		fix := "change " + at + ".require: let it accept one of the methods that resist phishing"
		if !methods.resist() {
			fix = addKey
		}
		out = append(out, Finding{false, r.Name, "offers no phishing-resistant method (NIST SP 800-63B-4 section 2.2.2)", fix})
	}
	if r.Unlock == nil {
		return out
	}
	found, unlock := r.demand(*r.Unlock, at+".unlock", methods)
	out = append(out, found...)
	switch {
	case !slices.Contains(r.actions(), Unlock):
		warn(".unlock", "has no effect: its actions leave unlock out")
	case unlock.easier(plan):
		warn(".unlock", "unlocking alone asks for less than a reset: whoever steals what it takes can end a lock-out and go on guessing the password, and do no more")
	}
	if plan.easier(unlock) && slices.Contains(r.actions(), Reset) {
		warn(".unlock", "unlocking alone asks for more than a reset, which unlocks as well")
	}
	return out
}

// demand returns what is wrong with one of the rule's requirements, and its plan.
func (r Rule) demand(q Requirement, at string, methods Methods) ([]Finding, Plan) {
	var out []Finding
	fault := func(setting, text string, args ...any) {
		out = append(out, Finding{true, r.Name, fmt.Sprintf(text, args...), "change " + at + "." + setting})
	}
	for _, f := range q.Allow {
		if _, ok := methods[f]; !ok {
			fault("allow", "allows %q, which is no configured method", f)
		}
	}
	for i, w := range q.AnyOf {
		if why := q.fault(w, methods); why != "" {
			fault(fmt.Sprintf("any_of[%d]", i), "the way %v %s", w, why)
		}
	}
	plan := q.Compile(methods)
	switch {
	case len(plan.Ways) > 0:
	case r.Match.Privileged: // as good as deny, and the right thing where nothing is strong enough
		out = append(out, Finding{false, r.Name, "no combination of the configured methods can satisfy it: accounts that the directory guards cannot recover", q.lacks(at, methods)})
	default:
		out = append(out, Finding{true, r.Name, "no combination of the configured methods can satisfy it; nobody could recover", q.lacks(at, methods)})
	}
	return out, plan
}

// at is where the settings of rule i stand. Those of the rules that hold where none are written are
// the settings for unknown people.
func (p Policy) at(i int) string {
	if p.BuiltIn {
		return "policy.unknown"
	}
	return fmt.Sprintf("policy.rules[%d]", i)
}

// addKey mends what only a passkey mends.
const addKey = "add \"passkey: {}\" under methods"

// resist reports whether any of the methods resists phishing.
func (m Methods) resist() bool {
	for _, t := range m {
		if t.Strength == PhishingResistant {
			return true
		}
	}
	return false
}

// lacks says what would let somebody satisfy q, which no method or combination does.
func (q Requirement) lacks(at string, methods Methods) string {
	switch {
	case len(q.AnyOf) > 0:
		return "change " + at + ".any_of"
	case q.AtLeast == PhishingResistant && !methods.resist():
		return addKey
	case len(q.Allow) == 0:
		return fmt.Sprintf("add methods under methods until %d of them need different things, such as \"totp: {}\" and \"email_code: {}\", or one that is enough alone, \"passkey: {}\"", max(1, q.Methods))
	}
	return "change " + at + ".methods or " + at + ".allow"
}

// differs mends what is shown of a rule beside what is shown of nobody.
func differs(at, setting string) string {
	if at == "policy.unknown" {
		return "change policy.unknown." + setting
	}
	return fmt.Sprintf("make %s.%s and policy.unknown.%s the same", at, setting, setting)
}

// easier reports whether somebody can meet p with what does not meet other.
func (p Plan) easier(other Plan) bool {
	return slices.ContainsFunc(p.Ways, func(w Way) bool { return len(other.Within(w).Ways) == 0 })
}

// visible warns when a rule's people can be told from unknown ones by what they are shown.
func (p Policy) visible(r Rule, at string, methods Methods) []Finding {
	if p.Disclose == DisclosePerson {
		return nil
	}
	var out []Finding
	mine, theirs := r.Require.Compile(methods), p.Unknown.Require.Compile(methods)
	same := r.Match.Privileged || mine.equal(theirs)
	if !same || !slices.Equal(r.actions(), p.Unknown.actions()) || r.Limits.or(DefaultLimits()) != p.Unknown.Limits.or(DefaultLimits()) {
		out = append(out, Finding{false, r.Name, "its people are shown something else than unknown people: that they exist can be seen from outside",
			differs(at, "require")})
	}
	apart := (r.Unlock != nil || p.Unknown.Unlock != nil) && !r.Match.Privileged && slices.Contains(r.actions(), Unlock)
	if apart && !r.asks(Unlock).Compile(methods).equal(p.Unknown.asks(Unlock).Compile(methods)) {
		out = append(out, Finding{false, r.Name, "its people are shown something else than unknown people when they ask to be unlocked: that they exist can be seen from outside",
			differs(at, "unlock")})
	}
	if r.Match.Privileged && len(mine.Ways) > 0 && len(mine.Within(theirs.Factors()).Ways) == 0 {
		out = append(out, Finding{false, r.Name, "everybody is shown the same methods, and its people cannot recover with those: none of its ways is among them",
			differs(at, "require")})
	}
	return out
}

// equal reports whether p and other are shown alike.
func (p Plan) equal(other Plan) bool {
	return p.AtLeast == other.AtLeast && slices.EqualFunc(p.Ways, other.Ways, slices.Equal)
}

// shadowed returns the name of an earlier rule that leaves nobody to rule i.
func (p Policy) shadowed(i int) string {
	m := p.Rules[i].Match
	for _, r := range p.Rules[:i] {
		if r.Stage == Draft || r.Stage == Test || r.Stage == Pilot {
			continue
		}
		if r.Match.Privileged && !m.Privileged {
			continue
		}
		if r.Match.everybody() || covers(r.Match.Groups, m.Groups) && covers(r.Match.Logins, m.Logins) && covers(r.Match.Directories, m.Directories) {
			return r.Name
		}
	}
	return ""
}

// covers reports whether every one of narrow is in wide; an empty wide leaves nobody out.
func covers(wide, narrow []string) bool {
	if len(wide) == 0 {
		return true
	}
	return len(narrow) > 0 && !slices.ContainsFunc(narrow, func(n string) bool { return !anyFold(wide, []string{n}) })
}

// RunTests runs the policy's own tests and returns what did not fare as expected.
func (p Policy) RunTests(methods Methods) []Finding {
	var out []Finding
	for i, c := range p.Tests {
		if got := p.fare(c, methods); got != c.Expect {
			out = append(out, Finding{true, "", fmt.Sprintf("test %d (groups %s; enrolled %s; proven %s): got %s, want %s",
				i+1, strings.Join(c.Groups, ", "), list(c.Enrolled), list(c.Proven), got, c.Expect), fmt.Sprintf("change policy.tests[%d] or policy.rules", i)})
		}
	}
	return out
}

func (p Policy) fare(c Case, methods Methods) Expectation {
	long := time.Unix(0, 0).UTC()
	who := Person{Found: true, Want: c.Want, Account: account.Account{Ref: account.Ref{Directory: c.Directory, ID: "test"}, Login: c.Login,
		Groups: c.Groups, Privileged: c.Privileged}}
	for _, f := range c.Enrolled {
		who.Enrolled = append(who.Enrolled, Enrolled{Factor: f, Added: long})
	}
	d := p.Decide(who, methods, long.Add(p.Quarantine))
	if !d.Allowed {
		return NothingPossible
	}
	var proofs []Proof
	for _, f := range c.Proven {
		if slices.Contains(d.Usable, f) {
			proofs = append(proofs, Proof{Factor: f})
		}
	}
	if d.Plan.Met(proofs) {
		return IsVerified
	}
	return NotYet
}

func list(fs []Factor) string {
	if len(fs) == 0 {
		return "nothing"
	}
	s := make([]string, len(fs))
	for i, f := range fs {
		s[i] = string(f)
	}
	return strings.Join(s, ", ")
}
