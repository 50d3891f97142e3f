package activedirectory

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// soon is how long before its end the service account's password is worth a warning.
const soon = 14 * 24 * time.Hour

// Check asks every controller whether it would do, and whether they tell the same. It changes
// nothing.
func (d *Directory) Check(ctx context.Context) []directory.Finding {
	r := &ldapclient.Report{}
	lag := &lag{d: d, lately: map[string]time.Time{}}
	d.Client.Check(ctx, r, func(c *ldapclient.Conn) {
		s, err := d.look(ctx, c)
		if err != nil || !s.ad {
			r.Add(directory.Fault, "name domain controllers in urls, or choose the type of directory that the server is", "%s: is no domain controller of Active Directory (no capability %s)", c.Server().URL, oidAD)
			return
		}
		d.checkController(r, c, s)
		who := d.trustee(ctx, c, s)
		d.checkSelf(r, c, s, who)
		d.checkPeople(ctx, r, c, who)
		d.checkPolicies(ctx, r, c, who)
		d.tellHints(r, c, s)
		lag.read(ctx, c)
	})
	lag.tell(ctx, r)
	return r.Out
}

// checkController tells what the controller says of itself.
func (d *Directory) checkController(r *ldapclient.Report, c *ldapclient.Conn, s controller) {
	at := c.Server().URL
	r.Good("%s: is %s, a domain controller of %s", at, s.host, dnsName(s.domain))
	if !s.synchronised {
		r.Add(directory.Warning, ldapclient.Steps("why it does not replicate tells, on Windows:", "repadmin /showrepl", "# on Samba:", "samba-tool drs showrepl"), "%s: has not taken over what the other controllers know since it started", at)
	}
	r.Clock(at, s.clock, s.read)
}

// checkSelf looks at the service account itself.
func (d *Directory) checkSelf(r *ldapclient.Report, c *ldapclient.Conn, s controller, who trustee) {
	at := c.Server().URL
	if len(s.self) == 0 {
		r.Add(directory.Warning, ldapclient.Steps("nothing is known that takes this right away; try with a canary what it may do (docs/operate/rehearsal.md):", "postern rehearse"), "%s: does not say which groups the service account is in: what it may do is seen only when it tries", at)
	}
	for one := range s.self {
		if name := one.mighty(); name != "" {
			r.Add(directory.Warning, "take it out of the group, and delegate what Postern needs: docs/operate/active-directory.md", "%s: the service account is in %s and may do far more than set passwords", at, name)
		}
	}
	ends := moment(who.ends)
	if left := ends.Sub(d.now()); !ends.IsZero() && left < soon {
		r.Add(directory.Warning, d.onService("give it a long random password that does not expire;", `Set-ADUser -Identity "%s" -PasswordNeverExpires $true`, "samba-tool user setexpiry %s --noexpiry"),
			"%s: the service account's own password expires on %s", at, ends.Format(time.DateTime))
	}
}

// checkPeople looks for people, and at one of them.
func (d *Directory) checkPeople(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, who trustee) {
	at := c.Server().URL
	tool := func(rest ...string) string {
		return d.Command(c.Server(), "ldapsearch", append([]string{"-b", ldapclient.Quoted(d.set.Base)}, rest...)...)
	}
	_, err := d.Search(ctx, c, ldapclient.Query{Base: d.set.Base, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: []string{ldapclient.NoAttribute}, Limit: 1})
	if err != nil {
		r.Add(directory.Fault, ldapclient.Steps("correct base, or give the service account the right to read it; by hand:", tool("-s", "base")), "%s: base %s: %s", at, d.set.Base, ldapclient.Brief(err))
		return
	}
	scope := goldap.ScopeWholeSubtree
	if d.set.Scope == "one" {
		scope = goldap.ScopeSingleLevel
	}
	filter := "(&" + d.set.UserFilter + "(!(" + attrGuarded + "=1)))"
	found, err := d.Search(ctx, c, ldapclient.Query{Base: d.set.Base, Scope: scope, Filter: filter, Attributes: d.attributes(), Limit: sampled,
		Controls: []goldap.Control{goldap.NewControlPaging(sampled), ldapclient.Optional{OID: oidDescriptor, Value: ownerGroupList}}}) // Samba counts pages alone
	search := tool("-s", strings.TrimSuffix(d.set.Scope, "tree"), "-z", "1", ldapclient.Quoted(d.set.UserFilter))
	switch {
	case err != nil:
		r.Add(directory.Fault, ldapclient.Steps("correct user_filter, or give the service account the right to read people; by hand:", search), "%s: search for people: %s", at, ldapclient.Brief(err))
		return
	case len(found) == 0:
		r.Add(directory.Fault, ldapclient.Steps("correct base and user_filter, or give the service account the right to read people; by hand:", search), "%s: nobody below %s matches %s", at, d.set.Base, d.set.UserFilter)
		return
	}
	e := found[0]
	for _, a := range []string{attrID, d.set.LoginAttributes[0], attrFlags, attrComputed, attrCreated} {
		if ldapclient.First(e, a) == "" {
			r.Add(directory.Fault, "let the service account read "+a+", or correct the setting", "%s: %s has no %s", at, e.DN, a)
			return
		}
	}
	r.Good("%s: people are found below %s", at, d.set.Base)
	d.checkRights(r, c, who, found[:min(len(found), sampled)])
	began := d.now()
	_, err = d.Find(ctx, "postern-check-"+strings.ToLower(rand.Text()))
	if took := d.now().Sub(began); err != nil && took > slowSearch {
		r.Add(directory.Warning, "take out of login_attributes what is not indexed (searchFlags 1 in the schema)", "%s: looking a name up took %s", at, took.Round(time.Millisecond))
	}
}

