package app_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"postern/app"
	"postern/audit"
	"postern/directory"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// easyUnlock lets people unlock with the app alone.
func easyUnlock(s *app.Settings) {
	one := &policy.Requirement{Methods: 1, AtLeast: policy.Strong, Passkey: true}
	s.Policy.Rules[0].Unlock, s.Policy.Unknown.Unlock = one, one
}

// unlocking takes a recovery of login, who knows their password, to where it can unlock.
func (w *world) unlocking(login string) app.Started {
	w.t.Helper()
	s, err := w.Begin(w.t.Context(), visitor, login, policy.Unlock)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ok(w.Ask(w.t.Context(), visitor, s.Token, id(s.Flow, "totp")))
	s.Flow = w.ok(w.Answer(w.t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code(login)))
	if s.Flow.State != recovery.Verified {
		w.t.Fatalf("got %s, want verified", s.Flow.State)
	}
	return s
}

// fields returns what the records of that kind say in one field, in order.
func (w *world) fields(kind string, f audit.Field) []string {
	w.t.Helper()
	w.events() // gives every record its place
	all, err := w.store.Records(w.t.Context(), 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, r := range all {
		said, err := audit.Fields(r)
		if err != nil {
			w.t.Fatal(err)
		}
		if r.Kind == kind {
			out = append(out, said[f])
		}
	}
	return out
}

func TestUnlockAlone(t *testing.T) {
	w := newWorld(t, easyUnlock)
	dave := w.dir.accounts["4"]
	dave.LockedSince, dave.LockedUntil = w.now().Add(-time.Hour), w.now().Add(time.Hour)
	w.dir.accounts["4"] = dave
	s := w.unlocking("dave")
	if l := s.Flow.Lock; l == nil || !l.Since.Equal(dave.LockedSince) || !l.Until.Equal(dave.LockedUntil) || !s.Flow.Locked {
		t.Errorf("got lock %+v, want since and until", s.Flow.Lock)
	}
	if !slices.Equal(s.Flow.Can, []policy.Action{policy.Unlock}) {
		t.Errorf("can %v, want unlock alone", s.Flow.Can)
	}
	w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh))), app.ProblemOrder)
	f := w.ok(w.Unlock(t.Context(), visitor, s.Token))
	if f.State != recovery.Done || f.Lock != nil || w.dir.accounts["4"].Locked {
		t.Errorf("got %s, %+v; still locked: %v", f.State, f.Lock, w.dir.accounts["4"].Locked)
	}
	if got, writes := w.dir.password("4"); writes != 0 || got != "old password of dave" {
		t.Error("the password was touched")
	}
	if got := w.fields("recovery.started", "action"); !slices.Equal(got, []string{"unlock"}) {
		t.Errorf("recorded as begun for %v, want unlock", got)
	}
}

// TestUnlockAsksTheDirectoryAgain: a lock may have come or gone while somebody proved who they are.
func TestUnlockAsksTheDirectoryAgain(t *testing.T) {
	for _, c := range []struct {
		name        string
		login, id   string
		locked      bool // when they have proven it
		down        bool
		want, stale bool
	}{
		{name: "ended", login: "dave", id: "4"},
		{name: "came", login: "alice", id: "1", locked: true, want: true},
		{name: "cannot be asked", login: "dave", id: "4", down: true, want: true},
		{name: "expired", login: "alice", id: "1", stale: true},
	} {
		w := newWorld(t, easyUnlock)
		s, err := w.Begin(t.Context(), visitor, c.login, policy.Unlock)
		if err != nil {
			t.Fatal(err)
		}
		w.ok(w.Ask(t.Context(), visitor, s.Token, id(s.Flow, "totp")))
		a := w.dir.accounts[c.id]
		a.Locked, a.Expired = c.locked, c.stale
		w.dir.accounts[c.id] = a
		if c.down {
			delete(w.dir.accounts, c.id)
		}
		f := w.ok(w.Answer(t.Context(), visitor, s.Token, id(s.Flow, "totp"), w.code(c.login)))
		if f.Locked != c.want || (f.Lock != nil) != c.want || slices.Contains(f.Can, policy.Unlock) != c.want || f.Stale != c.stale {
			t.Errorf("%s: got locked %v, can %v, stale %v; want %v", c.name, f.Locked, f.Can, f.Stale, c.want)
		}
		if !c.want {
			w.refused(second(w.Unlock(t.Context(), visitor, s.Token)), app.ProblemOrder)
		}
	}
}

