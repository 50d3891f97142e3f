package activedirectory

import (
	"context"
	"crypto/rand"
	"errors"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/secret"
)

// Authenticate binds as the person, once, on a connection that does nothing else, where the account
// was written lately. The password of an unknown identifier is tried as well, on an entry that
// does not exist, so that it costs the same. A failure counts towards the domain's lock-out.
func (d *Directory) Authenticate(ctx context.Context, id string, with secret.Text) error {
	if with.Empty() {
		return directory.ErrWrongPassword
	}
	return d.lost(id, d.authenticate(d.at(ctx, id), id, with))
}

func (d *Directory) authenticate(ctx context.Context, id string, with secret.Text) error {
	dn, err := d.dn(ctx, id)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		dn = "CN=" + rand.Text() + "," + d.set.Base
	case errors.Is(err, directory.ErrUnavailable):
		return err
	case err != nil:
		return ldapclient.Unread(err, "look up whose password it is")
	}
	_, err = d.Try(ctx, dn, with)
	e := ldapclient.Answered(err)
	switch {
	case err == nil:
		return nil
	case e != nil && e.ResultCode == goldap.LDAPResultInvalidCredentials:
		return triedAs(ldapclient.Said(e)).err
	}
	return ldapclient.Unread(err, "try a password")
}

// dn is where an account is now.
func (d *Directory) dn(ctx context.Context, id string) (string, error) {
	filter, ok := d.IDFilter(id)
	if !ok {
		filter, _ = d.IDFilter(nobody)
	}
	var dn string
	err := d.Read(ctx, func(c *ldapclient.Conn) error {
		e, err := d.One(ctx, c, filter, []string{ldapclient.NoAttribute})
		if err == nil {
			dn = e.DN
		}
		return err
	})
	return dn, err
}

// nobody is an identifier that no account has: version and variant are those of no GUID.
const nobody = "ffffffff-ffff-ffff-ffff-ffffffffffff"
