package password

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/secret"
)

func names(vs []Violation) string {
	var out []string
	for _, v := range vs {
		out = append(out, v.Rule)
	}
	return strings.Join(out, " ")
}

func TestCheck(t *testing.T) {
	lock, long := "\U0001F510", strings.Repeat("vK8!pQz3#mW7&xT2", 16)
	cases := []struct {
		name      string
		rules     Rules
		candidate string
		want      string // the rules against it
	}{
		{"empty", Rules{Min: 15}, "", "length"},
		{"one short", Rules{Min: 15}, "vK8!pQz3#mW7&x", "length"},
		{"just enough", Rules{Min: 15}, "vK8!pQz3#mW7&xT", ""},
		{"never below eight", Rules{}, "vK8!pQz", "length"},
		{"never below eight, negative", Rules{Min: -1}, "vK8!pQz3", ""},
		{"NI-02: counts code points", Rules{Min: 15}, strings.Repeat(lock, 15), ""},
		{"NI-02: one fewer", Rules{Min: 15}, strings.Repeat(lock, 14), "length"},
		{"NI-03: counts after NFC", Rules{Min: 8}, strings.Repeat("e\u0301", 7), "length"},
		{"AV-10: 64", Rules{Min: 15}, long[:64], ""},
		{"AV-10: 128", Rules{Min: 15, Max: 1}, long[:128], ""},
		{"over the least maximum", Rules{Min: 15, Max: 1}, long[:129], "too_long"},
		{"AV-09: 200, edges of spaces", Rules{Min: 15}, "  " + long[:196] + "  ", ""},
		{"over the default maximum", Rules{Min: 15}, long + "x", "too_long"},
		{"over the directory's maximum", Rules{Min: 15, Directory: Directory{MaxLength: 20}}, long[:21], "too_long"},
		{"abuse", Rules{Max: 1 << 20}, strings.Repeat("a", mostBytes+1), "too_long"},
		{"AV-07: small letters", Rules{Min: 15, Guesses: 8, Common: CommonPasswords()}, "kvlqzrmwtxhbnjd", ""},
		{"AV-07: digits", Rules{Min: 15, Guesses: 8, Common: CommonPasswords()}, "837465920174635", ""},
		{"AV-07: spaces", Rules{Min: 15, Guesses: 8, Common: CommonPasswords()}, " my coffee was cold ", ""},
		{"AV-07: emoji", Rules{Min: 8, Guesses: 8, Common: CommonPasswords()}, "\U0001F510\U0001F600\U0001F40E\U0001F50B\U0001F4CE\U0001F355\U0001F98A\U0001F697\U0001F3B8", ""},
		{"any script", Rules{Min: 8, Guesses: 8, Common: CommonPasswords()}, "мой кофе остыл", ""},
		{"NUL", Rules{}, "vK8!pQz3\x00", "character"},
		{"tab", Rules{}, "vK8!\tpQz3", "character"},
		{"DEL", Rules{}, "vK8!pQz3\x7f", "character"},
		{"C1", Rules{}, "vK8!pQz3\u0085", "character"},
		{"no UTF-8", Rules{}, "vK8!pQz3\xff", "character"},
		{"a surrogate", Rules{}, "vK8!pQz3\xed\xa0\x80", "character"},
		{"30 marks", Rules{}, "vK8!pQz3" + strings.Repeat("\u0316", 30), ""},
		{"31 marks", Rules{}, "vK8!pQz3" + strings.Repeat("\u0316", 31), "character"},
		{"joiners of its own", Rules{}, "vK8!pQz3\u034f\u034f", ""},
		{"common", Rules{Common: CommonPasswords()}, "Football", "common"},
		{"NI-07: and six more", Rules{Guesses: 6, Common: CommonPasswords()}, "Football" + "x7!Kq2", ""},
		{"common in NFC", Rules{Common: NewBlocklist("caf\u00e9-latte")}, "CAFE\u0301-latte", "common"},
		{"the organisation's common", Rules{Common: CommonPasswords().With(NewBlocklist("vK8!pQz3#mW"))}, "vk8!pqz3#mw", "common"},
		{"a pattern", Rules{Min: 15, Common: CommonPasswords()}, "1qaz2wsx3edc4rfv", "common"},
		{"guessable", Rules{Min: 15, Guesses: 8}, "passwordpassword", "guessable"},
		{"guessable, no number", Rules{Guesses: math.NaN()}, "vK8!pQz3", "guessable"},
		{"guessable, knowing words", Rules{Guesses: 8, Own: []string{"zorkblatt-quux"}}, "zorkblatt-quux!!", "own_word guessable"},
		{"directory's length", Rules{Directory: Directory{MinLength: 20}}, "vK8!pQz3#mW7&xT2vK8", "length"},
		{"directory's bytes", Rules{Directory: Directory{MinBytes: 20}}, "vK8!pQz3#mW7&xT2vK8", "length"},
		{"directory's bytes in fewer characters", Rules{Directory: Directory{MinBytes: 30}}, strings.Repeat(lock, 8), ""},
		{"kinds", Rules{Directory: Directory{Complex: true}}, "vk8pqz3mw7xt", "complexity"},
		{"kinds: small, digit, other", Rules{Directory: Directory{Complex: true}}, "vk8!pqz3", ""},
		{"kinds: letters without case count", Rules{Directory: Directory{Complex: true}}, "vk8pqz3\u6f22", ""},
		{"several at once, in order", Rules{Min: 15, Guesses: 8, Own: []string{"football"}, Banned: []string{"foot"},
			Common: NewBlocklist("Football\n"), Directory: Directory{Complex: true}}, "football\n",
			"length character banned_word own_word common guessable complexity"},
	}
	for _, c := range cases {
		got, against := c.rules.Check(secret.New(c.candidate))
		if names(against) != c.want {
			t.Errorf("%s: got %q, want %q", c.name, names(against), c.want)
		}
		if len(against) == 0 && got.Empty() {
			t.Errorf("%s: accepted and gone", c.name)
		}
		for _, v := range against {
			if c.candidate != "" && strings.Contains(fmt.Sprint(v.Params), c.candidate) {
				t.Errorf("%s: the parameters %v hold what was typed", c.name, v.Params)
			}
		}
	}
}

