package activedirectory

import (
	"context"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
	"postern/directory"
	"postern/directory/ldapclient"
)

// Attributes of people and groups (MS-ADA).
const (
	attrID         = "objectGUID"
	attrCreated    = "whenCreated"
	attrFlags      = "userAccountControl"
	attrComputed   = "msDS-User-Account-Control-Computed"
	attrLocked     = "lockoutTime"
	attrEnds       = "accountExpires"
	attrSet        = "pwdLastSet"
	attrGuarded    = "adminCount"
	attrPolicy     = "msDS-ResultantPSO"
	attrDescriptor = "nTSecurityDescriptor"
	attrPassword   = "unicodePwd"
	attrProxies    = "proxyAddresses"
	attrGroups     = "memberOf"
	attrPrimary    = "primaryGroupID"
	attrSID        = "objectSid"
	attrGroupName  = "sAMAccountName"
)

// Bits of userAccountControl (MS-ADTS section 2.2.16) and of its computed sibling (section
// 3.1.1.4.5.17).
const (
	flagDisabled  = 0x2
	flagSmartcard = 0x40000
	flagLocked    = 0x10
	flagExpired   = 0x800000
)

// attributes are those that an account is made of.
func (d *Directory) attributes() []string {
	out := slices.Concat(d.set.LoginAttributes, d.set.EmailAttributes, d.set.PhoneAttributes, stateAttributes(),
		[]string{attrID, d.set.NameAttribute, attrCreated})
	if d.set.Groups != "none" {
		out = append(out, attrGroups, attrPrimary, attrSID)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// stateAttributes are those that say how the account stands.
func stateAttributes() []string {
	return []string{attrFlags, attrComputed, attrLocked, attrEnds, attrSet, attrGuarded, attrPolicy, attrDescriptor}
}

// Find looks a person up by a value of one of login_attributes. It asks one search, whether or
// not there is such a person; groups: nested costs one more for somebody, and so does the policy
// that says how long a lock lasts, once a minute, for somebody who is locked.
func (d *Directory) Find(ctx context.Context, handle string) (account.Account, error) {
	return d.Client.Find(ctx, handle, d.attributes(), d.account)
}

// Get reads an account by its identifier, where it was written lately.
func (d *Directory) Get(ctx context.Context, id string) (account.Account, error) {
	a, err := d.Client.Get(d.at(ctx, id), id, d.attributes(), d.account)
	return a, d.lost(id, err)
}

// account turns an entry into an account.
func (d *Directory) account(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (account.Account, error) {
	id, ok := readGUID(e.GetEqualFoldRawAttributeValue(attrID))
	if !ok { // an entry that cannot be named again is nobody
		return account.Account{}, directory.ErrNotFound
	}
	a := account.Account{
		Ref:     account.Ref{Directory: d.name, ID: id.String()},
		Login:   ldapclient.First(e, d.set.LoginAttributes[0]),
		Name:    ldapclient.First(e, d.set.NameAttribute),
		Created: ldapclient.Moment(ldapclient.First(e, attrCreated)),
	}
	readProxies(e)
	a.Contacts = d.Contacts(e)
	d.state(&a, e)
	s, _ := d.controller(c)
	a.Barred = s.rights(e).barred(a.Privileged)
	var err error
	if a.Locked {
		if a.LockedUntil, err = d.lockedUntil(ctx, c, e); err != nil {
			return account.Account{}, err
		}
	}
	in, err := d.groups(ctx, c, e)
	a.Groups, a.Privileged = in.names, a.Privileged || in.mighty
	return a, err
}

// state reads how the account stands. What can't be read counts against it: an account without
// userAccountControl is disabled, and one without the computed flags is locked if it ever was.
func (d *Directory) state(a *account.Account, e *goldap.Entry) {
	flags, readable := number(ldapclient.First(e, attrFlags))
	ends := moment(ldapclient.First(e, attrEnds))
	a.Disabled = !readable || flags&flagDisabled != 0 || !ends.IsZero() && !ends.After(d.now())
	locked, set := moment(ldapclient.First(e, attrLocked)), ldapclient.First(e, attrSet)
	computed, computes := number(ldapclient.First(e, attrComputed))
	a.Locked = computed&flagLocked != 0 || !computes && !locked.IsZero()
	if a.Locked {
		a.LockedSince = locked
	}
	a.MustChange = set == "0" && (computed&flagExpired != 0 || !computes)
	a.Expired = set != "0" && computed&flagExpired != 0
	a.Privileged = ldapclient.First(e, attrGuarded) == "1"
}

// standing is how the account stands, and nothing else of it.
func (d *Directory) standing(e *goldap.Entry) account.Account {
	var a account.Account
	d.state(&a, e)
	return a
}

// lockedUntil is when the lock ends by itself; zero when nobody knows or it does not.
func (d *Directory) lockedUntil(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (time.Time, error) {
	since := moment(ldapclient.First(e, attrLocked))
	p, err := d.policyFor(ctx, c, e)
	if err != nil || since.IsZero() || p.lockout <= 0 {
		return time.Time{}, err
	}
	return since.Add(p.lockout), nil
}

// readProxies leaves the mail addresses among the values of proxyAddresses, which name the kind of
// each: SMTP:a@b is the first one, smtp:c@d another.
func readProxies(e *goldap.Entry) {
	for _, a := range e.Attributes {
		if !strings.EqualFold(a.Name, attrProxies) {
			continue
		}
		var mail []string
		for _, v := range a.Values {
			if kind, address, ok := strings.Cut(v, ":"); ok && strings.EqualFold(kind, "smtp") {
				mail = append(mail, address)
			}
		}
		a.Values = mail
	}
}
