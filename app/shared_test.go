package app_test

import (
	"fmt"
	"testing"
	"time"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// TestRetryLooksAgain: what an administrator did since the reset, at the source or in the target,
// holds, and the password does not lie in the store any longer.
func TestRetryLooksAgain(t *testing.T) {
	own := func(change func(*account.Account)) func(*world, *erp) {
		return func(w *world, e *erp) {
			w.dir.mu.Lock()
			defer w.dir.mu.Unlock()
			a := w.dir.accounts["1"]
			change(&a)
			w.dir.accounts["1"] = a
		}
	}
	there := func(change func(*account.Account)) func(*world, *erp) {
		return func(w *world, e *erp) {
			e.set(func(p *people) { a := p.accounts["e1"]; change(&a); p.accounts["e1"] = a })
		}
	}
	for _, c := range []struct {
		name          string
		change        func(*world, *erp)
		event, detail string
		told          int
	}{
		{"disabled at the source", own(func(a *account.Account) { a.Disabled = true }), "target.given_up", "owner_disabled", 0},
		{"deleted at the source", func(w *world, _ *erp) { delete(w.dir.accounts, "1") }, "target.given_up", "owner_gone", 0},
		{"another's identifier now", own(func(a *account.Account) { a.Created = w0(t) }), "target.given_up", "owner_gone", 0},
		{"guarded there", there(func(a *account.Account) { a.Privileged = true }), "target.left", "not_allowed", 0},
		{"guarded in both", func(w *world, e *erp) {
			own(func(a *account.Account) { a.Privileged = true })(w, e)
			there(func(a *account.Account) { a.Privileged = true })(w, e)
		}, "target.set", "checked", 0},
		{"barred there", there(func(a *account.Account) { a.Barred = "no right" }), "target.left", "not_allowed", 0},
		{"never retried any more", func(w *world, _ *erp) { w.Policy.RetryTargets = 0 }, "target.given_up", "unreached", 1},
		{"nothing", func(*world, *erp) {}, "target.set", "checked", 0},
	} {
		for _, seen := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, looked up before: %v", c.name, seen), func(t *testing.T) {
				e := newERP()
				w := newWorld(t, withERP(e))
				if !seen {
					e.away()
				}
				s := w.verified("alice")
				e.away()
				w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
				c.change(w, e)
				e.back()
				w.later(5 * time.Minute)
				want := 0
				if c.event == "target.set" {
					want = 1
				}
				if _, n := e.password("e1"); n != want {
					t.Errorf("%d writes to the target, want %d", n, want)
				}
				if got := w.fields(c.event, "detail"); len(got) != 1 || got[0] != c.detail {
					t.Errorf("%s: got %q, want once %q", c.event, got, c.detail)
				}
				if n := w.noticed("alice", "notice.target_failed"); n != c.told {
					t.Errorf("%d notices, want %d", n, c.told)
				}
				w.nothingWaits()
			})
		}
	}
}

// w0 is a moment after every recovery of the test began.
func w0(t *testing.T) time.Time {
	t.Helper()
	return t0.Add(1000 * time.Hour)
}

// nothingWaits checks that no password lies in the store for a target.
func (w *world) nothingWaits() {
	w.t.Helper()
	rows, err := w.store.Claim(w.t.Context(), app.Targets, w.now().Add(24*time.Hour), w.now().Add(25*time.Hour), 10)
	if err != nil || len(rows) != 0 {
		w.t.Errorf("%d passwords still wait, %v", len(rows), err)
	}
}

// TestRetryWaitsForTheSource: while the person's own directory cannot be asked, nothing is set.
func TestRetryWaitsForTheSource(t *testing.T) {
	e := newERP()
	w := newWorld(t, withERP(e))
	s := w.verified("alice")
	e.away()
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
	e.back()
	w.dir.unread = directory.ErrUnavailable
	w.later(time.Minute)
	if _, n := e.password("e1"); n != 0 {
		t.Errorf("%d writes while nobody could tell whether the account still is", n)
	}
	w.dir.unread = nil
	w.later(5 * time.Minute)
	if got, n := e.password("e1"); got != fresh || n != 1 {
		t.Errorf("got %q after %d writes", got, n)
	}
	w.nothingWaits()
}

