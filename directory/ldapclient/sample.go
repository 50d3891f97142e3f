package ldapclient

import (
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// sampled is at how many people Check looks, and looked how many it asks for, since some are left
// out: a mistake in the rights mostly concerns everybody, or a folder.
const (
	sampled = 5
	looked  = 20
)

// Right is something that the service account needs to do to people, and what gives it.
type Right struct {
	Means string // set the password
	Lack  directory.Severity
	Fix   string
}

// Sample tells of one right what the service account may do to some people: nothing is wrong,
// nobody's can be done, or only that of some.
func (r *Report) Sample(url string, right Right, people []*goldap.Entry, may func(*goldap.Entry) bool) {
	var lacks []string
	for _, e := range people {
		if !may(e) {
			lacks = append(lacks, e.DN)
		}
	}
	switch {
	case len(people) == 0:
	case len(lacks) == 0:
		r.Good("%s: the service account may %s, for each of the %d people looked at", url, right.Means, len(people))
	case len(lacks) == len(people):
		r.Add(right.Lack, right.Fix, "%s: the service account may not %s: it has the right for none of the %d people looked at, such as %s", url, right.Means, len(people), lacks[0])
	default:
		r.Add(directory.Warning, right.Fix, "%s: the service account may not %s for %d of the %d people looked at: %s", url, right.Means, len(lacks), len(people), strings.Join(lacks, "; "))
	}
}

// some are the first of those whom guarded does not name.
func some(found []*goldap.Entry, guarded func(*goldap.Entry) bool) []*goldap.Entry {
	var out []*goldap.Entry
	for _, e := range found {
		if len(out) < sampled && (guarded == nil || !guarded(e)) {
			out = append(out, e)
		}
	}
	return out
}
