package guess

import "slices"

const (
	leastRun    = 3 // keys in a row that make a run
	longestBase = 4 // characters that make a pattern of whatever is made by repeating them
)

// Pattern reports whether the whole password, without regard to case, is something that hands do
// by themselves: up to four characters again and again, runs of at least three keys in one
// direction (or the same key, or the next letter or digit) with nothing in between, or two such
// things in turn (1q2w3e4r). Lists of common passwords are full of these, and in lengths that no list covers.
func Pattern(password string) bool {
	text := lowered([]rune(password))
	if len(text) < 2*leastRun {
		return false
	}
	for size := 1; size <= longestBase && 2*size <= len(text); size++ {
		if slices.Equal(text[size:], text[:len(text)-size]) {
			return true
		}
	}
	return runs(text) || runs(every2nd(text)) && runs(every2nd(text[1:]))
}

// runs reports whether text is runs of one alphabet or keyboard.
func runs(text []rune) bool {
	return inRuns(text, next) || slices.ContainsFunc(keyboards, func(k keyboard) bool {
		return !k.pad && inRuns(text, k.direction)
	})
}

func every2nd(text []rune) []rune {
	var out []rune
	for i := 0; i < len(text); i += 2 {
		out = append(out, text[i])
	}
	return out
}

// inRuns reports whether text can be cut into runs of constant direction. A step with no
// direction belongs to no run.
func inRuns(text []rune, direction func(a, b rune) int) bool {
	for i := 0; i < len(text); {
		d := none
		j := i + 1
		for ; j < len(text); j++ {
			to := direction(text[j-1], text[j])
			if to == none || d != none && to != d {
				break
			}
			d = to
		}
		if j-i < leastRun {
			return false
		}
		i = j
	}
	return true
}

// Directions besides those between keys, which count from 0.
const (
	none = -1
	same = -2
	up   = -3
	down = -4
)

// next is the direction from one letter or digit to another, in the alphabet's order; 0 comes
// before 1 and after 9.
func next(a, b rune) int {
	switch {
	case a == b:
		return same
	case b == a+1, a == '9' && b == '0':
		return up
	case b == a-1, a == '0' && b == '9':
		return down
	}
	return none
}

// direction is that of two keys that touch. Digits are left to next: on a keyboard they touch no
// other digits.
func (k keyboard) direction(a, b rune) int {
	if d := next(a, b); d == same || '0' <= a && a <= '9' && '0' <= b && b <= '9' {
		return d
	}
	d, _ := k.step(a, b)
	return d
}
