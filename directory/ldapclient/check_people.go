package ldapclient

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// slowSearch is what an equality search with an index never takes.
const slowSearch = 100 * time.Millisecond

// Look is what CheckPeople asks of people, whom it leaves out because they are not the service's to
// help, and how this kind of server gets an index.
type Look struct {
	Attributes []string
	Guarded    func(*goldap.Entry) bool // nil: nobody
	Index      func(c *Conn, attribute string) string
}

// CheckPeople looks for people and returns a few, whichever come first; none where that makes no
// sense.
func (cl *Client) CheckPeople(ctx context.Context, r *Report, c *Conn, l Look) []*goldap.Entry {
	url, s := c.server.URL, cl.set.People
	_, err := cl.Search(ctx, c, Query{Base: s.Base, Scope: goldap.ScopeBaseObject, Filter: Anything, Attributes: []string{NoAttribute}, Limit: 1})
	if err != nil {
		r.Add(directory.Fault, Steps("correct base, or give the service account the right to read it; by hand:", cl.Command(c.server, "ldapsearch", "-b", Quoted(s.Base), "-s", "base")),
			"%s: base %s: %s", url, s.Base, Brief(err))
		return nil
	}
	tool := cl.Command(c.server, "ldapsearch", "-b", Quoted(s.Base), "-s", strings.TrimSuffix(s.Scope, "tree"), "-z", "1", Quoted(s.UserFilter))
	found, err := cl.Search(ctx, c, Query{Base: s.Base, Scope: s.scope(), Filter: s.UserFilter, Attributes: l.Attributes, Limit: looked, Controls: cl.set.Controls})
	switch {
	case err != nil:
		r.Add(directory.Fault, Steps("correct user_filter, or give the service account the right to read people; by hand:", tool), "%s: search for people: %s", url, Brief(err))
		return nil
	case len(found) == 0:
		r.Add(directory.Fault, Steps("correct base and user_filter, or give the service account the right to read people; by hand:", tool), "%s: nobody below %s matches %s", url, s.Base, s.UserFilter)
		return nil
	}
	e := found[0]
	for _, a := range []string{s.IDAttribute, s.LoginAttributes[0]} {
		if First(e, a) == "" {
			r.Add(directory.Fault, "let the service account read "+a+", or correct the setting", "%s: %s has no %s", url, e.DN, a)
			return nil
		}
	}
	r.Good("%s: people are found below %s", url, s.Base)
	nobody, _ := cl.IDFilter(rand.Text())
	began := cl.now()
	if _, err := cl.One(ctx, c, nobody, []string{NoAttribute}); err != nil && !errors.Is(err, directory.ErrNotFound) {
		r.Add(directory.Fault, "set id_attribute to one that the server can compare for equality", "%s: search by %s: %s", url, s.IDAttribute, Brief(err))
	} else if took := cl.now().Sub(began); took > slowSearch {
		r.Add(directory.Warning, l.Index(c, s.IDAttribute), "%s: a search by %s took %s", url, s.IDAttribute, took.Round(time.Millisecond))
	}
	return some(found, l.Guarded)
}
