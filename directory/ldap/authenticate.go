package ldap

import (
	"context"
	"crypto/rand"
	"errors"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/secret"
)

// Authenticate binds as the person, on a connection that does nothing else. The wrong password of an unknown
// identifier is tried as well, on an entry that does not exist, so that it costs the same. A
// failure counts towards the directory's own lock-out.
func (d *Directory) Authenticate(ctx context.Context, id string, with secret.Text) error {
	if with.Empty() {
		return directory.ErrWrongPassword
	}
	var who standing
	err := d.read(ctx, func(c *conn) error {
		e, err := d.one(ctx, c, d.idFilter(id), []string{attrLocked, attrPolicy, attrStarts, attrEnds})
		if err != nil {
			return err
		}
		who.dn = e.DN
		if who.disabled, err = d.disabled(ctx, c, e); err != nil {
			return err
		}
		_, who.locked, err = d.locked(ctx, c, e)
		return err
	})
	switch {
	case errors.Is(err, directory.ErrNotFound):
		who.dn = "cn=" + rand.Text() + "," + d.set.Base
	case errors.Is(err, directory.ErrUnavailable):
		return err
	case err != nil:
		return unread(err, "look up whose password it is")
	}
	said, err := d.try(ctx, who.dn, with)
	return who.verdict(said, err)
}

// try binds once, whatever becomes of it: a second time could count as a second wrong password.
func (d *Directory) try(ctx context.Context, dn string, with secret.Text) (ppolicy, error) {
	c, err := d.tries.take(ctx, false)
	if err != nil {
		return noPolicy, err
	}
	defer d.tries.put(c)
	return c.bind(ctx, dn, with)
}

// standing is what the entry said of the account before the password was tried. Without
// ppolicy_use_lockout the answer to the bind does not say why it was refused.
type standing struct {
	dn               string
	disabled, locked bool
}

// verdict says what the answer to the bind means.
func (w standing) verdict(said ppolicy, err error) error {
	refused := answered(err)
	switch {
	case err == nil && w.disabled:
		return directory.ErrDisabled
	case err == nil && (said == policyMustChange || said == policyExpired):
		return directory.ErrMustChange
	case err == nil:
		return nil
	case refused == nil:
		return unread(err, "try a password")
	}
	switch refused.ResultCode {
	case goldap.LDAPResultNoSuchObject, goldap.LDAPResultInappropriateAuthentication: // nothing to be right
		return directory.ErrWrongPassword
	case goldap.LDAPResultInvalidCredentials:
	default:
		return unread(err, "try a password")
	}
	switch {
	case w.disabled:
		return directory.ErrDisabled
	case w.locked, said == policyLocked:
		return directory.ErrLocked
	case said == policyExpired: // right, and no grace is left
		return directory.ErrMustChange
	}
	return directory.ErrWrongPassword
}
