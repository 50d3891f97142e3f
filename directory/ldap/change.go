package ldap

import (
	"context"
	"fmt"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/secret"
)

// ChangePassword sets a password as the person, under all of the directory's rules. ppolicy lets
// that happen with pwdReset and with grace logins. Where it refuses to let the person in at all
// because the password has expired, which it is seen to say only of the right one, the service
// account sets the new one instead.
func (d *Directory) ChangePassword(ctx context.Context, id string, old, to secret.Text) error {
	switch {
	case to.Empty():
		return &directory.Rejected{Reason: directory.TooShort, Operator: "an empty password is never sent"}
	case old.Empty():
		return directory.ErrWrongPassword
	}
	who, err := d.stand(ctx, id)
	if err != nil {
		return err
	}
	shut, err := d.ChangeAs(ctx, ldapclient.Person{DN: who.dn, With: old}, writing("change a password"), who.verdict, func(c *ldapclient.Conn) error {
		return d.exchange(ctx, c, who.dn, old, to)
	})
	switch {
	case !shut:
		return err
	case to.Equal(old): // with manage nothing else would refuse it
		return &directory.Rejected{Reason: directory.SamePassword, Operator: "the new password is the one that has expired"}
	}
	return d.renew(ctx, id, old, to)
}

// exchange is the write with the old password.
func (d *Directory) exchange(ctx context.Context, c *ldapclient.Conn, dn string, old, to secret.Text) error {
	var err error
	if d.set.PasswordChange == "modify" {
		change := goldap.NewModifyRequest(dn, []goldap.Control{ldapclient.PolicyControl{}})
		change.Delete("userPassword", []string{old.Reveal()})
		change.Add("userPassword", []string{to.Reveal()})
		err = c.Once(ctx, func() error { return c.Modify(change) })
	} else {
		ask, bad := ldapclient.PasswordChange(dn, old.Reveal(), to.Reveal())
		if bad != nil {
			return bad
		}
		err = c.Once(ctx, func() error { _, err := c.Extended(ask); return err })
	}
	if e := ldapclient.Answered(err); e != nil && e.ResultCode == goldap.LDAPResultUnwillingToPerform && ldapclient.PolicyOf(e) == ldapclient.PolicySilent {
		return &directory.Rejected{Reason: directory.NotAllowed, Operator: "result 53: " + ldapclient.Said(e) +
			": the old password was right a moment ago; whoever changes one needs =xw on userPassword (by self =xw)"}
	}
	return err
}

// renew sets the password of somebody who is shut out because it has expired, as the service
// account. Under pwdSafeModify that takes the old one too, and the right to compare it.
func (d *Directory) renew(ctx context.Context, id string, old, to secret.Text) error {
	w := writing("renew a password that has expired")
	w.Attributes = append(w.Attributes, attrPolicy)
	return d.Write(ctx, id, w, func(c *ldapclient.Conn, e *goldap.Entry) error {
		if ldapclient.First(e, attrLocked) == lockedForGood {
			return &directory.Rejected{Reason: directory.NotAllowed, Operator: "an administrator has locked the account, and a new password would unlock it"}
		}
		p, err := d.policyFor(ctx, c, e)
		if err != nil {
			return fmt.Errorf("%w: nothing was written: %w", directory.ErrUnavailable, ldapclient.Unread(err, "read the password policy"))
		}
		if p.safe && d.set.PasswordRight == "write" {
			return d.exchange(ctx, c, e.DN, old, to)
		}
		return d.reset(ctx, c, e.DN, to)
	})
}
