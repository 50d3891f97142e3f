package policy

import (
	"slices"
	"time"
)

// Proof is one factor that was proven.
type Proof struct {
	Factor Factor    `json:"factor"`
	At     time.Time `json:"at"`
}

// Way is a set of factors that together are enough.
type Way []Factor

// Plan is the ways that prove somebody: any one of them.
type Plan struct {
	Ways []Way `json:"ways"`
	// AtLeast is shown to people while nothing so strong has been proven; Ways enforce it.
	AtLeast Strength `json:"at_least"`
}

// Met reports whether proofs satisfy one of the ways. The empty plan is never met.
func (p Plan) Met(proofs []Proof) bool {
	for _, w := range p.Ways {
		if len(w) > 0 && left(w, proofs) == 0 {
			return true
		}
	}
	return false
}

// Offer returns the factors that can still help, in the order of the plan.
func (p Plan) Offer(proofs []Proof) []Factor {
	var out []Factor
	for _, w := range p.Ways {
		for _, f := range w {
			if !has(proofs, f) && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// Factors returns every factor of the plan.
func (p Plan) Factors() []Factor { return p.Offer(nil) }

// Left returns how many more proofs it takes at least, not counting ways of one factor while
// there are longer ones: "two methods, or a passkey alone" is two.
func (p Plan) Left(proofs []Proof) int {
	if p.Met(proofs) {
		return 0
	}
	single, several := 0, 0
	for _, w := range p.Ways {
		n := left(w, proofs)
		switch {
		case len(w) == 0:
		case len(w) == 1:
			single = 1
		case several == 0 || n < several:
			several = n
		}
	}
	if several > 0 {
		return several
	}
	return single
}

// Alone returns the factors that are enough with what is proven, one of them alone, while the
// other ways take more.
func (p Plan) Alone(proofs []Proof) []Factor {
	if p.Left(proofs) < 2 {
		return nil
	}
	var out []Factor
	for _, f := range p.Offer(proofs) {
		if p.Met(append(slices.Clone(proofs), Proof{Factor: f})) {
			out = append(out, f)
		}
	}
	return out
}

// Within returns the plan with only the ways whose factors are all among have.
func (p Plan) Within(have []Factor) Plan {
	out := Plan{AtLeast: p.AtLeast}
	for _, w := range p.Ways {
		if len(w) > 0 && !slices.ContainsFunc(w, func(f Factor) bool { return !slices.Contains(have, f) }) {
			out.Ways = append(out.Ways, w)
		}
	}
	return out
}

func left(w Way, proofs []Proof) int {
	n := 0
	for _, f := range w {
		if !has(proofs, f) {
			n++
		}
	}
	return n
}

func has(proofs []Proof, f Factor) bool {
	return slices.ContainsFunc(proofs, func(p Proof) bool { return p.Factor == f })
}
