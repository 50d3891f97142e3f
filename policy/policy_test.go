package policy

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/account"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func methods() Methods {
	return Methods{
		"key":   {Strength: PhishingResistant, Holdings: []Holding{Key}, Verifies: true, Enrolled: true},
		"app":   {Strength: Strong, Holdings: []Holding{Phone}, Enrolled: true},
		"push":  {Strength: Strong, Holdings: []Holding{Phone}, Enrolled: true},
		"mail":  {Strength: Weak, Holdings: []Holding{Mailbox}, Issued: true, Enrolled: true},
		"text":  {Strength: Weak, Holdings: []Holding{Number, Phone}, Issued: true, Enrolled: true},
		"paper": {Strength: Strong, Holdings: []Holding{Paper}, Enrolled: true},
	}
}

func ways(p Plan) string {
	var out []string
	for _, w := range p.Ways {
		s := slices.Clone(w)
		slices.Sort(s)
		out = append(out, list(s))
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

func TestCompile(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Requirement
		want string
	}{
		{"two, one strong, or a passkey", Requirement{Methods: 2, AtLeast: Strong, Passkey: true},
			"app, mail; app, paper; app, text; key; mail, paper; mail, push; paper, push; paper, text; push, text"},
		{"only issued codes is nothing", Requirement{Methods: 2, Allow: []Factor{"mail", "text"}}, ""},
		{"two of one holding is nothing", Requirement{Methods: 2, Allow: []Factor{"app", "push"}}, ""},
		{"one issued code is nothing", Requirement{Methods: 1, Allow: []Factor{"mail"}}, ""},
		{"one", Requirement{Methods: 1, Allow: []Factor{"app", "mail"}}, "app"},
		{"three has no two issued", Requirement{Methods: 3, Allow: []Factor{"mail", "text", "app"}}, ""},
		{"three", Requirement{Methods: 3, Allow: []Factor{"mail", "paper", "app"}}, "app, mail, paper"},
		{"phishing-resistant", Requirement{Methods: 2, AtLeast: PhishingResistant, Allow: []Factor{"key", "app", "mail"}}, "app, key; key, mail"},
		{"by hand, bad ways left out", Requirement{AnyOf: []Way{{"app", "mail"}, {"mail", "text"}, {"app", "app"}, {"nope", "app"}, {}}}, "app, mail"},
		{"no number is two", Requirement{Allow: []Factor{"app", "mail", "key"}}, "app, key; app, mail; key, mail"},
		{"less than none", Requirement{Methods: -1}, ""},
		{"more than there are", Requirement{Methods: 9}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ways(c.r.Compile(methods())); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestPairsAgainstNIST walks every pair: NIST SP 800-63B-4 section 4.2.2.2 wants two of different
// kinds, and codes that we send are one kind.
func TestPairsAgainstNIST(t *testing.T) {
	m := methods()
	plan := Requirement{Methods: 2}.Compile(m)
	for a, ta := range m {
		for b, tb := range m {
			want := a != b && ta.Holdings[0] != tb.Holdings[0] && !(ta.Issued && tb.Issued)
			if got := plan.Met([]Proof{{Factor: a}, {Factor: b}}); got != want {
				t.Errorf("%s with %s: got %v, want %v", a, b, got, want)
			}
		}
		if plan.Met([]Proof{{Factor: a}, {Factor: a}}) {
			t.Errorf("%s twice is enough", a)
		}
	}
}

func TestPlan(t *testing.T) {
	p := Requirement{Methods: 2, AtLeast: Strong, Passkey: true, Allow: []Factor{"key", "app", "mail"}}.Compile(methods())
	if got := p.Left(nil); got != 2 {
		t.Errorf("left at the start: got %d, want 2", got)
	}
	if got := p.Left([]Proof{{Factor: "app"}}); got != 1 {
		t.Errorf("left after one: got %d, want 1", got)
	}
	if got := list(p.Alone(nil)); got != "key" {
		t.Errorf("alone at the start: %s", got)
	}
	if got := p.Alone([]Proof{{Factor: "app"}}); got != nil {
		t.Errorf("alone after one, when one is missing anyway: %v", got)
	}
	if got := list(p.Offer([]Proof{{Factor: "app"}})); got != "key, mail" {
		t.Errorf("offered after one: %s", got)
	}
	if p.Left([]Proof{{Factor: "key"}}) != 0 || !p.Met([]Proof{{Factor: "key"}}) {
		t.Error("a passkey is not enough")
	}
	if (Plan{}).Met(nil) || (Plan{Ways: []Way{{}}}).Met(nil) {
		t.Error("the empty plan is met by nothing")
	}
}

func staff() Policy {
	two := Requirement{Methods: 2, AtLeast: Strong, Passkey: true}
	return Policy{
		Rules: []Rule{
			{Name: "administrators", Match: Match{Groups: []string{"Domain Admins"}}, Require: Requirement{Methods: 1, Allow: []Factor{"key"}, Passkey: true}},
			{Name: "leavers", Match: Match{Groups: []string{"Leavers"}}, Deny: true},
			{Name: "drafted", Match: Match{Groups: []string{"Staff"}}, Stage: Draft, Require: Requirement{Methods: 1}},
			{Name: "tested", Match: Match{Groups: []string{"Staff"}}, Stage: Test, Testers: []string{"Tess"}, Require: Requirement{Methods: 1}},
			{Name: "piloted", Match: Match{Groups: []string{"Staff"}}, Stage: Pilot, PilotGroups: []string{"IT"}, Require: two},
			{Name: "staff", Match: Match{Groups: []string{"Staff"}}, Require: two},
			{Name: "closed", Match: Match{Groups: []string{"Closed"}}, Stage: Off},
		},
		Unknown:    Rule{Name: "unknown", Require: two},
		Quarantine: 24 * time.Hour,
	}
}

func person(groups []string, fs ...Factor) Person {
	p := Person{Found: true, Account: account.Account{Ref: account.Ref{Directory: "d", ID: "1"}, Login: "someone", Groups: groups}}
	for _, f := range fs {
		p.Enrolled = append(p.Enrolled, Enrolled{Factor: f, Added: now.Add(-48 * time.Hour)})
	}
	return p
}

func TestDecide(t *testing.T) {
	tess := person([]string{"staff"}, "app")
	tess.Account.Login = "tess"
	disabled := person([]string{"Staff"}, "app", "mail")
	disabled.Account.Disabled = true
	young := person([]string{"Staff"}, "app")
	young.Enrolled = append(young.Enrolled, Enrolled{Factor: "mail", Added: now.Add(-24*time.Hour + time.Second)})
	ripe := person([]string{"Staff"}, "app")
	ripe.Enrolled = append(ripe.Enrolled, Enrolled{Factor: "mail", Added: now.Add(-24 * time.Hour)})
	for _, c := range []struct {
		name string
		who  Person
		rule string
		why  Reason
	}{
		{"nobody", Person{}, "unknown", NoSuch},
		{"no group", person(nil, "app", "mail"), "unknown", OutOfScope},
		{"staff", person([]string{"STAFF"}, "app", "mail"), "staff", Matched},
		{"staff with a key", person([]string{"Staff"}, "key"), "staff", Matched},
		{"staff with mail only", person([]string{"Staff"}, "mail"), "staff", NotEnrolled},
		{"staff with nothing", person([]string{"Staff"}), "staff", NotEnrolled},
		{"first rule wins", person([]string{"Staff", "Domain Admins"}, "app", "mail"), "administrators", NotEnrolled},
		{"administrator", person([]string{"Domain Admins"}, "key"), "administrators", Matched},
		{"leaver", person([]string{"Leavers", "Staff"}, "app", "mail"), "leavers", Denied},
		{"rule that is off", person([]string{"Closed"}, "app", "mail"), "closed", Denied},
		{"tester", tess, "tested", Matched},
		{"pilot group", person([]string{"Staff", "IT"}, "app", "mail"), "piloted", Matched},
		{"disabled", disabled, "staff", Disabled},
		{"in quarantine", young, "staff", InQuarantine},
		{"out of quarantine", ripe, "staff", Matched},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := staff().Decide(c.who, methods(), now)
			if d.Rule != c.rule || d.Why != c.why || d.Allowed != (c.why == Matched) {
				t.Errorf("got %s, %s, allowed %v; want %s, %s", d.Rule, d.Why, d.Allowed, c.rule, c.why)
			}
			if !d.Allowed && len(d.Usable) > 0 {
				t.Errorf("not allowed, and %v usable", d.Usable)
			}
		})
	}
}

// TestNoOracle: what is shown of a decision is the same for everybody to whom the rule for
// unknown people is equal, whatever they are and have.
func TestNoOracle(t *testing.T) {
	p := staff()
	shown := func(d Decision) string { return fmt.Sprint(d.Plan, d.Offer, d.Actions, d.Limits) }
	want := shown(p.Decide(Person{}, methods(), now))
	for _, who := range []Person{
		person([]string{"Staff"}, "app", "mail"), person([]string{"Staff"}, "key"), person([]string{"Staff"}),
		person(nil, "app"), person([]string{"Leavers"}, "key"), person([]string{"Staff", "IT"}, "app", "mail"),
	} {
		if got := shown(p.Decide(who, methods(), now)); got != want {
			t.Errorf("%v %v is shown\n%s\nnobody\n%s", who.Account.Groups, who.Enrolled, got, want)
		}
	}
}

func TestDisclosePerson(t *testing.T) {
	p := staff()
	p.Disclose, p.Decoys = DisclosePerson, [][]Factor{{"app", "mail"}, {"key"}, {"mail"}}
	d := p.Decide(person([]string{"Staff"}, "app", "mail"), methods(), now)
	if got := list(d.Offer); got != "app, mail" {
		t.Errorf("own methods: %s", got)
	}
	seen := map[string]bool{}
	for draw := range uint64(20) {
		a, b := p.Decide(Person{Draw: draw}, methods(), now), p.Decide(Person{Draw: draw}, methods(), now)
		if !reflect.DeepEqual(a, b) {
			t.Fatal("asking twice shows two things")
		}
		seen[list(a.Offer)] = true
	}
	if !seen["app, mail"] || !seen["key"] || len(seen) != 2 {
		t.Errorf("decoys were drawn as %v", seen)
	}
}

func TestPilotShare(t *testing.T) {
	r := Rule{Stage: Pilot, PilotPercent: 30}
	in := map[int]bool{}
	for i := range 2000 {
		a := account.Account{Ref: account.Ref{Directory: "d", ID: fmt.Sprint(i)}}
		in[i] = r.staged(a)
		if wider := (Rule{Stage: Pilot, PilotPercent: 31}); in[i] && !wider.staged(a) {
			t.Fatal("raising the share took somebody out")
		}
	}
	n := 0
	for _, yes := range in {
		if yes {
			n++
		}
	}
	if n < 500 || n > 700 {
		t.Errorf("%d of 2000 are in a pilot of 30 %%", n)
	}
}

func TestChanges(t *testing.T) {
	p := staff()
	yes := person([]string{"Staff"}).Account
	if !p.Changes(yes) {
		t.Error("somebody with nothing enrolled may not change a password that they know")
	}
	off := yes
	off.Disabled = true
	if p.Changes(off) || p.Changes(person(nil).Account) || p.Changes(person([]string{"Leavers"}).Account) {
		t.Error("disabled, out of scope or denied may change")
	}
	p.Rules[5].Actions = []Action{Reset}
	if p.Changes(yes) {
		t.Error("a rule without the action allows it")
	}
	if got := p.Decide(person([]string{"Staff"}, "key"), methods(), now).Actions; len(got) != 1 || got[0] != Reset {
		t.Errorf("actions of a recovery: %v", got)
	}
}

func TestThieves(t *testing.T) {
	all := person([]string{"Staff"}, "key", "app", "mail", "text", "paper")
	got := fmt.Sprint(staff().Decide(all, methods(), now).Thieves(methods()))
	// The text message comes to the phone that has the app: the phone alone is enough for both.
	if want := "[[key] [phone] [mailbox paper] [number paper]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWeaker(t *testing.T) {
	next := staff()
	next.Rules[5].Require.Methods = 1
	people := []Person{person([]string{"Staff"}, "app", "mail"), person([]string{"Domain Admins"}, "key")}
	got := Weaker(staff(), next, methods(), people, now)
	if len(got) != 1 || !strings.Contains(got[0].Text, "whoever has phone") {
		t.Errorf("got %+v", got)
	}
	if back := Weaker(next, staff(), methods(), people, now); len(back) != 0 {
		t.Errorf("made stronger: %+v", back)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Policy)
		want  string
		fault bool
	}{
		{"impossible", func(p *Policy) { p.Rules[5].Require = Requirement{Methods: 2, Allow: []Factor{"mail", "text"}} }, "nobody could recover", true},
		{"unknown method", func(p *Policy) { p.Rules[5].Require.Allow = []Factor{"carrier_pigeon", "key"} }, "no configured method", true},
		{"impossible way", func(p *Policy) { p.Rules[5].Require.AnyOf = []Way{{"app", "push"}, {"app", "mail"}} }, "needs the same thing (phone)", true},
		{"single factor", func(p *Policy) { p.Rules[5].Require = Requirement{Methods: 1} }, "alone is enough", false},
		{"unreachable", func(p *Policy) { p.Rules[0].Match = Match{} }, "never reached", false},
		{"same name", func(p *Policy) { p.Rules[1].Name = "staff" }, "two rules have this name", true},
		{"no name", func(p *Policy) { p.Rules[1].Name = "" }, "has no name", true},
		{"recognisable", func(p *Policy) { p.Rules[5].Require.Methods = 3 }, "can be seen from outside", false},
		{"no quarantine", func(p *Policy) { p.Quarantine = 0 }, "no quarantine", false},
		{"nothing to draw", func(p *Policy) { p.Disclose = DisclosePerson }, "no decoys", true},
		{"nothing phishing-resistant", func(p *Policy) { p.Rules[5].Require = Requirement{Methods: 2, Allow: []Factor{"app", "mail"}} }, "no phishing-resistant", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := staff()
			c.spoil(&p)
			found := slices.ContainsFunc(p.Check(methods()), func(f Finding) bool {
				return strings.Contains(f.Text, c.want) && f.Fault == c.fault && f.Fix != ""
			})
			if !found {
				t.Errorf("no finding says %q; got %+v", c.want, p.Check(methods()))
			}
		})
	}
	for _, f := range staff().Check(methods()) {
		if f.Fault {
			t.Errorf("a sound policy has the fault %+v", f)
		}
	}
}

