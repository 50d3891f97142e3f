package activedirectory

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

const (
	// groupsFresh is how long is believed what groups a group is in.
	groupsFresh = time.Minute
	// mostGroups is how many entries a controller puts into one answer (MaxPageSize).
	mostGroups = 1000
	// mostKnown bounds what is kept of groups.
	mostKnown = 20_000
	// everybody is the group that is primary unless somebody chose another (Domain Users).
	everybody = 513
)

// group is what is known of one.
type group struct {
	read time.Time
	name string
	in   []string // the groups that it is a member of, as keys
	// mighty tells that its members are guarded (AdminSDHolder), or will be within the hour.
	mighty bool
}

// membership is what is known of a person's groups.
type membership struct {
	names  []string
	mighty bool // one of them is
}

// add adds a group as a search tells of it.
func (m *membership) add(g *goldap.Entry) {
	m.names = append(m.names, ldapclient.First(g, attrGroupName))
	m.mighty = m.mighty || isMighty(g)
}

func isMighty(g *goldap.Entry) bool {
	return sid(g.GetEqualFoldRawAttributeValue(attrSID)).mighty() != ""
}

// groups returns the names of the person's groups, and whether one of them makes its members mighty:
// adminCount says so only once a controller has looked, which happens every hour. The primary one is no member value: it is asked
// for by its identifier; with groups: direct only where it is an unusual one, since that costs a
// search.
func (d *Directory) groups(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (membership, error) {
	var out membership
	var err error
	switch d.set.Groups {
	case "none":
		return out, nil
	case "direct":
		out, err = d.direct(ctx, c, e)
	case "nested":
		out, err = d.nested(ctx, c, e)
	}
	slices.Sort(out.names)
	out.names = slices.Compact(out.names)
	return out, err
}

// direct names the groups that the entry itself is in. Whoever has more than one answer holds is
// nobody here, as in searchGroups: a rule could be about one of those that are not told.
func (d *Directory) direct(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (membership, error) {
	var out membership
	if _, whole := startOf(e); !whole {
		return out, fmt.Errorf("ldap: %s has more groups than one answer holds; set groups: nested: %w", e.DN, directory.ErrUnavailable)
	}
	mighty, err := d.mighty(ctx, c, e)
	if err != nil {
		return out, err
	}
	for _, dn := range e.GetEqualFoldAttributeValues(attrGroups) {
		out.mighty = out.mighty || mighty[strings.ToLower(dn)]
		if parsed, err := goldap.ParseDN(dn); err == nil && len(parsed.RDNs) > 0 && len(parsed.RDNs[0].Attributes) > 0 {
			out.names = append(out.names, parsed.RDNs[0].Attributes[0].Value)
		}
	}
	primary := primaryGroup(e)
	if primary == "" || ldapclient.First(e, attrPrimary) == strconv.Itoa(everybody) {
		return out, nil
	}
	found, err := d.searchGroups(ctx, c, "("+attrSID+"="+goldap.EscapeFilter(primary)+")")
	for _, g := range found {
		out.add(g)
	}
	return out, err
}

// mighty returns the places in the tree of the groups whose members are guarded. The entry of a person
// names groups by their places alone, which can be translated and moved; where they are is asked now
// and then.
func (d *Directory) mighty(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (map[string]bool, error) {
	d.mu.Lock()
	places, at := d.mightyAt, d.mightyRead
	d.mu.Unlock()
	if places != nil && d.now().Sub(at) < controllerFresh {
		return places, nil
	}
	filter := "(|"
	for rid := range mightyBuiltin {
		filter += "(" + attrSID + "=" + goldap.EscapeFilter(headOfBuiltin+string(binary.LittleEndian.AppendUint32(nil, rid))) + ")"
	}
	who, _ := readSID(e.GetEqualFoldRawAttributeValue(attrSID))
	for rid := range mightyInDomain {
		if one, ok := who.beside(rid); ok {
			filter += "(" + attrSID + "=" + goldap.EscapeFilter(string(one)) + ")"
		}
	}
	found, err := d.searchGroups(ctx, c, filter+")")
	if err != nil {
		return nil, err
	}
	places = map[string]bool{}
	for _, g := range found {
		places[strings.ToLower(g.DN)] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if who != "" {
		d.mightyAt, d.mightyRead = places, d.now()
	}
	return places, nil
}

// nested names these and all that they are in, however deep. Where all of them were seen lately no
// more is asked; otherwise a search or two find them (LDAP_MATCHING_RULE_TRANSITIVE_EVAL, MS-ADTS
// section 3.1.1.3.4.4.3), and tell of each what it is in.
func (d *Directory) nested(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (membership, error) {
	start, whole := startOf(e)
	if out, ok := d.climb(start); ok && whole {
		return out, nil
	}
	var out membership
	found, err := d.above(ctx, c, e)
	if err != nil {
		return out, err
	}
	for _, g := range found {
		out.add(g)
	}
	d.remember(found)
	return out, nil
}

// above searches for all groups that a person is in. What the primary group is in takes a search of
// its own, because nobody counts as its member in the tree.
func (d *Directory) above(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) ([]*goldap.Entry, error) {
	primary := primaryGroup(e)
	filter := inChain(e.DN)
	if primary != "" {
		filter = "(|" + filter + "(" + attrSID + "=" + goldap.EscapeFilter(primary) + "))"
	}
	found, err := d.searchGroups(ctx, c, filter)
	if err != nil {
		return nil, err
	}
	for _, g := range found {
		if ldapclient.First(g, attrGroups) != "" && string(g.GetEqualFoldRawAttributeValue(attrSID)) == primary {
			more, err := d.searchGroups(ctx, c, inChain(g.DN))
			return append(found, more...), err
		}
	}
	return found, nil
}

// inChain matches groups that have the member, directly or through others.
func inChain(dn string) string { return "(member:" + oidInChain + ":=" + goldap.EscapeFilter(dn) + ")" }

// startOf returns the keys of the groups that an entry names itself, and whether those are all.
func startOf(e *goldap.Entry) (keys []string, whole bool) {
	for _, a := range e.Attributes {
		if name, options, _ := strings.Cut(a.Name, ";"); strings.EqualFold(name, attrGroups) {
			if options != "" { // a range of the values: there are too many for one answer
				return nil, false
			}
			for _, dn := range a.Values {
				keys = append(keys, strings.ToLower(dn))
			}
		}
	}
	if primary := primaryGroup(e); primary != "" {
		keys = append(keys, primary)
	}
	return keys, true
}

// climb follows the groups from start upwards; false when one of them was not seen lately.
func (d *Directory) climb(start []string) (membership, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := map[string]bool{}
	var out membership
	for todo := slices.Clone(start); len(todo) > 0; {
		key := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[key] {
			continue
		}
		g, ok := d.known[key]
		if !ok || d.now().Sub(g.read) >= groupsFresh {
			return membership{}, false
		}
		seen[key] = true
		out.names, out.mighty, todo = append(out.names, g.name), out.mighty || g.mighty, append(todo, g.in...)
	}
	return out, true
}

// remember keeps what a search said of groups, each by its name in the tree and by its identifier.
// One that does not tell all that it is in is not kept.
func (d *Directory) remember(found []*goldap.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if len(d.known)+2*len(found) > mostKnown {
		maps.DeleteFunc(d.known, func(_ string, g group) bool { return now.Sub(g.read) >= groupsFresh })
	}
	if len(d.known)+2*len(found) > mostKnown {
		clear(d.known)
	}
	for _, e := range found {
		in, whole := startOf(e)
		if !whole {
			continue
		}
		g := group{read: now, name: ldapclient.First(e, attrGroupName), in: in, mighty: isMighty(e)}
		d.known[strings.ToLower(e.DN)] = g
		if id := string(e.GetEqualFoldRawAttributeValue(attrSID)); id != "" {
			d.known[id] = g
		}
	}
}

// searchGroups searches the whole domain. Whoever has more groups than one answer holds is nobody here
// rather than a member of some of them.
func (d *Directory) searchGroups(ctx context.Context, c *ldapclient.Conn, filter string) ([]*goldap.Entry, error) {
	s, _ := d.controller(c)
	if s.domain == "" {
		return nil, fmt.Errorf("ldap: %s does not say where the domain begins (%s): %w", c.Server().URL, attrDomain, directory.ErrUnavailable)
	}
	found, err := d.Search(ctx, c, ldapclient.Query{Base: s.domain, Scope: goldap.ScopeWholeSubtree, Filter: "(&(objectCategory=group)" + filter + ")",
		Attributes: []string{attrGroupName, attrGroups, attrSID}})
	if err == nil && len(found) >= mostGroups {
		err = fmt.Errorf("ldap: more than %d groups: %w", mostGroups, directory.ErrUnavailable)
	}
	return found, err
}

// primaryGroup is the identifier of the person's primary group, or "". A group has none.
func primaryGroup(e *goldap.Entry) string {
	who, ok := readSID(e.GetEqualFoldRawAttributeValue(attrSID))
	rid, err := strconv.ParseUint(ldapclient.First(e, attrPrimary), 10, 32)
	if !ok || err != nil {
		return ""
	}
	group, ok := who.beside(uint32(rid))
	if !ok {
		return ""
	}
	return string(group)
}
