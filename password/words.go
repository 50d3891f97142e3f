package password

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	leastWord = 3 // shorter words occur by chance
	leastRest = 8 // what must be left without the words: the least length of any password
	mostShown = 3
)

// mostlyWords refuses a password that consists mainly of known words: when every occurrence of
// the person's and the organisation's words is taken out, at least leastRest characters must be
// left, where one that stands there again and again counts twice at most. Case and look-alike characters
// (0 for o, 4 for a, …) make no difference, and a word of several parts counts by its parts too.
//
// So a sentence that happens to contain a name is fine, while a name with a year and an
// exclamation mark is not. This is no blocklist: that one compares whole passwords.
func (r Rules) mostlyWords(s string) []Violation {
	s = alike(s)
	covered := make([]bool, len(s))
	own, banned := cover(s, covered, r.Own), cover(s, covered, r.Banned)
	if own == "" && banned == "" || left(s, covered) >= leastRest {
		return nil
	}
	var out []Violation
	if banned != "" {
		out = append(out, Violation{RuleBanned, map[string]any{"n": leastRest, "words": shown(r.Banned), "word": banned}})
	}
	if own != "" {
		out = append(out, Violation{RuleOwn, map[string]any{"n": leastRest, "word": own}})
	}
	return out
}

// cover marks the bytes of s that belong to one of words and returns the first word that occurs.
func cover(s string, covered []bool, words []string) string {
	first := ""
	for _, w := range words {
		for _, p := range parts(w) {
			p = alike(p)
			for at := 0; ; at++ {
				i := strings.Index(s[at:], p)
				if i < 0 {
					break
				}
				at += i
				for k := range p {
					covered[at+k] = true
				}
				if first == "" {
					first = w
				}
			}
		}
	}
	return first
}

// left counts the characters that are not covered, the same one in a row twice at most.
func left(s string, covered []bool) int {
	n, last, again := 0, rune(-1), 0
	for i, c := range s {
		if covered[i] {
			continue
		}
		again++
		if c != last {
			last, again = c, 1
		}
		if again <= 2 {
			n++
		}
	}
	return n
}

// parts returns a word and, where it has several, its parts; none that is too short.
func parts(word string) []string {
	var out []string
	other := func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsMark(c) }
	for _, p := range append([]string{strings.TrimFunc(word, other)}, strings.FieldsFunc(word, other)...) {
		if utf8.RuneCountInString(p) >= leastWord && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// words are what an attacker who knows the person would try first.
func (r Rules) words() []string { return slices.Concat(r.Own, r.Banned) }

// alike maps characters that stand for each other to one.
func alike(s string) string {
	return strings.Map(func(c rune) rune {
		switch c = unicode.ToLower(c); c {
		case '4', '@':
			return 'a'
		case '8':
			return 'b'
		case '3', '€':
			return 'e'
		case '6', '9':
			return 'g'
		case '1', '!', '|', 'l':
			return 'i'
		case '0':
			return 'o'
		case '5', '$':
			return 's'
		case '7', '+':
			return 't'
		case '2':
			return 'z'
		}
		return c
	}, folded(s))
}

// shown names the first words of a list for a text.
func shown(words []string) string { return strings.Join(words[:min(len(words), mostShown)], ", ") }
