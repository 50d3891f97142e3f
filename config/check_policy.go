package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/policy"
)

// policy checks what package policy cannot see: names of directories and methods, and settings
// that would be without effect.
func (k *checker) policy() {
	p := k.c.Policy
	if p.Disclose == policy.DisclosePerson && len(p.Decoys) == 0 {
		k.bad("policy.disclose", "is person, and policy.decoys has nothing to draw from", "list under decoys the sets of methods that most people have, such as [[totp, email_code]]")
	}
	if p.Disclose != policy.DisclosePerson && len(p.Decoys) > 0 {
		k.bad("policy.decoys", "has no effect without policy.disclose: person", "remove one or set the other")
	}
	for i, set := range p.Decoys {
		k.factors(fmt.Sprintf("policy.decoys[%d]", i), set)
	}
	var names []string
	for i, r := range p.Rules {
		at := fmt.Sprintf("policy.rules[%d]", i)
		switch {
		case r.Name == "":
			k.bad(at+".name", "is missing", "name the rule: the audit log says which one applied")
		case r.Name == rehearsals:
			k.bad(at+".name", fmt.Sprintf("%q is what rehearsals are recorded as", r.Name), "give the rule another")
		case slices.Contains(names, r.Name):
			k.bad(at+".name", fmt.Sprintf("%q is the name of another rule too", r.Name), "give each its own")
		}
		names = append(names, r.Name)
		k.rule(at, r)
	}
	k.sources(p.Rules)
	if p.RetryTargets > mostRetry {
		k.bad("policy.retry_targets", fmt.Sprintf("%s is more than %s, and as long a password lies in the store", span(p.RetryTargets), span(mostRetry)), "use 15m: who needs the target sooner asks the help desk")
	}
	k.require("policy.unknown.require", p.Unknown.Require)
	k.require("policy.unknown.unlock", p.Unknown.Unlock)
	k.flow("policy.unknown.limits", p.Unknown.Limits)
	for i, c := range p.Tests {
		at := fmt.Sprintf("policy.tests[%d]", i)
		k.factors(at+".enrolled", c.Enrolled)
		k.factors(at+".proven", c.Proven)
		if c.Expect == "" {
			k.bad(at+".expect", "is missing", "use one of nothing_possible, not_yet, verified")
		}
	}
}

func (k *checker) rule(at string, r Rule) {
	for i, d := range r.Match.Directories {
		if !k.c.has(d) {
			k.bad(fmt.Sprintf("%s.match.directories[%d]", at, i), fmt.Sprintf("there is no directory %q", d), "use a name that stands under directories")
		}
	}
	switch {
	case r.Stage == policy.Test && len(r.Testers) == 0:
		k.bad(at+".stage", "is test, and testers is empty", "list their logins under testers")
	case r.Stage != policy.Test && len(r.Testers) > 0:
		k.bad(at+".testers", "has no effect without stage: test", "remove one or set the other")
	case r.PilotPercent < 0 || r.PilotPercent > 100:
		k.bad(at+".pilot_percent", fmt.Sprintf("%d is not between 0 and 100", r.PilotPercent), "use 10 to begin with")
	case r.Stage == policy.Pilot && len(r.PilotGroups) == 0 && r.PilotPercent == 0:
		k.bad(at+".stage", "is pilot, and there is neither pilot_groups nor pilot_percent", "list the groups under pilot_groups, or set pilot_percent")
	case r.Stage != policy.Pilot && len(r.PilotGroups) > 0:
		k.bad(at+".pilot_groups", "has no effect without stage: pilot", "remove one or set the other")
	case r.Stage != policy.Pilot && r.PilotPercent > 0:
		k.bad(at+".pilot_percent", "has no effect without stage: pilot", "remove one or set the other")
	}
	k.targets(at, r)
	if r.Deny && r.Require != nil {
		k.bad(at+".require", "has no effect beside deny: true", "keep one")
	}
	if r.Deny && r.Unlock != nil {
		k.bad(at+".unlock", "has no effect beside deny: true", "keep one")
	}
	k.require(at+".require", r.Require)
	k.require(at+".unlock", r.Unlock)
	k.flow(at+".limits", r.Limits)
}

func (k *checker) require(at string, r *Requirement) {
	if r == nil {
		return
	}
	if r.Methods < 0 || r.Methods > 5 {
		k.bad(at+".methods", fmt.Sprintf("%d is not between 1 and 5", r.Methods), "use 2")
	}
	if r.Methods > 0 && len(r.AnyOf) > 0 {
		k.bad(at+".methods", "stands beside any_of, which says it all", "keep one")
	}
	k.factors(at+".allow", r.Allow)
	for i, w := range r.AnyOf {
		k.factors(fmt.Sprintf("%s.any_of[%d]", at, i), w)
		if len(w) == 0 {
			k.bad(fmt.Sprintf("%s.any_of[%d]", at, i), "is empty", "name the methods that are enough together")
		}
	}
}

