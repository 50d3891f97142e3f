package policy

import (
	"slices"
	"testing"

	"postern/account"
)

func TestMatch(t *testing.T) {
	who := account.Account{Ref: account.Ref{Directory: "staff", ID: "1"}, Login: "Anna", Groups: []string{"Sales", "Drivers"}}
	for _, c := range []struct {
		name string
		m    Match
		want bool
	}{
		{"everybody", Match{}, true},
		{"directory", Match{Directories: []string{"students", "staff"}}, true},
		{"another directory", Match{Directories: []string{"students"}}, false},
		{"a directory's name counts to the letter", Match{Directories: []string{"Staff"}}, false},
		{"group", Match{Groups: []string{"IT", "sales"}}, true},
		{"another group", Match{Groups: []string{"Sale"}}, false},
		{"login", Match{Logins: []string{"anna"}}, true},
		{"another login", Match{Logins: []string{"ann", "annaa"}}, false},
		{"all parts", Match{Directories: []string{"staff"}, Groups: []string{"Drivers"}, Logins: []string{"ANNA"}}, true},
		{"all parts but one", Match{Directories: []string{"staff"}, Groups: []string{"Drivers"}, Logins: []string{"bert"}}, false},
	} {
		if got := c.m.holds(who); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPilotEnds(t *testing.T) {
	for i := range 500 {
		a := account.Account{Ref: account.Ref{Directory: "d", ID: string(rune('0' + i))}}
		if (Rule{Stage: Pilot}).staged(a) {
			t.Fatalf("%s is in a pilot of nobody", a.Ref)
		}
		if !(Rule{Stage: Pilot, PilotPercent: 100}).staged(a) {
			t.Fatalf("%s is not in a pilot of everybody", a.Ref)
		}
	}
}

// TestActionsOfARecovery: a change of a known password is no end of a recovery.
func TestActionsOfARecovery(t *testing.T) {
	p := staff()
	p.Rules[5].Actions = []Action{Change, Unlock}
	if got := p.Decide(person([]string{"Staff"}, "key"), methods(), now).Actions; !slices.Equal(got, []Action{Unlock}) {
		t.Errorf("got %v, want unlock alone", got)
	}
	if got := p.Rules[5].Actions; !slices.Equal(got, []Action{Change, Unlock}) {
		t.Errorf("deciding changed the rule to %v", got)
	}
}
