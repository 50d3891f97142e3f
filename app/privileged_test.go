package app_test

import (
	"reflect"
	"slices"
	"testing"

	"postern/app"
	"postern/policy"
)

// TestPrivilegedLookLikeEverybody: an account that its directory guards does not recover with what is
// enough for everybody, and nobody sees that from outside: not what is shown, and not what becomes of
// right answers.
func TestPrivilegedLookLikeEverybody(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) {
		strict := policy.Requirement{Methods: 2, AtLeast: policy.PhishingResistant, Passkey: true}
		s.Policy.Rules = append([]policy.Rule{{Name: "privileged", Match: policy.Match{Privileged: true}, Require: strict}}, s.Policy.Rules...)
	})
	a := w.dir.accounts["1"]
	a.Privileged = true
	w.dir.accounts["1"] = a
	guarded, other, nobody := w.start("alice"), w.start("bert"), w.start("nobody")
	for _, s := range []app.Started{guarded, nobody} {
		s.Flow.ID = other.Flow.ID
		if !reflect.DeepEqual(s.Flow, other.Flow) {
			t.Errorf("got\n%+v\nwant what everybody sees\n%+v", s.Flow, other.Flow)
		}
	}
	w.ok(w.Ask(t.Context(), visitor, guarded.Token, id(guarded.Flow, "totp")))
	w.refused(second(w.Answer(t.Context(), visitor, guarded.Token, id(guarded.Flow, "totp"), w.code("alice"))), app.ProblemAnswer)
	w.verified("bert")
	if got := w.fields("recovery.started", "rule"); !slices.Equal(got, []string{"privileged", "staff", "unknown", "staff"}) {
		t.Errorf("recorded under %v", got)
	}
}
