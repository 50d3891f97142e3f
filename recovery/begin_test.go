package recovery

import (
	"testing"

	"postern/account"
	"postern/policy"
)

// TestBeginOfADecoy: with nobody, or with a decision that does not allow it, there is nobody to
// answer for and nothing to answer with; all that is shown stays.
func TestBeginOfADecoy(t *testing.T) {
	denied := decision()
	denied.Allowed, denied.Why = false, policy.Disabled
	real, _ := Begin("r", alice, decision(), t0)
	if real.Decoy() || !real.can("app") {
		t.Fatal("somebody is nobody")
	}
	for name, r := range map[string]Recovery{
		"nobody": first(Begin("r", account.Ref{}, decision(), t0)),
		"denied": first(Begin("r", alice, denied, t0)),
	} {
		if !r.Decoy() || len(r.Usable) != 0 || r.can("app") {
			t.Errorf("%s: got %+v, want a decoy", name, r)
		}
		if r.State != real.State || len(r.Offer) != len(real.Offer) || len(r.Plan.Ways) != len(real.Plan.Ways) ||
			r.Limits != real.Limits || !r.Deadline.Equal(real.Deadline) {
			t.Errorf("%s: looks different: %+v", name, r)
		}
	}
}

func first(r Recovery, _ Event) Recovery { return r }
