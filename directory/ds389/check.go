package ds389

import (
	"context"
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// passwordPlugin is where FreeIPA keeps who may set passwords without their expiring at once, on
// each server by itself.
const passwordPlugin = "cn=ipa_pwd_extop,cn=plugins,cn=config"

// Check asks every server whether it would do, and changes nothing. What the service account may
// write is for Examine, which needs somebody to look at.
func (d *Directory) Check(ctx context.Context) []directory.Finding {
	r := &ldapclient.Report{}
	d.Client.Check(ctx, r, func(c *ldapclient.Conn) {
		e := d.CheckPeople(ctx, r, c, ldapclient.Look{
			Attributes: append(d.attributes(), "userPassword"),
			Index: func(attribute string) string {
				return "dsconf INSTANCE backend index add --attr " + attribute + " --index-type eq --reindex userRoot"
			},
		})
		if e != nil && len(e.GetAttributeValues("userPassword")) > 0 {
			r.Add(directory.Warning, fmt.Sprintf("leave userPassword and passwordHistory out of the aci that lets %s read: (targetattr != \"userPassword || passwordHistory\")", d.set.BindDN),
				"%s: the service account can read password hashes, which it never needs", c.Server().URL)
		}
		d.checkPolicy(ctx, r, c)
		if _, is := d.profile.(ipa); is {
			d.checkManager(ctx, r, c)
		} else {
			d.checkAdministrator(ctx, r, c)
		}
	})
	return r.Out
}

// checkPolicy looks at the default policy.
func (d *Directory) checkPolicy(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn) {
	url := c.Server().URL
	if d.set.PolicyDN == "" {
		r.Add(directory.Warning, "set policy_dn, in FreeIPA to cn=global_policy,cn=REALM,cn=kerberos below the suffix",
			"%s: policy_dn is not set: the directory's password rules are not shown, and who is locked is known only where the entry itself says so", url)
		return
	}
	p, err := d.readPolicy(ctx, c, d.set.PolicyDN)
	if err != nil || !p.known {
		r.Add(directory.Warning, fmt.Sprintf("(targetattr = \"%s\")(version 3.0; acl \"postern reads the policy\"; allow (read,search,compare) userdn = \"ldap:///%s\";) as aci of %s",
			strings.Join(append([]string{"objectClass"}, d.profile.policyAttributes()...), " || "), d.set.BindDN, d.set.PolicyDN),
			"%s: the service account cannot read the password policy %s", url, d.set.PolicyDN)
		return
	}
	switch {
	case d.set.PasswordRules == bypass:
		r.Good("%s: the directory applies no rule to resets (password_rules: bypass); Postern asks for %s itself", url, p)
	case p.minAge > 0:
		r.Add(directory.Warning, "set passwordMinAge, in FreeIPA krbMinPwdLife (ipa pwpolicy-mod --minlife=0), to 0 if resets must always work",
			"%s: a reset within %s of the last change is refused", url, p.minAge)
	default:
		r.Good("%s: the directory's rules hold for resets: %s", url, p)
	}
}

// String says what a policy asks for.
func (p policy) String() string {
	var out []string
	add := func(set bool, format string, args ...any) {
		if set {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(p.minimum > 0, "at least %d characters", p.minimum)
	add(p.complex, "several kinds of them")
	add(p.history > 0, "none of the last %d passwords", p.history)
	add(p.minAge > 0, "no change within %s of the last", p.minAge)
	add(p.failures > 0 && p.lockout > 0, "%d wrong ones lock for %s", p.failures, p.lockout)
	add(p.failures > 0 && p.lockout == 0, "%d wrong ones lock until somebody ends it", p.failures)
	add(p.must, "a password administrator's reset must be changed again")
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

// checkAdministrator tells whether the service account is a password administrator, for whom no
// rule holds, as far as cn=config may be read.
func (d *Directory) checkAdministrator(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn) {
	var is bool
	for _, dn := range d.read(ctx, c, "cn=config", "passwordAdminDN") {
		is = is || sameDN(dn, d.set.BindDN) || slices.ContainsFunc(slices.Concat(d.read(ctx, c, dn, "member"), d.read(ctx, c, dn, "uniqueMember")),
			func(member string) bool { return sameDN(member, d.set.BindDN) })
	}
	d.tellRules(r, c, is, "passwordAdminDN names it")
}

// tellRules compares what the server does with what password_rules says.
func (d *Directory) tellRules(r *ldapclient.Report, c *ldapclient.Conn, bypasses bool, why string) {
	if bypasses && d.set.PasswordRules == apply {
		r.Add(directory.Warning, "take the service account out of it, or set password_rules: bypass",
			"%s: the directory applies none of its rules to what the service account sets (%s), and password_rules says that it does", c.Server().URL, why)
	}
}

// checkManager tells what FreeIPA makes of a password that the service account sets.
func (d *Directory) checkManager(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn) {
	url := c.Server().URL
	const restart = ", on every server, and restart it there: systemctl restart dirsrv.target"
	grant := "FreeIPA 4.13 and later: ipa sysaccount-policy NAME --privileged=true" + restart +
		". Before: dn: " + passwordPlugin + " / changetype: modify / add: passSyncManagersDNs / passSyncManagersDNs: " + d.set.BindDN + restart +
		"; the directory then applies no rule: set password_rules: bypass"
	manages := func(attribute string) bool {
		return slices.ContainsFunc(d.read(ctx, c, passwordPlugin, attribute), func(dn string) bool { return sameDN(dn, d.set.BindDN) })
	}
	switch {
	case manages("sysAcctManagersDNs"):
		r.Good("%s: what the service account sets does not expire, and the rules hold", url)
	case manages("passSyncManagersDNs"):
		r.Good("%s: what the service account sets does not expire", url)
		d.tellRules(r, c, true, "passSyncManagersDNs")
	case len(d.read(ctx, c, passwordPlugin, "cn")) > 0:
		r.Add(directory.Fault, grant, "%s: FreeIPA expires at once every password that the service account sets: people would have to change it again", url)
	default:
		r.Add(directory.Warning, grant+". To let it be seen: aci of "+passwordPlugin+": (targetattr = \"cn || sysAcctManagersDNs || passSyncManagersDNs\")(version 3.0; acl \"postern looks\"; allow (read,search,compare) userdn = \"ldap:///"+d.set.BindDN+"\";)",
			"%s: whether FreeIPA expires at once what the service account sets cannot be seen; after a reset Postern tells people if they must change it again", url)
	}
}

// read returns the values of an attribute, none where that may not be read.
func (d *Directory) read(ctx context.Context, c *ldapclient.Conn, dn, attribute string) []string {
	found, err := d.Search(ctx, c, ldapclient.Query{Base: dn, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: []string{attribute}, Limit: 1})
	if err != nil || len(found) == 0 {
		return nil
	}
	return found[0].GetEqualFoldAttributeValues(attribute)
}

func sameDN(a, b string) bool {
	x, err1 := goldap.ParseDN(a)
	y, err2 := goldap.ParseDN(b)
	return err1 == nil && err2 == nil && x.EqualFold(y)
}
