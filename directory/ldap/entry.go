package ldap

import (
	"context"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
	"postern/directory"
)

// Attributes that ppolicy keeps (slapo-ppolicy(5)).
const (
	attrLocked  = "pwdAccountLockedTime"
	attrReset   = "pwdReset"
	attrPolicy  = "pwdPolicySubentry"
	attrStarts  = "pwdStartTime"
	attrEnds    = "pwdEndTime"
	attrCreated = "createTimestamp"
	attrGroups  = "memberOf"
	noAttribute = "1.1" // RFC 4511 section 4.5.1.8
	anything    = "(objectClass=*)"
)

// lockedForGood is pwdAccountLockedTime of an account that an administrator has locked.
const lockedForGood = "000001010000Z"

// attributes are those that an account is made of.
func (d *Directory) attributes() []string {
	out := slices.Concat(d.set.LoginAttributes, d.set.EmailAttributes, d.set.PhoneAttributes,
		[]string{d.set.IDAttribute, d.set.NameAttribute, attrLocked, attrPolicy, attrStarts, attrEnds, attrCreated})
	if d.set.Groups == "memberof" {
		out = append(out, attrGroups)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// account turns an entry into an account.
func (d *Directory) account(ctx context.Context, c *conn, e *goldap.Entry) (account.Account, error) {
	id := first(e, d.set.IDAttribute)
	if id == "" { // an entry that cannot be named again is nobody
		return account.Account{}, directory.ErrNotFound
	}
	a := account.Account{
		Ref:     account.Ref{Directory: d.name, ID: id},
		Login:   first(e, d.set.LoginAttributes[0]),
		Name:    first(e, d.set.NameAttribute),
		Created: moment(first(e, attrCreated)),
	}
	a.Contacts = append(contacts(e, account.Email, d.set.EmailAttributes), contacts(e, account.Phone, d.set.PhoneAttributes)...)
	var err error
	if a.Disabled, err = d.disabled(ctx, c, e); err != nil {
		return account.Account{}, err
	}
	if a.LockedSince, a.Locked, err = d.locked(ctx, c, e); err != nil {
		return account.Account{}, err
	}
	a.Groups, err = d.groups(ctx, c, e)
	return a, err
}

// disabled reports whether an administrator or the account's own dates keep the person out.
func (d *Directory) disabled(ctx context.Context, c *conn, e *goldap.Entry) (bool, error) {
	now := d.now()
	if first(e, attrLocked) == lockedForGood {
		return true, nil
	}
	if starts := moment(first(e, attrStarts)); starts.After(now) {
		return true, nil
	}
	if ends := moment(first(e, attrEnds)); !ends.IsZero() && !ends.After(now) {
		return true, nil
	}
	if d.set.DisabledFilter == "" {
		return false, nil
	}
	found, err := d.search(ctx, c, query{base: e.DN, scope: goldap.ScopeBaseObject, filter: d.set.DisabledFilter, attributes: []string{noAttribute}, limit: 1})
	return len(found) > 0, err
}

// locked reports since when wrong passwords keep the person out. ppolicy leaves its mark when the
// time is over, so the policy must be asked how long a lock lasts; if it can't be read, the mark
// counts.
func (d *Directory) locked(ctx context.Context, c *conn, e *goldap.Entry) (time.Time, bool, error) {
	since := first(e, attrLocked)
	if since == "" || since == lockedForGood {
		return time.Time{}, false, nil
	}
	p, err := d.policyFor(ctx, c, e)
	if err != nil {
		return time.Time{}, false, err
	}
	at := moment(since)
	if p.lockout > 0 && !at.IsZero() && d.now().After(at.Add(p.lockout)) {
		return time.Time{}, false, nil
	}
	return at, true, nil
}

// groups returns the names of the person's groups.
func (d *Directory) groups(ctx context.Context, c *conn, e *goldap.Entry) ([]string, error) {
	var out []string
	switch d.set.Groups {
	case "memberof":
		for _, dn := range e.GetEqualFoldAttributeValues(attrGroups) {
			if name, ok := d.groupName(dn); ok {
				out = append(out, name)
			}
		}
	case "search":
		found, err := d.search(ctx, c, query{
			base: d.set.GroupBase, scope: goldap.ScopeWholeSubtree,
			filter:     expand(d.set.GroupFilter, e.DN, first(e, d.set.LoginAttributes[0])),
			attributes: []string{d.set.GroupName},
		})
		if err != nil {
			return nil, err
		}
		for _, g := range found {
			out = append(out, g.GetEqualFoldAttributeValues(d.set.GroupName)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// groupName is the value of the first part of a group's DN, if the group counts.
func (d *Directory) groupName(dn string) (string, bool) {
	parsed, err := goldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 || len(parsed.RDNs[0].Attributes) == 0 {
		return "", false
	}
	if d.set.GroupBase != "" {
		base, err := goldap.ParseDN(d.set.GroupBase)
		if err != nil || !base.AncestorOfFold(parsed) {
			return "", false
		}
	}
	return parsed.RDNs[0].Attributes[0].Value, true
}

// contacts returns the usable addresses in the attributes, each once.
func contacts(e *goldap.Entry, kind account.Kind, attributes []string) []account.Contact {
	var out []account.Contact
	for _, name := range attributes {
		for _, v := range e.GetEqualFoldAttributeValues(name) {
			c := account.Contact{Kind: kind, Address: v}
			if usable(c) && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// usable reports whether something can be sent there at all. Spaces and control characters have
// no place in an address, and could end a line of a message.
func usable(c account.Contact) bool {
	allowed := ""
	if c.Kind == account.Phone {
		allowed = " "
	}
	for _, r := range c.Address {
		if (r <= ' ' || r == 0x7f) && !strings.ContainsRune(allowed, r) {
			return false
		}
	}
	at := strings.LastIndexByte(c.Address, '@')
	return c.Address != "" && (c.Kind == account.Phone || at > 0 && at < len(c.Address)-1)
}

func first(e *goldap.Entry, attribute string) string {
	return e.GetEqualFoldAttributeValue(attribute)
}

// moment reads a GeneralizedTime (RFC 4517 section 3.3.13) as OpenLDAP writes it; zero for others.
func moment(s string) time.Time {
	t, err := time.Parse("20060102150405Z0700", s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
