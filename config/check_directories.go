package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// never is a directory in which nobody is looked up (app.LookupNever).
const never = "never"

// lookups checks who is looked up where.
func (k *checker) lookups() {
	asked := 0
	for i, d := range k.c.Directories {
		at := fmt.Sprintf("directories[%d]", i)
		if d.Lookup != never {
			asked++
		} else if len(d.Domains) > 0 {
			k.bad(at+".domains", "has no effect with lookup: never", "keep one")
		}
		for j, domain := range d.Domains {
			name := fmt.Sprintf("%s.domains[%d]", at, j)
			switch {
			case domain == "" || strings.ContainsFunc(domain, notInDomain):
				k.bad(name, fmt.Sprintf("%q is no domain", domain), "write what stands behind the @ or before the \\, without either: example.com, or EXAMPLE")
			case slices.ContainsFunc(d.Domains[:j], func(o string) bool { return strings.EqualFold(o, domain) }):
				k.bad(name, fmt.Sprintf("%q stands there twice", domain), "keep one")
			}
		}
	}
	if asked == 0 && len(k.c.Directories) > 0 {
		k.bad("directories", "nobody is looked up in any of them (lookup: never), so that nobody could recover", "let the one with the people be asked")
	}
}

func notInDomain(r rune) bool {
	return r == '@' || r == '\\' || unicode.IsSpace(r) || unicode.IsControl(r)
}
