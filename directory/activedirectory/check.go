package activedirectory

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// Clocks: Kerberos gives up at five minutes.
const (
	clockOdd   = time.Minute
	clockWrong = 5 * time.Minute
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
		r.Add(directory.Warning, "see why it does not replicate: repadmin /showrepl, or samba-tool drs showrepl", "%s: has not taken over what the other controllers know since it started", at)
	}
	if s.clock.IsZero() {
		return
	}
	apart := s.read.Sub(s.clock).Abs()
	const fix = "set both clocks by the same source: chronyc tracking here, w32tm /query /status or chronyc tracking there"
	switch {
	case apart > clockWrong:
		r.Add(directory.Fault, fix, "%s: its clock and this machine's are %s apart", at, apart.Round(time.Second))
	case apart > clockOdd:
		r.Add(directory.Warning, fix, "%s: its clock and this machine's are %s apart", at, apart.Round(time.Second))
	default:
		r.Good("%s: its clock and this machine's agree", at)
	}
}

// Groups whose members may do more than set passwords: relative identifiers (MS-DTYP section
// 2.4.2.4).
var mighty = map[uint32]string{512: "Domain Admins", 518: "Schema Admins", 519: "Enterprise Admins", 544: "Administrators", 548: "Account Operators"}

// checkSelf looks at the service account itself.
func (d *Directory) checkSelf(r *ldapclient.Report, c *ldapclient.Conn, s controller, who trustee) {
	at := c.Server().URL
	if len(s.self) == 0 {
		r.Add(directory.Warning, "nothing is known that takes this right away; report it", "%s: does not say which groups the service account is in: what it may do is seen only when it tries", at)
	}
	for one := range s.self {
		if name := mighty[binary.LittleEndian.Uint32([]byte(one[len(one)-sidPart:]))]; name != "" {
			r.Add(directory.Warning, "take it out of the group, and delegate what Postern needs: docs/operate/active-directory.md", "%s: the service account is in %s and may do far more than set passwords", at, name)
		}
	}
	ends := moment(who.ends)
	if left := ends.Sub(d.now()); !ends.IsZero() && left < soon {
		r.Add(directory.Warning, fmt.Sprintf(`give it a long random password that does not expire: dsmod user DN -pwdneverexpires yes, or samba-tool user setexpiry %s --noexpiry`, strings.SplitN(who.name, "@", 2)[0]),
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
		r.Add(directory.Fault, "correct base, or give the service account the right to read it; try: "+tool("-s", "base"), "%s: base %s: %v", at, d.set.Base, err)
		return
	}
	scope := goldap.ScopeWholeSubtree
	if d.set.Scope == "one" {
		scope = goldap.ScopeSingleLevel
	}
	filter := "(&" + d.set.UserFilter + "(!(" + attrGuarded + "=1)))"
	found, err := d.Search(ctx, c, ldapclient.Query{Base: d.set.Base, Scope: scope, Filter: filter, Attributes: d.attributes(), Limit: 1,
		Controls: []goldap.Control{ldapclient.Optional{OID: oidDescriptor, Value: ownerGroupList}}})
	search := tool("-s", strings.TrimSuffix(d.set.Scope, "tree"), "-z", "1", ldapclient.Quoted(d.set.UserFilter))
	switch {
	case err != nil:
		r.Add(directory.Fault, "see user_filter and the service account's rights; try: "+search, "%s: search for people: %v", at, err)
		return
	case len(found) == 0:
		r.Add(directory.Fault, "correct base and user_filter, or give the service account the right to read people; try: "+search, "%s: nobody below %s matches %s", at, d.set.Base, d.set.UserFilter)
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
	s, _ := d.controller(c)
	if m := s.rights(e); m.known && !m.reset {
		r.Add(directory.Warning, who.commands(d.set.Base, grantReset, grantUnlock, grantMustChange),
			"%s: the service account may not reset the password of %s, one of those found; look at others with postern check --person LOGIN", at, e.DN)
	} else if m.known {
		r.Good("%s: the service account may reset the password of %s, one of those found", at, e.DN)
	}
	began := d.now()
	_, err = d.Find(ctx, "postern-check-"+strings.ToLower(rand.Text()))
	if took := d.now().Sub(began); err != nil && took > slowSearch {
		r.Add(directory.Warning, "take out of login_attributes what is not indexed (searchFlags 1 in the schema)", "%s: looking a name up took %s", at, took.Round(time.Millisecond))
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
		r.Add(directory.Warning, "let the service account read minPwdLength and its like of "+s.domain, "%s: the domain's password policy can't be read", at)
	} else {
		r.Good("%s: the domain's password policy: %s", at, p)
	}
	if p.minAge > 0 && d.hints(s) != "" {
		r.Add(directory.Warning, "set the minimum password age to 0, or policy_hints: never, or let people unlock instead", "%s: a reset within %s of the last change is refused", at, p.minAge)
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
