package directorytest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/account"
	"postern/directory"
	"postern/secret"
)

// changer returns the ability, or says that there is none.
func (d Driver) changer(t *testing.T) (directory.Changer, bool) {
	t.Helper()
	c, ok := directory.As[directory.Changer](d.Directory)
	if !ok {
		t.Log("not applicable: the directory cannot change a password as its owner")
	}
	return c, ok
}

// unchanged checks that only the first password works.
func (d Driver) unchanged(t *testing.T, login, never string) {
	t.Helper()
	if !d.SignsIn(t, login, "the first password") {
		t.Errorf("%s: the first password no longer works", login)
	}
	if d.SignsIn(t, login, never) {
		t.Errorf("%s: the new password works all the same", login)
	}
}

func change(t *testing.T, d Driver) {
	c, ok := d.changer(t)
	if !ok {
		return
	}
	a := d.person(t, Person{Login: "st-changes"})
	old := secret.New("the first password")
	is(t, "change", c.ChangePassword(t.Context(), a.Ref.ID, old, secret.New("the second one, my own")), nil)
	if !d.SignsIn(t, "st-changes", "the second one, my own") || d.SignsIn(t, "st-changes", "the first password") {
		t.Error("the new password does not work, or the old one still does")
	}
	is(t, "change with the former one", c.ChangePassword(t.Context(), a.Ref.ID, old, secret.New("a third one, of a thief")), directory.ErrWrongPassword)
	if !d.SignsIn(t, "st-changes", "the second one, my own") {
		t.Error("a wrong old password changed something")
	}
	for _, id := range []string{"", "no such identifier", "*", ")(uid=*", "\x00"} {
		err := c.ChangePassword(t.Context(), id, old, secret.New("a password for nobody"))
		if !errors.Is(err, directory.ErrWrongPassword) && !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("change %q: got %v, want a wrong password or nobody", id, err)
		}
	}
}

func changeWithoutOld(t *testing.T, d Driver) {
	c, ok := d.changer(t)
	if !ok {
		return
	}
	a := d.person(t, Person{Login: "st-guesses"})
	const next = "a password of a stranger"
	is(t, "without the old one", c.ChangePassword(t.Context(), a.Ref.ID, secret.Text{}, secret.New(next)), directory.ErrWrongPassword)
	d.unchanged(t, "st-guesses", next)
	for range d.LockAfter {
		err := c.ChangePassword(t.Context(), a.Ref.ID, secret.New("a wrong password"), secret.New(next))
		if !errors.Is(err, directory.ErrWrongPassword) && !errors.Is(err, directory.ErrLocked) {
			t.Errorf("with a wrong one: got %v, want a wrong password", err)
		}
	}
	if !d.must(t, "st-guesses").Locked {
		t.Error("wrong ones are not counted: the account is not locked")
	}
	is(t, "with the right one too late", c.ChangePassword(t.Context(), a.Ref.ID, secret.New("the first password"), secret.New(next)), directory.ErrLocked)
	b := d.person(t, Person{Login: "st-gone", Disabled: true})
	is(t, "while disabled", c.ChangePassword(t.Context(), b.Ref.ID, secret.New("the first password"), secret.New(next)), directory.ErrDisabled)
	for _, who := range []account.Account{a, b} {
		if err := d.authenticate(t, who.Ref.ID, next); err == nil || errors.Is(err, directory.ErrMustChange) {
			t.Errorf("%s: the new password works: %v", who.Login, err)
		}
	}
}

func changeRefused(t *testing.T, d Driver) {
	c, ok := d.changer(t)
	if !ok {
		return
	}
	a := d.person(t, Person{Login: "st-choosy"})
	for _, next := range slices.Compact([]string{"", d.Refused}) {
		err := c.ChangePassword(t.Context(), a.Ref.ID, secret.New("the first password"), secret.New(next))
		var r *directory.Rejected
		if !errors.As(err, &r) || r.Operator == "" {
			t.Errorf("%q: got %v, want a refusal and a text for operators", next, err)
		}
		if err != nil && next != "" && strings.Contains(err.Error(), next) {
			t.Errorf("the error quotes the password: %v", err)
		}
	}
	if !d.SignsIn(t, "st-choosy", "the first password") {
		t.Error("a refusal changed the password")
	}
}

func changeMust(t *testing.T, d Driver) {
	c, ok := d.changer(t)
	if !ok {
		return
	}
	if d.MustChange == nil {
		t.Log("not applicable: the driver cannot make anybody change their password")
		return
	}
	d.Add(t, Person{Login: "st-new", Password: "the first password"})
	d.MustChange(t, "st-new")
	a := d.must(t, "st-new")
	if !a.MustChange {
		t.Errorf("got %+v, want that the password must be changed", a)
	}
	is(t, "the first password", d.authenticate(t, a.Ref.ID, "the first password"), directory.ErrMustChange)
	is(t, "a wrong password", d.authenticate(t, a.Ref.ID, "a wrong password"), directory.ErrWrongPassword)
	is(t, "change", c.ChangePassword(t.Context(), a.Ref.ID, secret.New("the first password"), secret.New("the second one, my own")), nil)
	is(t, "the second password", d.authenticate(t, a.Ref.ID, "the second one, my own"), nil)
	if d.must(t, "st-new").MustChange {
		t.Error("it must be changed again")
	}
}

func changeOutage(t *testing.T, d Driver) {
	c, ok := d.changer(t)
	if !ok {
		return
	}
	a := d.person(t, Person{Login: "st-waits"})
	d.Stop(t)
	err := c.ChangePassword(t.Context(), a.Ref.ID, secret.New("the first password"), secret.New("password during an outage"))
	is(t, "change", err, directory.ErrUnavailable)
	if errors.Is(err, directory.ErrUncertain) {
		t.Errorf("change: got %v, which is uncertain too", err)
	}
	d.Start(t)
	d.unchanged(t, "st-waits", "password during an outage")
}
