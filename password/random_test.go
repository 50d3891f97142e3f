package password

import (
	"math/rand/v2"
	"testing"
)

func TestRandom(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2)).IntN
	for _, c := range []struct {
		name string
		r    Rules
		want int // length; 0: none
	}{
		{"no rules", Rules{}, 32},
		{"a long minimum", Rules{Min: 40}, 40},
		{"a directory that counts bytes", Rules{Directory: Directory{MinBytes: 50}}, 50},
		{"a short maximum", Rules{Directory: Directory{MaxLength: 8, Complex: true}}, 8},
		{"everything asked", Rules{Min: 15, Guesses: 10, Own: []string{"canary"}, Directory: Directory{Complex: true}}, 32},
		{"no room", Rules{Min: 15, Directory: Directory{MaxLength: 10}}, 0},
	} {
		seen := map[string]bool{}
		for range 50 {
			word := c.r.Random(draw)
			if n := len(word.Reveal()); n != c.want {
				t.Fatalf("%s: got %d characters, want %d", c.name, n, c.want)
			}
			if c.want == 0 {
				break
			}
			if _, bad := c.r.Check(word); len(bad) != 0 || kinds(word.Reveal()) != 4 || seen[word.Reveal()] {
				t.Fatalf("%s: %v, %d kinds, seen before: %v", c.name, bad, kinds(word.Reveal()), seen[word.Reveal()])
			}
			seen[word.Reveal()] = true
		}
	}
}
