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
// alone, any other in all. Somebody is found only when the directories that are always asked know
// exactly one; only when they know nobody, the fallbacks count: the first that knows somebody holds,
// and it must know exactly one as well. A directory that cannot be asked stops the search, because
// can't tell means no; one that would not have been asked stops nothing.
//
// A fallback is asked about everybody all the same: every handle of one form gets the same searches
// in the same order, whoever it names, and none gets through while one of these directories is down.
func (a *App) find(ctx context.Context, handle string) (found, error) {
	f := found{draw: a.draw(handle)}
	asked, names := a.route(handle)
	var first, second account.Account
	always, fallback := 0, 0 // how many people are known
	for _, d := range asked {
		who, n, err := one(ctx, d, names)
		switch {
		case err != nil:
			return found{}, err
		case d.Lookup != LookupFallback && n > 0:
			first, always = who, always+n
		case d.Lookup == LookupFallback && fallback == 0:
			second, fallback = who, n
		}
	}
	if always == 0 {
		first, always = second, fallback
	}
	if always == 1 {
		f.account, f.ok = first, true
	}
	return f, nil
}

// one asks d for every name and returns how many people they name: none, one, or several, of whom
// none is returned.
func one(ctx context.Context, d NamedDirectory, names []string) (account.Account, int, error) {
	var out account.Account
	n := 0
	for _, name := range names {
		acct, err := d.Find(ctx, name)
		acct.Ref.Directory = d.Name
		switch {
		case errors.Is(err, directory.ErrAmbiguous):
			n = 2
		case errors.Is(err, directory.ErrNotFound):
			continue
		case err != nil:
			return account.Account{}, 0, fmt.Errorf("app: look up in %s: %w", d.Name, err)
		case n == 0:
			out, n = acct, 1
		case acct.Ref != out.Ref:
			n = 2
		}
	}
	if n != 1 {
		out = account.Account{}
	}
	return out, n, nil
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
