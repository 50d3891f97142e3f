package directorytest

import (
	"errors"
	"testing"

	"postern/directory"
	"postern/secret"
)

func disabled(t *testing.T, d Driver) {
	a := d.person(t, Person{Login: "st-disabled", Password: "the first password", Disabled: true})
	if !a.Disabled {
		t.Errorf("got %+v, want disabled", a)
	}
	is(t, "the right password", d.authenticate(t, a.Ref.ID, "the first password"), directory.ErrDisabled)
	err := d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("a password for the disabled"))
	if err != nil && !errors.As(err, new(*directory.Rejected)) {
		t.Errorf("set: got %v, want done or a refusal", err)
	}
	if b := d.must(t, "st-disabled"); !b.Disabled {
		t.Error("a reset enabled the account")
	}
	for _, p := range []string{"the first password", "a password for the disabled"} {
		if d.authenticate(t, a.Ref.ID, p) == nil {
			t.Errorf("%q lets a disabled person in", p)
		}
	}
	if u, ok := directory.As[directory.Unlocker](d.Directory); ok {
		_ = u.Unlock(t.Context(), a.Ref.ID) // done or refused
		if b := d.must(t, "st-disabled"); !b.Disabled {
			t.Error("unlocking enabled the account")
		}
	}
}

func lockedByFailures(t *testing.T, d Driver) {
	a := d.person(t, Person{Login: "st-guessed", Password: "the first password"})
	for range d.LockAfter - 1 {
		is(t, "a wrong one", d.authenticate(t, a.Ref.ID, "a wrong password"), directory.ErrWrongPassword)
	}
	if d.must(t, "st-guessed").Locked {
		t.Error("locked too soon")
	}
	is(t, "a right one in time", d.authenticate(t, a.Ref.ID, "the first password"), nil)
	for range d.LockAfter {
		_ = d.authenticate(t, a.Ref.ID, "a wrong password")
	}
	b := d.must(t, "st-guessed")
	if !b.Locked || b.LockedSince.IsZero() || b.Disabled {
		t.Errorf("got %+v, want locked", b)
	}
	// A server reads a coarser clock than the one it writes locks with: for some milliseconds a lock
	// can lie in its future.
	err := d.authenticate(t, a.Ref.ID, "the first password")
	for tries := 0; err == nil && tries < 200; tries++ {
		err = d.authenticate(t, a.Ref.ID, "the first password")
	}
	is(t, "a right one too late", err, directory.ErrLocked)
}

func unlock(t *testing.T, d Driver) {
	u, ok := directory.As[directory.Unlocker](d.Directory)
	if !ok {
		t.Log("not applicable: the directory cannot unlock")
		return
	}
	a := d.person(t, Person{Login: "st-locked", Password: "the first password", Locked: true})
	if !a.Locked || a.Disabled {
		t.Fatalf("got %+v, want locked", a)
	}
	is(t, "while locked", d.authenticate(t, a.Ref.ID, "the first password"), directory.ErrLocked)
	is(t, "unlock", u.Unlock(t.Context(), a.Ref.ID), nil)
	if d.must(t, "st-locked").Locked {
		t.Error("still locked")
	}
	is(t, "the old password", d.authenticate(t, a.Ref.ID, "the first password"), nil)
	is(t, "unlock once more", u.Unlock(t.Context(), a.Ref.ID), nil)
}

func resetUnlocks(t *testing.T, d Driver) {
	a := d.person(t, Person{Login: "st-lockedout", Password: "the first password", Locked: true})
	is(t, "set", d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("password after the lock")), nil)
	if d.must(t, "st-lockedout").Locked {
		t.Error("still locked")
	}
	if !d.SignsIn(t, "st-lockedout", "password after the lock") {
		t.Error("the new password does not work")
	}
	is(t, "try", d.authenticate(t, a.Ref.ID, "password after the lock"), nil)
}

func outage(t *testing.T, d Driver) {
	a := d.person(t, Person{Login: "st-outage", Password: "the first password"})
	d.Stop(t)
	_, err := d.Directory.Find(t.Context(), "st-outage")
	is(t, "find", err, directory.ErrUnavailable)
	_, err = d.Directory.Find(t.Context(), "nobody at all")
	if errors.Is(err, directory.ErrUnavailable) == errors.Is(err, directory.ErrNotFound) {
		t.Errorf("find nobody: got %v, want one of unavailable and not found", err)
	}
	_, err = d.Directory.Get(t.Context(), a.Ref.ID)
	is(t, "get", err, directory.ErrUnavailable)
	is(t, "try", d.authenticate(t, a.Ref.ID, "the first password"), directory.ErrUnavailable)
	err = d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("password during an outage"))
	is(t, "set", err, directory.ErrUnavailable)
	if errors.Is(err, directory.ErrUncertain) {
		t.Errorf("set: got %v, which is uncertain too", err)
	}
	d.Start(t)
	if b := d.must(t, "st-outage"); b.Ref != a.Ref {
		t.Errorf("after the outage: got %v, want %v", b.Ref, a.Ref)
	}
	if !d.SignsIn(t, "st-outage", "the first password") || d.SignsIn(t, "st-outage", "password during an outage") {
		t.Error("what was unavailable was done")
	}
}

func lostAnswer(t *testing.T, d Driver) {
	a := d.person(t, Person{Login: "st-lost", Password: "the first password"})
	d.LoseAnswer(t)
	err := d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("password without an answer"))
	is(t, "set", err, directory.ErrUncertain)
	if errors.Is(err, directory.ErrUnavailable) || errors.As(err, new(*directory.Rejected)) {
		t.Errorf("set: got %v, which claims to know", err)
	}
	if !d.SignsIn(t, "st-lost", "password without an answer") {
		t.Error("the request should have come through")
	}
	// Either answer says that it was done: a directory that wants such a password changed again
	// could not be told otherwise.
	if err := d.authenticate(t, a.Ref.ID, "password without an answer"); !errors.Is(err, directory.ErrMustChange) {
		is(t, "try", err, nil)
	}
}
