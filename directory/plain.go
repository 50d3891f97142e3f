package directory

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Plain is s for one line of a terminal, of a log or of a page: what could end the line, move the
// cursor or turn the reading direction stands there as an escape (\n, \x1b, \u202e), so that a
// name that somebody gave themselves cannot look like words of ours.
func Plain(s string) string {
	if strings.ToValidUTF8(s, "") == s && !strings.ContainsFunc(s, moves) {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if moves(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		out.WriteRune(r) // U+FFFD for what is no UTF-8
	}
	return out.String()
}

// PlainLines is s with each of its lines plain: a fix holds commands in lines of their own. Whoever
// builds one quotes names so that they end no line.
func PlainLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Plain(l)
	}
	return strings.Join(lines, "\n")
}

// moves reports whether r does something to the characters beside it.
func moves(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// maker is the name of the package that made an error: one word before the first colon.
var maker = regexp.MustCompile(`^[a-z0-9]+: `)

// Told is the error's text for operators: in one line, and without the name of the package that made
// it or of this one, whose conditions stand at the end of many.
func Told(err error) string {
	text := strings.NewReplacer("directory: ", "", "\n", "; ").Replace(err.Error())
	return Plain(maker.ReplaceAllString(text, ""))
}