// TestNewestOfTwoSources: two directories' people share an account in a target, found by different
// keys. Whatever was known of it when, the newest password stays there.
func TestNewestOfTwoSources(t *testing.T) {
	for _, before := range []bool{true, false} { // the older reset has seen the account
		for _, how := range []string{"reached", "away", "away, unseen"} { // when the newer one sets
			t.Run(fmt.Sprintf("seen %v, then %s", before, how), func(t *testing.T) {
				e, guests := newERP(), newPeople()
				e.set(func(p *people) {
					a := p.accounts["e1"]
					a.Contacts = append(a.Contacts, account.Contact{Kind: account.Email, Address: "second@example.test"})
					p.accounts["e1"] = a
				})
				guests.accounts = map[string]account.Account{"g1": {Ref: account.Ref{ID: "g1"}, Login: "guest.a", Groups: []string{"Staff"},
					Contacts: []account.Contact{{Kind: account.Email, Address: "first@example.test"}, {Kind: account.Email, Address: "second@example.test"}}}}
				w := newWorld(t, withERP(e, func(s *app.Settings) {
					s.Directories = append(s.Directories, app.NamedDirectory{Name: "guests", Directory: guests})
					own := s.Policy.Rules[0]
					own.Name, own.Match.Directories, own.Targets = "guests", []string{"guests"}, []policy.Target{{Directory: "erp", By: policy.ByEmail}}
					s.Policy.Rules = append([]policy.Rule{own}, s.Policy.Rules...)
				}))
				w.enroll("guest.a")
				w.pass(48 * time.Hour)
				w.send()
				if !before {
					e.away()
				}
				older := w.verified("guest.a")
				e.back()
				newer := func() app.Started {
					if how == "away, unseen" {
						e.away()
					}
					return w.verified("alice")
				}()
				e.away()
				w.ok(w.SetPassword(t.Context(), visitor, older.Token, secret.New(fresh)))
				w.pass(3 * time.Second)
				if how == "reached" {
					e.back()
				}
				if f := w.ok(w.SetPassword(t.Context(), visitor, newer.Token, secret.New(fresher))); f.State != recovery.Done {
					t.Fatalf("got %s", f.State)
				}
				w.later(20 * time.Second)
				e.back()
				w.later(14 * time.Minute)
				if got, n := e.password("e1"); got != fresher || n < 1 || n > 2 {
					t.Errorf("got %q after %d writes, want the newer password", got, n)
				}
				// The older one is dropped, or was carried out before the newer one, or at its side.
				_, writes := e.password("e1")
				if n := count(w.events(), "target.superseded"); n > 1 || n < 2-writes {
					t.Errorf("%d times target.superseded after %d writes", n, writes)
				}
				w.nothingWaits()
			})
		}
	}
}

// TestOlderPasswordIsErasedAtOnce: a newer reset of the same person erases what an older one left, also
// when that did not yet know the account in the target.
func TestOlderPasswordIsErasedAtOnce(t *testing.T) {
	e := newERP()
	w := newWorld(t, withERP(e))
	e.away()
	s := w.verified("alice")
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
	older := w.job()
	w.pass(time.Minute)
	s = w.verified("alice")
	e.back()
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresher)))
	if row, err := w.store.Message(t.Context(), older.ID); err != nil || !row.Due.IsZero() || len(row.Data) != 0 {
		t.Errorf("the older password still waits: %+v, %v", row, err)
	}
	w.later(10 * time.Minute)
	if got, n := e.password("e1"); got != fresher || n != 1 {
		t.Errorf("got %q after %d writes", got, n)
	}
	w.nothingWaits()
}
