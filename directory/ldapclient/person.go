package ldapclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/secret"
)

// passwordModifyOld is oldPasswd [1] (RFC 3062 section 2).
const passwordModifyOld = 1

// Person signs in as somebody with their own password.
type Person struct {
	DN   string
	With secret.Text
}

// ChangeAs binds once as the person and, where verdict says of the answer that they are let in, runs f
// on the same connection, which then is a stranger's no longer and is closed. f's request is never
// repeated. verdict is told what Try tells, and answers as directory.Authenticator does; what keeps
// them out is returned as it is, an error of f as directory.SetPassword promises. shut means that the
// password is right, and that the server lets nobody in with it any more: it has expired.
func (cl *Client) ChangeAs(ctx context.Context, p Person, w Writing, verdict func(PolicyError, error) error, f func(*Conn) error) (shut bool, err error) {
	c, err := cl.tries.take(ctx, false)
	if err != nil {
		return false, err
	}
	defer func() {
		c.broken = true // nobody else goes on as this person
		cl.tries.put(c)
	}()
	said, refused := cl.prove(ctx, c, p)
	out := verdict(said, refused)
	due := errors.Is(out, directory.ErrMustChange)
	if out != nil && (!due || refused != nil) {
		return due, out
	}
	return false, w.outcome(f(c))
}

// PasswordChange builds PasswdModifyRequestValue (RFC 3062 section 2) with the old password too.
func PasswordChange(dn, old, to string) (*goldap.ExtendedRequest, error) {
	if dn == "" || old == "" || to == "" {
		return nil, errors.New("ldap: a password change without a person or a password")
	}
	value := ber.NewSequence("Password Modify")
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, passwordModifyUser, dn, "User"))
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, passwordModifyOld, old, "Old"))
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, passwordModifyNew, to, "New"))
	return passwordModify(value), nil
}

// passwordModify is the operation with the control that asks for ppolicy's word.
func passwordModify(value *ber.Packet) *goldap.ExtendedRequest {
	ask := goldap.NewExtendedRequest(PasswordModifyOID,
		ber.NewString(ber.ClassContext, ber.TypePrimitive, extendedValue, string(value.Bytes()), "Value"))
	ask.Controls = []goldap.Control{PolicyControl{}}
	return ask
}

// Each runs f on a connection of its own to every server, and tells missed of those that cannot be
// reached or signed in to.
func (cl *Client) Each(ctx context.Context, f func(*Conn), missed func(Server, error)) {
	for _, u := range cl.set.URLs {
		s, err := cl.set.server(u)
		if err != nil {
			missed(s, err)
			continue
		}
		c, err := cl.connect(ctx, s)
		if err != nil {
			missed(s, err)
			continue
		}
		f(c)
		c.close()
	}
}

// ExamineEach lets look see one person on every server, and adds those that can't be reached.
func (cl *Client) ExamineEach(ctx context.Context, id string, attributes []string, look func(*Report, *Conn, *goldap.Entry)) ([]directory.Finding, error) {
	filter, ok := cl.IDFilter(id)
	if !ok {
		return nil, directory.ErrNotFound
	}
	r := &Report{}
	var errs []error
	reached := false
	cl.Each(ctx, func(c *Conn) {
		e, err := cl.One(ctx, c, filter, attributes)
		if err != nil {
			errs = append(errs, err)
			return
		}
		reached = true
		look(r, c, e)
	}, func(s Server, err error) {
		r.Add(directory.Fault, Steps("why, and what mends it:", "postern check"), "%s: %s", s.URL, strings.TrimPrefix(err.Error(), "ldap: "))
		errs = append(errs, err)
	})
	switch {
	case reached:
		return r.Out, nil
	case slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, directory.ErrNotFound) }):
		return nil, directory.ErrNotFound
	}
	return nil, fmt.Errorf("ldap: examine an account: %w: %w", directory.ErrUnavailable, errors.Join(errs...))
}

// MayDelete asks whether the service account may write an attribute, by deleting a value that the
// entry cannot have: the server looks at the right first, and then says that there is no such
// value (RFC 4511 section 4.6). Either way nothing is changed. An error that is no refusal of this
// kind says nothing.
func (c *Conn) MayDelete(ctx context.Context, dn, attribute, absent string) (bool, error) {
	change := goldap.NewModifyRequest(dn, nil)
	change.Delete(attribute, []string{absent})
	err := c.Once(ctx, func() error { return c.Modify(change) })
	switch e := Answered(err); {
	case e != nil && e.ResultCode == goldap.LDAPResultNoSuchAttribute:
		return true, nil
	case e != nil && e.ResultCode == goldap.LDAPResultInsufficientAccessRights:
		return false, nil
	case err == nil:
		return false, directory.ErrUncertain // there was such a value: no caller may ask for one
	}
	return false, err
}
