package ds389

import (
	"context"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory/ldapclient"
)

// manager is who may do everything.
const manager = "cn=Directory Manager"

// as is a change by that one.
func (d *Directory) as(s ldapclient.Server, ldif ...string) string {
	return ldapclient.Steps("", d.ModifyAs(s, manager, ldif...))
}

// rule is an access rule for the service account, in LDIF.
func (d *Directory) rule(dn, name, target, rights string) []string {
	return []string{ldapclient.Line("dn", dn), "changetype: modify", "add: aci",
		ldapclient.Line("aci", `(targetattr `+target+`)(version 3.0; acl "`+name+`"; allow (`+rights+`) userdn = "ldap:///`+d.set.BindDN+`";)`)}
}

// What the rules of docs/operate/389-ds.md are called and are about.
const (
	resets  = `= "userPassword || ` + attrUnlock + ` || ` + attrFailures + `"`
	reads   = `!= "userPassword || passwordHistory"`
	reading = "read,search,compare"
)

// readable lets the service account read a policy, and in cn=config whom it makes a password
// administrator.
func (d *Directory) readable(s ldapclient.Server, dn string) string {
	names := append([]string{"objectClass"}, d.profile.policyAttributes()...)
	if sameDN(dn, "cn=config") {
		names = append(names, "passwordAdminDN")
	}
	return d.as(s, d.rule(dn, "postern reads the policy", `= "`+strings.Join(names, " || ")+`"`, reading)...)
}

// permits is what FreeIPA's administrator does about a right that is lacking.
func permits(permissions ...string) string {
	var out []string
	for _, p := range permissions {
		out = append(out, "--permissions="+ldapclient.Quoted(p))
	}
	return ldapclient.Steps("as an administrator of FreeIPA; the service account has the role Postern with this privilege (docs/operate/freeipa.md):",
		"ipa privilege-add-permission Postern "+strings.Join(out, " "))
}

// resettable gives the right to set passwords and to unlock.
func (d *Directory) resettable(s ldapclient.Server) string {
	if _, is := d.profile.(ipa); is {
		return permits("System: Change User password", "System: Unlock User")
	}
	return d.as(s, d.rule(d.set.Base, "postern resets and unlocks", resets, "write")...)
}

// hidden takes the service account's view of password hashes away, rule by rule: rules can't be
// read with its rights.
func (d *Directory) hidden(s ldapclient.Server) string {
	return ldapclient.Steps("see which rules let it read userPassword, delete them (delete: aci), and give this one instead:",
		d.CommandAs(s, manager, "ldapsearch", "-o", "ldif-wrap=no", "-b", ldapclient.Quoted(domain(d.set.Base)), "'(aci=*)'", "aci"),
		d.as(s, d.rule(d.set.Base, "postern reads", reads, reading)...))
}

// domain is the end of a name that consists of dc components; all of it where there are none.
func domain(base string) string {
	lower := strings.ToLower(base)
	if at := strings.Index(lower, ",dc="); at >= 0 && !strings.HasPrefix(lower, "dc=") {
		return base[at+1:]
	}
	return base
}

// setting replaces one attribute.
func (d *Directory) setting(s ldapclient.Server, dn, attribute string, values ...string) string {
	return d.as(s, ldapclient.Change(dn, attribute, values...)...)
}

// ageless lets resets work soon after a change.
func (d *Directory) ageless(s ldapclient.Server) string {
	if _, is := d.profile.(ipa); is {
		return ldapclient.Steps("people can be unlocked before; to let resets work at any time:", "ipa pwpolicy-mod --minlife=0")
	}
	return ldapclient.Steps("people can be unlocked before; to let resets work at any time:", d.setting(s, d.set.PolicyDN, "passwordMinAge", "0"))
}

// refused says why the service account may not work, where the server tells, and what mends it.
func (d *Directory) refused(s ldapclient.Server, said ldapclient.PolicyError, e *goldap.Error) (why, fix string) {
	own := ldapclient.Steps("and a policy of its own, without lock-out and expiry, so that a stranger's guesses don't stop the service:",
		"dsconf INSTANCE localpwp adduser "+ldapclient.Quoted(d.set.BindDN)+" --pwdlockout off --pwdexpire off --pwdmustchange off")
	if _, is := d.profile.(ipa); is {
		own = "# and a policy without lock-out and expiry: docs/operate/freeipa.md"
	}
	switch {
	case e == nil, said == ldapclient.PolicyExpired:
		return "its password has expired or must be changed", ldapclient.Steps("it needs a new password, which goes into bind_password_file:",
			d.CommandAs(s, manager, "ldappasswd", "-S", ldapclient.Quoted(d.set.BindDN)), own)
	case e.ResultCode == goldap.LDAPResultConstraintViolation, said == ldapclient.PolicyLocked && e.ResultCode == goldap.LDAPResultInvalidCredentials,
		strings.Contains(ldapclient.Said(e), "Too many failed logins"):
		unlock := append(ldapclient.Change(d.set.BindDN, attrUnlock), "-", "replace: "+attrFailures, attrFailures+": 0")
		if _, is := d.profile.(ipa); is {
			unlock = ldapclient.Change(d.set.BindDN, attrKrbFailed, "0")
		}
		return "it is locked by wrong passwords (" + ldapclient.Said(e) + ")", ldapclient.Steps("unlock it:", d.as(s, unlock...), own)
	case strings.Contains(ldapclient.Said(e), "inactivated"):
		return "it is disabled (" + ldapclient.Said(e) + ")", d.setting(s, d.set.BindDN, attrDisabled)
	}
	return "", ""
}

// checkClock asks the monitor for the time, where the service account may read it.
func (d *Directory) checkClock(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn) {
	if at := d.read(ctx, c, "cn=monitor", "currentTime"); len(at) == 1 {
		r.Clock(c.Server().URL, ldapclient.Moment(at[0]), d.now())
	}
}
