package account

import (
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// SameHandle reports whether two handles (logins, addresses) are the same but for canonical
// equivalence and the case of letters. Servers prepare strings more generously (RFC 4518
// section 2: compatibility forms, spaces, some fold accents), which would let one handle stand
// for another. Letters that share only one of their cases (dotless i, long s) differ.
func SameHandle(a, b string) bool {
	one, two := []rune(norm.NFC.String(a)), []rune(norm.NFC.String(b))
	if len(one) != len(two) {
		return false
	}
	for i, r := range one {
		if r != two[i] && (unicode.ToLower(r) != unicode.ToLower(two[i]) || unicode.ToUpper(r) != unicode.ToUpper(two[i])) {
			return false
		}
	}
	return true
}
