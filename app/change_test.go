package app_test

import (
	"fmt"
	"reflect"
	"testing"

	"postern/app"
	"postern/directory"
	"postern/recovery"
	"postern/secret"
)

func TestChangeOfAKnownPassword(t *testing.T) {
	w := newWorld(t)
	f, err := w.ChangePassword(t.Context(), visitor, app.ChangeRequest{Identifier: "frank",
		Old: secret.New("old password of frank"), New: secret.New(fresh)})
	if got, writes := w.dir.password("3"); err != nil || f.State != recovery.Done || got != fresh || writes != 1 {
		t.Fatalf("got %v, %s, %q after %d writes", err, f.State, got, writes)
	}
	w.send()
	if got := w.noticed("frank", "notice.change"); got != 1 {
		t.Errorf("the owner was told %d times", got)
	}
	all := w.events()
	if count(all, "recovery.verified") != 1 || count(all, "recovery.submitted") != 1 || count(all, "recovery.applied") != 1 {
		t.Errorf("got %v", all)
	}
}

// TestChangeTellsNothing: wrong, unknown, disabled, locked and out of scope are one refusal.
func TestChangeTellsNothing(t *testing.T) {
	w := newWorld(t)
	var want *app.Refusal
	for _, c := range []struct{ login, old string }{
		{"alice", "wrong"}, {"nobody", "wrong"}, {"eve", "old password of eve"},
		{"dave", "old password of dave"}, {"otto", "old password of otto"},
	} {
		_, err := w.ChangePassword(t.Context(), visitor, app.ChangeRequest{Identifier: c.login, Old: secret.New(c.old), New: secret.New(fresh)})
		got := w.refused(err, app.ProblemAnswer)
		if want == nil {
			want = got
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", c.login, got, want)
		}
	}
	for id := range w.dir.words {
		if _, writes := w.dir.password(id); writes != 0 {
			t.Errorf("account %s was written", id)
		}
	}
}

func TestChangeRefuses(t *testing.T) {
	right := app.ChangeRequest{Identifier: "alice", Old: secret.New("old password of alice"), New: secret.New(fresh)}
	for _, c := range []struct {
		name    string
		with    func(*app.ChangeRequest)
		world   func(*world)
		problem string
	}{
		{"no old password", func(r *app.ChangeRequest) { r.Old = secret.New("") }, nil, app.ProblemMalformed},
		{"no login", func(r *app.ChangeRequest) { r.Identifier = " " }, nil, app.ProblemMalformed},
		{"a weak new one", func(r *app.ChangeRequest) { r.New = secret.New("short") }, nil, app.ProblemPassword},
		{"the directory is down", nil, func(w *world) { w.dir.down = directory.ErrUnavailable }, app.ProblemUnavailable},
		{"the directory refuses", nil, func(w *world) {
			w.dir.refuse = func(string) error { return &directory.Rejected{Reason: directory.TooYoung} }
		}, app.ProblemPassword},
		{"the directory is silent", nil, func(w *world) {
			w.dir.refuse = func(string) error { return fmt.Errorf("timeout") }
		}, app.ProblemUnsettled},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := newWorld(t), right
			if c.with != nil {
				c.with(&r)
			}
			if c.world != nil {
				c.world(w)
			}
			no := w.refused(second(w.ChangePassword(t.Context(), visitor, r)), c.problem)
			if no.Flow != nil {
				t.Error("a flow without a token is shown")
			}
			if got, writes := w.dir.password("1"); writes != 0 || got != "old password of alice" {
				t.Error("the password was changed")
			}
		})
	}
}

func TestChangeLimits(t *testing.T) {
	w := newWorld(t, func(s *app.Settings) { s.Limits.ChangeAccount = burst(2) })
	wrong := app.ChangeRequest{Identifier: "alice", Old: secret.New("wrong"), New: secret.New(fresh)}
	for range 2 {
		w.refused(second(w.ChangePassword(t.Context(), visitor, wrong)), app.ProblemAnswer)
	}
	right := wrong
	right.Old = secret.New("old password of alice")
	w.refused(second(w.ChangePassword(t.Context(), visitor, right)), app.ProblemAnswer)
	if _, writes := w.dir.password("1"); writes != 0 {
		t.Error("changed beyond the limit")
	}
}
