package ldap

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/password"
)

// policyFresh is how long a policy that was read is used.
const policyFresh = time.Minute

// policy is a pwdPolicy entry, as far as it matters here.
type policy struct {
	read    time.Time
	quality int // 0: lengths are not checked
	minimum int
	maximum int
	grace   int // logins with a password that has expired
	history int
	minAge  time.Duration
	maxAge  time.Duration // zero: passwords do not expire
	lockout time.Duration // zero: until somebody unlocks
	safe    bool          // changes need the old password
	must    bool          // a reset by an administrator must be changed
}

// Rules returns what ppolicy will check. pwdMinLength and pwdMaxLength count the bytes of UTF-8;
// the latter is given as code points, of which there are never more than bytes, so the directory
// may still refuse a long password in another script.
func (d *Directory) Rules(ctx context.Context, id string) (password.Directory, error) {
	var p policy
	filter, ok := d.IDFilter(id)
	if !ok {
		return password.Directory{}, directory.ErrNotFound
	}
	err := d.Read(ctx, func(c *ldapclient.Conn) error {
		e, err := d.One(ctx, c, filter, []string{attrPolicy})
		if err != nil {
			return err
		}
		p, err = d.policyFor(ctx, c, e)
		return err
	})
	if err != nil {
		if errors.Is(err, directory.ErrNotFound) || errors.Is(err, directory.ErrUnavailable) {
			return password.Directory{}, err
		}
		return password.Directory{}, ldapclient.Unread(err, "read the password policy")
	}
	out := password.Directory{History: p.history, MinAge: p.minAge, Enforced: d.set.PasswordRight == "write"}
	if p.quality > 0 {
		out.MinBytes, out.MaxLength = p.minimum, p.maximum
	}
	return out, nil
}

// policyFor returns the policy that holds for an entry: the one that it names, or policy_dn. The
// zero policy stands for none, and for one that the service account may not read.
func (d *Directory) policyFor(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (policy, error) {
	dn := ldapclient.First(e, attrPolicy)
	if dn == "" {
		dn = d.set.PolicyDN
	}
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

func (d *Directory) readPolicy(ctx context.Context, c *ldapclient.Conn, dn string) (policy, error) {
	found, err := d.Search(ctx, c, ldapclient.Query{Base: dn, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Limit: 1, Attributes: []string{
		"pwdCheckQuality", "pwdMinLength", "pwdMaxLength", "pwdInHistory", "pwdMinAge", "pwdMaxAge", "pwdGraceAuthNLimit", "pwdLockoutDuration", "pwdSafeModify", "pwdMustChange",
	}})
	if a := ldapclient.Answered(err); a != nil && (a.ResultCode == goldap.LDAPResultNoSuchObject || a.ResultCode == goldap.LDAPResultInsufficientAccessRights) {
		return policy{read: d.now()}, nil
	}
	if err != nil || len(found) == 0 {
		return policy{read: d.now()}, err
	}
	e := found[0]
	number := func(name string) int { n, _ := strconv.Atoi(ldapclient.First(e, name)); return max(0, n) }
	is := func(name string) bool { return strings.EqualFold(ldapclient.First(e, name), "TRUE") }
	return policy{
		read: d.now(), quality: number("pwdCheckQuality"), minimum: number("pwdMinLength"), maximum: number("pwdMaxLength"),
		history: number("pwdInHistory"), minAge: time.Duration(number("pwdMinAge")) * time.Second,
		maxAge: time.Duration(number("pwdMaxAge")) * time.Second, grace: number("pwdGraceAuthNLimit"),
		lockout: time.Duration(number("pwdLockoutDuration")) * time.Second, safe: is("pwdSafeModify"), must: is("pwdMustChange"),
	}, nil
}