// factors checks names of methods.
func (k *checker) factors(at string, names []policy.Factor) {
	for i, f := range names {
		if !slices.ContainsFunc(k.c.Methods, func(s Section) bool { return s.Type == string(f) }) {
			k.bad(fmt.Sprintf("%s[%d]", at, i), fmt.Sprintf("%q is not switched on under methods", f), "add it there or use another")
		}
	}
}

// leastTime bounds each part of a recovery from below. For applying, package app relies on it.
const leastTime = time.Minute

func (k *checker) flow(at string, l FlowLimits) {
	for _, one := range []struct {
		name string
		n    int
	}{{"asked", l.Asked}, {"wrong", l.Wrong}, {"rejected", l.Rejected}} {
		if one.n < 0 || one.n > 100 {
			k.bad(at+"."+one.name, fmt.Sprintf("%d is not between 1 and 100", one.n), "leave it out for the default")
		}
	}
	for _, one := range []struct {
		name string
		time time.Duration
		why  string
	}{
		{"verifying", l.Verifying, "nobody proves who they are in less"},
		{"verified", l.Verified, "nobody chooses a password in less"},
		{"applying", l.Applying, "the directory is given 45s, and its answer must come before the recovery ends"},
	} {
		if one.time != 0 && one.time < leastTime {
			k.bad(at+"."+one.name, fmt.Sprintf("%v is less than %s: %s", one.time, span(leastTime), one.why), "leave it out for the default")
		}
	}
}

// mostRetry bounds how long a password waits for a target.
const mostRetry = 24 * time.Hour

// targets checks where else a password is set.
func (k *checker) targets(at string, r Rule) {
	var names []string
	for i, t := range r.Targets {
		name := fmt.Sprintf("%s.targets[%d].directory", at, i)
		switch {
		case t.Directory == "":
			k.bad(name, "is missing", "name the directory")
		case !k.c.has(t.Directory):
			k.bad(name, fmt.Sprintf("there is no directory %q", t.Directory), "use a name that stands under directories")
		case slices.Contains(names, t.Directory):
			k.bad(name, fmt.Sprintf("%q is a target twice", t.Directory), "keep one")
		case len(r.Match.Directories) == 1 && r.Match.Directories[0] == t.Directory, len(k.c.Directories) == 1:
			k.bad(name, fmt.Sprintf("%q is the person's own directory, which gets the password anyway", t.Directory), "name another or leave it out")
		}
		names = append(names, t.Directory)
	}
	if r.Deny && len(r.Targets) > 0 {
		k.bad(at+".targets", "has no effect beside deny: true", "keep one")
	}
}

// sources checks that a target in which people are found by login gets passwords of one directory's
// people alone: the same login in two directories is two people. An address on record is one person's.
func (k *checker) sources(rules []Rule) {
	type source struct{ rule, directory string }
	first := map[string]source{} // by target
	for i, r := range rules {
		if r.Deny {
			continue
		}
		for j, t := range r.Targets {
			from := k.recovering(r, t.Directory)
			if t.By == policy.ByEmail || len(from) == 0 {
				continue
			}
			at := fmt.Sprintf("policy.rules[%d].targets[%d].by", i, j)
			s, other := first[t.Directory]
			switch why := "the same login can be two people there, and one would set the other's password in " + t.Directory; {
			case len(from) > 1:
				k.bad(at, fmt.Sprintf("is login, and rule %q is for %s: %s", r.Name, strings.Join(from, " and "), why), "give the rule match.directories with one of them, or use by: email")
			case other && s.directory != from[0]:
				k.bad(at, fmt.Sprintf("is login, and so it is in rule %q for %s, and rule %q is for %s: %s", s.rule, s.directory, r.Name, from[0], why), "use by: email in one of the rules")
			default:
				first[t.Directory] = source{r.Name, from[0]}
			}
		}
	}
}

// recovering returns the directories whose people r can be for and who would have target besides.
func (k *checker) recovering(r Rule, target string) []string {
	var out []string
	for _, d := range k.c.Directories {
		if d.Lookup != never && d.Name != target && (len(r.Match.Directories) == 0 || slices.Contains(r.Match.Directories, d.Name)) {
			out = append(out, d.Name)
		}
	}
	return out
}
