package ds389

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/secret"
)

// Authenticate binds as the person, on a connection that does nothing else. The wrong password of
// an unknown identifier is tried as well, on an entry that does not exist, so that it costs the
// same. A failure counts towards the directory's own lock-out.
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

// standing is what the entry said of the account before the password was tried.
type standing struct {
	state
	dn     string
	proves bool // "expired" is said of the right password only
	silent bool // the server lets people in whose password has expired, and does not say so
}

// stand reads it. Nobody stands at a place that does not exist.
func (d *Directory) stand(ctx context.Context, id string) (standing, error) {
	_, silent := d.profile.(ipa)
	who := standing{proves: d.profile.proves(), silent: silent}
	filter, _ := d.IDFilter(id)
	err := d.Read(ctx, func(c *ldapclient.Conn) error {
		e, err := d.One(ctx, c, filter, d.profile.attributes())
		if err != nil {
			return err
		}
		who.dn = e.DN
		p, err := d.policyFor(ctx, c, e)
		who.state = d.profile.state(e, p, d.now())
		return err
	})
	switch {
	case errors.Is(err, directory.ErrNotFound):
		who.dn = "uid=" + rand.Text() + "," + d.set.Base
		return who, nil
	case err == nil, errors.Is(err, directory.ErrUnavailable):
		return who, err
	}
	return who, ldapclient.Unread(err, "look up whose password it is")
}

// verdict says what the answer to the bind means.
func (w standing) verdict(said ldapclient.PolicyError, err error) error {
	refused := ldapclient.Answered(err)
	switch {
	case err == nil && w.disabled:
		return directory.ErrDisabled
	case err == nil && (said == ldapclient.PolicyMustChange || said == ldapclient.PolicyExpired):
		return directory.ErrMustChange
	case err == nil && w.silent && (w.must || w.expired):
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
		switch {
		case said == ldapclient.PolicyExpired && w.proves: // right, and no grace is left
			return directory.ErrMustChange
		case said == ldapclient.PolicyExpired, said == ldapclient.PolicyUnproven: // nobody looked whether it is right
			return directory.ErrLocked
		}
		return directory.ErrWrongPassword
	case goldap.LDAPResultConstraintViolation: // "Exceed password retry limit"
		return directory.ErrLocked
	case goldap.LDAPResultUnwillingToPerform:
		return w.unwilling(ldapclient.Said(refused), said, err)
	}
	return ldapclient.Unread(err, "try a password")
}

// unwilling reads why the server did not even look at the password.
func (w standing) unwilling(text string, said ldapclient.PolicyError, err error) error {
	switch {
	case strings.Contains(text, "inactivated"), strings.Contains(text, "is expired"): // nsAccountLock; krbPrincipalExpiration
		return directory.ErrDisabled
	case strings.Contains(text, "Too many failed logins"), strings.Contains(text, "permanently locked"), said == ldapclient.PolicyLocked:
		return directory.ErrLocked
	case w.disabled:
		return directory.ErrDisabled
	}
	return ldapclient.Unread(err, "try a password")
}
