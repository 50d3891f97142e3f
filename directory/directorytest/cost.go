package directorytest

import (
	"errors"
	"testing"

	"postern/account"
	"postern/directory"
	"postern/secret"
)

// costs: a look-up is one request, for somebody and for nobody; a reset is the search for the entry
// and one write; and a connection that lies idle is used.
func costs(t *testing.T, d Driver) {
	if d.Asked == nil {
		t.Log("not applicable: the driver cannot count requests")
		return
	}
	a := d.person(t, Person{Login: "st-costs"})
	is(t, "try", d.authenticate(t, a.Ref.ID, "the first password"), nil)
	_, opened := d.Asked()
	for _, c := range []struct {
		what string
		want int
		do   func() error
	}{
		{"a look-up", 1, func() error { return d.finds(t, "st-costs") }},
		{"a look-up of nobody", 1, func() error {
			if err := d.finds(t, "nobody at all"); !errors.Is(err, directory.ErrNotFound) {
				return errors.New("somebody was found")
			}
			return nil
		}},
		{"a reset", 2, func() error {
			return d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("password of what it costs"))
		}},
		{"a try", 2, func() error { return d.authenticate(t, a.Ref.ID, "password of what it costs") }},
		{"an unlocking of who is not locked", 1, func() error { return d.unlocks(t, a) }},
	} {
		before, _ := d.Asked()
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if now, _ := d.Asked(); now-before != c.want+d.More[c.what] {
			t.Errorf("%s took %d requests, want %d", c.what, now-before, c.want+d.More[c.what])
		}
	}
	if _, now := d.Asked(); now != opened {
		t.Errorf("%d connections were opened beside the idle ones", now-opened)
	}
}

func (d Driver) finds(t *testing.T, handle string) error {
	_, err := d.Directory.Find(t.Context(), handle)
	return err
}

func (d Driver) unlocks(t *testing.T, a account.Account) error {
	u, ok := directory.As[directory.Unlocker](d.Directory)
	if !ok {
		return errors.New("the directory cannot unlock")
	}
	return u.Unlock(t.Context(), a.Ref.ID)
}