// sampled is how many people's access lists are looked at.
const sampled = 5

// checkRights tells what the service may do to some people, as far as their access lists can be read.
func (d *Directory) checkRights(r *ldapclient.Report, c *ldapclient.Conn, who trustee, found []*goldap.Entry) {
	s, _ := d.controller(c)
	found = slices.DeleteFunc(found, func(e *goldap.Entry) bool { return !s.rights(e).known })
	all := who.commands(d.set.Base, grantReset, grantUnlock, grantMustChange)
	for _, one := range []struct {
		means string
		lack  directory.Severity
		has   func(may) bool
	}{
		{"set the password (Reset Password)", directory.Fault, func(m may) bool { return m.reset }},
		{"end a lock-out (write lockoutTime)", directory.Warning, func(m may) bool { return m.unlock }},
		{"demand or waive a change at the next sign-in (write pwdLastSet)", directory.Warning, func(m may) bool { return m.mustChange }},
	} {
		r.Sample(c.Server().URL, ldapclient.Right{Means: one.means, Lack: one.lack, Fix: all}, found, func(e *goldap.Entry) bool { return one.has(s.rights(e)) })
	}
}

// slowSearch is what a search by indexed attributes never takes.
const slowSearch = 250 * time.Millisecond

// checkPolicies looks whether the rules can be read, and what would stop a reset.
func (d *Directory) checkPolicies(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, who trustee) {
	s, _ := d.controller(c)
	at := c.Server().URL
	p, err := d.policy(ctx, c, s.domain, domainNames)
	if err != nil || !p.known {
		r.Add(directory.Warning, who.commands(s.domain, grantDomain), "%s: the domain's password policy can't be read", at)
	} else {
		r.Good("%s: the domain's password policy: %s", at, p)
	}
	if p.minAge > 0 && d.hints(s) != "" {
		r.Add(directory.Warning, ldapclient.Steps("let people unlock instead, or policy_hints: never in postern.yaml, or, on Windows (PowerShell):",
			"Set-ADDefaultDomainPasswordPolicy -Identity "+dnsName(s.domain)+" -MinPasswordAge 00:00:00", "# on Samba:", "samba-tool domain passwordsettings set --min-pwd-age=0"), "%s: a reset within %s of the last change is refused", at, ldapclient.Span(p.minAge))
	}
	container := "CN=Password Settings Container,CN=System," + s.domain
	found, err := d.Search(ctx, c, ldapclient.Query{Base: container, Scope: goldap.ScopeWholeSubtree, Filter: ldapclient.Anything, Attributes: []string{"objectClass", objectNames.minimum}})
	objects, hidden := 0, err != nil || len(found) == 0
	for _, e := range found {
		if strings.EqualFold(e.DN, container) {
			continue
		}
		objects++
		hidden = hidden || ldapclient.First(e, objectNames.minimum) == ""
	}
	if hidden {
		r.Add(directory.Warning, who.commands(container, grantPolicy), "%s: password settings objects can't be read: to whom one applies, the directory's rules are not shown", at)
	} else {
		r.Good("%s: password settings objects can be read: there are %d", at, objects)
	}
	head, err := d.Search(ctx, c, ldapclient.Query{Base: s.domain, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Limit: 1, Attributes: []string{attrDescriptor},
		Controls: []goldap.Control{ldapclient.Optional{OID: oidDescriptor, Value: ownerGroupList}}})
	if err != nil || len(head) != 1 {
		return
	}
	list, err := readDescriptor(head[0].GetEqualFoldRawAttributeValue(attrDescriptor))
	if err == nil && !list.conditional && len(s.self) > 0 && !list.grants(rightUnexpire, s.self) {
		r.Add(directory.Warning, who.commands(s.domain, grantUnexpire), "%s: the service account has no right Unexpire Password on the domain: whoever gets a new password must change it again at once", at)
	}
}
