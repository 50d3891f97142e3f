package ldap

import (
	"context"

	"postern/account"
)

// Find looks a person up by a value of one of login_attributes. It asks one search, whether or
// not there is such a person; groups: search and disabled_filter cost one more each for somebody.
func (d *Directory) Find(ctx context.Context, handle string) (account.Account, error) {
	return d.Client.Find(ctx, handle, d.attributes(), d.account)
}

// Get reads an account by its identifier.
func (d *Directory) Get(ctx context.Context, id string) (account.Account, error) {
	return d.Client.Get(ctx, id, d.attributes(), d.account)
}
