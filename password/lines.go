package password

import "math"

// Lines returns the checklist: the rules that hold for this person, the directory's among them,
// in the order of the rules' names. That control characters are refused and that there is some
// greatest length goes without saying; the directory's greatest length does not.
func (r Rules) Lines() []Line {
	out := []Line{{RuleLength, number(r.min()), true}}
	if r.Directory.MaxLength > 0 {
		out = append(out, Line{RuleTooLong, number(r.max()), true})
	}
	if len(r.Banned) > 0 {
		out = append(out, Line{RuleBanned, map[string]any{"n": leastRest, "words": shown(r.Banned)}, false})
	}
	if len(r.Own) > 0 {
		out = append(out, Line{RuleOwn, number(leastRest), true})
	}
	if r.Common != nil {
		out = append(out, Line{Rule: RuleCommon})
	}
	if r.Guesses != 0 {
		out = append(out, Line{RuleGuessable, number(int(math.Ceil(r.Guesses))), false})
	}
	if n := r.history(); n > 0 {
		out = append(out, Line{RuleHistory, number(n), false})
	}
	if r.Directory.Enforced && r.Directory.MinAge > 0 {
		out = append(out, Line{RuleAge, number(int(math.Ceil(r.Directory.MinAge.Hours()))), false})
	}
	if r.Directory.Complex {
		out = append(out, Line{RuleComplex, number(leastKinds), true})
	}
	return out
}

// history is how many former passwords are refused, by the directory or here.
func (r Rules) history() int {
	if r.Directory.Enforced {
		return max(r.History, r.Directory.History)
	}
	return r.History
}
