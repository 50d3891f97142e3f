package ldapclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"
	"golang.org/x/text/unicode/norm"

	"postern/account"
	"postern/directory"
)

// longest is how many bytes of a handle are looked at; longer ones are nobody's.
const longest = 256

// Reader makes an account of an entry. It may ask more on the same connection.
type Reader func(ctx context.Context, c *Conn, e *goldap.Entry) (account.Account, error)

// Find looks a person up by a value of one of the login attributes. It asks one search, whether or
// not there is such a person; read is called for somebody alone.
func (cl *Client) Find(ctx context.Context, handle string, attributes []string, read Reader) (account.Account, error) {
	handle = norm.NFC.String(handle)
	if handle == "" || len(handle) > longest || !utf8.ValidString(handle) {
		return account.Account{}, directory.ErrNotFound
	}
	filter := handleFilter(cl.set.UserFilter, cl.set.LoginAttributes, handle)
	return cl.lookUp(ctx, filter, slices.Concat(attributes, cl.set.LoginAttributes), func(ctx context.Context, c *Conn, e *goldap.Entry) (account.Account, error) {
		if !cl.answers(e, handle) {
			return account.Account{}, directory.ErrNotFound
		}
		return read(ctx, c, e)
	})
}

// answers reports whether one of the entry's login attributes is what was typed.
func (cl *Client) answers(e *goldap.Entry, handle string) bool {
	for _, a := range cl.set.LoginAttributes {
		for _, v := range e.GetEqualFoldAttributeValues(a) {
			if account.SameHandle(v, handle) {
				return true
			}
		}
	}
	return false
}

// Get reads an account by its identifier.
func (cl *Client) Get(ctx context.Context, id string, attributes []string, read Reader) (account.Account, error) {
	filter, ok := cl.IDFilter(id)
	if !ok {
		return account.Account{}, directory.ErrNotFound
	}
	return cl.lookUp(ctx, filter, attributes, read)
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

// IDFilter asks for the person with that identifier; false where there can be none.
func (cl *Client) IDFilter(id string) (string, bool) {
	if cl.set.IDValue != nil {
		var ok bool
		if id, ok = cl.set.IDValue(id); !ok {
			return "", false
		}
	}
	return "(&" + cl.set.UserFilter + "(" + cl.set.IDAttribute + "=" + goldap.EscapeFilter(id) + "))", id != ""
}

// lookUp reads the one entry that matches the filter.
func (cl *Client) lookUp(ctx context.Context, filter string, attributes []string, read Reader) (account.Account, error) {
	var out account.Account
	err := cl.Read(ctx, func(c *Conn) error {
		e, err := cl.One(ctx, c, filter, attributes)
		if err != nil {
			return err
		}
		out, err = read(ctx, c, e)
		return err
	})
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrUnavailable):
		return account.Account{}, err
	}
	return account.Account{}, Unread(err, "look up a person")
}

// One returns the single entry that matches, ErrNotFound when there is none, or ErrAmbiguous.
func (cl *Client) One(ctx context.Context, c *Conn, filter string, attributes []string) (*goldap.Entry, error) {
	slices.Sort(attributes)
	entries, err := cl.Search(ctx, c, Query{Base: cl.set.Base, Scope: cl.set.scope(), Filter: filter, Attributes: slices.Compact(attributes), Limit: 2, Controls: cl.set.Controls})
	if err != nil {
		return nil, err
	}
	if len(entries) > 1 {
		return nil, directory.ErrAmbiguous
	}
	if len(entries) == 0 {
		return nil, directory.ErrNotFound
	}
	return entries[0], nil
}

// Query is one search. Limit 0 is none.
type Query struct {
	Base       string
	Scope      int
	Filter     string
	Attributes []string
	Limit      int
	Controls   []goldap.Control
}

// Search runs a query. More entries than its limit are no error: the caller counts. References
// to other servers are not followed (RFC 4511 section 4.5.3).
func (cl *Client) Search(ctx context.Context, c *Conn, q Query) ([]*goldap.Entry, error) {
	var result *goldap.SearchResult
	err := c.Do(ctx, func() error {
		var err error
		seconds := int(max(1, cl.set.RequestTimeout.Seconds()))
		result, err = c.Search(goldap.NewSearchRequest(q.Base, q.Scope, goldap.NeverDerefAliases, q.Limit, seconds, false, q.Filter, q.Attributes, q.Controls))
		return err
	})
	if e := Answered(err); e != nil && e.ResultCode == goldap.LDAPResultSizeLimitExceeded && result != nil {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return result.Entries, nil
}

// Read runs f on a connection, and once more on a fresh one if the first gave no answer, or no longer
// speaks for the service account.
func (cl *Client) Read(ctx context.Context, f func(*Conn) error) error {
	var last error
	for _, fresh := range []bool{false, true} {
		c, err := cl.pool.take(ctx, fresh)
		if err != nil {
			return errors.Join(err, last)
		}
		err = f(c)
		cl.pool.put(c)
		if !isSilence(err) && !unbound(Answered(err)) {
			return err
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("%w: %w", directory.ErrUnavailable, last)
}
