package password

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/secret"
)

func someDirectory(t *rapid.T, label string) Directory {
	return Directory{
		MinLength: rapid.IntRange(0, 20).Draw(t, label+" min"), MinBytes: rapid.IntRange(0, 20).Draw(t, label+" bytes"),
		MaxLength: rapid.SampledFrom([]int{0, 10, 16, 40}).Draw(t, label+" max"),
		History:   rapid.IntRange(0, 9).Draw(t, label+" history"), MinAge: time.Duration(rapid.IntRange(0, 9).Draw(t, label+" age")) * time.Hour,
		Complex: rapid.Bool().Draw(t, label+" complex"), Enforced: rapid.Bool().Draw(t, label+" enforced"),
	}
}

// TestStricter: whatever fits both together fits each alone and the other way round, in any order.
func TestStricter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := someDirectory(t, "a"), someDirectory(t, "b")
		both := a.Stricter(b)
		if other := b.Stricter(a); other != both {
			t.Fatalf("the order matters: %+v and %+v", both, other)
		}
		word := secret.New(rapid.StringMatching(`[a-zäß0-9 ]{0,24}`).Draw(t, "word"))
		fits := func(d Directory) bool {
			_, bad := Rules{Min: 8, Directory: d}.Check(word)
			return len(bad) == 0
		}
		if got, want := fits(both), fits(a) && fits(b); got != want {
			t.Fatalf("fits both together: %v, each alone: %v", got, want)
		}
		shown := func(d Directory, rule string) int {
			for _, l := range (Rules{Min: 8, Directory: d}).Lines() {
				if l.Rule == rule {
					return l.Params["n"].(int)
				}
			}
			return 0
		}
		for _, rule := range []string{RuleHistory, RuleAge} {
			if got, want := shown(both, rule), max(shown(a, rule), shown(b, rule)); got != want {
				t.Fatalf("%s: %d are shown, want %d", rule, got, want)
			}
		}
	})
}

func TestPossible(t *testing.T) {
	for _, c := range []struct {
		min  int
		d    Directory
		want bool
	}{
		{15, Directory{}, true}, {15, Directory{MaxLength: 15}, true}, {15, Directory{MaxLength: 12}, false},
		{8, Directory{MinLength: 20, MaxLength: 12}, false}, {8, Directory{MinBytes: 13, MaxLength: 12}, false},
	} {
		if got := (Rules{Min: c.min, Directory: c.d}).Possible(); got != c.want {
			t.Errorf("%d and %+v: got %v", c.min, c.d, got)
		}
	}
}

// TestOwnHistoryIsShown: what is refused here stands in the checklist, the larger number of the two.
func TestOwnHistoryIsShown(t *testing.T) {
	for _, c := range []struct {
		own  int
		d    Directory
		want int
	}{
		{0, Directory{History: 5}, 0}, {3, Directory{History: 5}, 3}, {3, Directory{History: 5, Enforced: true}, 5},
		{7, Directory{History: 5, Enforced: true}, 7}, {0, Directory{}, 0},
	} {
		got := 0
		for _, l := range (Rules{Min: 8, History: c.own, Directory: c.d}).Lines() {
			if l.Rule == RuleHistory {
				got = l.Params["n"].(int)
			}
		}
		if got != c.want {
			t.Errorf("%d and %+v: %d are shown, want %d", c.own, c.d, got, c.want)
		}
	}
}
