package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Thieves returns the smallest sets of things whose theft is enough to pass for somebody under d,
// with the factors that the person can use: for each way, one holding of every factor, and of all
// those sets the ones that contain no other. The result is sorted: fewest things first.
func (d Decision) Thieves(methods Methods) [][]Holding {
	var sets [][]Holding
	for _, w := range d.Plan.Within(d.Usable).Ways {
		sets = append(sets, pickings(w, methods)...)
	}
	slices.SortFunc(sets, func(a, b []Holding) int { return cmp.Or(cmp.Compare(len(a), len(b)), slices.Compare(a, b)) })
	var least [][]Holding
	for _, s := range sets {
		if !slices.ContainsFunc(least, func(l []Holding) bool { return subset(l, s) }) {
			least = append(least, s)
		}
	}
	return least
}

// pickings returns every choice of one holding for each factor of w, as sorted sets.
func pickings(w Way, methods Methods) [][]Holding {
	sets := [][]Holding{nil}
	for _, f := range w {
		var next [][]Holding
		for _, s := range sets {
			for _, h := range methods[f].Holdings {
				n := s
				if !slices.Contains(s, h) {
					n = append(slices.Clone(s), h)
				}
				slices.Sort(n)
				next = append(next, n)
			}
		}
		sets = next
	}
	return sets
}

func subset(small, big []Holding) bool {
	return !slices.ContainsFunc(small, func(h Holding) bool { return !slices.Contains(big, h) })
}

// Weaker returns which of people could be taken over with less under next than under old: a set
// of things that is enough now and was not before.
func Weaker(old, next Policy, methods Methods, people []Person, now time.Time) []Finding {
	var out []Finding
	for _, who := range people {
		before, after := old.Decide(who, methods, now), next.Decide(who, methods, now)
		if !after.Allowed {
			continue
		}
		var known [][]Holding
		if before.Allowed {
			known = before.Thieves(methods)
		}
		for _, s := range after.Thieves(methods) {
			if slices.ContainsFunc(known, func(l []Holding) bool { return subset(l, s) }) {
				continue
			}
			out = append(out, Finding{false, after.Rule,
				fmt.Sprintf("%s could now be taken over by whoever has %s", who.Account.Login, holdings(s)), "change policy.rules"})
		}
	}
	return out
}

func holdings(s []Holding) string {
	names := make([]string, len(s))
	for i, h := range s {
		names[i] = string(h)
	}
	return strings.Join(names, " and ")
}
