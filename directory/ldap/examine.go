package ldap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// assertion is the control that lets an operation happen only where a filter matches (RFC 4528).
const assertion = "1.3.6.1.1.12"

// never is a filter that matches no entry: (!(objectClass=*)) in BER (RFC 4511 section 4.5.1.7).
func never() []byte {
	f, err := goldap.CompileFilter("(!(objectClass=*))")
	if err != nil {
		return nil // it is a constant; without a value every server refuses the control
	}
	return f.Bytes()
}

// Examine tells what every server lets the service account do to one person, and which rules hold.
// OpenLDAP cannot be asked for rights. Where a write would be refused shows when something is
// written that changes nothing: a value is deleted that is not there, or a password is set on the
// condition that the entry is none.
func (d *Directory) Examine(ctx context.Context, id string) ([]directory.Finding, error) {
	return d.ExamineEach(ctx, id, append(d.attributes(), attrPolicy), func(r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) {
		d.examineState(ctx, r, c, e)
		if d.examineRights(ctx, r, c, e) {
			d.examineRules(ctx, r, c, e)
		}
	})
}

// examineState tells which policy holds for the person, and what of it is in force now.
func (d *Directory) examineState(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) {
	url := c.Server().URL
	dn, from := ldapclient.First(e, attrPolicy), "named in the entry (pwdPolicySubentry)"
	if dn == "" {
		dn, from = d.set.PolicyDN, "the default, policy_dn"
	}
	p, err := d.policyFor(ctx, c, e)
	switch {
	case dn == "":
		r.Add(directory.Warning, "set policy_dn to the value of ppolicy_default in the server's configuration", "%s: which policy holds for %s is not known", url, e.DN)
	case err != nil || p == (policy{read: p.read}):
		r.Add(directory.Warning, ldapclient.Steps("let the service account read it; by hand:", d.Command(c.Server(), "ldapsearch", "-b", ldapclient.Quoted(dn), "-s", "base")), "%s: the policy %s, %s, says nothing", url, dn, from)
	default:
		r.Good("%s: the policy %s holds, %s: %s", url, dn, from, p)
	}
	switch {
	case ldapclient.First(e, attrLocked) == lockedForGood:
		r.Add(directory.Warning, d.amend(ctx, c, e.DN, attrLocked), "%s: an administrator has locked the account: neither a reset nor an unlock is done", url)
	case p.safe && d.set.PasswordRight == "write":
		r.Add(directory.Warning, d.amend(ctx, c, dn, "pwdSafeModify", "FALSE")+"\n# or see docs/operate/openldap.md about manage", "%s: pwdSafeModify refuses a reset; whoever knows the old password can change it", url)
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
	add(p.quality > 0 && p.minimum > 0, "at least %d bytes", p.minimum)
	add(p.quality > 0 && p.maximum > 0, "at most %d bytes", p.maximum)
	add(p.history > 0, "none of the last %d passwords", p.history)
	add(p.minAge > 0, "no change within %s of the last", ldapclient.Span(p.minAge))
	add(p.maxAge > 0, "a new one after %s", ldapclient.Span(p.maxAge))
	add(p.maxAge > 0 && p.grace > 0, "%d grace logins after that", p.grace)
	add(p.lockout > 0, "a lock-out ends after %s", ldapclient.Span(p.lockout))
	add(p.lockout == 0, "a lock-out does not end by itself")
	add(p.must, "what an administrator or somebody with manage sets must be changed again")
	return strings.Join(out, ", ")
}

// write is what a reset or an unlock writes, and a value of it that an entry can't have.
type write struct{ attribute, absent, means string }

// writes are those for one entry.
func writes(e *goldap.Entry) []write {
	notReset := "FALSE"
	if ldapclient.First(e, attrReset) == notReset {
		notReset = "TRUE"
	}
	return []write{
		{"userPassword", rand.Text() + rand.Text(), "set the password"},
		{attrLocked, "19700101000000Z", "end a lock-out"},
		{attrReset, notReset, "waive that it must be changed"},
	}
}

// takesNone returns the answer of a server that takes no writes; nil of any other.
func takesNone(err error) *goldap.Error {
	e := ldapclient.Answered(err)
	if e == nil || e.ResultCode != goldap.LDAPResultReferral && e.ResultCode != goldap.LDAPResultUnwillingToPerform {
		return nil
	}
	return e
}

func (d *Directory) tellReadOnly(r *ldapclient.Report, c *ldapclient.Conn, said *goldap.Error) {
	r.Add(directory.Fault, "name the server that takes writes in urls, before this one or instead of it", "%s: takes no writes (result %d: %s)", c.Server().URL, said.ResultCode, ldapclient.Said(said))
}

// examineRights tries the three writes on what is not there, and reports whether the server takes
// writes at all.
func (d *Directory) examineRights(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) bool {
	url := c.Server().URL
	for _, right := range writes(e) {
		may, err := c.MayDelete(ctx, e.DN, right.attribute, right.absent)
		switch answer := takesNone(err); {
		case answer != nil:
			d.tellReadOnly(r, c, answer)
			return false
		case err != nil:
			r.Add(directory.Warning, slapacl(d.set.BindDN, e.DN, right.attribute), "%s: whether the service account may %s cannot be seen: %v", url, right.means, err)
		case may:
			r.Good("%s: the service account may %s (%s)", url, right.means, right.attribute)
		default:
			r.Add(directory.Fault, d.grant(ctx, c)+"\n# then, to see that it is given:\n"+slapacl(d.set.BindDN, e.DN, right.attribute),
				"%s: the service account may not %s: no right to write %s of %s", url, right.means, right.attribute, e.DN)
		}
	}
	return true
}

// slapacl is how an administrator tests a right on the server itself.
func slapacl(who, dn, attribute string) string {
	return "slapacl -F /etc/ldap/slapd.d -D " + ldapclient.Quoted(who) + " -b " + ldapclient.Quoted(dn) + " " + ldapclient.Quoted(attribute+"/write")
}

// examineRules tries a bad and a good password on a condition that is never met: ppolicy looks at
// them first. So it shows whether the account is what ppolicy calls a password administrator, for
// whom no rule holds, and whether a rule would refuse a reset now.
func (d *Directory) examineRules(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) {
	url := c.Server().URL
	p, err := d.policyFor(ctx, c, e)
	if err != nil || p.quality == 0 || p.minimum < 2 {
		return // no password is bad
	}
	bad, err1 := d.wouldSet(ctx, c, e.DN, "x")
	good, err2 := d.wouldSet(ctx, c, e.DN, "Aa1!"+rand.Text()+rand.Text())
	if err1 != nil || err2 != nil {
		r.Add(directory.Warning, "load the overlay ppolicy on the server (olcOverlay=ppolicy); Postern works without it, with less to say", "%s: whether the directory's rules hold for a reset cannot be seen: %v", url, errors.Join(err1, err2))
		return
	}
	holds := bad != nil
	switch {
	case holds && d.set.PasswordRight == "manage":
		r.Add(directory.Warning, "password_right: write in postern.yaml; or keep manage there and give it:\n"+d.grant(ctx, c), "%s: the directory's rules hold for resets, and password_right says that they do not", url)
	case !holds && d.set.PasswordRight == "write":
		r.Add(directory.Warning, d.grant(ctx, c)+"\n# or, if no rule should hold for resets, password_right: manage in postern.yaml", "%s: the service account has manage on userPassword: length, quality and history are not checked when it resets a password", url)
	case holds:
		r.Good("%s: length, quality, history and minimum age hold for a reset", url)
	default:
		r.Good("%s: with manage on userPassword no rule holds for a reset", url)
	}
	if good != nil {
		r.Add(directory.Warning, d.wouldHelp(ctx, c, e, good.Reason, p), "%s: a reset would be refused now: %s", url, good.Operator)
	}
}

// wouldHelp is what makes a reset possible that a rule refuses now.
func (d *Directory) wouldHelp(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry, why directory.Reason, p policy) string {
	dn := d.named(e)
	switch why {
	case directory.TooYoung:
		return "# " + wait(e, p) + "; an unlock is possible before. To let resets work at any time,\n" + d.amend(ctx, c, dn, "pwdMinAge", "0")
	case directory.NeedsOld:
		return d.amend(ctx, c, dn, "pwdSafeModify", "FALSE")
	case directory.NotAllowed:
		return d.amend(ctx, c, dn, "pwdAllowUserChange", "TRUE")
	}
	return ldapclient.Steps("the rules that refuse it stand in the policy:", d.Command(c.Server(), "ldapsearch", "-b", ldapclient.Quoted(dn), "-s", "base"))
}

// wouldSet tells why a password would be refused by the rules; nil: it would not be. Nothing is
// changed: a server that does not honour a critical control refuses the request.
func (d *Directory) wouldSet(ctx context.Context, c *ldapclient.Conn, dn, to string) (*directory.Rejected, error) {
	change := goldap.NewModifyRequest(dn, []goldap.Control{ldapclient.PolicyControl{}, ldapclient.Critical{OID: assertion, Value: never()}})
	change.Replace("userPassword", []string{to})
	err := c.Once(ctx, func() error { return c.Modify(change) })
	answer := ldapclient.Answered(err)
	switch {
	case answer == nil:
		return nil, errors.Join(errors.New("no answer"), err)
	case answer.ResultCode == goldap.LDAPResultAssertionFailed:
		return nil, nil
	}
	if why, ok := policyReason(answer); ok {
		return &directory.Rejected{Reason: why, Operator: ldapclient.Said(answer)}, nil
	}
	return nil, fmt.Errorf("result %d: %s", answer.ResultCode, ldapclient.Said(answer))
}
