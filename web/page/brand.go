package page

import (
	"bytes"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
)

// Brand is the organisation as pages show it.
type Brand struct {
	Name     string
	Accent   string // "#0b5c4a"; empty: Postern's own
	Logo     []byte // SVG or PNG; empty: a small picture of a gate
	HelpDesk string // how to reach it: "ext. 4357", a mailbox or an https address

	dark string // the accent's twin for dark pages
}

// HelpDeskURL returns where the help desk's contact leads: empty for what only people can read.
func (b Brand) HelpDeskURL() string {
	h := strings.TrimSpace(b.HelpDesk)
	switch {
	case strings.HasPrefix(h, "https://"):
		if u, err := url.Parse(h); err == nil && u.Host != "" {
			return h
		}
	case strings.Count(h, "@") == 1 && !strings.ContainsAny(h, " ?&:/<>"):
		return "mailto:" + h
	case strings.HasPrefix(h, "+") && strings.Trim(h[1:], "0123456789 -()/") == "":
		return "tel:+" + strings.Map(digit, h)
	}
	return ""
}

// HasLogo reports whether the organisation has a picture of its own.
func (b Brand) HasLogo() bool { return len(b.Logo) > 0 }

// logoName is the plain name of the picture's static file.
func (b Brand) logoName() string {
	if bytes.HasPrefix(b.Logo, []byte("\x89PNG\r\n\x1a\n")) {
		return "logo.png"
	}
	return "logo.svg"
}

func digit(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}

// The colours of tokens.css that an accent is measured against, and the accent when none is set.
const (
	defaultAccent = "#0b5c4a"
	groundLight   = "#f6f6f3"
	raisedDark    = "#1a1e21"
	readable      = 4.5 // WCAG 2.2 section 1.4.3 AA
	comfortable   = 7.0 // what the dark twin is made to reach
)

// ready checks the accent and derives its twin.
func (b Brand) ready() (Brand, error) {
	if strings.TrimSpace(b.Name) == "" {
		return b, fmt.Errorf("organisation.name is empty: set it to what people call the organisation")
	}
	if b.HasLogo() && b.logoName() == "logo.svg" && !bytes.Contains(b.Logo[:min(len(b.Logo), 1024)], []byte("<svg")) {
		return b, fmt.Errorf("organisation.logo_file is neither an SVG nor a PNG picture: name a file that holds one")
	}
	if b.Accent == "" {
		b.Accent = defaultAccent
	}
	c, err := parseColour(b.Accent)
	if err != nil {
		return b, fmt.Errorf("organisation.accent: %w", err)
	}
	ground, raised := mustColour(groundLight), mustColour(raisedDark)
	if ratio := contrast(c, ground); ratio < readable {
		return b, fmt.Errorf("organisation.accent: %s on %s has a contrast of %.2f:1, and people need at least %.1f:1 to read it: choose a darker colour",
			b.Accent, groundLight, math.Floor(ratio*100)/100, readable)
	}
	b.Accent = c.String()
	b.dark = twin(c, raised).String()
	return b, nil
}

// style returns the style sheet that sets the organisation's colours.
func (b Brand) style() string {
	light, dark := mustColour(b.Accent), mustColour(b.dark)
	return fmt.Sprintf(`:root{--accent:%s;--on-accent:#ffffff;--tint:%s}
@media screen and (prefers-color-scheme:dark){:root{--accent:%s;--on-accent:%s;--tint:%s}}
`, light, mix(light, mustColour(groundLight), 0.91), dark, mix(dark, colour{}, 0.86), mix(dark, mustColour(raisedDark), 0.86))
}

// colour is red, green and blue in sRGB.
type colour [3]float64

func parseColour(s string) (colour, error) {
	digits, ok := strings.CutPrefix(s, "#")
	v, err := strconv.ParseUint(digits, 16, 32)
	if !ok || err != nil || len(digits) != 6 {
		return colour{}, fmt.Errorf("%q is no colour: write it like %q", s, defaultAccent)
	}
	return colour{float64(v >> 16), float64(v >> 8 & 255), float64(v & 255)}, nil
}

// mustColour is for the constants above and for what String wrote.
func mustColour(s string) colour {
	c, err := parseColour(s)
	if err != nil {
		panic(err)
	}
	return c
}

// String writes the colour as CSS does.
func (c colour) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(c[0])), int(math.Round(c[1])), int(math.Round(c[2])))
}

// twin returns c as it is on dark pages: the same hue, not too vivid, and as light as it takes to
// be comfortable to read on ground.
func twin(c, ground colour) colour {
	high, low := max(c[0], c[1], c[2]), min(c[0], c[1], c[2])
	if high == low {
		high, low = 1, 1 // grey has no hue
	}
	for light := 0.4; ; light += 0.01 {
		// Lightness and saturation as in HSL; the hue is where each part lies between the extremes.
		span := min(saturation(c), vivid) * (1 - math.Abs(2*light-1)) * 255
		var out colour
		for i := range out {
			part := 0.5
			if high > low {
				part = (c[i] - low) / (high - low)
			}
			out[i] = light*255 + span*(part-0.5)
		}
		if light >= 1 || contrast(out, ground) >= comfortable {
			return out
		}
	}
}

// vivid is how saturated a colour may be on dark pages.
const vivid = 0.5

// saturation is that of HSL.
func saturation(c colour) float64 {
	high, low := max(c[0], c[1], c[2])/255, min(c[0], c[1], c[2])/255
	if high == low {
		return 0
	}
	return (high - low) / (1 - math.Abs(high+low-1))
}

// mix returns a with so much of b in it.
func mix(a, b colour, part float64) colour {
	var out colour
	for i := range out {
		out[i] = a[i] + (b[i]-a[i])*min(part, 1)
	}
	return out
}

// contrast is the ratio of WCAG 2.2, "contrast ratio", from 1 to 21.
func contrast(a, b colour) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is that of WCAG 2.2, "relative luminance".
func luminance(c colour) float64 {
	var linear [3]float64
	for i, v := range c {
		v /= 255
		if v <= 0.04045 {
			linear[i] = v / 12.92
		} else {
			linear[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
}
