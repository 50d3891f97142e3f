package password

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postern/secret"
)

const (
	leastMin   = 8    // NIST SP 800-63B-4 section 3.1.1.2: with another factor
	leastMax   = 128  // more than the 64 that the section asks for
	defaultMax = 256  // a sentence or two
	mostBytes  = 4096 // refused before any work
	leastKinds = 3
)

// Check returns the candidate in NFC (NIST SP 800-63B-4 section 3.1.1.2), which is what must be
// sent to the directory, and every reason against it, in the order of the rules' names. Nothing
// but NFC is done to it. History and age are the directory's to judge.
//
// A candidate of more than 4096 bytes, or without an NFC that every program agrees on, is refused
// for that reason alone, and the empty secret is returned.
func (r Rules) Check(candidate secret.Text) (secret.Text, []Violation) {
	s := candidate.Reveal()
	if len(s) > mostBytes {
		return secret.Text{}, []Violation{{RuleTooLong, number(r.max())}}
	}
	s, ok := normalised(s)
	if !ok {
		return secret.Text{}, []Violation{{Rule: RuleCharacter}}
	}
	var out []Violation
	n := utf8.RuneCountInString(s)
	if n < r.points() || len(s) < r.Directory.MinBytes {
		out = append(out, Violation{RuleLength, number(r.min())})
	}
	if n > r.max() {
		out = append(out, Violation{RuleTooLong, number(r.max())})
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		out = append(out, Violation{Rule: RuleCharacter})
	}
	out = append(out, r.mostlyWords(s)...)
	if r.Common.Has(secret.New(s)) {
		out = append(out, Violation{Rule: RuleCommon})
	}
	if r.guessable(s) {
		out = append(out, Violation{RuleGuessable, number(int(math.Ceil(r.Guesses)))})
	}
	if r.Directory.Complex && kinds(s) < leastKinds {
		out = append(out, Violation{RuleComplex, number(leastKinds)})
	}
	return secret.New(s), out
}

// normalised returns s in NFC; false when it is no UTF-8 or has more than 30 combining marks in a
// row. Among those x/text puts a character of its own (UAX #15 section 13, stream-safe text),
// which other programs do not, so that the password could not be typed again.
func normalised(s string) (string, bool) {
	if !utf8.ValidString(s) {
		return "", false
	}
	const joiner = "\u034f"
	out := norm.NFC.String(s)
	return out, strings.Count(out, joiner) == strings.Count(s, joiner)
}

// points is the least length in code points.
func (r Rules) points() int { return max(r.Min, leastMin, r.Directory.MinLength) }

// min is the least length as people are told it. A directory that counts bytes asks for so many
// plain letters; of other characters fewer may do.
func (r Rules) min() int { return max(r.points(), r.Directory.MinBytes) }

// max is the greatest length, the directory's when that is less.
func (r Rules) max() int {
	n := r.Max
	if n == 0 {
		n = defaultMax
	}
	n = max(n, leastMax)
	if d := r.Directory.MaxLength; d > 0 {
		n = min(n, d)
	}
	return n
}

// guessable reports whether s withstands too few guesses. A limit that is no number is never
// withstood.
func (r Rules) guessable(s string) bool {
	return r.Guesses != 0 && !(Strength(secret.New(s), r.words()).Guesses >= r.Guesses)
}

// kinds counts the kinds of characters in s as Active Directory does: capital letters, small
// letters, other letters, the digits 0 to 9, everything else.
func kinds(s string) int {
	var has [5]bool
	for _, c := range s {
		switch {
		case unicode.IsUpper(c):
			has[0] = true
		case unicode.IsLower(c):
			has[1] = true
		case unicode.IsLetter(c):
			has[2] = true
		case '0' <= c && c <= '9':
			has[3] = true
		default:
			has[4] = true
		}
	}
	n := 0
	for _, h := range has {
		if h {
			n++
		}
	}
	return n
}

func number(n int) map[string]any { return map[string]any{"n": n} }
