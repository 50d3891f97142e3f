package config

import (
	"encoding/hex"
	"math"
	"strings"
)

// The page's ground in light colours, which web/page's tokens.css declares; a test compares the
// two.
const ground = "#f6f6f3"

// minContrast is what WCAG 2.2 success criterion 1.4.3 asks of text.
const minContrast = 4.5

// contrast returns the ratio of two colours written as #rrggbb (WCAG 2.2, "contrast ratio").
func contrast(a, b string) (ratio float64, ok bool) {
	x, okA := luminance(a)
	y, okB := luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05), okA && okB
}

// luminance is WCAG 2.2's relative luminance.
func luminance(colour string) (float64, bool) {
	digits, hash := strings.CutPrefix(colour, "#")
	rgb, err := hex.DecodeString(digits)
	if !hash || err != nil || len(rgb) != 3 {
		return 0, false
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(rgb[i]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum, true
}
