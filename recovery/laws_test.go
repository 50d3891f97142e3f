package recovery

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"postern/account"
	"postern/policy"
)

var (
	t0    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	alice = account.Ref{Directory: "d", ID: "1"}
)

func decision() policy.Decision {
	return policy.Decision{Rule: "staff", Allowed: true, Why: policy.Matched,
		Plan:    policy.Plan{Ways: []policy.Way{{"key"}, {"app", "mail"}}, AtLeast: policy.Strong},
		Usable:  []policy.Factor{"app", "mail"},
		Offer:   []policy.Factor{"key", "app", "mail"},
		Actions: []policy.Action{policy.Reset, policy.Unlock},
		Limits: policy.Limits{Asked: 6, Wrong: 3, Rejected: 3,
			Verifying: 10 * time.Minute, Verified: 5 * time.Minute, Applying: time.Minute}}
}

// FuzzWalk feeds random walks to the laws: the seed is the walk.
func FuzzWalk(f *testing.F) {
	f.Add(uint64(1), true)
	f.Add(uint64(2), false)
	f.Fuzz(func(t *testing.T, seed uint64, decoy bool) { walk(t, seed, decoy) })
}

func TestLawsOnSeededWalks(t *testing.T) {
	reached := map[State]int{}
	for seed := range uint64(4000) {
		reached[walk(t, seed, seed%4 == 0)]++
	}
	for _, s := range []State{Done, Refused, Expired, Cancelled, Unsettled, Verifying, Verified, Applying} {
		if reached[s] == 0 {
			t.Errorf("no walk ended in %s: the walks are too tame to prove anything", s)
		}
	}
}

func input(r *rand.Rand, at Recovery, now time.Time) Input {
	factors := []policy.Factor{"key", "app", "mail", "other"}
	f := factors[r.IntN(len(factors))]
	if at.Open != nil && r.IntN(4) > 0 {
		f = at.Open.Factor
	}
	if at.State != Verifying && r.IntN(3) > 0 {
		if at.State == Verified {
			return Submitted{Action: []policy.Action{policy.Reset, policy.Unlock, policy.Change}[r.IntN(3)]}
		}
		return Settled{Outcome: []Outcome{Applied, Rejected, Unreached, Uncertain}[r.IntN(4)], Receipt: []Line{{Target: "d", Result: OK}}}
	}
	switch r.IntN(12) {
	case 0:
		return Submitted{Action: policy.Reset}
	case 1:
		return Settled{Outcome: Applied}
	case 2:
		return Elapsed{}
	case 3:
		if r.IntN(6) == 0 {
			return Abandoned{}
		}
		fallthrough
	case 4, 5, 6, 7:
		return Challenged{Factor: f, Private: []byte("x"), Once: r.IntN(2) == 0, Expires: now.Add(time.Duration(r.IntN(300)) * time.Second)}
	default:
		return Answered{Factor: f, Right: r.IntN(3) > 0}
	}
}

// walk takes one random walk, checks every law on every step and returns the last state.
func walk(t *testing.T, seed uint64, decoy bool) State {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	d, who, now := decision(), alice, t0
	if decoy {
		who = account.Ref{}
	}
	at, event := Begin("r", who, d, now)
	at.Locked = seed%3 == 0
	if event.Kind == "" || at.State != Verifying {
		t.Fatalf("Begin: %+v", event)
	}
	g := history{}
	for range 1 + r.IntN(40) {
		now = now.Add(time.Duration(r.IntN(40)) * time.Second)
		if r.IntN(40) == 0 {
			now = now.Add(time.Duration(r.IntN(900)) * time.Second)
		}
		in := input(r, at, now)
		before := at.clone()
		next, event, err := Step(at, in, now)
		again, event2, err2 := Step(at, in, now)
		if !reflect.DeepEqual(before, at) {
			t.Fatalf("seed %d: Step changed its argument", seed)
		}
		if !reflect.DeepEqual(next, again) || event != event2 || (err == nil) != (err2 == nil) {
			t.Fatalf("seed %d: Step is no function of its arguments", seed)
		}
		if err != nil {
			if !reflect.DeepEqual(next, before) || event != (Event{}) {
				t.Fatalf("seed %d: a refused step changed something", seed)
			}
			continue
		}
		g.check(t, before, next, in, event, now)
		at = next
	}
	return at.State
}

// history remembers what the laws compare with.
type history struct {
	grants, spent, wrong, asked, rejected int
}

