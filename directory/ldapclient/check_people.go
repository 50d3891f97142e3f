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

// Look is what CheckPeople asks of somebody, and how this kind of server gets an index.
type Look struct {
	Attributes []string
	Index      func(attribute string) string
}

// CheckPeople looks for one person, whichever comes first, and returns the entry; nil where that
// makes no sense.
func (cl *Client) CheckPeople(ctx context.Context, r *Report, c *Conn, l Look) *goldap.Entry {
	url, s := c.server.URL, cl.set.People
	_, err := cl.Search(ctx, c, Query{Base: s.Base, Scope: goldap.ScopeBaseObject, Filter: Anything, Attributes: []string{NoAttribute}, Limit: 1})
	if err != nil {
		r.Add(directory.Fault, "correct base, or give the service account the right to read it; try: "+cl.Command(c.server, "ldapsearch", "-b", Quoted(s.Base), "-s", "base"),
			"%s: base %s: %v", url, s.Base, err)
		return nil
	}
	tool := cl.Command(c.server, "ldapsearch", "-b", Quoted(s.Base), "-s", strings.TrimSuffix(s.Scope, "tree"), "-z", "1", Quoted(s.UserFilter))
	found, err := cl.Search(ctx, c, Query{Base: s.Base, Scope: s.scope(), Filter: s.UserFilter, Attributes: l.Attributes, Limit: 1})
	switch {
	case err != nil:
		r.Add(directory.Fault, "see user_filter and the service account's rights; try: "+tool, "%s: search for people: %v", url, err)
		return nil
	case len(found) == 0:
		r.Add(directory.Fault, "correct base and user_filter, or give the service account the right to read people; try: "+tool, "%s: nobody below %s matches %s", url, s.Base, s.UserFilter)
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
		r.Add(directory.Fault, "see id_attribute", "%s: search by %s: %v", url, s.IDAttribute, err)
	} else if took := cl.now().Sub(began); took > slowSearch {
		r.Add(directory.Warning, l.Index(s.IDAttribute), "%s: a search by %s took %s", url, s.IDAttribute, took.Round(time.Millisecond))
	}
	return e
}
