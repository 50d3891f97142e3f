package activedirectory

import (
	"context"
	"errors"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/password"
)

// policyFresh is how long a policy that was read is used.
const policyFresh = time.Minute

// mostPolicies bounds what is kept of them; there are few.
const mostPolicies = 1000

// policy is the domain's password policy, or the settings object that takes its place.
type policy struct {
	read      time.Time
	known     bool // it could be read
	minimum   int
	history   int
	complex   bool
	minAge    time.Duration
	maxAge    time.Duration // zero: passwords do not expire
	threshold int           // wrong passwords until a lock; 0: none
	lockout   time.Duration // zero: until somebody unlocks
	window    time.Duration // after which wrong passwords are forgotten
}

// passwordComplex is the bit of pwdProperties (MS-SAMR section 2.2.1.3).
const passwordComplex = 1

// policyNames are the attributes of one of both kinds.
type policyNames struct {
	minimum, history, minAge, maxAge, threshold, lockout, window, complex string
}

var (
	domainNames = policyNames{"minPwdLength", "pwdHistoryLength", "minPwdAge", "maxPwdAge", "lockoutThreshold", "lockoutDuration", "lockOutObservationWindow", "pwdProperties"}
	objectNames = policyNames{"msDS-MinimumPasswordLength", "msDS-PasswordHistoryLength", "msDS-MinimumPasswordAge", "msDS-MaximumPasswordAge",
		"msDS-LockoutThreshold", "msDS-LockoutDuration", "msDS-LockoutObservationWindow", "msDS-PasswordComplexityEnabled"}
)

func (n policyNames) all() []string {
	return []string{n.minimum, n.history, n.minAge, n.maxAge, n.threshold, n.lockout, n.window, n.complex}
}

// read makes a policy of an entry. One that may be found but not read has none of the attributes.
func (n policyNames) read(e *goldap.Entry) policy {
	count := func(name string) int { v, _ := number(ldapclient.First(e, name)); return int(max(0, v)) }
	length := func(name string) time.Duration { d, _ := span(ldapclient.First(e, name)); return d }
	p := policy{
		known:   ldapclient.First(e, n.minimum) != "",
		minimum: count(n.minimum), history: count(n.history), threshold: count(n.threshold),
		minAge: length(n.minAge), maxAge: length(n.maxAge), lockout: length(n.lockout), window: length(n.window),
	}
	p.complex = strings.EqualFold(ldapclient.First(e, n.complex), "TRUE") || count(n.complex)&passwordComplex != 0
	return p
}

// Rules returns what the domain will check: length and classes of characters always, history and
// minimum age only where a controller offers to apply them to resets. They are unknown, and so
// empty, where a settings object holds that the service account may not read; Examine tells.
func (d *Directory) Rules(ctx context.Context, id string) (password.Directory, error) {
	filter, ok := d.IDFilter(id)
	if !ok {
		return password.Directory{}, directory.ErrNotFound
	}
	var p policy
	var hints bool
	err := d.Read(d.at(ctx, id), func(c *ldapclient.Conn) error {
		e, err := d.One(ctx, c, filter, []string{attrPolicy})
		if err != nil {
			return err
		}
		s, _ := d.controller(c)
		hints = d.hints(s) != ""
		p, err = d.policyFor(ctx, c, e)
		return err
	})
	err = d.lost(id, err)
	if err != nil {
		if errors.Is(err, directory.ErrNotFound) || errors.Is(err, directory.ErrUnavailable) {
			return password.Directory{}, err
		}
		return password.Directory{}, ldapclient.Unread(err, "read the password policy")
	}
	return password.Directory{MinLength: p.minimum, Complex: p.complex, History: p.history, MinAge: p.minAge, Enforced: hints && p.known}, nil
}

// hints is the control that makes a controller apply its history to resets, or "".
func (d *Directory) hints(s controller) string {
	if d.set.PolicyHints == "never" {
		return ""
	}
	return s.hints
}

// policyFor returns the policy that holds for a person: the settings object that their entry
// names, or the domain's.
func (d *Directory) policyFor(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry) (policy, error) {
	if dn := ldapclient.First(e, attrPolicy); dn != "" {
		return d.policy(ctx, c, dn, objectNames)
	}
	s, _ := d.controller(c)
	return d.policy(ctx, c, s.domain, domainNames)
}

// policy reads one, or remembers it.
func (d *Directory) policy(ctx context.Context, c *ldapclient.Conn, dn string, names policyNames) (policy, error) {
	d.mu.Lock()
	p, ok := d.policies[dn]
	d.mu.Unlock()
	if ok && d.now().Sub(p.read) < policyFresh {
		return p, nil
	}
	found, err := d.Search(ctx, c, ldapclient.Query{Base: dn, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Limit: 1, Attributes: names.all()})
	switch a := ldapclient.Answered(err); {
	case a != nil && (a.ResultCode == goldap.LDAPResultNoSuchObject || a.ResultCode == goldap.LDAPResultInsufficientAccessRights):
		p = policy{}
	case err != nil:
		return policy{}, err
	case len(found) != 1:
		p = policy{}
	default:
		p = names.read(found[0])
	}
	p.read = d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.policies) > mostPolicies {
		clear(d.policies)
	}
	d.policies[dn] = p
	return p, nil
}

// LockoutAfter returns after how many wrong passwords the domain locks an account, and where that
// is set; 0: never, or nobody can tell. Settings objects may hold another number for some.
func (d *Directory) LockoutAfter(ctx context.Context) (n int, setting string) {
	err := d.Read(ctx, func(c *ldapclient.Conn) error {
		s, _ := d.controller(c)
		p, err := d.policy(ctx, c, s.domain, domainNames)
		n, setting = p.threshold, "lockoutThreshold of "+s.domain
		return err
	})
	if err != nil || n == 0 {
		return 0, "" // Check tells why
	}
	return n, setting
}