func TestKeepsIt(t *testing.T) {
	long := "  " + strings.Repeat("Ab1 ", 49) + "  "
	for in, want := range map[string]string{
		"cafe\u0301-cafe\u0301":   "caf\u00e9-caf\u00e9", // NI-03
		"\uff21\uff22\uff23 full": "\uff21\uff22\uff23 full",
		"ﬁne \u2460 \u00bd pints": "ﬁne \u2460 \u00bd pints", // NFKC would change each
		long:                      long,
		"\u212b\u212b\u212b\u212b\u212b\u212b\u212b\u212b": strings.Repeat("\u00c5", 8),
	} {
		got, against := Rules{}.Check(secret.New(in))
		if got.Reveal() != want || len(against) > 0 {
			t.Errorf("%q: got %q and %v, want %q", in, got.Reveal(), against, want)
		}
	}
}

func TestStricterNumber(t *testing.T) {
	for _, c := range []struct {
		rules Rules
		n     int
	}{
		{Rules{Min: 15}, 15},
		{Rules{Min: 15, Directory: Directory{MinLength: 12, MinBytes: 10}}, 15},
		{Rules{Min: 12, Directory: Directory{MinLength: 14}}, 14},
		{Rules{Min: 12, Directory: Directory{MinLength: 14, MinBytes: 16}}, 16},
	} {
		_, against := c.rules.Check(secret.New("short"))
		if len(against) != 1 || against[0].Params["n"] != c.n || c.rules.Lines()[0].Params["n"] != c.n {
			t.Errorf("%+v: got %v and %v, want %d", c.rules, against, c.rules.Lines()[0], c.n)
		}
	}
}

func TestWords(t *testing.T) {
	rules := Rules{Own: []string{"anna.weber", "Anna", "Weber", "Li", "aw@home.example"}, Banned: []string{"northwind", "Grün GmbH"}}
	for candidate, want := range map[string]string{
		"northwind2026!":            "banned_word", // 5 left
		"n0rthw1nd-2026":            "banned_word",
		"NORTHWIND!!!!!!!!!!!!!!!!": "banned_word", // padding that repeats itself counts twice at most
		"northwind-anna.weber-12":   "banned_word own_word",
		"webernorthwind1":           "banned_word own_word",
		"@nn@4nn@Anna":              "own_word",
		"gru\u0308n-gmbh-1999":      "banned_word",
		"xnorthwindnorthwindx":      "banned_word",
		"northwind+x7!Kq2p":         "", // 8 left
		"my northwind coffee":       "",
		"lililililili":              "", // too short a word
		"nobody is called that":     "",
	} {
		if _, against := rules.Check(secret.New(candidate)); names(against) != want {
			t.Errorf("%q: got %q, want %q", candidate, names(against), want)
		}
	}
	_, against := rules.Check(secret.New("N0rthw1nd2026!"))
	if w := against[0].Params["word"]; w != "northwind" {
		t.Errorf("the word: got %v, want it as the list has it", w)
	}
	if _, against := (Rules{}).Check(secret.New("northwind2026!")); len(against) > 0 { // AV-02: switched off
		t.Errorf("without words: got %v, want none", against)
	}
}

func TestLines(t *testing.T) {
	all := Rules{Min: 15, Guesses: 8, Own: []string{"anna"}, Banned: []string{"a1", "b2", "c3", "d4"}, Common: CommonPasswords(),
		Directory: Directory{MinLength: 16, MaxLength: 100, History: 5, MinAge: 90 * time.Minute, Complex: true, Enforced: true}}
	show := func(ls []Line) string {
		var out []string
		for _, l := range ls {
			out = append(out, fmt.Sprint(l.Rule, l.Params["n"], l.Live))
		}
		return strings.Join(out, "; ")
	}
	want := "length16 true; too_long100 true; banned_word8 false; own_word8 true; common<nil> false; guessable8 false; history5 false; age2 false; complexity3 true"
	if got := show(all.Lines()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := all.Lines()[2].Params["words"]; got != "a1, b2, c3" {
		t.Errorf("words: got %v", got)
	}
	all.Directory.Enforced = false
	if got := show(all.Lines()); strings.Contains(got, "history") || strings.Contains(got, "age2") {
		t.Errorf("a directory that lets the service pass: got %s", got)
	}
	if got, want := show(Rules{}.Lines()), "length8 true"; got != want {
		t.Errorf("no rules: got %s, want %s", got, want)
	}
	// A page takes the order from here, and a violation has a line to stand at.
	order := []string{RuleLength, RuleTooLong, RuleCharacter, RuleBanned, RuleOwn, RuleCommon, RuleGuessable, RuleHistory, RuleAge, RuleComplex}
	all.Directory.Enforced = true
	last := -1
	for _, l := range all.Lines() {
		at := slices.Index(order, l.Rule)
		if at <= last {
			t.Errorf("%s is out of order", l.Rule)
		}
		last = at
	}
}
