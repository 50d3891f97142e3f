package config

import (
	"time"

	"postern/policy"
)

// Policy is package policy's Policy as it is written.
type Policy struct {
	Quarantine   time.Duration     `yaml:"quarantine" doc:"A method that was enrolled or changed more recently proves nothing yet."`
	Disclose     policy.Disclosure `yaml:"disclose" oneof:"rule person" doc:"What somebody who has proved nothing is shown: rule lists every method of the rule, the same for everybody; person lists the methods that the person has, and draws a list from decoys for people who do not exist."`
	RetryTargets time.Duration     `yaml:"retry_targets" doc:"How long a target that does not answer is tried again. So long the new password is kept in the store, encrypted, and not a moment longer than it is needed. 0: it is never kept, and what does not work at once has failed."`
	Rules        []Rule            `yaml:"rules" doc:"The first rule that matches holds; whoever no rule matches cannot recover. Without any: accounts that the directory guards (match.privileged) need a phishing-resistant method, and everybody else what unknown requires."`
	Unknown      Unknown           `yaml:"unknown" doc:"What is asked of people who do not exist or may not recover, who never succeed. Should be the same as the rule of most people, because whoever is asked something else can be told apart."`
	Decoys       [][]policy.Factor `yaml:"decoys" doc:"With disclose: person, the sets of methods that people who do not exist seem to have."`
	Tests        []Case            `yaml:"tests" doc:"The policy's own tests: \"postern check\" runs them."`
}

// Rule is one row of the policy.
type Rule struct {
	Name         string          `yaml:"name" doc:"Its name in the audit log."`
	Match        Match           `yaml:"match" doc:"Whom it is for: all parts that are given must hold. Empty: everybody."`
	Stage        policy.Stage    `yaml:"stage" oneof:"draft test pilot on off" doc:"draft matches nobody, test the testers, pilot the pilot_groups and pilot_percent of the others, on everybody it matches; off denies everybody it matches. Default: on."`
	Testers      []string        `yaml:"testers" doc:"Logins for whom a rule in test holds."`
	PilotGroups  []string        `yaml:"pilot_groups" doc:"Groups for whom a rule in pilot holds."`
	PilotPercent int             `yaml:"pilot_percent" doc:"And so many of a hundred of all others whom a rule in pilot matches: drawn once for each account, so that a larger number takes nobody out. 0 to 100."`
	Deny         bool            `yaml:"deny" doc:"true: nobody whom it matches may recover."`
	Require      *Requirement    `yaml:"require" doc:"What proves that it is them. Default: methods: 2, at_least: strong, passkey: true."`
	Unlock       *Requirement    `yaml:"unlock" doc:"What proves that it is them when they only want to be unlocked and keep their password. Left out: the same. Who steals what it asks for can end a lock-out and go on guessing, and do no more."`
	Actions      []policy.Action `yaml:"actions" oneof:"reset unlock change" doc:"What they may do then. Empty: reset, unlock and change."`
	Targets      []Target        `yaml:"targets" doc:"Further directories in which the same new password is set, once the person's own directory has it. A failure there never undoes the reset: the person reads it, and what does not answer is tried again (policy.retry_targets). See docs/operate/targets.md."`
	Limits       FlowLimits      `yaml:"limits" doc:"Limits of one recovery."`
}

// Target is a further directory that gets the password.
type Target struct {
	Directory string    `yaml:"directory" doc:"Name of a directory."`
	By        policy.By `yaml:"by" oneof:"login email" doc:"What the account there must have in common with the person's own: login (default) or email, an address on record. Exactly one account must have it."`
}

// Unknown is the rule for nobody.
type Unknown struct {
	Require *Requirement    `yaml:"require" doc:"As in a rule."`
	Unlock  *Requirement    `yaml:"unlock" doc:"As in a rule."`
	Actions []policy.Action `yaml:"actions" oneof:"reset unlock change" doc:"As in a rule."`
	Limits  FlowLimits      `yaml:"limits" doc:"As in a rule."`
}

// Match says whom a rule is for.
type Match struct {
	Directories []string `yaml:"directories" doc:"Names of directories."`
	Groups      []string `yaml:"groups" doc:"Member of any of these groups, in any case of letters."`
	Logins      []string `yaml:"logins" doc:"Any of these logins, in any case of letters."`
	Privileged  bool     `yaml:"privileged" doc:"true: only accounts that the directory itself guards, such as members of AdminSDHolder's groups. What such a rule requires is asked of them, and what policy.unknown requires is shown to them, so that nobody can pick them out."`
}

// Requirement is what a rule asks for.
type Requirement struct {
	Methods int               `yaml:"methods" doc:"So many methods that need different things. Default: 2."`
	AtLeast policy.Strength   `yaml:"at_least" doc:"One of them at least so strong: weak, strong or phishing_resistant."`
	Allow   []policy.Factor   `yaml:"allow" doc:"Only these methods. Empty: all."`
	Passkey bool              `yaml:"passkey" doc:"true: a method that verifies thing and person in one, such as a passkey, is enough alone."`
	AnyOf   [][]policy.Factor `yaml:"any_of" doc:"Instead of methods: the sets of methods that are enough, written out."`
}

