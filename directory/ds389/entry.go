package ds389

import (
	"context"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
	"postern/directory"
	"postern/directory/ldapclient"
)

const (
	attrCreated = "createTimestamp"
	attrGroups  = "memberOf"
)

// administrators is the group whose members' passwords FreeIPA lets only its members set.
const administrators = "cn=admins,cn=groups,cn=accounts,"

// Find looks a person up by a value of one of login_attributes. It asks one search, whether or
// not there is such a person, and one more when a policy was not read lately.
func (d *Directory) Find(ctx context.Context, handle string) (account.Account, error) {
	return d.Client.Find(ctx, handle, d.attributes(), d.account)
}

// Get reads an account by its identifier.
func (d *Directory) Get(ctx context.Context, id string) (account.Account, error) {
	return d.Client.Get(ctx, id, d.attributes(), d.account)
}

// attributes are those that an account is made of.
func (d *Directory) attributes() []string {
	out := slices.Concat(d.set.LoginAttributes, d.set.EmailAttributes, d.set.PhoneAttributes, d.profile.attributes(),
		[]string{d.set.IDAttribute, d.set.NameAttribute, attrCreated, attrGroups})
	slices.Sort(out)
	return slices.Compact(out)
}

// account turns an entry into an account.
func (d *Directory) account(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (account.Account, error) {
	id := ldapclient.First(e, d.set.IDAttribute)
	if id == "" { // an entry that cannot be named again is nobody
		return account.Account{}, directory.ErrNotFound
	}
	p, err := d.policyFor(ctx, c, e)
	if err != nil {
		return account.Account{}, err
	}
	s := d.profile.state(e, p, d.now())
	a := account.Account{
		Ref:      account.Ref{Directory: d.name, ID: id},
		Login:    ldapclient.First(e, d.set.LoginAttributes[0]),
		Name:     ldapclient.First(e, d.set.NameAttribute),
		Contacts: d.Contacts(e),
		Disabled: s.disabled, Locked: s.locked, LockedSince: s.since, LockedUntil: s.until,
		MustChange: s.must, Expired: s.expired && !s.must,
		Created: ldapclient.Moment(ldapclient.First(e, attrCreated)),
	}
	for _, dn := range e.GetEqualFoldAttributeValues(attrGroups) {
		if name, ok := ldapclient.GroupName(dn, d.set.GroupBase); ok {
			a.Groups = append(a.Groups, name)
		}
		if _, is := d.profile.(ipa); is && len(dn) > len(administrators) && strings.EqualFold(dn[:len(administrators)], administrators) {
			a.Privileged = true
			a.Barred = "FreeIPA lets only members of the group admins set the password of one of them"
		}
	}
	slices.Sort(a.Groups)
	a.Groups = slices.Compact(a.Groups)
	return a, nil
}