// TestUnlockTellsNothing: until something is proven everybody who wants to be unlocked sees the same,
// locked or not, and those whose rule does not let them.
func TestUnlockTellsNothing(t *testing.T) {
	w := newWorld(t, easyUnlock, func(s *app.Settings) {
		s.Policy.Rules = append([]policy.Rule{{Name: "no unlocking", Match: policy.Match{Logins: []string{"bert"}},
			Require: s.Policy.Unknown.Require, Actions: []policy.Action{policy.Reset}}}, s.Policy.Rules...)
	})
	var want app.Flow
	for i, login := range []string{"dave", "alice", "bert", "frank", "eve", "otto", "nobody"} {
		s, err := w.Begin(t.Context(), visitor, login, policy.Unlock)
		if err != nil {
			t.Fatal(err)
		}
		got := s.Flow
		got.ID = ""
		if i == 0 {
			want = got
		}
		if !reflect.DeepEqual(got, want) || got.Lock != nil || got.Locked || got.Stale {
			t.Errorf("%s sees\n%+v\nand dave\n%+v", login, got, want)
		}
	}
	if got := w.fields("recovery.started", "why"); !slices.Equal(got, []string{"matched", "matched", "no_unlock", "not_enrolled", "disabled", "out_of_scope", "unknown"}) {
		t.Errorf("recorded as %v", got)
	}
}

func TestUnlockUnfinished(t *testing.T) {
	w := newWorld(t, easyUnlock)
	s := w.unlocking("dave")
	w.pass(time.Hour)
	if f := w.ok(w.Look(t.Context(), visitor, s.Token)); f.State != recovery.Expired || f.Lock != nil {
		t.Errorf("got %s with %+v", f.State, f.Lock)
	}
	w.send()
	if n, other := w.noticed("dave", "notice.suspicious_unlock"), w.noticed("dave", "notice.suspicious"); n != 1 || other != 0 {
		t.Errorf("the owner heard %d times of an unlocking, %d of a reset; want 1 and 0", n, other)
	}
}

func TestBeginForAnythingElse(t *testing.T) {
	w := newWorld(t)
	for _, want := range []policy.Action{policy.Change, "RESET", "x"} {
		if _, err := w.Begin(t.Context(), visitor, "alice", want); err == nil {
			t.Errorf("%q was begun", want)
		}
	}
	s, err := w.Begin(t.Context(), visitor, "alice", "")
	if err != nil || !slices.Contains(s.Flow.Can, policy.Reset) {
		t.Errorf("nothing said: got %v and %v, want a reset", s.Flow.Can, err)
	}
}

// TestBarred: an account whose password the service may not set is a decoy in a reset, can be
// unlocked, and can be changed by its owner only where the directory lets owners.
func TestBarred(t *testing.T) {
	change := app.ChangeRequest{Identifier: "alice", Old: secret.New("old password of alice"), New: secret.New(fresh)}
	w := newWorld(t, easyUnlock)
	a := w.dir.accounts["1"]
	a.Barred, a.Locked = "no right to set it", true
	w.dir.accounts["1"] = a
	w.start("alice")
	s := w.unlocking("alice")
	w.ok(w.Unlock(t.Context(), visitor, s.Token))
	if got := w.fields("recovery.started", "why"); !slices.Equal(got, []string{"barred", "matched"}) {
		t.Errorf("recorded as %v, want barred and then matched", got)
	}
	no := w.refused(second(w.ChangePassword(t.Context(), visitor, change)), app.ProblemPassword)
	if len(no.Violations) != 1 || no.Violations[0].Rule != "directory_"+string(directory.NotAllowed) {
		t.Errorf("changed by the service: got %+v", no)
	}
	if _, writes := w.dir.password("1"); writes != 0 {
		t.Error("a barred account was written")
	}
	w = newWorld(t, withOwners(nil, nil))
	a.Locked = false
	w.dir.accounts["1"] = a
	w.ok(w.ChangePassword(t.Context(), visitor, change))
}

func TestPersonSaysBothDecisions(t *testing.T) {
	w := newWorld(t, easyUnlock)
	a := w.dir.accounts["1"]
	a.Barred = "so"
	w.dir.accounts["1"] = a
	p, err := w.Person(t.Context(), app.Operator{Name: "cli:test"}, "alice")
	if err != nil || p.Decision.Allowed || p.Decision.Why != policy.Barred || !p.Unlock.Allowed {
		t.Errorf("got %+v, %+v and %v", p.Decision, p.Unlock, err)
	}
}
