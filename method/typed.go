package method

import (
	"fmt"
	"strings"
	"unicode"
)

// maxTyped bounds what is looked at, in bytes; no code is nearly so long.
const maxTyped = 64

// Typed returns the code without the spaces and dashes that people type or paste with it. It says
// ErrMalformed of what is empty or far too long; everything else is for the method to judge.
func (a Answer) Typed() (string, error) {
	raw := a.Code.Reveal()
	if len(raw) > maxTyped {
		return "", fmt.Errorf("%w: more than %d bytes", ErrMalformed, maxTyped)
	}
	code := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, raw)
	if code == "" {
		return "", fmt.Errorf("%w: no code", ErrMalformed)
	}
	return code, nil
}