// FlowLimits bound one recovery.
type FlowLimits struct {
	Asked     int           `yaml:"asked" doc:"Questions posed. Default: 12."`
	Wrong     int           `yaml:"wrong" doc:"Wrong answers before the recovery is refused. Default: 5."`
	Rejected  int           `yaml:"rejected" doc:"Passwords that the directory may refuse. Default: 10."`
	Verifying time.Duration `yaml:"verifying" doc:"Time to prove who one is. Default: 20m."`
	Verified  time.Duration `yaml:"verified" doc:"Time to choose a password. Default: 15m."`
	Applying  time.Duration `yaml:"applying" doc:"Time to wait for the directory. Default: 2m."`
}

// Case is one of the policy's own tests.
type Case struct {
	Groups []string `yaml:"groups" doc:"Groups of the imagined person."`

	Privileged bool          `yaml:"privileged" doc:"true: the directory guards their account."`
	Want       policy.Action `yaml:"want" oneof:"reset unlock" doc:"What they came for. Default: reset."`

	Enrolled []policy.Factor    `yaml:"enrolled" doc:"Methods that they have."`
	Proven   []policy.Factor    `yaml:"proven" doc:"Methods that they have proven."`
	Expect   policy.Expectation `yaml:"expect" oneof:"nothing_possible not_yet verified" doc:"nothing_possible: they have no way; not_yet: they have one, and what is proven is too little; verified: it is enough."`
}

// Policy returns what package policy makes of p, with the defaults filled in.
func (p Policy) Policy() policy.Policy {
	out := policy.Policy{
		Quarantine: p.Quarantine, RetryTargets: p.RetryTargets, Disclose: p.Disclose, Decoys: p.Decoys,
		Unknown: policy.Rule{Name: "unknown", Require: p.Unknown.Require.policy(), Unlock: p.Unknown.Unlock.unlock(), Actions: p.Unknown.Actions, Limits: p.Unknown.Limits.policy()},
	}
	for _, r := range p.Rules {
		out.Rules = append(out.Rules, r.policy())
	}
	if len(p.Rules) == 0 {
		everybody := out.Unknown
		everybody.Name = "everybody"
		guarded := everybody
		guarded.Name, guarded.Match.Privileged, guarded.Unlock = "privileged", true, nil
		guarded.Require = policy.Requirement{Methods: 2, AtLeast: policy.PhishingResistant, Passkey: true}
		out.Rules, out.BuiltIn = []policy.Rule{guarded, everybody}, true
	}
	for _, c := range p.Tests {
		out.Tests = append(out.Tests, policy.Case{Groups: c.Groups, Privileged: c.Privileged, Want: c.Want, Enrolled: c.Enrolled, Proven: c.Proven, Expect: c.Expect})
	}
	return out
}

func (r Rule) policy() policy.Rule {
	var targets []policy.Target
	for _, t := range r.Targets {
		targets = append(targets, policy.Target(t))
	}
	return policy.Rule{
		Name: r.Name, Match: policy.Match(r.Match), Stage: r.Stage, Testers: r.Testers,
		PilotGroups: r.PilotGroups, PilotPercent: r.PilotPercent, Deny: r.Deny, Require: r.Require.policy(), Unlock: r.Unlock.unlock(), Actions: r.Actions,
		Limits: r.Limits.policy(), Targets: targets,
	}
}

// policy returns NIST SP 800-63B-4's default for nil: a verifying passkey, or two methods of
// which one is strong.
func (r *Requirement) policy() policy.Requirement {
	if r == nil {
		return policy.Requirement{Methods: 2, AtLeast: policy.Strong, Passkey: true}
	}
	out := policy.Requirement{Methods: r.Methods, AtLeast: r.AtLeast, Allow: r.Allow, Passkey: r.Passkey}
	if out.Methods == 0 && len(r.AnyOf) == 0 {
		out.Methods = 2
	}
	for _, w := range r.AnyOf {
		out.AnyOf = append(out.AnyOf, policy.Way(w))
	}
	return out
}

// unlock returns nil for nil: as a reset.
func (r *Requirement) unlock() *policy.Requirement {
	if r == nil {
		return nil
	}
	out := r.policy()
	return &out
}

func (l FlowLimits) policy() policy.Limits {
	return policy.Limits{Asked: l.Asked, Wrong: l.Wrong, Rejected: l.Rejected,
		Verifying: l.Verifying, Verified: l.Verified, Applying: l.Applying}
}

// demandsTwo reports whether nobody can recover with one method that does not verify the person.
func (p Policy) demandsTwo() bool {
	for _, r := range p.Policy().Rules {
		if r.Deny || r.Stage == policy.Off || r.Stage == policy.Draft {
			continue
		}
		if len(r.Require.AnyOf) == 0 && r.Require.Methods < 2 {
			return false
		}
		for _, w := range r.Require.AnyOf {
			if len(w) < 2 {
				return false
			}
		}
	}
	return true
}
