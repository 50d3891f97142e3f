package ldap

import (
	"context"
	"errors"
	"fmt"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/secret"
)

// SetPassword sets a password as the service account. It also ends a lock-out by wrong
// passwords, which is OpenLDAP's doing. A lock by an administrator would end too, so such an
// account is refused.
func (d *Directory) SetPassword(ctx context.Context, id string, to secret.Text) error {
	if to.Empty() {
		return &directory.Rejected{Reason: directory.TooShort, Operator: "an empty password is never sent"}
	}
	return d.write(ctx, id, "set a password", func(c *conn, e *goldap.Entry) error {
		if first(e, attrLocked) == lockedForGood {
			return &directory.Rejected{Reason: directory.NotAllowed, Operator: "an administrator has locked the account, and a new password would unlock it"}
		}
		if err := d.send(ctx, c, e.DN, to); err != nil {
			return err
		}
		if d.set.SetMustChange == "never" {
			d.keep(ctx, c, e.DN)
		}
		return nil
	})
}

// send is the write itself.
func (d *Directory) send(ctx context.Context, c *conn, dn string, to secret.Text) error {
	if d.set.PasswordChange == "modify" {
		change := goldap.NewModifyRequest(dn, []goldap.Control{policyControl{}})
		change.Replace("userPassword", []string{to.Reveal()})
		return c.once(ctx, func() error { return c.Modify(change) })
	}
	ask, err := passwordModify(dn, to.Reveal())
	if err != nil {
		return err
	}
	return c.once(ctx, func() error { _, err := c.Extended(ask); return err })
}

// keep takes back pwdReset, which ppolicy sets when a password administrator changes a password
// under pwdMustChange: the person has just chosen it, and would have to choose again
// (draft-behera-ldap-password-policy section 5.2.15). If it fails the password is set all the
// same, and Authenticate says ErrMustChange.
func (d *Directory) keep(ctx context.Context, c *conn, dn string) {
	found, err := d.search(ctx, c, query{base: dn, scope: goldap.ScopeBaseObject, filter: anything, attributes: []string{attrReset}, limit: 1})
	if err != nil || len(found) != 1 || first(found[0], attrReset) != "TRUE" {
		return
	}
	change := goldap.NewModifyRequest(dn, nil)
	change.Delete(attrReset, []string{"TRUE"})
	_ = c.do(ctx, func() error { return c.Modify(change) })
}

// Unlock ends a lock-out by wrong passwords; ppolicy forgets the failures with it. An account
// that is not locked stays as it is, and a lock by an administrator is refused.
func (d *Directory) Unlock(ctx context.Context, id string) error {
	return d.write(ctx, id, "unlock an account", func(c *conn, e *goldap.Entry) error {
		since := first(e, attrLocked)
		switch since {
		case "":
			return nil
		case lockedForGood:
			return &directory.Rejected{Reason: directory.NotAllowed, Operator: "an administrator has locked the account"}
		}
		change := goldap.NewModifyRequest(e.DN, []goldap.Control{policyControl{}})
		change.Delete(attrLocked, []string{since}) // only this value: not a lock that came meanwhile
		err := c.once(ctx, func() error { return c.Modify(change) })
		if e := answered(err); e != nil && e.ResultCode == goldap.LDAPResultNoSuchAttribute {
			return nil
		}
		return err
	})
}

// write finds the entry, on a connection that thereby proves to be alive, and runs f on the same
// one. f's request is never repeated.
func (d *Directory) write(ctx context.Context, id, doing string, f func(*conn, *goldap.Entry) error) error {
	if id == "" {
		return directory.ErrNotFound
	}
	var done error
	err := d.read(ctx, func(c *conn) error {
		e, err := d.one(ctx, c, d.idFilter(id), []string{attrLocked})
		if err == nil {
			done = f(c, e)
		}
		return err
	})
	var rejected *directory.Rejected
	switch e := answered(done); {
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrUnavailable):
		return err
	case err != nil: // the search was refused: nothing was written
		return fmt.Errorf("%w: %w", directory.ErrUnavailable, unread(err, doing))
	case e != nil:
		return refusal(e, doing)
	case done == nil, errors.As(done, &rejected), errors.Is(done, directory.ErrUnavailable):
		return done
	}
	return fmt.Errorf("ldap: %s: %w: %w", doing, directory.ErrUncertain, done)
}

// once runs a request that must not be repeated. Without an answer it tells whether the request
// left this machine: if not, it never will, and the error wraps ErrUnavailable.
func (c *conn) once(ctx context.Context, request func() error) error {
	mark := c.wire.mark()
	err := c.do(ctx, request)
	if err == nil || answered(err) != nil {
		return err
	}
	c.broken = true
	if c.wire.unsent(mark) {
		return fmt.Errorf("%w: the request was not sent: %w", directory.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", directory.ErrUncertain, err)
}
