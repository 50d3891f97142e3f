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
		r.Add(directory.Warning, "let the service account read it; try: "+d.Command(c.Server(), "ldapsearch", "-b", ldapclient.Quoted(dn), "-s", "base"), "%s: the policy %s, %s, says nothing", url, dn, from)
	default:
		r.Good("%s: the policy %s holds, %s: %s", url, dn, from, p)
	}
	switch {
	case ldapclient.First(e, attrLocked) == lockedForGood:
		r.Add(directory.Warning, "an administrator must delete pwdAccountLockedTime", "%s: an administrator has locked the account: neither a reset nor an unlock is done", url)
	case p.safe && d.set.PasswordRight == "write":
		r.Add(directory.Warning, "set pwdSafeModify to FALSE in "+dn+", or see docs/operate/openldap.md about manage", "%s: pwdSafeModify refuses a reset; whoever knows the old password can change it", url)
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
	add(p.minAge > 0, "no change within %s of the last", p.minAge)
	add(p.maxAge > 0, "a new one after %s", p.maxAge)
	add(p.maxAge > 0 && p.grace > 0, "%d grace logins after that", p.grace)
	add(p.lockout > 0, "a lock-out ends after %s", p.lockout)
	add(p.lockout == 0, "a lock-out does not end by itself")
	add(p.must, "a reset must be changed again")
	return strings.Join(out, ", ")
}

// examineRights tries the three writes on what is not there, and reports whether the server takes
// writes at all.
func (d *Directory) examineRights(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) bool {
	url := c.Server().URL
	notReset := "FALSE"
	if ldapclient.First(e, attrReset) == notReset {
		notReset = "TRUE"
	}
	for _, right := range []struct{ attribute, absent, means, level string }{
		{"userPassword", rand.Text() + rand.Text(), "set the password", "=w"},
		{attrLocked, "19700101000000Z", "end a lock-out", "write"},
		{attrReset, notReset, "waive that it must be changed", "write"},
	} {
		may, err := c.MayDelete(ctx, e.DN, right.attribute, right.absent)
		switch answer := ldapclient.Answered(err); {
		case answer != nil && (answer.ResultCode == goldap.LDAPResultReferral || answer.ResultCode == goldap.LDAPResultUnwillingToPerform):
			r.Add(directory.Fault, "name the server that takes writes in urls, before this one or instead of it", "%s: takes no writes (result %d: %s)", url, answer.ResultCode, ldapclient.Said(answer))
			return false
		case err != nil:
			r.Add(directory.Warning, slapacl(d.set.BindDN, e.DN, right.attribute), "%s: whether the service account may %s cannot be seen: %v", url, right.means, err)
		case may:
			r.Good("%s: the service account may %s (%s)", url, right.means, right.attribute)
		default:
			r.Add(directory.Fault, fmt.Sprintf("access to attrs=%s by dn.exact=%q %s by …, before every other rule for it; then: %s", right.attribute, d.set.BindDN, right.level, slapacl(d.set.BindDN, e.DN, right.attribute)),
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
		r.Add(directory.Warning, "load the overlay ppolicy, or try a reset", "%s: whether the directory's rules hold for a reset cannot be seen: %v", url, errors.Join(err1, err2))
		return
	}
	holds := bad != nil
	switch {
	case holds && d.set.PasswordRight == "manage":
		r.Add(directory.Warning, "password_right: write, or give the service account manage on userPassword", "%s: the directory's rules hold for resets, and password_right says that they do not", url)
	case !holds && d.set.PasswordRight == "write":
		r.Add(directory.Warning, fmt.Sprintf("access to attrs=userPassword by dn.exact=%q =xw by …, or password_right: manage", d.set.BindDN), "%s: the service account has manage on userPassword: length, quality and history are not checked when it resets a password", url)
	case holds:
		r.Good("%s: length, quality, history and minimum age hold for a reset", url)
	default:
		r.Good("%s: with manage on userPassword no rule holds for a reset", url)
	}
	if good != nil {
		r.Add(directory.Warning, "see the policy", "%s: a reset would be refused now: %s", url, good.Operator)
	}
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
