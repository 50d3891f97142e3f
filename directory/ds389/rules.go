package ds389

import (
	"cmp"
	"context"
	"errors"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/password"
)

// policyFresh is how long a policy that was read is used.
const policyFresh = time.Minute

// Rules returns what the directory asks of this person's password. With password_rules: bypass the
// directory would take anything from the service account, and length and kinds of characters are
// asked for here.
func (d *Directory) Rules(ctx context.Context, id string) (password.Directory, error) {
	var p policy
	filter, ok := d.IDFilter(id)
	if !ok {
		return password.Directory{}, directory.ErrNotFound
	}
	err := d.Read(ctx, func(c *ldapclient.Conn) error {
		e, err := d.One(ctx, c, filter, d.profile.attributes())
		if err != nil {
			return err
		}
		p, err = d.policyFor(ctx, c, e)
		return err
	})
	switch {
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrUnavailable):
		return password.Directory{}, err
	case err != nil:
		return password.Directory{}, ldapclient.Unread(err, "read the password policy")
	case !p.known:
		return password.Directory{}, nil
	}
	return password.Directory{
		MinLength: p.minimum, Complex: p.complex, History: p.history, MinAge: p.minAge, Enforced: d.set.PasswordRules == apply,
	}, nil
}

// policyFor returns the policy that holds for an entry: the one that it names, or policy_dn.
func (d *Directory) policyFor(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (policy, error) {
	dn := cmp.Or(d.profile.policyDN(e), d.set.PolicyDN)
	if dn == "" {
		return policy{}, nil
	}
	d.mu.Lock()
	p, ok := d.policies[dn]
	d.mu.Unlock()
	if ok && d.now().Sub(p.read) < policyFresh {
		return p, nil
	}
	p, err := d.readPolicy(ctx, c, dn)
	if err != nil {
		return policy{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.policies) > 1000 { // they are few; this bounds what a strange tree can do
		clear(d.policies)
	}
	d.policies[dn] = p
	return p, nil
}

// readPolicy reads a policy; one that is not there or may not be read is not known.
func (d *Directory) readPolicy(ctx context.Context, c *ldapclient.Conn, dn string) (policy, error) {
	found, err := d.Search(ctx, c, ldapclient.Query{Base: dn, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Limit: 1, Attributes: d.profile.policyAttributes()})
	if a := ldapclient.Answered(err); a != nil && (a.ResultCode == goldap.LDAPResultNoSuchObject || a.ResultCode == goldap.LDAPResultInsufficientAccessRights) {
		return policy{read: d.now()}, nil
	}
	if err != nil || len(found) == 0 {
		return policy{read: d.now()}, err
	}
	p := d.profile.policy(found[0])
	p.read = d.now()
	if !p.known {
		p = policy{read: p.read}
	}
	return p, nil
}

// LockoutAfter returns after how many wrong passwords the policy at policy_dn locks an account, and
// where that is set; 0: never, or nobody can tell.
func (d *Directory) LockoutAfter(ctx context.Context) (n int, setting string) {
	if d.set.PolicyDN == "" {
		return 0, ""
	}
	err := d.Read(ctx, func(c *ldapclient.Conn) error {
		p, err := d.readPolicy(ctx, c, d.set.PolicyDN)
		n = p.failures
		return err
	})
	if err != nil {
		return 0, "" // Check tells why
	}
	name := "passwordMaxFailure"
	if _, is := d.profile.(ipa); is {
		name = "krbPwdMaxFailure"
	}
	return n, name + " in " + d.set.PolicyDN
}
