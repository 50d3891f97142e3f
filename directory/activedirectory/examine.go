package activedirectory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// Examine tells what the service may do to one account and what holds for it, from the account's
// access list and attributes. It changes nothing.
func (d *Directory) Examine(ctx context.Context, id string) ([]directory.Finding, error) {
	filter, ok := d.IDFilter(id)
	if !ok {
		return nil, directory.ErrNotFound
	}
	var r *ldapclient.Report
	err := d.Read(d.at(ctx, id), func(c *ldapclient.Conn) error {
		r = &ldapclient.Report{}
		e, err := d.One(ctx, c, filter, append(stateAttributes(), attrCreated, attrGroupName))
		if err != nil {
			return err
		}
		s := d.fresh(ctx, c)
		who := d.trustee(ctx, c, s)
		d.examineRights(r, s, who, e)
		d.examineState(r, e)
		return d.examinePolicy(ctx, r, c, e)
	})
	err = d.lost(id, err)
	switch {
	case err == nil:
		return r.Out, nil
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrUnavailable):
		return nil, err
	}
	return nil, ldapclient.Unread(err, "look at a person")
}

// examineRights tells what the service may do to the account.
func (d *Directory) examineRights(r *ldapclient.Report, s controller, who trustee, e *goldap.Entry) {
	m, ou := s.rights(e), above(e.DN)
	guarded := ldapclient.First(e, attrGuarded) == "1"
	if !m.known {
		r.Add(directory.Warning, who.commands(ou, grantLook),
			"%s: the access list can't be read or judged: whether the service may reset the password is seen only when it tries", e.DN)
		return
	}
	var lacks []string
	for _, one := range []struct {
		given  bool
		grant  grant
		lack   directory.Severity
		may    string
		mayNot string
	}{
		{m.reset, grantReset, directory.Fault, "set the password (Reset Password)", "may not set the password: it has no right Reset Password"},
		{m.unlock, grantUnlock, directory.Warning, "end a lock-out (write lockoutTime)", "may not end a lock-out: it can't write lockoutTime, and whoever is locked stays so after a reset"},
		{m.mustChange, grantMustChange, directory.Warning, "demand or waive a change at the next sign-in (write pwdLastSet)", "may neither demand nor waive a change at the next sign-in: it can't write pwdLastSet"},
	} {
		switch {
		case one.given:
			r.Good("%s: the service account may %s", e.DN, one.may)
		case guarded:
			lacks = append(lacks, one.may)
		default:
			r.Add(one.lack, who.commands(ou, one.grant), "%s: the service account %s", e.DN, one.mayNot)
		}
	}
	if len(lacks) > 0 {
		r.Add(directory.Warning, "# leave the account to its administrators; if it is no longer in a guarded group, clear adminCount and let it inherit again:\n"+inheritAgain(e.DN),
			"%s: guarded by AdminSDHolder (adminCount 1), which replaces its access list every hour: what was delegated on %s does not reach it, and the service account may not %s. That is as it should be",
			e.DN, ou, strings.Join(lacks, ", "))
	}
}

// examineState tells how the account stands.
func (d *Directory) examineState(r *ldapclient.Report, e *goldap.Entry) {
	a := d.standing(e)
	flags, readable := number(ldapclient.First(e, attrFlags))
	if !readable {
		r.Add(directory.Fault, "let the service account read userAccountControl", "%s: whether it is disabled can't be read, so it counts as disabled", e.DN)
	}
	if ends := moment(ldapclient.First(e, attrEnds)); !ends.IsZero() && !ends.After(d.now()) {
		r.Add(directory.Warning, onAccount("an administrator lets it go on;", e, `Clear-ADAccountExpiration -Identity "%s"`, "samba-tool user setexpiry %s --noexpiry"), "%s: the account expired on %s; a new password does not change that", e.DN, ends.Format(time.DateTime))
	} else if a.Disabled && readable {
		r.Add(directory.Warning, onAccount("an administrator enables it, if it should be;", e, `Enable-ADAccount -Identity "%s"`, "samba-tool user enable %s"), "%s: the account is disabled; a new password does not change that", e.DN)
	}
	if a.Locked {
		r.Good("%s: wrong passwords have locked it; a reset or an unlock ends that", e.DN)
	}
	if a.MustChange {
		r.Good("%s: the password must be changed at the next sign-in", e.DN)
	}
	if a.Expired {
		r.Good("%s: the password has expired", e.DN)
	}
	if flags&flagSmartcard != 0 {
		r.Add(directory.Warning, "nothing: a reset does not help this person", "%s: signs in by smart card alone (userAccountControl 0x40000)", e.DN)
	}
}

// examinePolicy tells which policy holds.
func (d *Directory) examinePolicy(ctx context.Context, r *ldapclient.Report, c *ldapclient.Conn, e *goldap.Entry) error {
	s := d.fresh(ctx, c)
	p, err := d.policyFor(ctx, c, e)
	if err != nil {
		return err
	}
	from := ldapclient.First(e, attrPolicy)
	switch {
	case p.known && from == "":
		r.Good("the domain's password policy holds: %s", p)
	case p.known:
		r.Good("the password settings object %s holds: %s", from, p)
	case from != "":
		r.Add(directory.Warning, d.trustee(ctx, c, s).commands(above(from), grantPolicy),
			"the password settings object %s holds, which the service account can't read: people are shown no rules of the directory, and a refusal comes unforeseen", from)
	default:
		r.Add(directory.Warning, d.trustee(ctx, c, s).commands(s.domain, grantDomain), "the domain's password policy can't be read")
	}
	d.tellHints(r, c, s)
	return nil
}

// tellHints says whether the controller applies history and minimum age to resets.
func (d *Directory) tellHints(r *ldapclient.Report, c *ldapclient.Conn, s controller) {
	at := c.Server().URL
	const alone = "password.history: 5 in postern.yaml, so that Postern remembers what it was given; with it this is only for your knowledge"
	switch {
	case s.hints != "" && d.set.PolicyHints == "never":
		r.Add(directory.Warning, "policy_hints: auto", "%s: could apply history and minimum age to resets, and is not asked to (policy_hints: never)", at)
	case s.hints != "":
		r.Good("%s: history and minimum age hold for resets (control %s)", at, s.hints)
	case d.set.PolicyHints == "never":
		r.Good("%s: history and minimum age are not applied to resets (policy_hints: never)", at)
	default:
		r.Add(directory.Warning, alone, "%s: history is not enforced here: the controller offers no policy hints (control %s), so a reset may bring a former password back unless password.history is set. Length and complexity hold", at, oidHints)
	}
}

// String is the policy in words.
func (p policy) String() string {
	words := []string{fmt.Sprintf("at least %d characters", p.minimum)}
	if p.complex {
		words = append(words, "three kinds of characters")
	}
	if p.history > 0 {
		words = append(words, fmt.Sprintf("none of the last %d", p.history))
	}
	if p.minAge > 0 {
		words = append(words, "no change within "+ldapclient.Span(p.minAge))
	}
	if p.maxAge > 0 {
		words = append(words, "expires after "+ldapclient.Span(p.maxAge))
	}
	if p.threshold > 0 {
		until := "until somebody unlocks"
		if p.lockout > 0 {
			until = "for " + ldapclient.Span(p.lockout)
		}
		words = append(words, fmt.Sprintf("locked after %d wrong ones %s", p.threshold, until))
	}
	return strings.Join(words, ", ")
}
