package activedirectory

import (
	"context"
	"errors"
	"fmt"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/secret"
)

// SetPassword sets a password as the service account. In the same request it ends a lock-out and
// settles whether the password must be changed again (set_must_change), where the service may;
// what it may not is left as it is, and reading the account back tells. An account that is
// disabled or has expired stays so.
func (d *Directory) SetPassword(ctx context.Context, id string, to secret.Text) error {
	if to.Empty() {
		return &directory.Rejected{Reason: directory.TooShort, Operator: "an empty password is never sent"}
	}
	return d.write(ctx, id, "set a password", func(c *ldapclient.Conn, e *goldap.Entry) error {
		s := d.fresh(ctx, c)
		var controls []goldap.Control
		if hints := d.hints(s); hints != "" {
			controls = append(controls, ldapclient.Critical{OID: hints, Value: hintsOn})
		}
		whole := goldap.NewModifyRequest(e.DN, controls)
		whole.Replace(attrPassword, []string{quoted(to.Reveal())})
		beside := d.beside(s.rights(e), e.DN)
		for _, b := range beside {
			whole.Changes = append(whole.Changes, b.Changes...)
		}
		err := c.Once(ctx, func() error { return c.Modify(whole) })
		if a := ldapclient.Answered(err); a == nil || a.ResultCode != goldap.LDAPResultInsufficientAccessRights || len(beside) == 0 {
			return d.verdict(ctx, c, e, attempt{err, to, len(controls) > 0})
		}
		// Nothing was changed: a Modify is done as a whole (RFC 4511 section 4.6). The list did not
		// tell which part is not allowed, so each is tried by itself, the password first.
		alone := goldap.NewModifyRequest(e.DN, controls)
		alone.Replace(attrPassword, []string{quoted(to.Reveal())})
		err = c.Once(ctx, func() error { return c.Modify(alone) })
		if err == nil {
			for _, b := range beside {
				_ = c.Do(ctx, func() error { return c.Modify(b) })
			}
		}
		return d.verdict(ctx, c, e, attempt{err, to, len(controls) > 0})
	})
}

// beside are the changes that go with a password, as far as the service may make them.
func (d *Directory) beside(m may, dn string) []*goldap.ModifyRequest {
	var out []*goldap.ModifyRequest
	add := func(attribute, value string) {
		change := goldap.NewModifyRequest(dn, nil)
		change.Replace(attribute, []string{value})
		out = append(out, change)
	}
	if !m.known || m.unlock {
		add(attrLocked, "0")
	}
	if now, asked := map[string]string{"never": "-1", "always": "0"}[d.set.SetMustChange]; asked && (!m.known || m.mustChange) {
		add(attrSet, now)
	}
	return out
}

// ChangePassword sets a password as the person does, who gives the old one: history and minimum age
// hold, and no right of the service's is needed. It works with a password that has expired or must
// be changed. A wrong old one counts towards the domain's lock-out.
func (d *Directory) ChangePassword(ctx context.Context, id string, old, to secret.Text) error {
	switch {
	case old.Empty():
		return directory.ErrWrongPassword
	case to.Empty():
		return &directory.Rejected{Reason: directory.TooShort, Operator: "an empty password is never sent"}
	}
	return d.write(ctx, id, "change a password", func(c *ldapclient.Conn, e *goldap.Entry) error {
		switch a := d.standing(e); {
		case a.Disabled:
			return directory.ErrDisabled
		case a.Locked:
			return directory.ErrLocked
		}
		change := goldap.NewModifyRequest(e.DN, nil)
		change.Delete(attrPassword, []string{quoted(old.Reveal())})
		change.Add(attrPassword, []string{quoted(to.Reveal())})
		err := c.Once(ctx, func() error { return c.Modify(change) })
		return d.verdict(ctx, c, e, attempt{err, to, true})
	})
}

// Unlock ends a lock-out by wrong passwords. An account that is not locked stays as it is.
func (d *Directory) Unlock(ctx context.Context, id string) error {
	return d.write(ctx, id, "unlock an account", func(c *ldapclient.Conn, e *goldap.Entry) error {
		if since := ldapclient.First(e, attrLocked); !d.standing(e).Locked && (since == "" || since == "0") {
			return nil
		}
		change := goldap.NewModifyRequest(e.DN, nil)
		change.Replace(attrLocked, []string{"0"})
		err := c.Once(ctx, func() error { return c.Modify(change) })
		return d.verdict(ctx, c, e, attempt{err: err})
	})
}

// write finds the account and lets f write to it, where it was written lately. When that controller
// can't be reached another one takes the write: the later change wins everywhere.
func (d *Directory) write(ctx context.Context, id, doing string, f func(*ldapclient.Conn, *goldap.Entry) error) error {
	w := ldapclient.Writing{
		Doing:      doing,
		Attributes: append(stateAttributes(), d.set.LoginAttributes[0], d.set.NameAttribute),
		Reason:     reasonOf,
	}
	once := func(ctx context.Context) error {
		var said error // what f knows for certain
		err := d.Write(ctx, id, w, func(c *ldapclient.Conn, e *goldap.Entry) error {
			d.writes(id, c)
			err := f(c, e)
			if certain(err) {
				said = fmt.Errorf("ldap: %s: %w", doing, err)
				return nil
			}
			return err
		})
		return errors.Join(err, said)
	}
	there := d.at(ctx, id)
	err := once(there)
	if there != ctx && errors.Is(err, directory.ErrUnavailable) && ctx.Err() == nil {
		return once(ctx)
	}
	return err
}

// certain reports whether f's error says all that there is to say.
func certain(err error) bool {
	for _, known := range []error{directory.ErrNotFound, directory.ErrWrongPassword, directory.ErrLocked, directory.ErrDisabled} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// attempt is a write and what came of it.
type attempt struct {
	err      error
	to       secret.Text // the new password, if it was one
	enforced bool        // history and minimum age were applied
}

// verdict reads the answer to a write by the table of refusals. Answers that it does not know are
// left to the client.
func (d *Directory) verdict(ctx context.Context, c *ldapclient.Conn, e *goldap.Entry, a attempt) error {
	answer := ldapclient.Answered(a.err)
	if answer == nil {
		return a.err
	}
	row, ok := refused(answer)
	if !ok {
		return a.err
	}
	text := fmt.Sprintf("result %d: %s (%s)", answer.ResultCode, oneLine(ldapclient.Said(answer)), row.means)
	if row.err != nil {
		return fmt.Errorf("%w: %s", row.err, text)
	}
	if row.vague && !a.to.Empty() {
		k := known{since: moment(ldapclient.First(e, attrSet)), now: d.now(), enforced: a.enforced,
			login: ldapclient.First(e, d.set.LoginAttributes[0]), name: ldapclient.First(e, d.set.NameAttribute)}
		if p, err := d.policyFor(ctx, c, e); err == nil {
			k.policy = p
		}
		row.reason = k.guess(a.to)
	}
	return &directory.Rejected{Reason: row.reason, Operator: text}
}