func TestPolicyTests(t *testing.T) {
	p := staff()
	p.Tests = []Case{
		{Groups: []string{"Domain Admins", "Staff"}, Enrolled: []Factor{"app", "mail"}, Expect: NothingPossible},
		{Groups: []string{"Staff"}, Enrolled: []Factor{"app", "mail"}, Proven: []Factor{"app", "mail"}, Expect: IsVerified},
		{Groups: []string{"Staff"}, Enrolled: []Factor{"app", "mail"}, Proven: []Factor{"app"}, Expect: NotYet},
		{Groups: []string{"Staff"}, Enrolled: []Factor{"app", "mail"}, Proven: []Factor{"app", "text"}, Expect: NotYet},
		{Groups: []string{"Staff"}, Enrolled: []Factor{"mail", "text"}, Expect: NothingPossible},
	}
	if got := p.RunTests(methods()); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	p.Tests[1].Expect = NothingPossible
	if got := p.RunTests(methods()); len(got) != 1 || !strings.Contains(got[0].Text, "got verified, want nothing_possible") {
		t.Errorf("got %+v", got)
	}
}

// FuzzCompile holds the laws of plans over random requirements and traits.
func FuzzCompile(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { compileLaws(t, seed) })
}

func TestCompileLaws(t *testing.T) {
	for seed := range uint64(1500) {
		compileLaws(t, seed)
	}
}

