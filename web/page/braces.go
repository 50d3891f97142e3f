package page

import (
	"fmt"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n/template"
)

// parser reads texts with parameters in braces, so that translators meet no template language and
// a text cannot run anything.
type parser struct{}

// Cacheable: what Parse returns depends on the text alone.
func (parser) Cacheable() bool { return true }

// Parse splits src at its parameters.
func (parser) Parse(src, _, _ string) (template.ParsedTemplate, error) {
	var out braces
	for _, at := range param.FindAllStringSubmatchIndex(src, -1) {
		out.names = append(out.names, src[at[2]:at[3]])
	}
	out.literals = param.Split(src, -1)
	return out, nil
}

type braces struct{ literals, names []string }

// Execute fills data, a map[string]any, in. A parameter that is missing stays visible.
func (b braces) Execute(data any) (string, error) {
	values, _ := data.(map[string]any)
	var s strings.Builder
	for i, literal := range b.literals {
		s.WriteString(literal)
		if i < len(b.names) {
			if v, ok := values[b.names[i]]; ok {
				fmt.Fprint(&s, v)
			} else {
				s.WriteString("{" + b.names[i] + "}")
			}
		}
	}
	return s.String(), nil
}
