package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// Requirement is how people write what a rule asks for. Compile turns it into ways.
type Requirement struct {
	Methods int      // at least this many methods of different holdings; zero: 2
	AtLeast Strength // of which one is at least so strong
	Allow   []Factor // only these; empty: all
	Passkey bool     // a factor that verifies the person is enough alone
	AnyOf   []Way    // or the ways written out by hand
}

// Compile returns the plan of r with the methods that exist. Every way that needs one own holding
// twice, or that consists of issued codes only, is left out: a Requirement can be impossible, and
// then the plan is empty and never met.
func (r Requirement) Compile(methods Methods) Plan {
	plan := Plan{AtLeast: r.AtLeast}
	allowed := r.allowed(methods)
	if r.Passkey {
		for _, f := range allowed {
			if methods[f].Verifies {
				plan.Ways = append(plan.Ways, Way{f})
			}
		}
	}
	if len(r.AnyOf) > 0 {
		for _, w := range r.AnyOf {
			if r.fault(w, methods) == "" {
				plan.add(w)
			}
		}
		return plan
	}
	n := r.Methods
	if n == 0 {
		n = 2
	}
	each(allowed, n, func(w Way) {
		if r.fault(w, methods) == "" {
			plan.add(slices.Clone(w))
		}
	})
	return plan
}

// add appends w unless a way that is there already is enough with less.
func (p *Plan) add(w Way) {
	for _, v := range p.Ways {
		if !slices.ContainsFunc(v, func(f Factor) bool { return !slices.Contains(w, f) }) {
			return
		}
	}
	p.Ways = append(p.Ways, w)
}

// allowed returns the factors that r may use, strongest first.
func (r Requirement) allowed(methods Methods) []Factor {
	var out []Factor
	for f := range methods {
		if len(r.Allow) == 0 || slices.Contains(r.Allow, f) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Factor) int {
		return cmp.Or(cmp.Compare(methods[b].Strength, methods[a].Strength), cmp.Compare(a, b))
	})
	return out
}

// fault says why w proves too little, or "".
func (r Requirement) fault(w Way, methods Methods) string {
	if len(w) == 0 {
		return "is empty"
	}
	strongest, issued := Weak, 0
	own := map[Holding]Factor{}
	for i, f := range w {
		t, ok := methods[f]
		switch {
		case !ok:
			return fmt.Sprintf("names %q, which is no configured method", f)
		case slices.Contains(w[:i], f):
			return fmt.Sprintf("names %q twice", f)
		}
		if other, ok := own[t.Own()]; ok {
			return fmt.Sprintf("needs the same thing (%s) for %q and %q", t.Own(), other, f)
		}
		own[t.Own()] = f
		strongest = max(strongest, t.Strength)
		if t.Issued {
			issued++
		}
	}
	// NIST SP 800-63B-4 section 4.2.2.2: codes that we send are one kind, however many.
	switch {
	case issued == len(w):
		return "consists of codes that we send, and of nothing else"
	case issued > 1:
		return "counts two codes that we send as two"
	case strongest < r.AtLeast:
		return fmt.Sprintf("has no method that is at least %s", r.AtLeast)
	}
	return ""
}

// each calls f with every subset of n of the factors, in order.
func each(factors []Factor, n int, f func(Way)) {
	if n < 1 || n > len(factors) {
		return
	}
	var pick func(way Way, from int)
	pick = func(way Way, from int) {
		if len(way) == n {
			f(way)
			return
		}
		for i := from; i <= len(factors)-(n-len(way)); i++ {
			pick(append(way, factors[i]), i+1)
		}
	}
	pick(make(Way, 0, n), 0)
}
