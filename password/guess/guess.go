// Package guess estimates how many guesses a password withstands, by the method of D. L. Wheeler,
// "zxcvbn: Low-Budget Password Strength Estimation" (USENIX Security 2016): the password is
// covered by patterns that people use (listed words, keyboard walks, repetitions, sequences,
// dates), each with a number of guesses, and the cheapest covering is what an attacker needs.
//
// It is no policy: it refuses nothing and knows no rule. It stores nothing that it is given. It
// guards against costly input by looking at the first Longest characters only and by bounding
// the substitutions that it tries; what lies beyond can only make a password better than said.
//
// The word lists are those that the module ccojocar/zxcvbn-go carries. They are unpacked at
// first use and never change afterwards.
package guess

import "math"

// Longest is how many characters are looked at.
const Longest = 72

const (
	perCharacter = 10    // guesses for a character that no pattern covers
	perPattern   = 10000 // guesses spent before one more pattern is tried
	leastOne     = 10    // a pattern of one character that is a part of the password
	leastMany    = 50    // a longer one
	year         = 2026  // dates are measured from here
)

// Log10 returns the decimal logarithm of the guesses that password withstands when an attacker
// tries words first, in their order. A password without characters has 0.
func Log10(password string, words []string) float64 {
	return math.Log10(guesses(first(password), newDictionary(words)))
}

// first returns the characters that count.
func first(password string) []rune {
	rs := make([]rune, 0, Longest)
	for _, r := range password {
		if len(rs) == Longest {
			break
		}
		rs = append(rs, r)
	}
	return rs
}

// guesses covers password with the patterns found in it.
func guesses(password []rune, words *dictionary) float64 {
	if len(password) == 0 {
		return 1
	}
	f := newFinder(password, words)
	f.words()
	f.substituted()
	f.walks()
	f.repeats()
	f.sequences()
	f.years()
	f.dates()
	return f.cheapest()
}

// finder collects what was found in one password: for each part the fewest guesses.
type finder struct {
	text  []rune
	lower []rune
	known *dictionary // words that the caller named; the built-in ones come on top
	found []float64   // by place(i, j); 0: no pattern covers just this part
}

func newFinder(password []rune, known *dictionary) *finder {
	n := len(password)
	return &finder{text: password, lower: lowered(password), known: known, found: make([]float64, n*n)}
}

// add notes that the part from i to j, both included, takes so many guesses.
func (f *finder) add(i, j int, guesses float64) {
	n := len(f.text)
	if j-i+1 < n {
		guesses = max(guesses, least(j-i+1))
	}
	if at := &f.found[j*n+i]; *at == 0 || guesses < *at {
		*at = guesses
	}
}

func least(length int) float64 {
	if length == 1 {
		return leastOne
	}
	return leastMany
}

// cover is the best covering of the password's beginning up to one character, by number of parts.
type cover struct {
	guesses []float64 // 0: none
	product []float64
	brute   []bool // the last part is characters that no pattern covers
}

// cheapest finds the covering with the fewest guesses: for l parts of g guesses each, l! times
// the product, and perPattern to the power of l-1 for the shorter coverings tried before.
func (f *finder) cheapest() float64 {
	n := len(f.text)
	best := make([]cover, n)
	for k := range best {
		best[k] = cover{make([]float64, n+1), make([]float64, n+1), make([]bool, n+1)}
	}
	for k := range n {
		for i := range k + 1 {
			if g := f.found[k*n+i]; g > 0 {
				extend(best, part{i: i, j: k, guesses: g})
			}
		}
		for i := range k + 1 {
			extend(best, part{i: i, j: k, guesses: bruteForce(k - i + 1), brute: true})
		}
	}
	out := math.Inf(1)
	for _, g := range best[n-1].guesses {
		if g > 0 {
			out = min(out, g)
		}
	}
	return out
}

func bruteForce(length int) float64 {
	return max(math.Pow(perCharacter, float64(length)), least(length)+1)
}

// part is one piece of a covering.
type part struct {
	i, j    int
	guesses float64
	brute   bool
}

// extend tries p after every covering that ends before it. Two uncovered parts in a row are one.
func extend(best []cover, p part) {
	if p.i == 0 {
		best[p.j].update(p, 1, p.guesses)
		return
	}
	before := best[p.i-1]
	for l, g := range before.guesses {
		if g > 0 && !(p.brute && before.brute[l]) {
			best[p.j].update(p, l+1, p.guesses*before.product[l])
		}
	}
}

func (c cover) update(p part, l int, product float64) {
	g := factorial(l)*product + math.Pow(perPattern, float64(l-1))
	for _, other := range c.guesses[:l+1] {
		if other > 0 && other <= g {
			return
		}
	}
	c.guesses[l], c.product[l], c.brute[l] = g, product, p.brute
}

func factorial(n int) float64 {
	f := 1.0
	for i := 2; i <= n; i++ {
		f *= float64(i)
	}
	return f
}

// choose is the binomial coefficient.
func choose(n, k int) float64 {
	if k > n {
		return 0
	}
	r := 1.0
	for d := 1; d <= k; d++ {
		r = r * float64(n-d+1) / float64(d)
	}
	return r
}

// mixtures counts the ways to have up to the lesser of a and b things among a+b.
func mixtures(a, b int) float64 {
	sum := 0.0
	for i := 1; i <= min(a, b); i++ {
		sum += choose(a+b, i)
	}
	return sum
}
