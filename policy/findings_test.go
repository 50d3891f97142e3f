package policy

import (
	"strings"
	"testing"
)

// TestWhatCanBeSeenFromOutside: every part of a rule that a stranger is shown must be that of the
// rule for unknown people, or its author hears of it.
func TestWhatCanBeSeenFromOutside(t *testing.T) {
	for name, spoil := range map[string]func(*Rule){
		"methods":         func(r *Rule) { r.Require.Methods = 3 },
		"strength":        func(r *Rule) { r.Require.AtLeast = Weak },
		"passkey":         func(r *Rule) { r.Require.Passkey = false },
		"actions":         func(r *Rule) { r.Actions = []Action{Reset} },
		"wrong answers":   func(r *Rule) { r.Limits.Wrong = 2 },
		"time to answer":  func(r *Rule) { r.Limits.Verifying = 1 },
		"questions asked": func(r *Rule) { r.Limits.Asked = 3 },
	} {
		p := staff()
		spoil(&p.Rules[5])
		if n := told(p, "staff", "can be seen from outside"); n != 1 {
			t.Errorf("%s: %d findings, want 1", name, n)
		}
	}
	if p := staff(); told(p, "staff", "can be seen from outside") != 0 {
		t.Error("the same is told as different")
	}
}

// TestRollOutHidesNoRule: a rule that is being tried leaves the rule after it in use.
func TestRollOutHidesNoRule(t *testing.T) {
	for _, s := range []Stage{Draft, Test, Pilot} {
		p := staff()
		p.Rules[2].Stage = s
		if told(p, "staff", "never reached") != 0 {
			t.Errorf("a rule in stage %s is told to hide the next", s)
		}
	}
	p := staff()
	p.Rules[2].Stage = On
	if told(p, "staff", "never reached") != 1 {
		t.Error("a rule that leaves nobody is not told")
	}
}

func told(p Policy, rule, text string) int {
	n := 0
	for _, f := range p.Check(methods()) {
		if f.Rule == rule && strings.Contains(f.Text, text) {
			n++
		}
	}
	return n
}

// TestBuiltInRulesAreMendedByWhatIsWritten: nobody can change a rule that stands in no file.
func TestBuiltInRulesAreMendedByWhatIsWritten(t *testing.T) {
	all := methods()
	weak := Methods{}
	for f, m := range all {
		if m.Strength != PhishingResistant {
			weak[f] = m
		}
	}
	everybody := Rule{Name: "everybody", Require: Requirement{Methods: 2, AtLeast: Strong, Passkey: true}}
	guarded := Rule{Name: "privileged", Match: Match{Privileged: true}, Require: Requirement{Methods: 2, AtLeast: PhishingResistant, Passkey: true}}
	p := Policy{BuiltIn: true, Rules: []Rule{guarded, everybody}, Unknown: everybody}
	for _, c := range []struct {
		methods Methods
		text    string
		fix     string
	}{
		{weak, "accounts that the directory guards cannot recover", addKey},
		{weak, "offers no phishing-resistant method", addKey},
		{all, "no quarantine", "set policy.quarantine: 24h"},
		{Methods{}, "nobody could recover", "add methods under methods until 2 of them"},
	} {
		seen := false
		for _, f := range p.Check(c.methods) {
			if strings.Contains(f.Fix, "policy.rules[") {
				t.Errorf("%s: mended by %q, which stands nowhere", f.Text, f.Fix)
			}
			seen = seen || strings.Contains(f.Text, c.text) && strings.Contains(f.Fix, c.fix)
		}
		if !seen {
			t.Errorf("%s: not mended by %q: %+v", c.text, c.fix, p.Check(c.methods))
		}
	}
}
