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

// extopPlugin is where FreeIPA keeps who may set passwords without their expiring at once, on
// each server by itself.
const extopPlugin = "cn=ipa_pwd_extop,cn=plugins,cn=config"

// Check asks every server whether it would do, and changes nothing. What the service account may
// write is looked at for a few people, as Examine does for one.
func (d *Directory) Check(ctx context.Context) []directory.Finding {
	r := &ldapclient.Report{}
	kind := Kind.ID
	if _, is := d.profile.(ipa); is {
		kind = FreeIPA.ID
	}
	d.Client.Check(ctx, r, func(c *ldapclient.Conn) {
		if !d.CheckType(ctx, r, c, kind) {
			return
		}
		d.checkClock(ctx, r, c)
		people := d.CheckPeople(ctx, r, c, ldapclient.Look{
			Attributes: append(d.attributes(), "userPassword"),
			Guarded:    d.guarded,
			Index: func(_ *ldapclient.Conn, attribute string) string {
				return ldapclient.Steps("on the server, with its instance's name for INSTANCE:", "dsconf INSTANCE backend index add --attr "+attribute+" --index-type eq --reindex userRoot")
			},
		})
		if slices.ContainsFunc(people, func(e *goldap.Entry) bool { return len(e.GetAttributeValues("userPassword")) > 0 }) {
			r.Add(directory.Warning, d.hidden(c.Server()), "%s: the service account can read password hashes, which it never needs", c.Server().URL)
		}
		d.checkRights(ctx, r, c, people)
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
		r.Add(directory.Warning, d.readable(c.Server(), d.set.PolicyDN), "%s: the service account cannot read the password policy %s", url, d.set.PolicyDN)
		return
	}
	switch {
	case d.set.PasswordRules == bypass:
		r.Good("%s: the directory applies no rule to resets (password_rules: bypass); Postern asks for %s itself", url, p)
	case p.minAge > 0:
		r.Add(directory.Warning, d.ageless(c.Server()), "%s: a reset within %s of the last change is refused", url, ldapclient.Span(p.minAge))
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
	add(p.complex, "several kinds of characters")
	add(p.history > 0, "none of the last %d passwords", p.history)
	add(p.minAge > 0, "no change within %s of the last", ldapclient.Span(p.minAge))
	add(p.failures > 0 && p.lockout > 0, "%d wrong ones lock for %s", p.failures, ldapclient.Span(p.lockout))
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
	out := func(dn, attribute, value string) string {
		return d.as(c.Server(), ldapclient.Line("dn", dn), "changetype: modify", "delete: "+attribute, ldapclient.Line(attribute, value))
	}
	for _, dn := range d.read(ctx, c, "cn=config", "passwordAdminDN") {
		if sameDN(dn, d.set.BindDN) {
			d.tellRules(r, c, out("cn=config", "passwordAdminDN", dn), "passwordAdminDN names it")
			return
		}
		for _, attribute := range []string{"member", "uniqueMember"} {
			for _, member := range d.read(ctx, c, dn, attribute) {
				if sameDN(member, d.set.BindDN) {
					d.tellRules(r, c, out(dn, attribute, member), "it is a member of "+dn+", which passwordAdminDN names")
					return
				}
			}
		}
	}
}

// tellRules says that the server applies no rules, where password_rules says that it does; mend takes
// the service account out of what lets it.
func (d *Directory) tellRules(r *ldapclient.Report, c *ldapclient.Conn, mend, why string) {
	if d.set.PasswordRules == apply {
		r.Add(directory.Warning, "# set password_rules: bypass in postern.yaml, or take the service account out of it:\n"+mend,
			"%s: the directory applies none of its rules to what the service account sets (%s), and password_rules says that it does", c.Server().URL, why)
	}
}

// checkManager tells what FreeIPA makes of a password that the service account sets.
func (d *Directory) checkManager(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn) {
	url := c.Server().URL
	const restart = "systemctl restart dirsrv.target"
	name, _ := ldapclient.GroupName(d.set.BindDN, "")
	privilege := "ipa sysaccount-policy " + ldapclient.Quoted(name) + " --privileged=true"
	grant := ldapclient.Steps("on every server; FreeIPA 4.13 and later:", privilege, restart,
		"# before 4.13, after which the directory applies no rule (password_rules: bypass):",
		d.as(c.Server(), ldapclient.Line("dn", extopPlugin), "changetype: modify", "add: passSyncManagersDNs", ldapclient.Line("passSyncManagersDNs", d.set.BindDN)), restart)
	manages := func(attribute string) bool {
		return slices.ContainsFunc(d.read(ctx, c, extopPlugin, attribute), func(dn string) bool { return sameDN(dn, d.set.BindDN) })
	}
	switch {
	case manages("sysAcctManagersDNs"):
		r.Good("%s: what the service account sets does not expire, and the rules hold", url)
	case manages("passSyncManagersDNs"):
		r.Good("%s: what the service account sets does not expire", url)
		d.tellRules(r, c, ldapclient.Steps("with FreeIPA 4.13 and later by:", privilege, restart,
			d.as(c.Server(), ldapclient.Line("dn", extopPlugin), "changetype: modify", "delete: passSyncManagersDNs", ldapclient.Line("passSyncManagersDNs", d.set.BindDN)), restart), "passSyncManagersDNs")
	case len(d.read(ctx, c, extopPlugin, "cn")) > 0:
		r.Add(directory.Fault, grant, "%s: FreeIPA expires at once every password that the service account sets: people would have to change it again", url)
	default:
		see := d.as(c.Server(), d.rule(extopPlugin, "postern looks", `= "cn || sysAcctManagersDNs || passSyncManagersDNs"`, reading)...)
		r.Add(directory.Warning, grant+"\n# to let it be seen:\n"+see,
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
