package portal

import (
	"crypto/rand"
	"math/big"

	"postern/password"
)

// suggestedMany is how many passphrases a page offers.
const suggestedMany = 4

// suggestions are passphrases to choose from, for the template "suggest".
type suggestions struct {
	Into        string // the field's id
	Suggestions []string
}

// suggest makes passphrases for the field into that fit what the checklist says. They are
// nobody's until one is saved.
func suggest(into string, own []string, lines []password.Line) suggestions {
	r, out := shownRules(own, lines), suggestions{Into: into}
	for range suggestedMany {
		if s := r.Suggest(draw); !s.Empty() {
			out.Suggestions = append(out.Suggestions, s.Reveal())
		}
	}
	return out
}

// shownRules are the rules that the checklist shows, as far as they can be checked while typing.
func shownRules(own []string, lines []password.Line) password.Rules {
	r := password.Rules{Own: own}
	for _, l := range lines {
		n, _ := l.Params["n"].(int)
		switch l.Rule {
		case password.RuleLength:
			r.Min = n
		case password.RuleTooLong:
			r.Directory.MaxLength = n
		case password.RuleComplex:
			r.Directory.Complex = true
		}
	}
	return r
}

// draw returns a random number below n.
func draw(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return int(i.Int64())
}