func compileLaws(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	held := []Holding{Mailbox, Number, Phone, Key, Paper}
	m := Methods{}
	var names []Factor
	for i := range 1 + r.IntN(6) {
		f := Factor(fmt.Sprintf("f%d", i))
		names = append(names, f)
		m[f] = Traits{Strength: Strength(r.IntN(3)), Holdings: []Holding{held[r.IntN(5)]}, Issued: r.IntN(3) == 0, Verifies: r.IntN(4) == 0}
	}
	req := Requirement{Methods: r.IntN(4), AtLeast: Strength(r.IntN(3)), Passkey: r.IntN(2) == 0}
	if r.IntN(3) == 0 {
		req.Allow = names[:r.IntN(len(names)+1)]
	}
	plan := req.Compile(m)
	for i, w := range plan.Ways {
		alone := req.Passkey && len(w) == 1 && m[w[0]].Verifies
		own, issued, best := map[Holding]bool{}, 0, Weak
		for _, f := range w {
			if own[m[f].Own()] {
				t.Fatalf("seed %d: way %v needs one holding twice", seed, w)
			}
			own[m[f].Own()] = true
			best = max(best, m[f].Strength)
			if m[f].Issued {
				issued++
			}
			if len(req.Allow) > 0 && !slices.Contains(req.Allow, f) {
				t.Fatalf("seed %d: way %v uses what is not allowed", seed, w)
			}
		}
		if !alone && (len(w) < req.Methods || best < req.AtLeast || issued > 1 || issued == len(w)) {
			t.Fatalf("seed %d: way %v is too weak for %+v", seed, w, req)
		}
		for j, v := range plan.Ways {
			if i != j && len(plan.Within(v).Ways) > 0 && len(v) < len(w) && len((Plan{Ways: []Way{v}}).Within(w).Ways) > 0 {
				t.Fatalf("seed %d: way %v is pointless beside %v", seed, w, v)
			}
		}
	}
	var proofs []Proof
	for left := plan.Left(nil); len(plan.Offer(proofs)) > 0 && !plan.Met(proofs); {
		proofs = append(proofs, Proof{Factor: plan.Offer(proofs)[0]})
		if now := plan.Left(proofs); now > left {
			t.Fatalf("seed %d: a proof raised what is left from %d to %d", seed, left, now)
		} else {
			left = now
		}
	}
	if len(plan.Ways) > 0 && !plan.Met(proofs) {
		t.Fatalf("seed %d: proving all that is offered is not enough", seed)
	}
}
