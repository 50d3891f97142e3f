package guess

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAgrees compares with npm zxcvbn 4.4.2 given the same word lists and the words northwind and
// weber. The passwords are made up by a seeded generator of words, substitutions, walks, dates
// and noise; those that only our further keyboards know were left out.
func TestAgrees(t *testing.T) {
	text, err := os.ReadFile("testdata/guesses.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) < 300 {
		t.Fatalf("got %d vectors, want at least 300", len(lines))
	}
	for _, line := range lines {
		password, number, _ := strings.Cut(line, "\t")
		want, err := strconv.ParseFloat(number, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := Log10(password, []string{"northwind", "weber"}); math.Abs(got-want) > 1e-5 {
			t.Errorf("%q: got %.6f, want %.6f", password, got, want)
		}
	}
}

func TestLog10(t *testing.T) {
	cases := []struct {
		password string
		words    []string
		least    float64
		most     float64
	}{
		{"", nil, 0, 0},
		{"password", nil, 0, 0.5},
		{"qwertzuiop", nil, 0, 5}, // a German keyboard's walk
		{"azertyuiop", nil, 0, 5}, // a French one's
		{"Berlin2025", nil, 0, 8}, // a year
		{"zorkblatt", nil, 7, 9},  // unknown
		{"zorkblatt", []string{"ZorkBlatt"}, 0, 1},
		{"zørkblått", []string{"ZØRKBLÅTT"}, 0, 1},
		{"z0rkb1att", []string{"zorkblatt"}, 0, 1.5},
		{strings.Repeat("\U0001F510", 15), nil, 1, 3},
		{"vK8!pQz3#mW7&xT2", nil, 15, 17},
		{"\xff\xfe", nil, 0, 3},
	}
	for _, c := range cases {
		if got := Log10(c.password, c.words); got < c.least || got > c.most {
			t.Errorf("%q with %q: got %.2f, want %v to %v", c.password, c.words, got, c.least, c.most)
		}
	}
}

func TestPattern(t *testing.T) {
	for _, p := range strings.Fields(`qwertyuiopasdfg 1qaz2wsx3edc4rfv qazwsxedcrfvtgb 1q2w3e4r5t6y7u8i
		q1w2e3r4t5y6u7i8 123456789012345 111111111111111 abcdefghijklmno ZYXWVUTSRQPONML
		zxcvbnmasdfghjkl asdfghjkl123456 qwerty1234567890 abcabcabcabcabc qwertzuiopasdfg
		098765432109876 a1a2a3a4a5a6a7a8 aaabbbcccdddeee`) {
		if !Pattern(p) {
			t.Errorf("%s: got no pattern, want one", p)
		}
	}
	for _, p := range []string{"", "a", "837465920174635", "correcthorsebatterystaple", "qwertyuiopasdfx",
		"my coffee is cold", "bakul-tored-nimat-lesop", "\U0001F510\U0001F600\U0001F511\U0001F40E\U0001F50B\U0001F4CE"} {
		if Pattern(p) {
			t.Errorf("%q: got a pattern, want none", p)
		}
	}
}

func TestListed(t *testing.T) {
	for word, want := range map[string]bool{"password": true, "PassWord": true, "football": true,
		"responsibilities": true, "": false, "passwordx": false, "vk8!pqz3": false} {
		if got := Listed(word); got != want {
			t.Errorf("%q: got %v, want %v", word, got, want)
		}
	}
	// The numbers that the documentation of the design states.
	for characters, want := range map[int]int{0: 85088, 8: 30019, 15: 98} {
		if got := Count(characters); got != want {
			t.Errorf("words of %d characters or more: got %d, want %d", characters, got, want)
		}
	}
}

// TestBounded holds the worst inputs known to bounds that a busy machine keeps too; whatever
// grew with the input's whole length would exceed them by far.
func TestBounded(t *testing.T) {
	if n := len(sets([]rune(worst()[0]))); n != tried {
		t.Errorf("got %d sets of substitutions, want %d and no more", n, tried)
	}
	for _, p := range worst() {
		began := time.Now()
		Log10(p, nil)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%.40q…: took %v", p, took)
		}
	}
}

func worst() []string {
	chars := "4@8({[<369&#!1/|0$5+7%2"
	return []string{
		strings.Repeat(chars, 50), strings.Repeat("1|", 1000), strings.Repeat("a", 4096), strings.Repeat("12", 2000),
		strings.Repeat("1.1.11", 600), strings.Repeat(strings.Repeat("ab", 9)+"c", 9), chars + strings.Repeat("assassin", 9),
		strings.Repeat("qwertyuiop", 400),
	}
}

// TestMoreIsKnown walks through random passwords: knowing more words never makes one stronger,
// and nothing beyond Longest counts.
func TestMoreIsKnown(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abcwxyzABC0123459@$!|-. äß\U0001F510")
	for range 2000 {
		p := make([]rune, 1+r.IntN(30))
		for i := range p {
			p[i] = letters[r.IntN(len(letters))]
		}
		i := r.IntN(len(p))
		word := string(p[i : i+1+r.IntN(len(p)-i)])
		without, with := Log10(string(p), nil), Log10(string(p), []string{word})
		if with > without || without < 0 || math.IsNaN(without) || math.IsInf(without, 0) {
			t.Fatalf("%q: %v, and %v knowing %q", string(p), without, with, word)
		}
	}
	long := strings.Repeat("vK8!pQz3#", Longest/9)
	if Log10(long, nil) != Log10(long+"x", nil) {
		t.Error("a character beyond Longest counts")
	}
}

func BenchmarkWorst(b *testing.B) {
	for b.Loop() {
		Log10(worst()[0], nil)
	}
}

func BenchmarkUsual(b *testing.B) {
	for b.Loop() {
		Log10("my northwind c0ffee is cold", []string{"anna", "weber"})
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load()
	}
}

func FuzzLog10(f *testing.F) {
	f.Add("n0rthwind 13.5.1987", "northwind")
	f.Add("4@8({[<369", "")
	f.Add("\xff\x00", "\xff")
	f.Fuzz(func(t *testing.T, password, word string) {
		g := Log10(password, []string{word})
		if math.IsNaN(g) || math.IsInf(g, 0) || g < 0 {
			t.Fatalf("got %v", g)
		}
		if again := Log10(password, []string{word}); again != g {
			t.Fatalf("got %v, then %v", g, again)
		}
	})
}
