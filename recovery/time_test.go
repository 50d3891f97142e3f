package recovery

import (
	"testing"
	"time"

	"postern/policy"
)

// TestEveryStateHasItsOwnTime: each deadline counts from when its state began, by the rule's limits.
func TestEveryStateHasItsOwnTime(t *testing.T) {
	now := t0
	r, _ := Begin("r", alice, decision(), now)
	left := func(want time.Duration) {
		t.Helper()
		if got := r.Deadline.Sub(now); got != want {
			t.Errorf("%s has %v left, want %v", r.State, got, want)
		}
	}
	left(10 * time.Minute)
	r = must(t, r, &now, ask("app"), right("app"), ask("mail"), right("mail"))
	left(5 * time.Minute)
	r = must(t, r, &now, Submitted{policy.Reset})
	left(time.Minute)
	r = must(t, r, &now, Settled{Outcome: Uncertain})
	left(time.Minute - time.Second)
	r = must(t, r, &now, Settled{Outcome: Rejected})
	left(5*time.Minute - 3*time.Second) // what is left of the grant, and no more
}
