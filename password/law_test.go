package password

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postern/secret"
)

// law says what holds for every candidate under every rules, written down a second time.
func law(t *testing.T, r Rules, candidate string) {
	t.Helper()
	got, against := r.Check(secret.New(candidate))
	again, same := r.Check(secret.New(candidate))
	if names(against) != names(same) || !got.Equal(again) {
		t.Fatalf("%q: two answers, %v and %v", candidate, against, same)
	}
	order := []string{RuleLength, RuleTooLong, RuleCharacter, RuleBanned, RuleOwn, RuleCommon, RuleGuessable, RuleHistory, RuleAge, RuleComplex}
	if !slices.IsSortedFunc(against, func(a, b Violation) int { return slices.Index(order, a.Rule) - slices.Index(order, b.Rule) }) {
		t.Fatalf("%q: out of order: %v", candidate, against)
	}
	s := got.Reveal()
	if s == "" {
		if candidate != "" && len(against) != 1 {
			t.Fatalf("%q: nothing came back, for %v", candidate, against)
		}
		if len(against) == 0 {
			t.Fatal("nothing is accepted")
		}
		return
	}
	if s != norm.NFC.String(candidate) || !norm.NFC.IsNormalString(s) {
		t.Fatalf("%q: got %q, want its NFC", candidate, s)
	}
	if twice, _ := r.Check(got); twice.Reveal() != s {
		t.Fatalf("%q: got %q the second time", candidate, twice.Reveal())
	}
	if len(against) == 0 {
		acceptable(t, r, s)
	}
}

func acceptable(t *testing.T, r Rules, s string) {
	t.Helper()
	n, kinds := 0, map[string]bool{}
	for _, c := range s {
		n++
		if c < 0x20 || c >= 0x7f && c < 0xa0 || c == utf8.RuneError && !strings.Contains(s, "\ufffd") {
			t.Fatalf("%q: accepted with %U", s, c)
		}
		switch {
		case unicode.IsUpper(c):
			kinds["upper"] = true
		case unicode.IsLower(c):
			kinds["lower"] = true
		case unicode.IsLetter(c):
			kinds["letter"] = true
		case c >= '0' && c <= '9':
			kinds["digit"] = true
		default:
			kinds["other"] = true
		}
	}
	switch {
	case n < 8, n < r.Min, n < r.Directory.MinLength, len(s) < r.Directory.MinBytes:
		t.Fatalf("%q: accepted, too short for %+v", s, r)
	case r.Directory.MaxLength > 0 && n > r.Directory.MaxLength, r.Max > 0 && n > max(r.Max, 128):
		t.Fatalf("%q: accepted, too long for %+v", s, r)
	case r.Directory.Complex && len(kinds) < 3:
		t.Fatalf("%q: accepted with %v", s, kinds)
	case r.Common.Has(got(s)):
		t.Fatalf("%q: accepted though common", s)
	case r.Guesses > 0 && Strength(got(s), append(r.Own, r.Banned...)).Guesses < r.Guesses:
		t.Fatalf("%q: accepted though guessable", s)
	}
	for _, w := range append(r.Own, r.Banned...) {
		if strings.HasPrefix(strings.ToLower(s), strings.ToLower(w)) && n-utf8.RuneCountInString(w) < 8 && utf8.RuneCountInString(w) >= 3 {
			t.Fatalf("%q: accepted, little more than %q", s, w)
		}
	}
}

func got(s string) secret.Text { return secret.New(s) }

// lawful are the rules that the laws are tried under, by number.
func lawful(n uint8) Rules {
	r := Rules{Min: 8 + int(n%3)*4, Max: int(n%5) * 60, Own: []string{"anna", "weber"}, Banned: []string{"northwind"}}
	if n&1 > 0 {
		r.Common = CommonPasswords().With(NewBlocklist("vK8!pQz3#mW"))
	}
	if n&2 > 0 {
		r.Guesses = float64(n % 12)
	}
	if n&4 > 0 {
		r.Directory = Directory{MinLength: int(n % 20), MinBytes: int(n % 30), MaxLength: 20 + int(n), Complex: n&8 > 0}
	}
	return r
}

func TestLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	pieces := []string{"anna", "Weber", "n0rthwind", "password", "qwerty", "123", "A", "z", "!", " ", "\u00e9", "e\u0301", "\u0301", "\u0316",
		"\uff21", "\U0001F510", "\u1100\u1161", "\x00", "\u0085", "\xff", "漢", "ß", "İ", "\u034f", "\u2126", "vK8!pQz3#mW"}
	for range 1500 {
		var b strings.Builder
		for range r.IntN(20) {
			b.WriteString(pieces[r.IntN(len(pieces))])
			if r.IntN(60) == 0 {
				b.WriteString(strings.Repeat(pieces[r.IntN(len(pieces))], r.IntN(300)))
			}
		}
		law(t, lawful(uint8(r.IntN(256))), b.String())
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", "a", "correct horse battery staple", "e\u0301e\u0301e\u0301", "\xff", strings.Repeat("\u0316", 40),
		strings.Repeat("4@8({[<3", 20), "northwind2026!", "\u2028\u202e\ufeff"} {
		f.Add(s, uint8(7))
	}
	f.Fuzz(func(t *testing.T, candidate string, n uint8) { law(t, lawful(n), candidate) })
}

func FuzzReadBlocklist(f *testing.F) {
	f.Add("a\nb\r\n\n#c")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ReadBlocklist(strings.NewReader(text))
		if err != nil {
			return
		}
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimSuffix(line, "\r"); line != "" && !b.Has(secret.New(line)) {
				t.Fatalf("%q was read and is not on the list", line)
			}
		}
	})
}

func TestStrength(t *testing.T) {
	for candidate, want := range map[string]int{
		"": 0, "password": 0, "anna.weber1974": 1, "Anna Weber 1974": 2, "zorkblat": 2, "zorkblatt": 3, "\xff": 0,
		"correct horse battery staple": 4, "bakul-tored-nimat-lesop": 4,
	} {
		e := Strength(secret.New(candidate), []string{"Anna Weber", "anna.weber"})
		if e.Score != want || e.Key() != "password.strength."+string(rune('0'+want)) {
			t.Errorf("%q: got %+v, %s, want score %d", candidate, e, e.Key(), want)
		}
	}
	if a, b := Strength(secret.New("e\u0301te\u0301 2"), nil), Strength(secret.New("\u00e9t\u00e9 2"), nil); a != b {
		t.Errorf("got %v and %v for one text in two forms", a, b)
	}
}

func BenchmarkCheck(b *testing.B) {
	r := lawful(3)
	r.Min = 15
	for b.Loop() {
		r.Check(secret.New("bakul-tored-nimat-lesop"))
	}
}

func BenchmarkCheckWorst(b *testing.B) {
	r := lawful(3)
	for b.Loop() {
		r.Check(secret.New(strings.Repeat("4@8({[<369&#!1/|0$5+7%2", 178)))
	}
}
