package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"postern/app"
	"postern/directory"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// owners is a directory in which people can change their own passwords.
type owners struct {
	*people
	before func() error // says no before anything is done
	after  func() error // when it is done
}

func (o owners) ChangePassword(_ context.Context, id string, old, to secret.Text) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.before != nil {
		if err := o.before(); err != nil {
			return err
		}
	}
	if o.words[id] != old.Reveal() {
		return directory.ErrWrongPassword
	}
	o.words[id] = to.Reveal()
	a := o.accounts[id]
	a.MustChange, a.Expired = false, false
	o.accounts[id] = a
	if o.after != nil {
		return o.after()
	}
	return nil
}

func (o owners) Authenticate(ctx context.Context, id string, with secret.Text) error {
	err := o.people.Authenticate(ctx, id, with)
	if a, _ := o.Get(ctx, id); err == nil && (a.MustChange || a.Expired) {
		return directory.ErrMustChange
	}
	return err
}

func withOwners(before, after func() error) func(*app.Settings) {
	return func(s *app.Settings) {
		s.Directories[0].Directory = owners{s.Directories[0].Directory.(*people), before, after}
	}
}

var alices = app.ChangeRequest{Identifier: "alice", Old: secret.New("old password of alice"), New: secret.New(fresh)}

// TestChangeIsTheOwners: where the directory can, the service writes nothing itself.
func TestChangeIsTheOwners(t *testing.T) {
	w := newWorld(t, withOwners(nil, nil))
	f := w.ok(w.ChangePassword(t.Context(), visitor, alices))
	if got, writes := w.dir.password("1"); got != fresh || writes != 0 {
		t.Errorf("got %q with %d writes of the service, want the new one with none", got, writes)
	}
	if f.State != recovery.Done || f.Receipt[0].Detail != "checked" {
		t.Errorf("got %s, %+v", f.State, f.Receipt)
	}
}

// TestExpiredAndFirstPasswords: whoever cannot sign in any more changes what they know, without a
// session, and can sign in then.
func TestExpiredAndFirstPasswords(t *testing.T) {
	for _, expired := range []bool{true, false} {
		w := newWorld(t, withOwners(nil, nil))
		a := w.dir.accounts["1"]
		a.Expired, a.MustChange = expired, !expired
		w.dir.accounts["1"] = a
		wrong := alices
		wrong.Old = secret.New("wrong")
		w.refused(second(w.ChangePassword(t.Context(), visitor, wrong)), app.ProblemAnswer)
		f := w.ok(w.ChangePassword(t.Context(), visitor, alices))
		if b := w.dir.accounts["1"]; f.Receipt[0].Detail != "checked" || b.MustChange || b.Expired {
			t.Errorf("expired %v: got %+v, account %+v", expired, f.Receipt, b)
		}
	}
}

// TestWhatAnOwnerIsTold: each answer of the directory to an owner's change.
func TestWhatAnOwnerIsTold(t *testing.T) {
	no := func(r directory.Reason) error { return &directory.Rejected{Reason: r, Operator: "so"} }
	for _, c := range []struct {
		name          string
		before, after error
		problem       string // empty: done
		violation     string
		kind          string // in the audit log
	}{
		{"history", no(directory.InHistory), nil, app.ProblemPassword, "directory_in_history", "recovery.rejected"},
		{"minimum age", no(directory.TooYoung), nil, app.ProblemPassword, "directory_too_young", "recovery.rejected"},
		{"wrong by now", directory.ErrWrongPassword, nil, app.ProblemAnswer, "", "recovery.rejected"},
		{"locked by now", directory.ErrLocked, nil, app.ProblemAnswer, "", "recovery.rejected"},
		{"disabled by now", directory.ErrDisabled, nil, app.ProblemAnswer, "", "recovery.rejected"},
		{"gone by now", directory.ErrNotFound, nil, app.ProblemAnswer, "", "recovery.rejected"},
		{"not here or now", directory.ErrRestricted, nil, app.ProblemPassword, "directory_not_allowed", "recovery.rejected"},
		{"must be changed elsewhere", directory.ErrMustChange, nil, app.ProblemPassword, "directory_not_allowed", "recovery.rejected"},
		{"down", directory.ErrUnavailable, nil, app.ProblemUnavailable, "", "recovery.unreached"},
		{"silent, not done", directory.ErrUncertain, nil, app.ProblemUnsettled, "", "recovery.uncertain"},
		{"unheard of, not done", errors.New("?"), nil, app.ProblemUnsettled, "", "recovery.uncertain"},
		{"silent, done", nil, directory.ErrUncertain, "", "", "recovery.applied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, withOwners(func() error { return c.before }, func() error { return c.after }))
			f, err := w.ChangePassword(t.Context(), visitor, alices)
			if c.problem == "" {
				w.ok(f, err)
			} else {
				r := w.refused(err, c.problem)
				said := ""
				for _, v := range r.Violations {
					said += v.Rule
				}
				if said != c.violation || r.Flow != nil {
					t.Errorf("got %+v, want the violation %q and no flow", r, c.violation)
				}
			}
			if got, _ := w.dir.password("1"); (got == fresh) != (c.problem == "") {
				t.Errorf("the password is %q", got)
			}
			all := w.events()
			if count(all, c.kind) != 1 {
				t.Errorf("got %v, want %s", all, c.kind)
			}
			// What is surely not done is over at once; nobody hears of a thief a while later.
			if over := c.problem != "" && c.problem != app.ProblemUnsettled; (count(all, "recovery.cancelled") == 1) != over {
				t.Errorf("got %v, want it ended: %v", all, over)
			}
			w.pass(time.Hour)
			w.send()
			if n := w.noticed("alice", "notice.suspicious") + w.noticed("alice", "notice.suspicious_unlock"); n != 0 {
				t.Errorf("the owner was warned %d times of themselves", n)
			}
		})
	}
}

// TestOldPasswordThatIsDeniedAtLastCounts: it is a wrong one like any other.
func TestOldPasswordThatIsDeniedAtLastCounts(t *testing.T) {
	deny := true
	w := newWorld(t, withOwners(func() error {
		if deny {
			return directory.ErrWrongPassword
		}
		return nil
	}, nil), func(s *app.Settings) { s.Limits.ChangeAccount = burst(2) })
	w.refused(second(w.ChangePassword(t.Context(), visitor, alices)), app.ProblemAnswer)
	deny = false
	wrong := alices
	wrong.Old = secret.New("wrong")
	w.refused(second(w.ChangePassword(t.Context(), visitor, wrong)), app.ProblemAnswer)
	w.refused(second(w.ChangePassword(t.Context(), visitor, alices)), app.ProblemAnswer)
	if got, _ := w.dir.password("1"); got == fresh {
		t.Error("one denied and one wrong are less than two")
	}
}

// TestChangeIsRecordedAsOne: the start of a change says so.
func TestChangeIsRecordedAsOne(t *testing.T) {
	w := newWorld(t)
	w.ok(w.ChangePassword(t.Context(), visitor, alices))
	if got := w.fields("recovery.started", "action"); len(got) != 1 || got[0] != string(policy.Change) {
		t.Errorf("recorded as %v", got)
	}
}
