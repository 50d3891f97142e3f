package ldap

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory/ldapclient"
)

// suffix is where the database begins that holds people. A server that does not tell its naming
// contexts is believed to begin at the domain's components.
func (d *Directory) suffix(ctx context.Context, c *ldapclient.Conn) string {
	base, err := goldap.ParseDN(d.set.Base)
	if err != nil {
		return d.set.Base
	}
	found, err := d.Search(ctx, c, ldapclient.Query{Base: "", Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: []string{"namingContexts"}, Limit: 1})
	if err == nil && len(found) == 1 {
		for _, one := range found[0].GetEqualFoldAttributeValues("namingContexts") {
			if dn, err := goldap.ParseDN(one); err == nil && (dn.EqualFold(base) || dn.AncestorOfFold(base)) {
				return one
			}
		}
	}
	return domain(d.set.Base)
}

// domain is the end of a name that consists of dc components; all of it where there are none.
func domain(base string) string {
	if strings.HasPrefix(strings.ToLower(base), "dc=") {
		return base
	}
	if at := strings.Index(strings.ToLower(base), ",dc="); at >= 0 {
		return base[at+1:]
	}
	return base
}

// configure changes the configuration of the database that begins at suffix, on the server itself
// and as root, wherever in cn=config that database stands.
func configure(words, suffix string, ldif ...string) string {
	const local = "-Q -Y EXTERNAL -H ldapi:///"
	return ldapclient.Steps("on the server, as root; "+words,
		"db=$(ldapsearch -LLL -o ldif-wrap=no "+local+" -b cn=config "+ldapclient.Quoted("(olcSuffix="+goldap.EscapeFilter(suffix)+")")+" dn | sed -n 's/^dn: //p')",
		`{ echo "dn: $db"; cat <<'END'`, "changetype: modify", strings.Join(ldif, "\n"), "END", "} | ldapmodify "+local)
}

// frontend changes what holds for all databases, and for the root entry.
func frontend(words string, ldif ...string) string {
	return ldapclient.Steps("on the server, as root; "+words, "ldapmodify -Q -Y EXTERNAL -H ldapi:/// <<'END'",
		"dn: olcDatabase={-1}frontend,cn=config", "changetype: modify", "add: olcAccess", strings.Join(ldif, "\n"), "END")
}

// quoted is a name in an access rule.
func quoted(dn string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\\0A`).Replace(dn) + `"`
}

// grant gives the service account what it needs and nothing more, as docs/operate/openldap.md does.
// Everybody goes on signing in: the first rule that is about userPassword decides alone, so it says
// what holds for all.
func (d *Directory) grant(ctx context.Context, c *ldapclient.Conn) string {
	level := "=xw"
	if d.set.PasswordRight == "manage" {
		level = "manage"
	}
	suffix, who := d.suffix(ctx, c), "  by dn.exact="+quoted(d.set.BindDN)+" "
	return configure("the rules stand before those that are there: whoever else may write or read userPassword of people, such as a replica, needs a line of its own in {0}",
		suffix, "add: olcAccess",
		"olcAccess: {0}to dn.subtree="+quoted(d.set.Base)+" attrs=userPassword", who+level, "  by self =xw", "  by anonymous auth", "  by * none",
		"olcAccess: {1}to dn.subtree="+quoted(d.set.Base)+" attrs="+attrLocked+","+attrReset, who+"write", "  by * none",
		"olcAccess: {2}to dn.subtree="+quoted(suffix), who+"read", "  by * break")
}

// index makes an attribute quick to search for.
func (d *Directory) index(ctx context.Context, c *ldapclient.Conn, attribute string) string {
	return configure("entries that are there are indexed in the background", d.suffix(ctx, c), "add: olcDbIndex", "olcDbIndex: "+attribute+" eq")
}

// amend changes one attribute of an entry as the administrator; no values: takes it away.
func (d *Directory) amend(ctx context.Context, c *ldapclient.Conn, dn, attribute string, values ...string) string {
	return ldapclient.Steps("as the administrator, whose name may be another one (olcRootDN):",
		d.ModifyAs(c.Server(), "cn=admin,"+d.suffix(ctx, c), ldapclient.Change(dn, attribute, values...)...))
}

// refused says why the service account may not work, where ppolicy tells, and what mends it. A
// stranger who knows its name could lock it again: it needs a policy of its own.
func (d *Directory) refused(s ldapclient.Server, said ldapclient.PolicyError, e *goldap.Error) (why, fix string) {
	suffix := domain(d.set.Base)
	own := "cn=services," + suffix
	if _, above, ok := strings.Cut(d.set.PolicyDN, ","); ok {
		own = "cn=services," + above
	}
	repair := func(words string, ldif ...string) string {
		ldif = append(ldif, "-", "replace: "+attrPolicy, ldapclient.Line(attrPolicy, own))
		return ldapclient.Steps(words+" It gets a policy of its own, without lock-out and without expiry, which may be there already (-c):",
			strings.Replace(d.ModifyAs(s, "cn=admin,"+suffix, append([]string{
				ldapclient.Line("dn", own), "changetype: add", "objectClass: applicationProcess", "objectClass: pwdPolicy", "cn: services", "pwdAttribute: userPassword", "",
			}, ldif...)...), "ldapmodify ", "ldapmodify -c ", 1))
	}
	switch {
	case said == ldapclient.PolicyLocked:
		return "it is locked, by wrong passwords or by an administrator", repair("as the administrator, whose name may be another one (olcRootDN).", ldapclient.Change(d.set.BindDN, attrLocked)...)
	case e == nil, said == ldapclient.PolicyMustChange, said == ldapclient.PolicyExpired:
		return "its password has expired or must be changed", repair("as the administrator, whose name may be another one (olcRootDN); its password is renewed by ldappasswd -S, and then no longer has to be changed.",
			ldapclient.Change(d.set.BindDN, attrReset)...)
	case e.ResultCode == goldap.LDAPResultInvalidCredentials:
		return "", ldapclient.Steps("correct bind_dn, or the password in bind_password_file; by hand:", d.Command(s, "ldapwhoami"),
			"# where the password is right the account is locked, which a server tells with ppolicy_use_lockout alone: ask",
			d.CommandAs(s, suffix, "ldapsearch", "-b", ldapclient.Quoted(d.set.BindDN), "-s", "base", attrLocked))
	}
	return "", ""
}

// wait says when a password will no longer be too young to be changed.
func wait(e *goldap.Entry, p policy) string {
	changed := ldapclient.Moment(ldapclient.First(e, attrChanged))
	if changed.IsZero() {
		return "wait for " + ldapclient.Span(p.minAge)
	}
	return fmt.Sprintf("wait until %s", changed.Add(p.minAge).Format("2006-01-02 15:04 MST"))
}

// named is the policy that holds for somebody.
func (d *Directory) named(e *goldap.Entry) string {
	return cmp.Or(ldapclient.First(e, attrPolicy), d.set.PolicyDN)
}
