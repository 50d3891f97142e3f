package page

import (
	"fmt"
	"slices"
)

// Gaps returns what is wrong with the catalogue, for tests: keys that a language lacks, and
// parameters that differ among languages.
func (t *Texts) Gaps() []string {
	all := map[string][]string{}
	for _, keys := range t.params {
		for key, params := range keys {
			if _, ok := all[key]; !ok {
				all[key] = params
			}
		}
	}
	var out []string
	for key := range all {
		want := t.params[defaultLanguage][key]
		for code, keys := range t.params {
			got, ok := keys[key]
			switch {
			case !ok:
				out = append(out, fmt.Sprintf("%s: %q is missing", code, key))
			case !slices.Equal(got, want):
				out = append(out, fmt.Sprintf("%s: %q has parameters %v, in %s %v", code, key, got, defaultLanguage, want))
			}
		}
	}
	slices.Sort(out)
	return out
}

// Keys returns every key, sorted, for tests.
func (t *Texts) Keys() []string {
	var out []string
	for key := range t.params[defaultLanguage] {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}
