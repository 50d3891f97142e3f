package guess

import (
	"slices"
	"strings"
	"unicode"
)

const (
	nearest  = 20 // years; nearer ones take as many guesses
	earliest = 1000
	latest   = 2050
)

func yearGuesses(y int) float64 { return float64(max(y-year, year-y, nearest)) }

// years finds years from 1900 to 2039.
func (f *finder) years() {
	for i := 0; i+4 <= len(f.text); i++ {
		y := number(f.text[i : i+4])
		if 1900 <= y && y <= 2039 {
			f.add(i, i+3, yearGuesses(y))
			i += 3
		}
	}
}

// number reads digits; -1 when there is anything else.
func number(digits []rune) int {
	n := 0
	for _, r := range digits {
		if r < '0' || r > '9' {
			return -1
		}
		n = n*10 + int(r-'0')
	}
	return n
}

// date is one that was found.
type date struct {
	i, j    int
	guesses float64
}

// dates finds dates with and without separators, but none inside another.
func (f *finder) dates() {
	var all []date
	for i := range f.text {
		for j := i + 3; j < min(i+10, len(f.text)); j++ {
			token := f.text[i : j+1]
			if y := packed(token); y > 0 {
				all = append(all, date{i, j, yearGuesses(y) * 365})
			} else if y := separated(token); y > 0 {
				all = append(all, date{i, j, yearGuesses(y) * 365 * 4})
			}
		}
	}
	for _, d := range all {
		inside := func(o date) bool { return o != d && o.i <= d.i && o.j >= d.j }
		if !slices.ContainsFunc(all, inside) {
			f.add(d.i, d.j, d.guesses)
		}
	}
}

// splits are where a date without separators can be cut, by its length.
var splits = map[int][][2]int{
	4: {{1, 2}, {2, 3}},
	5: {{1, 3}, {2, 3}},
	6: {{1, 2}, {2, 4}, {4, 5}},
	7: {{1, 3}, {2, 3}, {4, 5}, {4, 6}},
	8: {{2, 4}, {4, 6}},
}

// packed returns the year of a date without separators, the one nearest to now; 0: no date.
func packed(token []rune) int {
	if number(token) < 0 {
		return 0
	}
	best := 0
	for _, s := range splits[len(token)] {
		y := yearOf(number(token[:s[0]]), number(token[s[0]:s[1]]), number(token[s[1]:]))
		if y > 0 && (best == 0 || max(y-year, year-y) < max(best-year, year-best)) {
			best = y
		}
	}
	return best
}

// separated returns the year of a date with the same separator twice; 0: no date.
func separated(token []rune) int {
	separator := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`/\_.-`, r) }
	a := slices.IndexFunc(token, separator)
	if len(token) < 6 || a < 1 || a > 4 {
		return 0
	}
	b := slices.Index(token[a+1:], token[a])
	rest := len(token) - a - b - 2
	if b < 1 || b > 2 || rest < 1 || rest > 4 {
		return 0
	}
	x, y, z := number(token[:a]), number(token[a+1:a+1+b]), number(token[a+b+2:])
	if x < 0 || y < 0 || z < 0 {
		return 0
	}
	return yearOf(x, y, z)
}

// yearOf reads three numbers as a date with the year first or last; 0: they are none.
func yearOf(a, b, c int) int {
	if b > 31 || b <= 0 {
		return 0
	}
	over12, over31, none := 0, 0, 0
	for _, n := range []int{a, b, c} {
		switch {
		case 99 < n && n < earliest, n > latest:
			return 0
		case n <= 0:
			none++
		case n > 31:
			over31++
			over12++
		case n > 12:
			over12++
		}
	}
	if over31 >= 2 || over12 == 3 || none >= 2 {
		return 0
	}
	for _, o := range [][3]int{{c, a, b}, {a, b, c}} {
		if o[0] >= earliest {
			if dayAndMonth(o[1], o[2]) {
				return o[0]
			}
			return 0
		}
	}
	for _, o := range [][3]int{{c, a, b}, {a, b, c}} {
		if dayAndMonth(o[1], o[2]) {
			return century(o[0])
		}
	}
	return 0
}

func dayAndMonth(a, b int) bool {
	in := func(n, last int) bool { return 1 <= n && n <= last }
	return in(a, 31) && in(b, 12) || in(b, 31) && in(a, 12)
}

func century(y int) int {
	if y > 50 {
		return y + 1900
	}
	return y + 2000
}
