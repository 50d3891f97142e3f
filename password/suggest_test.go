package password

import (
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/secret"
)

func TestSuggestedWords(t *testing.T) {
	seen := map[string]bool{}
	for i := range wordCount() {
		w := word(i)
		if seen[w] || slices.Contains(unsuggested, w) {
			t.Fatalf("%s is suggested twice or should not be", w)
		}
		seen[w] = true
	}
	if len(seen) != 33794 {
		t.Errorf("got %d words, want the 33794 that the comment states", len(seen))
	}
	if bits := suggestedWords * math.Log2(float64(len(seen))); bits < 60 || math.Abs(bits-60.2) > 0.05 {
		t.Errorf("got %.2f bits, want 60.2", bits)
	}
	if !slices.IsSorted(unsuggested) {
		t.Error("the words that are passed over are not in order")
	}
	for _, w := range unsuggested {
		if at := indexOf(w); at < 0 || at >= 33800 || seen[w] {
			t.Errorf("%s cannot be made of the letters", w)
		}
	}
}

func TestSuggest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	form := regexp.MustCompile(`^([bdhjklmnrstvw][aeiou]){2}[bdklmprt](-([bdhjklmnrstvw][aeiou]){2}[bdklmprt]){3}$`)
	rules := Rules{Min: 15, Guesses: 10, Common: CommonPasswords(), Own: []string{"anna"}, Banned: []string{"northwind"}}
	seen := map[string]bool{}
	for range 500 {
		s := rules.Suggest(r.IntN).Reveal()
		if !form.MatchString(s) || seen[s] {
			t.Fatalf("got %q, again or in another form", s)
		}
		seen[s] = true
		if _, against := rules.Check(secret.New(s)); len(against) > 0 {
			t.Fatalf("%q: refused for %v", s, against)
		}
	}
	for _, c := range []struct {
		rules Rules
		words int
	}{
		{Rules{}, 4},
		{Rules{Directory: Directory{MinLength: 24}}, 5},
		{Rules{Min: 64}, 11},
		{Rules{Directory: Directory{Complex: true}}, 4},
		{Rules{Directory: Directory{MaxLength: 23}}, 4},
		{Rules{Directory: Directory{MaxLength: 22}}, 0},
		{Rules{Min: 1 << 30}, 0},
		{Rules{Guesses: math.Inf(1)}, 0},
	} {
		s := c.rules.Suggest(r.IntN)
		if got := len(strings.FieldsFunc(s.Reveal(), func(c rune) bool { return c == '-' })); got != c.words {
			t.Errorf("%+v: got %q, want %d words", c.rules, s.Reveal(), c.words)
		}
		if _, against := c.rules.Check(s); c.words > 0 && len(against) > 0 {
			t.Errorf("%+v: %q is refused for %v", c.rules, s.Reveal(), against)
		}
	}
}
