package ds389

import (
	"context"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/secret"
)

// How often and after how long an entry is read again.
const (
	settleTries = 20
	settleStep  = 10 * time.Millisecond
)

// SetPassword sets a password as the service account, and ends a lock-out by wrong passwords in the
// same request: the server itself would leave marks of it behind. A disabled account stays so.
func (d *Directory) SetPassword(ctx context.Context, id string, to secret.Text) error {
	if to.Empty() {
		return &directory.Rejected{Reason: directory.TooShort, Operator: "an empty password is never sent"}
	}
	return d.change(ctx, id, "set a password", func(change *goldap.ModifyRequest) {
		change.Replace("userPassword", []string{to.Reveal()})
	})
}

// Unlock ends a lock-out by wrong passwords. An account that is not locked stays as it is.
func (d *Directory) Unlock(ctx context.Context, id string) error {
	return d.change(ctx, id, "unlock an account", nil)
}

// change sends what add adds, and what ends a lock-out, in one request; nothing where there is
// nothing to change.
func (d *Directory) change(ctx context.Context, id, doing string, add func(*goldap.ModifyRequest)) error {
	var before state
	err := d.Write(ctx, id, d.writing(doing), func(c *ldapclient.Conn, e *goldap.Entry) error {
		p, err := d.policyFor(ctx, c, e)
		if err != nil {
			return unread(err)
		}
		change := goldap.NewModifyRequest(e.DN, []goldap.Control{ldapclient.PolicyControl{}})
		now := d.now()
		before = d.profile.state(e, p, now)
		switch {
		case add != nil:
			add(change)
		case !before.locked && ldapclient.First(e, attrUnlock) == "":
			return nil
		}
		d.profile.unlock(change, e, now)
		return c.Once(ctx, func() error { return c.Modify(change) })
	})
	if err == nil && add != nil {
		d.settle(ctx, id, before)
	}
	return err
}

// ChangePassword sets a password as the person, under all of the directory's rules. The server lets
// that happen while it must be changed and with grace logins. Where it refuses to let the person in
// because the password has expired, and is seen to say so only of the right one, the service account
// sets the new one instead.
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
	shut, err := d.ChangeAs(ctx, ldapclient.Person{DN: who.dn, With: old}, d.writing("change a password"), who.verdict, func(c *ldapclient.Conn) error {
		change := goldap.NewModifyRequest(who.dn, []goldap.Control{ldapclient.PolicyControl{}})
		change.Replace("userPassword", []string{to.Reveal()})
		return c.Once(ctx, func() error { return c.Modify(change) })
	})
	switch {
	case err == nil:
		d.settle(ctx, id, who.state)
		return nil
	case !shut:
		return err
	case to.Equal(old): // without history nothing else would refuse it
		return &directory.Rejected{Reason: directory.SamePassword, Operator: "the new password is the one that has expired"}
	}
	return d.SetPassword(ctx, id, to)
}

// settle waits a moment for the server, which takes its marks off an account only after it has said
// that the password is changed: whoever looked at once would be told to change it again.
func (d *Directory) settle(ctx context.Context, id string, before state) {
	if !before.must && !before.expired {
		return
	}
	for range settleTries {
		if who, err := d.stand(ctx, id); err != nil || !who.must && !who.expired {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settleStep):
		}
	}
}

// writing describes a write for the client.
func (d *Directory) writing(doing string) ldapclient.Writing {
	return ldapclient.Writing{Doing: doing, Attributes: d.profile.attributes(), Reason: reason}
}
