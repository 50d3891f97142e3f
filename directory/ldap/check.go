package ldap

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// Check asks every server whether it would do, and changes nothing. What the service account may
// write is looked at for a few people, as Examine does for one.
func (d *Directory) Check(ctx context.Context) []directory.Finding {
	r := &ldapclient.Report{}
	copies := replicas{}
	d.Client.Check(ctx, r, func(c *ldapclient.Conn) {
		if !d.CheckType(ctx, r, c, Kind.ID) {
			return
		}
		d.checkAbilities(ctx, r, c)
		d.checkClock(ctx, r, c)
		d.checkPeople(ctx, r, c)
		d.checkPolicy(ctx, r, c)
		if len(d.set.URLs) > 1 {
			copies.look(ctx, d, c)
		}
	})
	copies.compare(r, d.now())
	if d.set.PolicyDN == "" {
		r.Add(directory.Warning, "set policy_dn to the value of ppolicy_default in the server's configuration",
			"policy_dn is not set: the password rules of the directory are shown only to people whose entry names a policy, and a lock-out that is over still counts as one")
	}
	if d.set.PasswordChange == "modify" {
		r.Add(directory.Warning, "password_change: exop, or make sure of ppolicy_hash_cleartext (olcPPolicyHashCleartext: TRUE)",
			"password_change: modify: without ppolicy_hash_cleartext the server keeps passwords in clear, and it does not tell")
	}
	return r.Out
}

// checkAbilities reads what the server says of itself (RFC 4512 section 5.1).
func (d *Directory) checkAbilities(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn) {
	found, err := d.Search(ctx, c, ldapclient.Query{Base: "", Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: []string{"supportedExtension", "supportedControl"}, Limit: 1})
	if err != nil || len(found) != 1 {
		r.Add(directory.Warning, frontend("let everybody read the root entry, which says what the server can do", `olcAccess: {0}to dn.base="" by * read`), "%s: does not say what it can do", c.Server().URL)
		return
	}
	e := found[0]
	if d.set.PasswordChange == "exop" && !slices.Contains(e.GetAttributeValues("supportedExtension"), ldapclient.PasswordModifyOID) {
		r.Add(directory.Fault, "password_change: modify", "%s: does not know the Password Modify operation (RFC 3062)", c.Server().URL)
	}
	if !slices.Contains(e.GetAttributeValues("supportedControl"), ldapclient.PolicyOID) {
		r.Add(directory.Warning, "load the overlay ppolicy on the server", "%s: has no password policy: reasons of refusals and lock-outs are not told", c.Server().URL)
	}
}

// checkPeople looks for people, and for what should not be readable.
func (d *Directory) checkPeople(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn) {
	people := d.CheckPeople(ctx, r, c, ldapclient.Look{
		Attributes: append(d.attributes(), "userPassword"),
		Index:      func(c *ldapclient.Conn, attribute string) string { return d.index(ctx, c, attribute) },
	})
	if slices.ContainsFunc(people, func(e *goldap.Entry) bool { return len(e.GetAttributeValues("userPassword")) > 0 }) {
		r.Add(directory.Warning, d.grant(ctx, c), "%s: the service account can read password hashes, which it never needs", c.Server().URL)
	}
	d.checkRights(ctx, r, c, people)
}

