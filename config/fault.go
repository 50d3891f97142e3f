package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with the file, where it stands and what to do.
type Fault struct {
	File    string
	Line    int
	Setting string // "directories[0].url"; empty where no setting is to blame
	Text    string // what is wrong
	Fix     string // what to do
}

// String is "postern.yaml:12: tls.cert_file: what is wrong; what to do".
func (f Fault) String() string {
	s := fmt.Sprintf("%s:%d: ", f.File, f.Line)
	if f.Setting != "" {
		s += f.Setting + ": "
	}
	s += f.Text
	if f.Fix != "" {
		s += "; " + f.Fix
	}
	return s
}

// advice begins with what somebody should do.
var advice = regexp.MustCompile(`^(.+?)(?:: |; )((?:add|choose|chmod|create|give|keep|let|make|name|put|remove|restore|set|use|write) .+)$`)

// Advice takes what to do, where it stands at the end of an error's text, from what is wrong.
func Advice(text string) (wrong, fix string) {
	if m := advice.FindStringSubmatch(text); m != nil {
		return m[1], m[2]
	}
	return text, ""
}

// Faults are all that is wrong, in the order of the file.
type Faults []Fault

// Error has one line for each.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns f in the order of the file.
func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return f
}
