package local

import (
	"context"
	"errors"
	"testing"

	"postern/directory"
	"postern/secret"
)

func TestFirstPasswordMustBeChanged(t *testing.T) {
	d := open(t, newRows())
	a, err := d.Add(t.Context(), Person{Login: "fay", Password: secret.New("what they were given"), MustChange: true})
	if err != nil || !a.MustChange {
		t.Fatalf("got %+v and %v", a, err)
	}
	if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New("what they were given")); !errors.Is(err, directory.ErrMustChange) {
		t.Errorf("the first password: got %v, want that it must be changed", err)
	}
	var no *directory.Rejected
	err = d.ChangePassword(t.Context(), a.Ref.ID, secret.New("what they were given"), secret.New("what they were given"))
	if !errors.As(err, &no) || no.Reason != directory.SamePassword {
		t.Errorf("the same again: got %v, want a refusal", err)
	}
	if b, _ := d.Get(t.Context(), a.Ref.ID); !b.MustChange {
		t.Error("a refusal made the first password good for ever")
	}
	if err := d.SetPassword(t.Context(), a.Ref.ID, secret.New("what they chose in a reset")); err != nil {
		t.Fatal(err)
	}
	if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New("what they chose in a reset")); err != nil {
		t.Errorf("after a reset: got %v", err)
	}
}

// TestChangeIsForWhoIsStillThere: a password that was set, a lock and a bar that came while the new
// one was being hashed are not undone.
func TestChangeIsForWhoIsStillThere(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(*directory.LocalAccount)
		want      error
	}{
		"set":      {func(a *directory.LocalAccount) { a.Password = a.Password[:len(a.Password)-4] + "AAAA" }, directory.ErrWrongPassword},
		"locked":   {func(a *directory.LocalAccount) { a.LockedAt = a.Created }, directory.ErrLocked},
		"disabled": {func(a *directory.LocalAccount) { a.Disabled = true }, directory.ErrDisabled},
	} {
		store := newRows()
		d := open(t, store)
		a, err := d.Add(t.Context(), Person{Login: "fay", Password: secret.New("the first password")})
		if err != nil {
			t.Fatal(err)
		}
		row := store.login(t, "fay")
		d.store = hurried{store, func() {
			now := store.login(t, "fay")
			c.meanwhile(&now)
			if err := store.LocalPut(t.Context(), now); err != nil {
				t.Error(err)
			}
		}, new(int)}
		err = d.ChangePassword(t.Context(), a.Ref.ID, secret.New("the first password"), secret.New("the second password"))
		if !errors.Is(err, c.want) {
			t.Errorf("%s meanwhile: got %v, want %v", name, err, c.want)
		}
		c.meanwhile(&row)
		if got := store.login(t, "fay"); got.Password != row.Password {
			t.Errorf("%s meanwhile: the password was changed", name)
		}
	}
}

// hurried is a store in which somebody does something between the first reading of an account and
// the second.
type hurried struct {
	*rows
	meanwhile func()
	seen      *int
}

func (h hurried) LocalGet(ctx context.Context, id string) (directory.LocalAccount, error) {
	if *h.seen++; *h.seen == 2 {
		h.meanwhile()
	}
	return h.rows.LocalGet(ctx, id)
}
