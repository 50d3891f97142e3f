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
	attrChanged = "pwdChangedTime"
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
		[]string{d.set.IDAttribute, d.set.NameAttribute, attrLocked, attrReset, attrChanged, attrPolicy, attrStarts, attrEnds, attrCreated})
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
	var lock time.Duration
	if lock, a.Locked, err = d.locked(ctx, c, e); err != nil {
		return account.Account{}, err
	}
	if a.Locked {
		a.LockedSince = ldapclient.Moment(ldapclient.First(e, attrLocked))
	}
	if lock > 0 && !a.LockedSince.IsZero() {
		a.LockedUntil = a.LockedSince.Add(lock)
	}
	a.MustChange = ldapclient.First(e, attrReset) == "TRUE"
	if a.Expired, err = d.expired(ctx, c, e); err != nil {
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

// locked reports whether wrong passwords keep the person out, and for how long in all; zero: until
// somebody ends it. ppolicy leaves its mark when the time is over, so the policy must be asked; if
// it can't be read, the mark counts.
func (d *Directory) locked(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (time.Duration, bool, error) {
	since := ldapclient.First(e, attrLocked)
	if since == "" || since == lockedForGood {
		return 0, false, nil
	}
	p, err := d.policyFor(ctx, c, e)
	if err != nil {
		return 0, false, err
	}
	at := ldapclient.Moment(since)
	over := p.lockout > 0 && !at.IsZero() && d.now().After(at.Add(p.lockout))
	return p.lockout, !over, nil
}

// expired reports whether the password is older than its policy allows, also while grace logins are
// left; false where the policy can't be read.
func (d *Directory) expired(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (bool, error) {
	changed := ldapclient.Moment(ldapclient.First(e, attrChanged))
	if changed.IsZero() {
		return false, nil
	}
	p, err := d.policyFor(ctx, c, e)
	return p.maxAge > 0 && !d.now().Before(changed.Add(p.maxAge)), err
}

// groups returns the names of the person's groups.
func (d *Directory) groups(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) ([]string, error) {
	var out []string
	switch d.set.Groups {
	case "memberof":
		for _, dn := range e.GetEqualFoldAttributeValues(attrGroups) {
			if name, ok := ldapclient.GroupName(dn, d.set.GroupBase); ok {
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
