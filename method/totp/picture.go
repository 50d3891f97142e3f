package totp

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the margin that a QR code needs, in modules.
const quiet = 4

// picture is a QR code to draw as SVG: <svg viewBox="0 0 Size Size"><path d="Path"/></svg>, dark
// on light. It is data and not markup, so that a page need not trust it.
type picture struct {
	Size int    `json:"size"`
	Path string `json:"path"`
}

// draw encodes text, one subpath for each run of dark modules in a row.
func draw(text string) (picture, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return picture{}, fmt.Errorf("totp: drawing the QR code: %w", err)
	}
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if n := x - from; n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, n, n)
			}
		}
	}
	return picture{Size: code.Size + 2*quiet, Path: b.String()}, nil
}
