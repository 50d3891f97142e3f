package activedirectory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// lag compares what the controllers tell of the passwords that were set lately. No right is needed
// for that, unlike for what controllers say of replication themselves.
type lag struct {
	d      *Directory
	urls   []string             // of the controllers that could be asked
	lately map[string]time.Time // the newest password of those accounts, by identifier
}

// What is compared.
const (
	lagWindow  = 24 * time.Hour
	lagPatient = 15 * time.Minute // what replication may take; passwords are urgent
	lagMost    = 50
)

// read notes whose passwords a controller knows to have been set lately.
func (l *lag) read(ctx context.Context, c *ldapclient.Conn) {
	if len(l.d.set.URLs) < 2 {
		return
	}
	now := l.d.now()
	filter := fmt.Sprintf("(&%s(%s>=%s)(%s<=%s))", l.d.set.UserFilter, attrSet, ticks(now.Add(-lagWindow)), attrSet, ticks(now.Add(-lagPatient)))
	if set, err := l.d.times(ctx, c, filter); err == nil {
		l.urls = append(l.urls, c.Server().URL)
		for id, at := range set {
			if before, noted := l.lately[id]; at.After(before) && (noted || len(l.lately) < lagMost) {
				l.lately[id] = at
			}
		}
	}
}

// times reads when passwords were set.
func (d *Directory) times(ctx context.Context, c *ldapclient.Conn, filter string) (map[string]time.Time, error) {
	found, err := d.Search(ctx, c, ldapclient.Query{Base: d.set.Base, Scope: goldap.ScopeWholeSubtree, Filter: filter, Attributes: []string{attrID, attrSet}, Limit: lagMost})
	out := map[string]time.Time{}
	for _, e := range found {
		if id, ok := readGUID(e.GetEqualFoldRawAttributeValue(attrID)); ok {
			out[id.String()] = moment(ldapclient.First(e, attrSet))
		}
	}
	return out, err
}

// tell asks every controller for all of those, and says which lacks what another one knows.
func (l *lag) tell(ctx context.Context, r *ldapclient.Report) {
	if len(l.urls) < 2 || len(l.lately) == 0 {
		return
	}
	var any strings.Builder
	for _, id := range slices.Sorted(maps.Keys(l.lately)) {
		one, _ := l.d.IDFilter(id)
		any.WriteString(one)
	}
	behind := false
	for _, url := range l.urls {
		var has map[string]time.Time
		err := l.d.Read(ldapclient.At(ctx, url), func(c *ldapclient.Conn) error {
			var err error
			has, err = l.d.times(ctx, c, "(|"+any.String()+")")
			return err
		})
		if err != nil {
			continue
		}
		var waits time.Duration
		for id, at := range l.lately {
			if has[id].Before(at) {
				waits = max(waits, l.d.now().Sub(at))
			}
		}
		if waits > 0 {
			behind = true
			r.Add(directory.Warning, ldapclient.Steps("why tells, on Windows:", "repadmin /replsummary", "# on Samba:", "samba-tool drs showrepl"), "%s: does not know of a password that was set %s ago on another controller: replication lags", url, ldapclient.Span(waits.Round(time.Minute)))
		}
	}
	if !behind {
		r.Good("the controllers know the same of the %d passwords looked at that were set during the last day", len(l.lately))
	}
}
