package password

import (
	"math"
	"strconv"

	"postern/password/guess"
	"postern/secret"
)

// Estimate is how long a password would withstand guessing.
type Estimate struct {
	Guesses float64 // log10
	Score   int     // 0 (at once) to 4 (centuries)
}

// Key is the key of the sentence that says it.
func (e Estimate) Key() string { return "password.strength." + strconv.Itoa(e.Score) }

// Strength estimates candidate, knowing words that an attacker would try first. The scores' limits
// are 10^3, 10^6, 10^8 and 10^10 guesses. Only the first 72 characters are looked at.
func Strength(candidate secret.Text, words []string) Estimate {
	var known []string
	for _, w := range words {
		for _, p := range parts(w) {
			known = append(known, folded(p))
		}
	}
	e := Estimate{Guesses: guess.Log10(composed(candidate.Reveal()), known)}
	for _, limit := range []float64{1e3, 1e6, 1e8, 1e10} {
		if e.Guesses >= math.Log10(limit+5) {
			e.Score++
		}
	}
	return e
}

// composed returns the beginning of s, all that Strength looks at, in NFC. Text of any size costs
// the same: at most four characters make one.
func composed(s string) string {
	n := 0
	for i := range s {
		if n == 4*guess.Longest {
			s = s[:i]
			break
		}
		n++
	}
	out, _ := normalised(s)
	return out
}
