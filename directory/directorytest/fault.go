package directorytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"postern/directory"
	"postern/secret"
)

// impatience is how long somebody waits for a slow directory.
const impatience = 300 * time.Millisecond

func halfAnswer(t *testing.T, d Driver) {
	if d.HalveAnswer == nil {
		t.Log("not applicable: the driver cannot lose half an answer")
		return
	}
	a := d.person(t, Person{Login: "st-half"})
	d.HalveAnswer(t)
	err := d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("password with half an answer"))
	is(t, "set", err, directory.ErrUncertain)
	if errors.Is(err, directory.ErrUnavailable) || errors.As(err, new(*directory.Rejected)) {
		t.Errorf("set: got %v, which claims to know", err)
	}
	if !d.SignsIn(t, "st-half", "password with half an answer") {
		t.Error("the request should have come through")
	}
}

// cutBefore: the connection is dead before anything was sent on it.
func cutBefore(t *testing.T, d Driver) {
	if d.Cut == nil {
		t.Log("not applicable: the driver cannot cut connections")
		return
	}
	a := d.person(t, Person{Login: "st-cut"})
	d.Cut(t)
	next := "password on a dead line"
	err := d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New(next))
	switch {
	case err == nil:
	case errors.Is(err, directory.ErrUnavailable) && !errors.Is(err, directory.ErrUncertain):
		next = "the first password"
	default:
		t.Errorf("set: got %v, want done, or surely not done", err)
	}
	if !d.SignsIn(t, "st-cut", next) {
		t.Errorf("after %v: %q does not work", err, next)
	}
	d.Cut(t)
	if _, err := d.Directory.Find(t.Context(), "st-cut"); err != nil {
		t.Errorf("find: got %v, want that a read is asked again", err)
	}
}

// slow: the directory takes longer than anybody waits.
func slow(t *testing.T, d Driver) {
	if d.Slow == nil {
		t.Log("not applicable: the driver cannot make the directory slow")
		return
	}
	a := d.person(t, Person{Login: "st-slow"})
	end := d.Slow(t)
	ctx, cancel := context.WithTimeout(t.Context(), impatience)
	began := time.Now()
	_, err := d.Directory.Find(ctx, "st-slow")
	is(t, "find", err, directory.ErrUnavailable)
	cancel()
	ctx, cancel = context.WithTimeout(t.Context(), impatience)
	err = d.Directory.SetPassword(ctx, a.Ref.ID, secret.New("password for a slow one"))
	cancel()
	took := time.Since(began)
	end()
	if err == nil || errors.As(err, new(*directory.Rejected)) {
		t.Errorf("set: got %v, want unavailable or uncertain", err)
	}
	if took > 20*impatience {
		t.Errorf("it took %s, want that nobody waits longer than they want to", took)
	}
	if errors.Is(err, directory.ErrUnavailable) && !errors.Is(err, directory.ErrUncertain) {
		d.unchanged(t, "st-slow", "password for a slow one")
	}
	if b := d.must(t, "st-slow"); b.Ref != a.Ref {
		t.Errorf("afterwards: got %v, want %v", b.Ref, a.Ref)
	}
}

// renameBetween: somebody is renamed after the look-up, and somebody else gets the login.
func renameBetween(t *testing.T, d Driver) {
	a := d.person(t, Person{Login: "st-before"})
	d.Rename(t, "st-before", "st-after")
	d.Add(t, Person{Login: "st-before", Password: "the first password"})
	is(t, "set", d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("password of the renamed")), nil)
	if !d.SignsIn(t, "st-after", "password of the renamed") {
		t.Error("the person who was looked up did not get the new password")
	}
	d.unchanged(t, "st-before", "password of the renamed")
}

// atOnce resets many passwords at once, several times each person's.
func atOnce(t *testing.T, d Driver) {
	if d.Resets == 0 {
		t.Log("not applicable: the driver does not say how many the directory bears")
		return
	}
	const people, workers = 20, 32
	var ids [people]string
	var locks [people]sync.Mutex
	var last [people]string
	for i := range ids {
		ids[i] = d.person(t, Person{Login: fmt.Sprintf("st-many%d", i)}).Ref.ID
	}
	todo := make(chan int)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for n := range todo {
				i := n % people
				next := fmt.Sprintf("password number %06d of many", n)
				locks[i].Lock()
				if err := d.Directory.SetPassword(t.Context(), ids[i], secret.New(next)); err != nil {
					t.Errorf("%d: %v", n, err)
				}
				last[i] = next
				locks[i].Unlock()
			}
		})
	}
	for n := range d.Resets {
		todo <- n
	}
	close(todo)
	running.Wait()
	for i := range ids {
		if !d.SignsIn(t, fmt.Sprintf("st-many%d", i), last[i]) {
			t.Errorf("the last password of %d does not work", i)
		}
	}
}
