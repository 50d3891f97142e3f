package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"postern/account"
	"postern/directory"
)

// found is what a handle turned out to name.
type found struct {
	account account.Account
	ok      bool
	draw    string // stable for the handle
}

// find looks handle up. A handle with a domain that some directories list is looked up in these
// alone, any other in all. Somebody is found only when exactly one directory that is always asked
// knows exactly one; when none of them knows anybody, the fallbacks are asked one after the other,
// and the first that knows somebody holds. A directory that cannot be asked stops the search,
// because can't tell means no; one that would not have been asked stops nothing.
//
// Directories that are always asked get the same number of searches for somebody and for nobody.
// Fallbacks are asked about nobody and not about those who were found before, which takes longer;
// the fixed moment at which the reply leaves (web/edge) covers it, and must be longer than all
// directories together take.
func (a *App) find(ctx context.Context, handle string) (found, error) {
	f := found{draw: a.draw(handle)}
	asked, names := a.route(handle)
	for _, d := range asked {
		if d.Lookup == LookupFallback {
			continue
		}
		acct, ok, err := one(ctx, d, names)
		switch {
		case err != nil:
			return found{}, err
		case !ok:
			continue
		case f.ok: // in two directories: nobody
			return found{draw: f.draw}, nil
		}
		f.account, f.ok = acct, true
	}
	for _, d := range asked {
		if f.ok || d.Lookup != LookupFallback {
			continue
		}
		var err error
		if f.account, f.ok, err = one(ctx, d, names); err != nil {
			return found{}, err
		}
	}
	return f, nil
}

// one asks d for every name. Whoever they name must be one and the same.
func one(ctx context.Context, d NamedDirectory, names []string) (account.Account, bool, error) {
	var out account.Account
	known := false
	for _, name := range names {
		acct, err := d.Find(ctx, name)
		acct.Ref.Directory = d.Name
		switch {
		case errors.Is(err, directory.ErrNotFound):
			continue
		case err != nil:
			return account.Account{}, false, fmt.Errorf("app: look up in %s: %w", d.Name, err)
		case known && acct.Ref != out.Ref:
			return account.Account{}, false, nil
		}
		out, known = acct, true
	}
	return out, known, nil
}

// route returns the directories that handle may be looked up in, and as what.
func (a *App) route(handle string) ([]NamedDirectory, []string) {
	domain, short := domainOf(handle)
	var all, listed []NamedDirectory
	for _, d := range a.Directories {
		if d.Lookup == LookupNever {
			continue
		}
		all = append(all, d)
		if domain != "" && slices.ContainsFunc(d.Domains, func(l string) bool { return fold(l) == domain }) {
			listed = append(listed, d)
		}
	}
	switch {
	case len(listed) == 0:
		return all, []string{handle}
	case short != "":
		return listed, []string{handle, short}
	}
	return listed, []string{handle}
}

// domainOf returns the domain of name@domain or DOMAIN\name, folded, and of the latter the name
// without it; "" where there is none.
func domainOf(handle string) (domain, short string) {
	if before, after, ok := strings.Cut(handle, `\`); ok {
		if before == "" || after == "" || strings.Contains(after, `\`) {
			return "", ""
		}
		return fold(before), after
	}
	if at := strings.LastIndexByte(handle, '@'); at > 0 && at < len(handle)-1 {
		return fold(handle[at+1:]), ""
	}
	return "", ""
}

// fold is how domains are compared: in any case of letters, in NFC.
func fold(s string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(s))) }

// maxHandle bounds what is looked up, in bytes.
const maxHandle = 256

// handle prepares what was typed for look-up: NFC and no space around it, nothing else. Control
// characters are in no login.
func handle(typed string) (string, bool) {
	h := norm.NFC.String(strings.TrimSpace(typed))
	return h, h != "" && len(h) <= maxHandle && utf8.ValidString(h) && !strings.ContainsFunc(h, unicode.IsControl)
}

// draw names whoever handle stands for, without saying who: the same for one handle each time.
func (a *App) draw(handle string) string {
	return encode(a.Keys.Derive("draw", []byte(strings.ToLower(handle)), 15))
}
