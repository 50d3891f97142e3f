package page

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestContrast(t *testing.T) {
	// Known ratios of WCAG's own formula.
	for _, c := range []struct {
		a, b string
		want string
	}{{"#000000", "#ffffff", "21.00"}, {"#ffffff", "#ffffff", "1.00"}, {"#767676", "#ffffff", "4.54"}, {"#ff0000", "#ffffff", "4.00"}} {
		if got := fmt.Sprintf("%.2f", contrast(mustColour(c.a), mustColour(c.b))); got != c.want {
			t.Errorf("%s on %s: got %s, want %s", c.a, c.b, got, c.want)
		}
	}
}

func TestAccent(t *testing.T) {
	for accent, want := range map[string]string{
		"#ffcc00": "organisation.accent: #ffcc00 on #f6f6f3 has a contrast of 1.39:1, and people need at least 4.5:1",
		"#808080": "organisation.accent: #808080",
		"green":   `organisation.accent: "green" is no colour`,
		"#12345":  "organisation.accent",
		"#abc":    `organisation.accent: "#abc" is no colour`,
		"#gggggg": "organisation.accent",
	} {
		if _, err := (Brand{Name: "N", Accent: accent}).ready(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", accent, err, want)
		}
	}
	// Every accent that is let through can be read in both schemes, also as the ground of a button.
	tried := 0
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				brand, err := Brand{Name: "N", Accent: colour{float64(r), float64(g), float64(b)}.String()}.ready()
				if err != nil {
					continue
				}
				tried++
				readableStyle(t, brand)
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d accents were let through", tried)
	}
}

func readableStyle(t *testing.T, b Brand) {
	t.Helper()
	found := regexp.MustCompile(`--accent:(#\w+);--on-accent:(#\w+);--tint:(#\w+)`).FindAllStringSubmatch(b.style(), -1)
	if len(found) != 2 {
		t.Fatalf("style: got %q", b.style())
	}
	grounds := [][]string{{"#f6f6f3", "#ffffff"}, {"#121416", "#1a1e21"}}
	inks, muted := []string{"#15181c", "#eceef0"}, []string{"#565e66", "#a3abb3"}
	for i, m := range found {
		for _, pair := range [][2]string{{m[1], grounds[i][0]}, {m[1], grounds[i][1]}, {m[2], m[1]}, {inks[i], m[3]}, {muted[i], m[3]}} {
			if got := contrast(mustColour(pair[0]), mustColour(pair[1])); got < readable {
				t.Fatalf("accent %s: %s on %s has %.2f:1, want %.1f:1", b.Accent, pair[0], pair[1], got, readable)
			}
		}
	}
}

// TestTokens measures every pair of colours that pages use, in both schemes.
func TestTokens(t *testing.T) {
	css, err := assets.ReadFile("asset/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(css), "@media")
	if !ok {
		t.Fatal("tokens.css has no dark twin")
	}
	for scheme, part := range map[string]string{"light": light, "dark": dark} {
		value := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(part, -1) {
			value[m[1]] = m[2]
		}
		check := func(a, b string, least float64) {
			t.Helper()
			if value[a] == "" || value[b] == "" {
				t.Fatalf("%s: --%s or --%s is missing", scheme, a, b)
			}
			if got := contrast(mustColour(value[a]), mustColour(value[b])); got < least {
				t.Errorf("%s: --%s on --%s has %.2f:1, want %.1f:1", scheme, a, b, got, least)
			}
		}
		for _, ink := range []string{"ink", "muted", "accent", "good", "warn", "bad"} {
			check(ink, "ground", readable)
			check(ink, "raised", readable)
		}
		for _, pair := range [][2]string{{"ink", "tint"}, {"ink", "bad-tint"}, {"bad", "bad-tint"}, {"ink", "warn-tint"},
			{"on-accent", "accent"}, {"muted", "tint"}} {
			check(pair[0], pair[1], readable)
		}
		check("edge", "ground", 3) // WCAG 2.2 section 1.4.11
		check("edge", "raised", 3)
	}
}

func TestHelpDeskURL(t *testing.T) {
	for desk, want := range map[string]string{
		"ext. 4357": "", "+49 30 1234-567": "tel:+49301234567", "help@northwind.example": "mailto:help@northwind.example",
		"https://help.northwind.example/": "https://help.northwind.example/", "http://help.example": "", "javascript:x": "",
		"a@b?subject=x": "", "https://": "",
	} {
		if got := (Brand{HelpDesk: desk}).HelpDeskURL(); got != want {
			t.Errorf("%s: got %q, want %q", desk, got, want)
		}
	}
}

func TestLogo(t *testing.T) {
	if _, err := (Brand{Name: "N", Logo: []byte("GIF89a")}).ready(); err == nil || !strings.Contains(err.Error(), "organisation.logo_file") {
		t.Errorf("a GIF: got %v, want an error that names the setting", err)
	}
	for logo, want := range map[string]string{"\x89PNG\r\n\x1a\n": "logo.png", `<svg xmlns="http://www.w3.org/2000/svg"/>`: "logo.svg"} {
		b, err := Brand{Name: "N", Logo: []byte(logo)}.ready()
		if err != nil || b.logoName() != want {
			t.Errorf("%q: got %s, %v", logo, b.logoName(), err)
		}
	}
	if _, err := (Brand{}).ready(); err == nil || !strings.Contains(err.Error(), "organisation.name") {
		t.Errorf("no name: got %v", err)
	}
}
