package ldap

import (
	"context"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/secret"
)

// SetPassword sets a password as the service account. It also ends a lock-out by wrong
// passwords, which is OpenLDAP's doing. A lock by an administrator would end too, so such an
// account is refused.
func (d *Directory) SetPassword(ctx context.Context, id string, to secret.Text) error {
	if to.Empty() {
		return &directory.Rejected{Reason: directory.TooShort, Operator: "an empty password is never sent"}
	}
	return d.Write(ctx, id, writing("set a password"), func(c *ldapclient.Conn, e *goldap.Entry) error {
		if ldapclient.First(e, attrLocked) == lockedForGood {
			return &directory.Rejected{Reason: directory.NotAllowed, Operator: "an administrator has locked the account, and a new password would unlock it"}
		}
		return d.reset(ctx, c, e.DN, to)
	})
}

// reset sends the new password as the service account. With the right to write ppolicy marks nothing,
// and that is all; with manage a mark is taken back.
func (d *Directory) reset(ctx context.Context, c *ldapclient.Conn, dn string, to secret.Text) error {
	if err := d.send(ctx, c, dn, to); err != nil {
		return err
	}
	if d.set.SetMustChange == "never" && d.set.PasswordRight == "manage" {
		d.keep(ctx, c, dn)
	}
	return nil
}

// send is the write itself.
func (d *Directory) send(ctx context.Context, c *ldapclient.Conn, dn string, to secret.Text) error {
	if d.set.PasswordChange == "modify" {
		change := goldap.NewModifyRequest(dn, []goldap.Control{ldapclient.PolicyControl{}})
		change.Replace("userPassword", []string{to.Reveal()})
		return c.Once(ctx, func() error { return c.Modify(change) })
	}
	ask, err := ldapclient.PasswordModify(dn, to.Reveal())
	if err != nil {
		return err
	}
	return c.Once(ctx, func() error { _, err := c.Extended(ask); return err })
}

// keep takes back pwdReset, which ppolicy sets when a password administrator changes a password
// under pwdMustChange: the person has just chosen it, and would have to choose again
// (draft-behera-ldap-password-policy section 5.2.15). If it fails the password is set all the
// same, and Authenticate says ErrMustChange.
func (d *Directory) keep(ctx context.Context, c *ldapclient.Conn, dn string) {
	found, err := d.Search(ctx, c, ldapclient.Query{Base: dn, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Attributes: []string{attrReset}, Limit: 1})
	if err != nil || len(found) != 1 || ldapclient.First(found[0], attrReset) != "TRUE" {
		return
	}
	change := goldap.NewModifyRequest(dn, nil)
	change.Delete(attrReset, []string{"TRUE"})
	_ = c.Do(ctx, func() error { return c.Modify(change) })
}

// Unlock ends a lock-out by wrong passwords; ppolicy forgets the failures with it. An account
// that is not locked stays as it is, and a lock by an administrator is refused.
func (d *Directory) Unlock(ctx context.Context, id string) error {
	return d.Write(ctx, id, writing("unlock an account"), func(c *ldapclient.Conn, e *goldap.Entry) error {
		since := ldapclient.First(e, attrLocked)
		switch since {
		case "":
			return nil
		case lockedForGood:
			return &directory.Rejected{Reason: directory.NotAllowed, Operator: "an administrator has locked the account"}
		}
		change := goldap.NewModifyRequest(e.DN, []goldap.Control{ldapclient.PolicyControl{}})
		change.Delete(attrLocked, []string{since}) // only this value: not a lock that came meanwhile
		err := c.Once(ctx, func() error { return c.Modify(change) })
		if e := ldapclient.Answered(err); e != nil && e.ResultCode == goldap.LDAPResultNoSuchAttribute {
			return nil
		}
		return err
	})
}

// writing describes a write for the client.
func writing(doing string) ldapclient.Writing {
	return ldapclient.Writing{Doing: doing, Attributes: []string{attrLocked}, Reason: policyReason}
}
