package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// unlocking is staff's policy with an easier way to unlock alone.
func unlocking() Policy {
	p := staff()
	one := &Requirement{Methods: 1, AtLeast: Strong, Passkey: true}
	p.Rules[5].Unlock, p.Unknown.Unlock = one, one
	return p
}

func wanting(who Person, a Action) Person {
	who.Want = a
	return who
}

func TestUnlockHasItsOwnRule(t *testing.T) {
	p := unlocking()
	d := p.Decide(wanting(person([]string{"Staff"}, "app"), Unlock), methods(), now)
	if !d.Allowed || !slices.Equal(d.Actions, []Action{Unlock}) || !d.Plan.Met([]Proof{{Factor: "app"}}) {
		t.Errorf("unlocking: got %+v, want allowed with the app, for unlocking alone", d)
	}
	for _, want := range []Action{"", Reset} {
		d := p.Decide(wanting(person([]string{"Staff"}, "app"), want), methods(), now)
		if d.Allowed || d.Why != NotEnrolled || d.Plan.Met([]Proof{{Factor: "app"}}) || !slices.Contains(d.Actions, Reset) {
			t.Errorf("resetting (%q): got %+v, want too little enrolled", want, d)
		}
	}
	p.Rules[5].Unlock = nil
	if d := p.Decide(wanting(person([]string{"Staff"}, "app"), Unlock), methods(), now); d.Allowed {
		t.Error("without a rule of its own unlocking must ask what a reset asks")
	}
}

func TestUnlockMustBeAllowed(t *testing.T) {
	p := unlocking()
	p.Rules[5].Actions = []Action{Reset, Change}
	all := person([]string{"Staff"}, "app", "mail", "key")
	if d := p.Decide(wanting(all, Unlock), methods(), now); d.Allowed || d.Why != NoUnlock || d.Rule != "staff" || len(d.Usable) > 0 {
		t.Errorf("got %+v, want a decoy because of the rule's actions", d)
	}
	if d := p.Decide(wanting(all, Reset), methods(), now); !d.Allowed {
		t.Errorf("resetting: got %s, want allowed", d.Why)
	}
}

func TestBarred(t *testing.T) {
	barred := person([]string{"Staff"}, "app", "mail")
	barred.Account.Barred = "the service has no right to set it"
	if d := staff().Decide(barred, methods(), now); d.Allowed || d.Why != Barred || len(d.Usable) > 0 {
		t.Errorf("reset: got %+v, want barred", d)
	}
	if d := staff().Decide(wanting(barred, Unlock), methods(), now); !d.Allowed {
		t.Errorf("unlock: got %s, want allowed, because no password is set", d.Why)
	}
	barred.Account.Disabled = true
	if d := staff().Decide(wanting(barred, Unlock), methods(), now); d.Allowed {
		t.Error("a disabled account may unlock")
	}
}

// TestNoOracleOfUnlocking: whoever asks to be unlocked is shown the same, whoever they are.
func TestNoOracleOfUnlocking(t *testing.T) {
	barred := person([]string{"Staff"}, "app", "mail")
	barred.Account.Barred, barred.Account.Locked = "so", true
	for name, p := range map[string]Policy{"own rule": unlocking(), "as a reset": staff()} {
		want := sight(p.Decide(Person{Want: Unlock}, methods(), now))
		for _, who := range []Person{person([]string{"Staff"}, "app"), person([]string{"Staff"}), person(nil, "app"),
			person([]string{"Leavers"}, "key"), barred} {
			if got := sight(p.Decide(wanting(who, Unlock), methods(), now)); got != want {
				t.Errorf("%s: %v %v is shown\n%s\nnobody\n%s", name, who.Account.Groups, who.Enrolled, got, want)
			}
		}
	}
}

// sight is what a stranger sees of a decision.
func sight(d Decision) string {
	plan := d.Plan
	if d.Shown != nil {
		plan = *d.Shown
	}
	return fmt.Sprint(plan, d.Offer, d.Actions, d.Limits)
}

func TestFindingsAboutUnlocking(t *testing.T) {
	hard := &Requirement{Methods: 1, Allow: []Factor{"key"}, Passkey: true}
	for _, c := range []struct {
		name  string
		spoil func(*Policy)
		want  string
		fault bool
	}{
		{"easier", func(*Policy) {}, "asks for less than a reset", false},
		{"harder", func(p *Policy) { p.Rules[5].Unlock = hard }, "asks for more than a reset", false},
		{"seen", func(p *Policy) { p.Unknown.Unlock = nil }, "when they ask to be unlocked", false},
		{"seen the other way round", func(p *Policy) { p.Rules[5].Unlock = nil }, "when they ask to be unlocked", false},
		{"without effect", func(p *Policy) { p.Rules[5].Actions = []Action{Reset} }, "has no effect", false},
		{"impossible", func(p *Policy) { p.Rules[5].Unlock = &Requirement{Allow: []Factor{"mail", "text"}} }, "nobody could recover", true},
		{"no such method", func(p *Policy) { p.Rules[5].Unlock = &Requirement{Allow: []Factor{"pigeon", "key", "app"}} }, "no configured method", true},
	} {
		p := unlocking()
		c.spoil(&p)
		found := slices.ContainsFunc(p.Check(methods()), func(f Finding) bool {
			return f.Rule == "staff" && strings.Contains(f.Text, c.want) && f.Fault == c.fault && strings.Contains(f.Fix, "unlock")
		})
		if !found {
			t.Errorf("%s: no finding says %q; got %+v", c.name, c.want, p.Check(methods()))
		}
	}
	for _, f := range unlocking().Check(methods()) {
		if f.Fault || f.Rule == "staff" && !strings.Contains(f.Text, "less than a reset") {
			t.Errorf("a sound policy: %+v", f)
		}
	}
}

