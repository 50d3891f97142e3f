package page

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"postern/method"
)

func mustTexts(t *testing.T, methods []method.Kind, more ...Source) *Texts {
	t.Helper()
	texts, err := NewTexts(methods, more...)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func TestCatalogueHasNoGaps(t *testing.T) {
	for _, gap := range mustTexts(t, nil).Gaps() {
		t.Error(gap)
	}
}

func TestGapsAreFound(t *testing.T) {
	for name, c := range map[string]struct{ en, de, want string }{
		"missing":         {`{"a":"A","b":"B"}`, `{"a":"A"}`, `de: "m.b" is missing`},
		"not in default":  {`{"a":"A"}`, `{"a":"A","b":"B"}`, `en: "m.b" is missing`},
		"other parameter": {`{"a":"A {n}"}`, `{"a":"A {m}"}`, `de: "m.a" has parameters [m], in en [n]`},
		"one form only":   {`{"a":{"one":"{n} A","other":"{n} As"}}`, `{"a":"A"}`, `de: "m.a" has parameters [], in en [n]`},
	} {
		files := fstest.MapFS{"text/en.json": {Data: []byte(c.en)}, "text/de.json": {Data: []byte(c.de)}}
		gaps := mustTexts(t, nil, Source{Prefix: "m.", Files: files}).Gaps()
		if len(gaps) != 1 || gaps[0] != c.want {
			t.Errorf("%s: got %q, want %q", name, gaps, c.want)
		}
	}
}

// jargon are words that ordinary people should not have to know, or that we have better ones for.
var jargon = regexp.MustCompile(`(?i)\b(directory|verzeichnis|otp|mfa|2fa|factor|faktor|challenge|credential|invalid|ungültig|illegal|abort|present password|jetzig|badge|dienstausweis)`)

func TestTextsAreInPlainWords(t *testing.T) {
	texts := mustTexts(t, nil)
	for _, key := range texts.Keys() {
		for _, l := range texts.Languages() {
			for n := range 2 { // one and other
				got := texts.Text(l.Code, key, map[string]any{"n": n + 1})
				if strings.HasPrefix(key, "console.") { // operators call it that
					got = regexp.MustCompile("(?i)director(y|ies)|verzeichnis").ReplaceAllString(got, "")
				}
				if jargon.MatchString(got) {
					t.Errorf("%s: %q says %q", l.Code, key, jargon.FindString(got))
				}
			}
		}
	}
}

// TestNoticesSayWhichWay: a person with several can tell which one it is about.
func TestNoticesSayWhichWay(t *testing.T) {
	texts := mustTexts(t, nil)
	for _, l := range texts.Languages() {
		for _, key := range []string{"notice.enrolled.body", "notice.removed.body"} {
			if got := texts.Text(l.Code, key, map[string]any{"way": "Passkey"}); !strings.Contains(got, ": Passkey.") {
				t.Errorf("%s: %s does not say which way: %q", l.Code, key, got)
			}
		}
	}
}

func TestBadTextsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":""}`:               "is empty",
		`{"a":"  "}`:             "is empty",
		`{"a":{"one":"x"}}`:      "is empty",
		`{"a":{"othr":"x"}}`:     "no plural form",
		`{"a":"{{.Name}}"}`:      "written {name}",
		`{"a":"{Name}"}`:         "written {name}",
		`{"a":7}`:                "a",
		`["a"]`:                  "m.text/en.json",
		`{"page.continue":"x"}x`: "m.text/en.json",
	} {
		_, err := NewTexts(nil, Source{Prefix: "m.", Files: fstest.MapFS{"text/en.json": {Data: []byte(text)}}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
	_, err := NewTexts(nil, Source{Files: fstest.MapFS{"text/en.json": {Data: []byte(`{"page.continue":"x"}`)}}})
	if err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a key of two sources: got %v, want an error", err)
	}
}

func TestText(t *testing.T) {
	files := fstest.MapFS{
		"text/en.json": {Data: []byte(`{"n":{"one":"{n} thing","other":"{n} things"},"two":"{a} and {b}","only":"English"}`)},
		"text/de.json": {Data: []byte(`{"n":{"one":"{n} Ding","other":"{n} Dinge"},"two":"{b} und {a}"}`)},
		"text/fr.json": {Data: []byte(`{"two":"{a} et {b}"}`)}, // pages do not exist in it
	}
	texts := mustTexts(t, nil, Source{Files: files})
	for _, c := range []struct {
		language, key string
		params        map[string]any
		want          string
	}{
		{"en", "n", map[string]any{"n": 1}, "1 thing"},
		{"en", "n", map[string]any{"n": 0}, "0 things"},
		{"en", "n", map[string]any{"n": float64(1)}, "1 thing"}, // from JSON
		{"de", "n", map[string]any{"n": 2}, "2 Dinge"},
		{"de-AT", "n", map[string]any{"n": 1}, "1 Ding"},
		{"de", "two", map[string]any{"a": "x", "b": "{a}"}, "{a} und x"}, // filled in once
		{"fr", "two", map[string]any{"a": 1, "b": 2}, "1 and 2"},
		{"", "two", map[string]any{"a": 1}, "1 and {b}"},
		{"de", "only", nil, "English"},
		{"de", "none", nil, "none"},
	} {
		if got := texts.Text(c.language, c.key, c.params); got != c.want {
			t.Errorf("%s %s %v: got %q, want %q", c.language, c.key, c.params, got, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	texts := mustTexts(t, nil)
	for accept, want := range map[string]string{
		"de": "de", "de-CH,de;q=0.9,en;q=0.8": "de", "en-GB,en;q=0.9,de;q=0.8": "en", "fr,de;q=0.5": "de",
		"fr": "en", "": "en", "*": "en", "de;q=0": "en", "!!": "en", "gsw": "de",
	} {
		if got := texts.Match(accept); got != want {
			t.Errorf("%q: got %s, want %s", accept, got, want)
		}
	}
	if got := texts.Match("", "de"); got != "de" {
		t.Errorf("second preference: got %s, want de", got)
	}
}
