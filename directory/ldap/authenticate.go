package ldap

import (
	"context"
	"crypto/rand"
	"errors"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/secret"
)

// Authenticate binds as the person, on a connection that does nothing else. The wrong password of an unknown
// identifier is tried as well, on an entry that does not exist, so that it costs the same. A
// failure counts towards the directory's own lock-out.
func (d *Directory) Authenticate(ctx context.Context, id string, with secret.Text) error {
	if with.Empty() {
		return directory.ErrWrongPassword
	}
	who, err := d.stand(ctx, id)
	if err != nil {
		return err
	}
	said, err := d.Try(ctx, who.dn, with)
	return who.verdict(said, err)
}

// stand reads what the entry says before a password is tried. Nobody stands at a place that does not
// exist.
func (d *Directory) stand(ctx context.Context, id string) (standing, error) {
	var who standing
	filter, _ := d.IDFilter(id)
	err := d.Read(ctx, func(c *ldapclient.Conn) error {
		e, err := d.One(ctx, c, filter, []string{attrLocked, attrPolicy, attrStarts, attrEnds})
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
		return standing{dn: "cn=" + rand.Text() + "," + d.set.Base}, nil
	case err == nil, errors.Is(err, directory.ErrUnavailable):
		return who, err
	}
	return who, ldapclient.Unread(err, "look up whose password it is")
}

// standing is what the entry said of the account before the password was tried. Without
// ppolicy_use_lockout the answer to the bind does not say why it was refused.
type standing struct {
	dn               string
	disabled, locked bool
}

// verdict says what the answer to the bind means.
func (w standing) verdict(said ldapclient.PolicyError, err error) error {
	refused := ldapclient.Answered(err)
	switch {
	case err == nil && w.disabled:
		return directory.ErrDisabled
	case err == nil && (said == ldapclient.PolicyMustChange || said == ldapclient.PolicyExpired):
		return directory.ErrMustChange
	case err == nil:
		return nil
	case refused == nil:
		return ldapclient.Unread(err, "try a password")
	}
	switch refused.ResultCode {
	case goldap.LDAPResultNoSuchObject, goldap.LDAPResultInappropriateAuthentication: // nothing to be right
		return directory.ErrWrongPassword
	case goldap.LDAPResultInvalidCredentials:
	default:
		return ldapclient.Unread(err, "try a password")
	}
	switch {
	case w.disabled:
		return directory.ErrDisabled
	case w.locked, said == ldapclient.PolicyLocked, said == ldapclient.PolicyUnproven: // of the latter nobody can tell
		return directory.ErrLocked
	case said == ldapclient.PolicyExpired: // right, and no grace is left
		return directory.ErrMustChange
	}
	return directory.ErrWrongPassword
}
