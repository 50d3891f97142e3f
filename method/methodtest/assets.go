package methodtest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/method"
)

// languages are those that a method speaks.
var languages = []string{"en", "de"}

// required are the texts that pages ask every method for; with enroll.html, also those of enrolling.
var (
	required       = []string{"name", "about", "title", "hint", "submit"}
	requiredEnroll = []string{"enroll.title", "enroll.hint", "enroll.submit"}
)

// forbidden are words that people should not have to know.
var forbidden = regexp.MustCompile(`(?i)\b(otp|totp|mfa|2fa|factor|challenge|credential|invalid|illegal|abort|faktor|ungültig)`)

var (
	param = regexp.MustCompile(`\{[a-z_]+\}`)
	used  = regexp.MustCompile(`t "method\.([a-z_]+)\.([a-z_.]+)"`)
	// unsafe is what the content security policy would block or what would leave the page.
	unsafe = regexp.MustCompile(`(?i)\sstyle\s*=|<style|<script|\son[a-z]+\s*=|https?://|javascript:`)
	input  = regexp.MustCompile(`<input [^>]*>`)
	attr   = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

// Assets checks what a method brings for pages: texts in every language, templates, icon, script.
func Assets(t *testing.T, k method.Kind) {
	texts := map[string]map[string]string{}
	for _, l := range languages {
		texts[l] = readTexts(t, k, l)
	}
	want := checkTexts(t, k, texts)
	for _, name := range []string{"challenge.html", "enroll.html"} {
		if name == "enroll.html" && !k.Traits.Enrolled {
			continue
		}
		for _, l := range languages {
			want = append(want, checkPage(t, k, name, texts[l])...)
		}
	}
	for key := range texts["en"] {
		if !slices.Contains(want, key) && !strings.Contains(key, "message") {
			t.Errorf("text %q: nothing uses it", key)
		}
	}
	checkIcon(t, k)
}

func readTexts(t *testing.T, k method.Kind, language string) map[string]string {
	t.Helper()
	raw, err := fs.ReadFile(k.Assets, "text/"+language+".json")
	if err != nil {
		t.Fatalf("texts: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	out := map[string]string{}
	if err := d.Decode(&out); err != nil {
		t.Fatalf("texts in %s: %v", language, err)
	}
	if n := strings.Count(string(raw), "\": \""); n != len(out) {
		t.Errorf("texts in %s: %d lines for %d keys: one stands twice", language, n, len(out))
	}
	return out
}

// checkTexts returns the keys that every method must have.
func checkTexts(t *testing.T, k method.Kind, texts map[string]map[string]string) []string {
	want := slices.Clone(required)
	if k.Traits.Enrolled {
		want = append(want, requiredEnroll...)
	}
	for _, l := range languages {
		for _, key := range want {
			if texts[l][key] == "" {
				t.Errorf("%s: text %q is missing", l, key)
			}
		}
		for key, text := range texts[l] {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: text %q is empty", l, key)
			}
			if m := forbidden.FindString(text); m != "" {
				t.Errorf("%s: text %q says %q", l, key, m)
			}
			if strings.ContainsAny(param.ReplaceAllString(text, ""), "{}") {
				t.Errorf("%s: text %q has braces that are no {parameter}", l, key)
			}
			other, ok := texts["en"][key]
			if !ok {
				t.Errorf("%s: text %q is not there in en", l, key)
			}
			if got, want := params(text), params(other); !slices.Equal(got, want) {
				t.Errorf("%s: text %q has parameters %v, in en %v", l, key, got, want)
			}
		}
		for key := range texts["en"] {
			if _, ok := texts[l][key]; !ok {
				t.Errorf("%s: text %q is missing", l, key)
			}
		}
	}
	return want
}

func params(text string) []string {
	out := param.FindAllString(text, -1)
	slices.Sort(out)
	return slices.Compact(out)
}

// checkPage renders one template, with and without an error, and returns the keys that it uses.
func checkPage(t *testing.T, k method.Kind, name string, texts map[string]string) []string {
	t.Helper()
	raw, err := fs.ReadFile(k.Assets, name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var keys []string
	for _, m := range used.FindAllStringSubmatch(string(raw), -1) {
		if m[1] != string(k.ID) {
			t.Errorf("%s: uses a text of %s", name, m[1])
		}
		keys = append(keys, m[2])
	}
	page, err := template.New(name).Funcs(template.FuncMap{"t": func(key string, _ ...any) (string, error) {
		text, ok := texts[strings.TrimPrefix(key, "method."+string(k.ID)+".")]
		if !ok {
			return "", fmt.Errorf("no text %q", key)
		}
		return text, nil
	}}).Parse(string(raw))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, problem := range []string{"", "That code isn't right."} {
		var b bytes.Buffer
		if err := page.Execute(&b, map[string]any{"Public": map[string]any{}, "Error": problem}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkMarkup(t, name, b.String(), problem != "")
	}
	return keys
}

// checkMarkup looks for what is not possible on our pages and for fields that nobody could name.
func checkMarkup(t *testing.T, name, page string, failed bool) {
	t.Helper()
	if m := unsafe.FindString(page); m != "" {
		t.Errorf("%s: holds %q", name, m)
	}
	if strings.Contains(page, "<form") || strings.Contains(page, "<button") || strings.Contains(page, "<h1") {
		t.Errorf("%s: form, button and heading are the page's", name)
	}
	inputs := input.FindAllString(page, -1)
	if len(inputs) == 0 {
		t.Errorf("%s: no field", name)
	}
	for _, in := range inputs {
		a := map[string]string{}
		for _, m := range attr.FindAllStringSubmatch(in, -1) {
			a[m[1]] = m[2]
		}
		if a["name"] != "code" && a["name"] != "credential" {
			t.Errorf("%s: field %q is neither code nor credential", name, a["name"])
		}
		if a["type"] == "hidden" {
			continue
		}
		if a["id"] != a["name"] || !strings.Contains(page, `<label for="`+a["id"]+`">`) {
			t.Errorf("%s: field %q has no label", name, a["name"])
		}
		if a["autocomplete"] != "one-time-code" || a["inputmode"] == "" {
			t.Errorf("%s: field %q: got autocomplete %q, inputmode %q", name, a["name"], a["autocomplete"], a["inputmode"])
		}
		if got := a["aria-describedby"] == "error" && a["aria-invalid"] == "true"; got != failed {
			t.Errorf("%s: field %q is tied to the error: got %v, want %v", name, a["name"], got, failed)
		}
	}
}

func checkIcon(t *testing.T, k method.Kind) {
	t.Helper()
	icon, err := fs.ReadFile(k.Assets, "icon.svg")
	if err != nil {
		t.Fatalf("icon: %v", err)
	}
	s := string(icon)
	if !strings.HasPrefix(s, "<svg ") || !strings.Contains(s, "currentColor") || !strings.Contains(s, `viewBox="0 0 20 20"`) {
		t.Errorf("icon: want an svg of 20 by 20 in currentColor, got %.80s", s)
	}
	if n := strings.Count(s, "stroke-width="); n != 1 {
		t.Errorf("icon: got %d stroke widths, want one", n)
	}
	if m := regexp.MustCompile(`(?i)style|class=|href|<script|<image`).FindString(s); m != "" {
		t.Errorf("icon: holds %q", m)
	}
	for d := xml.NewDecoder(strings.NewReader(s)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("icon: %v", err)
		}
	}
}