// guarded is staff's policy with a rule for those whom the directory guards.
func guarded() Policy {
	p := staff()
	strict := Rule{Name: "privileged", Match: Match{Privileged: true}, Require: Requirement{Methods: 2, AtLeast: PhishingResistant, Passkey: true}}
	p.Rules = append([]Rule{strict}, p.Rules...)
	return p
}

func admin(fs ...Factor) Person {
	p := person([]string{"Staff"}, fs...)
	p.Account.Privileged = true
	return p
}

func TestPrivileged(t *testing.T) {
	p := guarded()
	if d := p.Decide(admin("app", "mail"), methods(), now); d.Allowed || d.Rule != "privileged" || d.Why != NotEnrolled {
		t.Errorf("with an app and mail: got %+v, want too little enrolled", d)
	}
	d := p.Decide(admin("key", "app", "mail"), methods(), now)
	if !d.Allowed || !d.Plan.Met([]Proof{{Factor: "key"}}) || d.Plan.Met([]Proof{{Factor: "app"}, {Factor: "mail"}}) {
		t.Errorf("with a key: got %+v, want the key and nothing less", d)
	}
	if slices.Contains(d.Plan.Within([]Factor{"app", "mail", "text", "paper", "push"}).Factors(), "app") {
		t.Errorf("a way without the key counts: %v", d.Plan)
	}
	if got := fmt.Sprint(d.Thieves(methods())); got != "[[key]]" {
		t.Errorf("a thief needs %s, want the key", got)
	}
	if d := p.Decide(person([]string{"Staff"}, "app", "mail"), methods(), now); d.Rule != "staff" || !d.Allowed || d.Shown != nil {
		t.Errorf("somebody else: got %+v", d)
	}
	all := admin("key", "app")
	all.Want = Unlock
	if d := p.Decide(all, methods(), now); !d.Allowed || d.Plan.Met([]Proof{{Factor: "app"}, {Factor: "mail"}}) {
		t.Errorf("unlocking: got %+v, want the same demands", d)
	}
}

// TestPrivilegedLookLikeEverybody: nobody can pick out the accounts that are worth most.
func TestPrivilegedLookLikeEverybody(t *testing.T) {
	p := guarded()
	for _, want := range []Action{Reset, Unlock} {
		nobody := sight(p.Decide(Person{Want: want}, methods(), now))
		for _, who := range []Person{admin("key"), admin("key", "app", "mail"), admin("app", "mail"), admin()} {
			if got := sight(p.Decide(wanting(who, want), methods(), now)); got != nobody {
				t.Errorf("%s, %v: is shown\n%s\nnobody\n%s", want, who.Enrolled, got, nobody)
			}
		}
	}
	for _, f := range p.Check(methods()) {
		if f.Rule == "privileged" {
			t.Errorf("a sound rule: %+v", f)
		}
	}
	p.Disclose, p.Decoys = DisclosePerson, [][]Factor{{"key"}}
	if d := p.Decide(admin("key", "app"), methods(), now); d.Shown != nil || list(d.Offer) != "key" {
		t.Errorf("shown their own: got %+v, want the key", d)
	}
}

// TestPrivilegedWays: only ways whose methods everybody is shown can be used, and the policy says
// so where none is.
func TestPrivilegedWays(t *testing.T) {
	p := guarded()
	p.Rules[0].Require = Requirement{AnyOf: []Way{{"key", "app"}, {"app", "paper"}}}
	d := p.Decide(admin("key", "app", "paper"), methods(), now)
	if !d.Allowed || d.Plan.Met([]Proof{{Factor: "key"}}) || !d.Plan.Met([]Proof{{Factor: "key"}, {Factor: "app"}}) {
		t.Errorf("two in one way: got %+v", d)
	}
	p.Unknown.Require.Allow = []Factor{"mail", "text", "push"}
	if d := p.Decide(admin("key", "app", "paper"), methods(), now); d.Allowed {
		t.Errorf("nothing of it is shown: got %+v", d)
	}
	if told(p, "privileged", "none of its ways is among them") != 1 {
		t.Errorf("got %+v", p.Check(methods()))
	}
	p = guarded()
	m := methods()
	delete(m, "key")
	for _, f := range p.Check(m) {
		if f.Rule == "privileged" && (f.Fault || !strings.Contains(f.Text, "cannot recover")) {
			t.Errorf("no method is strong enough: %+v, want a warning", f)
		}
	}
	if d := p.Decide(admin("app", "mail"), m, now); d.Allowed {
		t.Error("no method is strong enough, and they may recover")
	}
	if p.Rules = slices.Insert(p.Rules, 1, Rule{Name: "all", Require: p.Unknown.Require}); told(p, "all", "never reached") != 0 {
		t.Error("a rule for the privileged is told to hide one for everybody")
	}
	p.Rules = append(p.Rules, p.Rules[0])
	p.Rules[len(p.Rules)-1].Name = "again"
	if told(p, "again", "never reached") != 1 {
		t.Error("a rule that leaves nobody is not told")
	}
}

func TestPolicyTestsOfUnlocking(t *testing.T) {
	p := guarded()
	p.Rules[6].Unlock = &Requirement{Methods: 1}
	p.Tests = []Case{
		{Groups: []string{"Staff"}, Enrolled: []Factor{"app"}, Want: Unlock, Proven: []Factor{"app"}, Expect: IsVerified},
		{Groups: []string{"Staff"}, Enrolled: []Factor{"app"}, Proven: []Factor{"app"}, Expect: NothingPossible},
		{Groups: []string{"Staff"}, Privileged: true, Enrolled: []Factor{"app", "mail"}, Expect: NothingPossible},
	}
	if got := p.RunTests(methods()); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}
