package ldap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"
	"golang.org/x/text/unicode/norm"

	"postern/account"
	"postern/directory"
)

// longest is how many bytes of a handle are looked at; longer ones are nobody's.
const longest = 256

// Find looks a person up by a value of one of login_attributes. It asks one search, whether or
// not there is such a person; groups: search and disabled_filter cost one more each for somebody.
func (d *Directory) Find(ctx context.Context, handle string) (account.Account, error) {
	handle = norm.NFC.String(handle)
	if handle == "" || len(handle) > longest || !utf8.ValidString(handle) {
		return account.Account{}, directory.ErrNotFound
	}
	return d.lookUp(ctx, handleFilter(d.set.UserFilter, d.set.LoginAttributes, handle), func(e *goldap.Entry) bool {
		for _, a := range d.set.LoginAttributes {
			for _, v := range e.GetEqualFoldAttributeValues(a) {
				if sameHandle(v, handle) {
					return true
				}
			}
		}
		return false
	})
}

// Get reads an account by its identifier.
func (d *Directory) Get(ctx context.Context, id string) (account.Account, error) {
	if id == "" {
		return account.Account{}, directory.ErrNotFound
	}
	return d.lookUp(ctx, d.idFilter(id), func(*goldap.Entry) bool { return true })
}

// handleFilter asks for people with that value in one of the attributes (RFC 4515 section 3).
func handleFilter(people string, attributes []string, handle string) string {
	var b strings.Builder
	b.WriteString("(&" + people + "(|")
	for _, a := range attributes {
		b.WriteString("(" + a + "=" + goldap.EscapeFilter(handle) + ")")
	}
	b.WriteString("))")
	return b.String()
}

func (d *Directory) idFilter(id string) string {
	return "(&" + d.set.UserFilter + "(" + d.set.IDAttribute + "=" + goldap.EscapeFilter(id) + "))"
}

// lookUp reads the one entry that matches the filter and is right.
func (d *Directory) lookUp(ctx context.Context, filter string, right func(*goldap.Entry) bool) (account.Account, error) {
	var out account.Account
	err := d.read(ctx, func(c *conn) error {
		e, err := d.one(ctx, c, filter, d.attributes())
		if err != nil {
			return err
		}
		if !right(e) {
			return directory.ErrNotFound
		}
		out, err = d.account(ctx, c, e)
		return err
	})
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrUnavailable):
		return account.Account{}, err
	}
	return account.Account{}, unread(err, "look up a person")
}

// one returns the single entry that matches, or ErrNotFound when there is none or are several.
func (d *Directory) one(ctx context.Context, c *conn, filter string, attributes []string) (*goldap.Entry, error) {
	scope := goldap.ScopeWholeSubtree
	if d.set.Scope == "one" {
		scope = goldap.ScopeSingleLevel
	}
	entries, err := d.search(ctx, c, query{base: d.set.Base, scope: scope, filter: filter, attributes: attributes, limit: 2})
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 {
		return nil, directory.ErrNotFound
	}
	return entries[0], nil
}

type query struct {
	base       string
	scope      int
	filter     string
	attributes []string
	limit      int
}

// search runs a query. More entries than its limit are no error: the caller counts. References
// to other servers are not followed (RFC 4511 section 4.5.3).
func (d *Directory) search(ctx context.Context, c *conn, q query) ([]*goldap.Entry, error) {
	var result *goldap.SearchResult
	err := c.do(ctx, func() error {
		var err error
		seconds := int(max(1, d.set.RequestTimeout.Seconds()))
		result, err = c.Search(goldap.NewSearchRequest(q.base, q.scope, goldap.NeverDerefAliases, q.limit, seconds, false, q.filter, q.attributes, nil))
		return err
	})
	if e := answered(err); e != nil && e.ResultCode == goldap.LDAPResultSizeLimitExceeded && result != nil {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return result.Entries, nil
}

// read runs f on a connection, and once more on a fresh one if the first gave no answer.
func (d *Directory) read(ctx context.Context, f func(*conn) error) error {
	var last error
	for _, fresh := range []bool{false, true} {
		c, err := d.pool.take(ctx, fresh)
		if err != nil {
			return errors.Join(err, last)
		}
		err = f(c)
		d.pool.put(c)
		if !isSilence(err) {
			return err
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("%w: %w", directory.ErrUnavailable, last)
}

// sameHandle reports whether a value of the directory is what was typed, but for canonical
// equivalence and the case of letters. Servers prepare strings more generously (RFC 4518
// section 2: compatibility forms, spaces, some fold accents), which would let one handle stand
// for another. Letters that share only one of their cases (dotless i, long s) differ.
func sameHandle(value, typed string) bool {
	a, b := []rune(norm.NFC.String(value)), []rune(norm.NFC.String(typed))
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && (unicode.ToLower(a[i]) != unicode.ToLower(b[i]) || unicode.ToUpper(a[i]) != unicode.ToUpper(b[i])) {
			return false
		}
	}
	return true
}
