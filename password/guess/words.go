package guess

import (
	"slices"
	"unicode/utf8"
)

// lookup calls visit for every listed word in text, which is in lower case, with its rank.
func (f *finder) lookup(text []rune, visit func(i, j, rank int)) {
	built := builtin()
	longest := max(built.longest, f.known.longest)
	word := make([]byte, 0, 4*Longest)
	for i := range text {
		h := start
		word = word[:0]
		for j := i; j < len(text) && j-i < longest; j++ {
			h = h.with(text[j])
			word = utf8.AppendRune(word, text[j])
			rank := 0
			if j-i < f.known.longest {
				rank = f.known.rank(h, word)
			}
			if r := built.rank(h, word); r > 0 && (rank == 0 || r < rank) {
				rank = r
			}
			if rank > 0 {
				visit(i, j, rank)
			}
		}
	}
}

// words finds listed words, also backwards, which takes twice the guesses.
func (f *finder) words() {
	n := len(f.text)
	f.lookup(f.lower, func(i, j, rank int) {
		f.add(i, j, float64(rank)*capitals(f.text[i:j+1]))
	})
	back := slices.Clone(f.lower)
	slices.Reverse(back)
	f.lookup(back, func(i, j, rank int) {
		i, j = n-1-j, n-1-i
		f.add(i, j, 2*float64(rank)*capitals(f.text[i:j+1]))
	})
}

// capitals is how many ways of capitalising are tried before that of token: one for none, two
// for the usual ones (first, last, all), else as many as there are with so many capitals.
func capitals(token []rune) float64 {
	upper, lower := 0, 0
	for _, r := range token {
		switch {
		case 'A' <= r && r <= 'Z':
			upper++
		case 'a' <= r && r <= 'z':
			lower++
		}
	}
	isUpper := func(r rune) bool { return 'A' <= r && r <= 'Z' }
	switch {
	case upper == 0:
		return 1
	case lower == 0, upper == 1 && (isUpper(token[0]) || isUpper(token[len(token)-1])):
		return 2
	}
	return mixtures(upper, lower)
}

// substitution says that a character stands for a letter.
type substitution struct{ char, letter rune }

// lookalikes are the characters that people write for letters.
var lookalikes = []struct {
	letter rune
	chars  string
}{
	{'a', "4@"}, {'b', "8"}, {'c', "({[<"}, {'e', "3"}, {'g', "69"}, {'i', "1!|"},
	{'l', "1|7"}, {'o', "0"}, {'s', "$5"}, {'t', "+7"}, {'x', "%"}, {'z', "2"},
}

// tried is how many sets of substitutions are looked at. Passwords with six of the characters
// have fewer; without a bound a password of all of them has hundreds.
const tried = 64

// substituted finds words in which look-alike characters stand for letters.
func (f *finder) substituted() {
	text := make([]rune, len(f.lower))
	for _, set := range sets(f.text) {
		if len(set) == 0 {
			continue
		}
		for k, r := range f.lower {
			text[k] = letter(set, r)
		}
		f.lookup(text, func(i, j, rank int) {
			if i == j || slices.Equal(text[i:j+1], f.lower[i:j+1]) {
				return
			}
			token := f.text[i : j+1]
			f.add(i, j, float64(rank)*capitals(token)*swaps(set, f.lower[i:j+1]))
		})
	}
}

func letter(set []substitution, r rune) rune {
	for _, s := range set {
		if s.char == r {
			return s.letter
		}
	}
	return r
}

// swaps is how many ways of substituting are tried before that of token, given in lower case.
func swaps(set []substitution, token []rune) float64 {
	ways := 1.0
	for _, s := range set {
		chars, letters := 0, 0
		for _, r := range token {
			switch r {
			case s.char:
				chars++
			case s.letter:
				letters++
			}
		}
		switch {
		case chars == 0:
		case letters == 0:
			ways *= 2
		default:
			ways *= mixtures(chars, letters)
		}
	}
	return ways
}

// sets enumerates the sets of substitutions that password can have been made with: in each one
// a letter has one character and a character one letter.
func sets(password []rune) [][]substitution {
	out := [][]substitution{nil}
	for _, l := range lookalikes {
		var next [][]substitution
		for _, c := range l.chars {
			if slices.Contains(password, c) {
				next = append(next, withEach(out, substitution{c, l.letter})...)
			}
		}
		if next != nil {
			out = distinct(next)
		}
		if len(out) > tried {
			out = out[:tried]
		}
	}
	return out
}

// withEach adds s to every set; where its character is taken already, both meanings stay.
func withEach(sets [][]substitution, s substitution) [][]substitution {
	var out [][]substitution
	for _, set := range sets {
		at := slices.IndexFunc(set, func(o substitution) bool { return o.char == s.char })
		extended := slices.Clone(set)
		if at >= 0 {
			out = append(out, set)
			extended = slices.Delete(extended, at, at+1)
		}
		extended = append(extended, s)
		slices.SortFunc(extended, func(a, b substitution) int { return int(a.char) - int(b.char) })
		out = append(out, extended)
	}
	return out
}

func distinct(sets [][]substitution) [][]substitution {
	var out [][]substitution
	for _, s := range sets {
		if !slices.ContainsFunc(out, func(o []substitution) bool { return slices.Equal(o, s) }) {
			out = append(out, s)
		}
	}
	return out
}
