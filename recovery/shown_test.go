package recovery

import (
	"reflect"
	"testing"
	"time"

	"postern/account"
	"postern/policy"
)

// hidden is a decision that asks for more than it shows.
func hidden() policy.Decision {
	d := decision()
	d.Shown = &policy.Plan{Ways: d.Plan.Ways, AtLeast: d.Plan.AtLeast}
	d.Plan = policy.Plan{Ways: []policy.Way{{"key", "mail"}}, AtLeast: policy.PhishingResistant}
	d.Usable = []policy.Factor{"key", "mail"}
	return d
}

// TestHiddenPlanLooksLikeTheShownOne: until something was proven nobody sees which plan counts.
func TestHiddenPlanLooksLikeTheShownOne(t *testing.T) {
	open, _ := Begin("r", alice, decision(), t0)
	strict, _ := Begin("r", alice, hidden(), t0)
	nobody, _ := Begin("r", account.Ref{}, decision(), t0)
	for _, f := range []policy.Factor{"app", "mail", "key"} {
		for _, r := range []*Recovery{&open, &strict, &nobody} {
			for _, in := range []Input{Challenged{Factor: f}, Answered{Factor: f}} {
				next, _, err := Step(*r, in, t0)
				if err != nil {
					t.Fatal(err)
				}
				*r = next
			}
		}
		if a, b, c := open.View(), strict.View(), nobody.View(); !reflect.DeepEqual(a, b) || !reflect.DeepEqual(a, c) {
			t.Errorf("after a wrong %s the views differ:\n%+v\n%+v\n%+v", f, a, b, c)
		}
	}
}

// TestOnlyThePlanVerifies: what is enough for what is shown is not enough for what is asked.
func TestOnlyThePlanVerifies(t *testing.T) {
	r, _ := Begin("r", alice, hidden(), t0)
	prove := func(f policy.Factor) {
		t.Helper()
		for _, in := range []Input{Challenged{Factor: f}, Answered{Factor: f, Right: true}} {
			next, _, err := Step(r, in, t0.Add(time.Second))
			if err != nil {
				t.Fatal(err)
			}
			r = next
		}
	}
	prove("app") // which is not theirs to use
	if len(r.Proofs) != 0 || r.Wrong != 1 {
		t.Errorf("an app that does not count: got %+v", r.Proofs)
	}
	prove("key")
	if v := r.View(); r.State != Verifying || v.Left != 1 || v.Locked {
		t.Errorf("the key alone: got %s with %d left, want verifying with 1", r.State, v.Left)
	}
	if _, _, err := Step(r, Submitted{Action: policy.Reset}, t0.Add(time.Second)); err == nil {
		t.Error("submitted without the plan met")
	}
	prove("mail")
	if v := r.View(); r.State != Verified || v.Left != 0 || v.Alone != nil {
		t.Errorf("both: got %s with %+v", r.State, v)
	}
}
