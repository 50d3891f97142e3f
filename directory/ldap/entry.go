package ldap

import (
	"context"
	"slices"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
	"postern/directory"
	"postern/directory/ldapclient"
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
func (d *Directory) account(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (account.Account, error) {
	id := ldapclient.First(e, d.set.IDAttribute)
	if id == "" { // an entry that cannot be named again is nobody
		return account.Account{}, directory.ErrNotFound
	}
	a := account.Account{
		Ref:     account.Ref{Directory: d.name, ID: id},
		Login:   ldapclient.First(e, d.set.LoginAttributes[0]),
		Name:    ldapclient.First(e, d.set.NameAttribute),
		Created: ldapclient.Moment(ldapclient.First(e, attrCreated)),
	}
	a.Contacts = d.Contacts(e)
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
func (d *Directory) disabled(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (bool, error) {
	now := d.now()
	if ldapclient.First(e, attrLocked) == lockedForGood {
		return true, nil
	}
	if starts := ldapclient.Moment(ldapclient.First(e, attrStarts)); starts.After(now) {
		return true, nil
	}
	if ends := ldapclient.Moment(ldapclient.First(e, attrEnds)); !ends.IsZero() && !ends.After(now) {
		return true, nil
	}
	if d.set.DisabledFilter == "" {
		return false, nil
	}
	found, err := d.Search(ctx, c, ldapclient.Query{Base: e.DN, Scope: goldap.ScopeBaseObject, Filter: d.set.DisabledFilter, Attributes: []string{ldapclient.NoAttribute}, Limit: 1})
	return len(found) > 0, err
}

// locked reports since when wrong passwords keep the person out. ppolicy leaves its mark when the
// time is over, so the policy must be asked how long a lock lasts; if it can't be read, the mark
// counts.
func (d *Directory) locked(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (time.Time, bool, error) {
	since := ldapclient.First(e, attrLocked)
	if since == "" || since == lockedForGood {
		return time.Time{}, false, nil
	}
	p, err := d.policyFor(ctx, c, e)
	if err != nil {
		return time.Time{}, false, err
	}
	at := ldapclient.Moment(since)
	if p.lockout > 0 && !at.IsZero() && d.now().After(at.Add(p.lockout)) {
		return time.Time{}, false, nil
	}
	return at, true, nil
}

// groups returns the names of the person's groups.
func (d *Directory) groups(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) ([]string, error) {
	var out []string
	switch d.set.Groups {
	case "memberof":
		for _, dn := range e.GetEqualFoldAttributeValues(attrGroups) {
			if name, ok := d.groupName(dn); ok {
				out = append(out, name)
			}
		}
	case "search":
		found, err := d.Search(ctx, c, ldapclient.Query{
			Base: d.set.GroupBase, Scope: goldap.ScopeWholeSubtree,
			Filter:     expand(d.set.GroupFilter, e.DN, ldapclient.First(e, d.set.LoginAttributes[0])),
			Attributes: []string{d.set.GroupName},
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