func (g *history) check(t *testing.T, from, to Recovery, in Input, e Event, now time.Time) {
	t.Helper()
	fail := func(law string) {
		t.Helper()
		t.Fatalf("%s\nfrom  %+v\ninput %+v at %v\nto    %+v\nevent %+v", law, from, in, now.Sub(t0), to, e)
	}
	_, settled := in.(Settled)
	late := !settled && !now.Before(from.Deadline)
	switch {
	case from.State.Final():
		fail("a final state moved")
	case to.Version != from.Version+1 || e.Kind == "" || e.From != from.State || e.To != to.State:
		fail("not one version and one event for the step")
	case late && to.State != Expired && to.State != Unsettled:
		fail("a late input was not answered as Elapsed")
	case to.State == from.State && !to.Deadline.Equal(from.Deadline):
		fail("the deadline moved without the state")
	case to.State.Final() != to.Deadline.IsZero():
		fail("a final state has a deadline, or another has none")
	case to.State.Final() && to.Open != nil:
		fail("a question is open at the end")
	}
	past := to.State == Verified || to.State == Applying || to.State == Done
	if past && (to.Decoy() || !to.Plan.Met(to.Proofs)) {
		fail("got past verifying without the plan met, or as a decoy")
	}
	g.proofs(fail, from, to, in, now)
	g.grant(fail, from, to, in, now)
	g.limits(fail, from, to, in)
}

func (g *history) proofs(fail func(string), from, to Recovery, in Input, now time.Time) {
	if len(to.Proofs) < len(from.Proofs) {
		fail("a proof was lost")
	}
	if len(to.Proofs) == len(from.Proofs) {
		return
	}
	a, ok := in.(Answered)
	switch {
	case len(to.Proofs) != len(from.Proofs)+1, !ok, !a.Right:
		fail("a proof without a right answer")
	case from.Open == nil || from.Open.Factor != a.Factor || !now.Before(from.Open.Expires):
		fail("a proof without its open, unexpired question")
	case to.Open != nil:
		fail("a question that was answered right stayed open")
	case from.proven(a.Factor) || !slices.Contains(from.Usable, a.Factor) || from.Decoy():
		fail("a proof of a factor that was proven, or is not theirs")
	}
}

func (g *history) grant(fail func(string), from, to Recovery, in Input, now time.Time) {
	switch {
	case from.State == Verifying && to.State == Verified:
		g.grants++
	case from.State == Verified && to.State == Applying:
		g.spent++
		if !now.Before(from.Grant) {
			fail("the grant was used too late")
		}
	case from.State == Applying && to.State == Verified:
		if o := in.(Settled).Outcome; o != Rejected && o != Unreached {
			fail("the grant was given back on " + string(o))
		}
		g.spent--
		if !to.Grant.Equal(from.Grant) || to.Deadline.After(from.Grant) {
			fail("giving the grant back made it last longer")
		}
	case from.State == Applying && to.State == Applying:
		if in.(Settled).Outcome != Uncertain {
			fail("applying stayed for something certain")
		}
	}
	if to.State == Applying && from.State != Verified && from.State != Applying {
		fail("applying without a grant")
	}
	if to.State == Done && (from.State != Applying || in.(Settled).Outcome != Applied) {
		fail("done without the directory's word")
	}
	if g.spent > 1 || g.spent > g.grants {
		fail("a grant was used twice")
	}
}

func (g *history) limits(fail func(string), from, to Recovery, in Input) {
	g.wrong += to.Wrong - from.Wrong
	g.asked += to.Asked - from.Asked
	g.rejected += to.Rejected - from.Rejected
	l := to.Limits
	if to.Wrong > l.Wrong || to.Rejected > l.Rejected || g.asked > l.Asked+1 {
		fail("a limit was passed")
	}
	if !to.State.Final() && (to.Wrong >= l.Wrong || to.Asked > l.Asked || to.Rejected >= l.Rejected) {
		fail("still going on at a limit")
	}
	if a, ok := in.(Answered); ok && to.State != Expired && to.State != Unsettled && !a.Right && to.Wrong != from.Wrong+1 {
		fail("a wrong answer was not counted")
	}
}

// TestSomebodyAndNobodyLookAlike walks a decoy and a real person through the same inputs with
// wrong answers: every view and every error must be the same.
func TestSomebodyAndNobodyLookAlike(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 9))
		now := t0
		somebody, e1 := Begin("r", alice, decision(), now)
		somebody.Locked = seed%2 == 0
		nobody, e2 := Begin("r", account.Ref{}, decision(), now)
		if e1 != e2 {
			t.Fatal("the events differ at the start")
		}
		for range 30 {
			now = now.Add(time.Duration(r.IntN(60)) * time.Second)
			in := input(r, somebody, now)
			if a, ok := in.(Answered); ok {
				a.Right = false
				in = a
			}
			n1, _, err1 := Step(somebody, in, now)
			wrongIn := in
			if a, ok := in.(Answered); ok {
				a.Right = true // even a method that errs for a decoy changes nothing
				wrongIn = a
			}
			n2, _, err2 := Step(nobody, wrongIn, now)
			if err1 != err2 {
				t.Fatalf("seed %d: %+v: errors %v and %v", seed, in, err1, err2)
			}
			if v1, v2 := n1.View(), n2.View(); !reflect.DeepEqual(v1, v2) {
				t.Fatalf("seed %d: %+v: views differ\n%+v\n%+v", seed, in, v1, v2)
			}
			somebody, nobody = n1, n2
		}
	}
}
