package ldap

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// lagging is how long a copy may lack a change before that is worth a word.
const lagging = time.Minute

// replicas is what each server has, by URL: for every server where changes are made, the time of
// the last one (contextCSN, which the overlay syncprov keeps at the suffix).
type replicas map[string]map[string]time.Time

// look reads what one server has; nothing where it doesn't say.
func (r replicas) look(ctx context.Context, d *Directory, c *ldapclient.Conn) {
	r[c.Server().URL] = nil
	read := func(base, attribute string) []string {
		found, err := d.Search(ctx, c, ldapclient.Query{Base: base, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: []string{attribute}, Limit: 1})
		if err != nil || len(found) == 0 {
			return nil
		}
		return found[0].GetEqualFoldAttributeValues(attribute)
	}
	base, err := goldap.ParseDN(d.set.Base)
	if err != nil {
		return
	}
	for _, suffix := range read("", "namingContexts") {
		dn, err := goldap.ParseDN(suffix)
		if err != nil || !dn.EqualFold(base) && !dn.AncestorOfFold(base) {
			continue
		}
		has := map[string]time.Time{}
		for _, csn := range read(suffix, "contextCSN") {
			// time "#" count "#" server "#" part
			if part := strings.Split(csn, "#"); len(part) == 4 {
				has[part[2]] = ldapclient.Moment(part[0])
			}
		}
		r[c.Server().URL] = has
	}
}

// compare tells which server has lacked for a while what another one has. How far one that was
// told of no change is behind cannot be seen, only that it is.
func (r replicas) compare(out *ldapclient.Report, now time.Time) {
	newest := map[string]time.Time{}
	for _, has := range r {
		for from, at := range has {
			if at.After(newest[from]) {
				newest[from] = at
			}
		}
	}
	if len(r) < 2 || len(newest) == 0 {
		return
	}
	for _, url := range slices.Sorted(maps.Keys(r)) {
		var behind time.Duration
		for from, at := range newest {
			if r[url][from].Before(at) {
				behind = max(behind, now.Sub(at))
			}
		}
		switch {
		case len(r[url]) == 0:
			out.Add(directory.Warning, "load the overlay syncprov there too, and let the service account read the suffix", "%s: does not say how current it is (contextCSN)", url)
		case behind > lagging:
			out.Add(directory.Warning, "correct olcSyncrepl on that server: whether provider, credentials and certificate still hold", "%s: lacks changes that another server has had for %s", url, ldapclient.Span(behind))
		default:
			out.Good("%s: is as current as the others", url)
		}
	}
}