// checkRights tries the writes on a few people, each on what is not there.
func (d *Directory) checkRights(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, people []*goldap.Entry) {
	may := map[string]bool{}
	for _, e := range people {
		for _, w := range writes(e) {
			can, err := c.MayDelete(ctx, e.DN, w.attribute, w.absent)
			switch answer := takesNone(err); {
			case answer != nil && c.Server().URL != d.set.URLs[0]:
				r.Add(directory.Warning, "leave it behind the server that takes writes in urls, or take it out", "%s: takes no writes (result %d: %s): resets fail while it stands in for another one", c.Server().URL, answer.ResultCode, ldapclient.Said(answer))
				return
			case answer != nil:
				d.tellReadOnly(r, c, answer)
				return
			case err != nil:
				r.Add(directory.Warning, slapacl(d.set.BindDN, e.DN, w.attribute), "%s: whether the service account may %s cannot be seen: %v", c.Server().URL, w.means, err)
				return
			}
			may[w.attribute+" "+e.DN] = can
		}
	}
	for i, w := range writes(&goldap.Entry{}) {
		right := ldapclient.Right{Means: w.means, Lack: directory.Fault}
		if lacks := func(e *goldap.Entry) bool { return !may[w.attribute+" "+e.DN] }; slices.ContainsFunc(people, lacks) {
			right.Fix = d.grant(ctx, c)
		}
		if i > 0 {
			right.Lack = directory.Warning // a reset goes on without
		}
		r.Sample(c.Server().URL, right, people, func(e *goldap.Entry) bool { return may[w.attribute+" "+e.DN] })
	}
}

// checkClock asks the monitor for the time, where there is one that the service account may read.
func (d *Directory) checkClock(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn) {
	found, err := d.Search(ctx, c, ldapclient.Query{Base: "cn=Current,cn=Time,cn=Monitor", Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: []string{"monitorTimestamp"}, Limit: 1})
	if err == nil && len(found) == 1 {
		r.Clock(c.Server().URL, ldapclient.Moment(ldapclient.First(found[0], "monitorTimestamp")), d.now())
	}
}

// checkPolicy compares the default policy with how resets will be made.
func (d *Directory) checkPolicy(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn) {
	if d.set.PolicyDN == "" {
		return
	}
	p, err := d.readPolicy(ctx, c, d.set.PolicyDN)
	if err != nil || p == (policy{read: p.read}) {
		r.Add(directory.Warning, ldapclient.Steps("correct policy_dn, or let the service account read it; by hand:", d.Command(c.Server(), "ldapsearch", "-b", ldapclient.Quoted(d.set.PolicyDN), "-s", "base")), "%s: the policy %s says nothing", c.Server().URL, d.set.PolicyDN)
		return
	}
	if d.set.PasswordRight == "manage" {
		r.Good("%s: with manage on userPassword the directory applies no password rule to resets", c.Server().URL)
		return
	}
	if p.safe {
		r.Add(directory.Fault, d.amend(ctx, c, d.set.PolicyDN, "pwdSafeModify", "FALSE")+"\n# or password_right: manage, with that right on userPassword",
			"%s: pwdSafeModify refuses every reset without the old password", c.Server().URL)
	}
	if p.minAge > 0 {
		r.Add(directory.Warning, d.amend(ctx, c, d.set.PolicyDN, "pwdMinAge", "0"), "%s: pwdMinAge refuses a reset within %s of the last change", c.Server().URL, ldapclient.Span(p.minAge))
	}
	r.Good("%s: the directory's password rules hold for resets", c.Server().URL)
}

// LockoutAfter returns after how many wrong passwords the policy at policy_dn locks an account, and
// where that is set; 0: never, or nobody can tell.
func (d *Directory) LockoutAfter(ctx context.Context) (n int, setting string) {
	if d.set.PolicyDN == "" {
		return 0, ""
	}
	err := d.Read(ctx, func(c *ldapclient.Conn) error {
		found, err := d.Search(ctx, c, ldapclient.Query{Base: d.set.PolicyDN, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: []string{"pwdLockout", "pwdMaxFailure"}, Limit: 1})
		if err == nil && len(found) == 1 && strings.EqualFold(ldapclient.First(found[0], "pwdLockout"), "TRUE") {
			n, err = strconv.Atoi(cmp.Or(ldapclient.First(found[0], "pwdMaxFailure"), "0"))
		}
		return err
	})
	if err != nil {
		return 0, "" // Check tells why
	}
	return n, "pwdMaxFailure in " + d.set.PolicyDN
}
