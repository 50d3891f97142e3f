package storetest

import (
	"errors"
	"fmt"
	"time"

	"postern/account"
	"postern/app"
	"postern/audit"
	"postern/recovery"
)

// oneWinner: 32 at once replace one version, five times; each time one wins.
func (s *suite) oneWinner() {
	s.commit(app.Change{Recovery: row("r", 0)})
	for v := int64(1); v <= 5; v++ {
		ok, refused := s.tally(together(32, func(int) error {
			return s.Commit(s.Context(), change(app.Change{Recovery: row("r", v)}))
		}), app.ErrConflict)
		if ok != 1 || refused != 31 {
			s.Errorf("version %d: %d won and %d conflicted, want 1 and 31", v, ok, refused)
		}
	}
	if v := s.version("r"); v != 6 {
		s.Errorf("version %d, want 6", v)
	}
	if n := s.pendingCount(); n != 6 {
		s.Errorf("%d records, want 6: one for each that won", n)
	}
}

// exactlyTheBurst: 50 at once spend from a limit of 10.
func (s *suite) exactlyTheBurst() {
	for _, key := range []string{"k1", "k2", "k3"} {
		passed := 0
		for _, err := range together(50, func(int) error {
			return s.Commit(s.Context(), change(app.Change{Limits: []app.Spend{spendOf(key, 10)}}))
		}) {
			var l *app.LimitedError
			switch {
			case err == nil:
				passed++
			case !errors.As(err, &l):
				s.Errorf("got %v, want nil or a *LimitedError", err)
			case l.Key != key || l.Retry != time.Minute:
				s.Errorf("got %+v, want %s for 1m", l, key)
			}
		}
		if passed != 10 {
			s.Errorf("%d of 50 passed, want 10", passed)
		}
		if full, _ := s.Full(s.Context(), key); !full.Equal(t0.Add(10 * time.Minute)) {
			s.Errorf("full at %v, want %v", full, t0.Add(10*time.Minute))
		}
	}
}

// crossingWrites name the same rows and limits in opposite orders; all of them are done.
func (s *suite) crossingWrites() {
	for i, err := range together(40, func(i int) error {
		limits := []app.Spend{spendOf("a", 100), spendOf("b", 100)}
		messages := []app.MessageRow{message(fmt.Sprint("a", i/2), 0), message(fmt.Sprint("b", i/2), 0)}
		if i%2 == 1 {
			limits[0], limits[1] = limits[1], limits[0]
			messages[0], messages[1] = messages[1], messages[0]
		}
		err := s.Commit(s.Context(), change(app.Change{Limits: limits, Messages: messages}))
		if errors.Is(err, app.ErrConflict) {
			return nil // the other of the pair was first
		}
		return err
	}) {
		if err != nil {
			s.Errorf("write %d: %v", i, err)
		}
	}
	if full, _ := s.Full(s.Context(), "a"); !full.Equal(t0.Add(20 * time.Minute)) {
		s.Errorf("full at %v, want %v: one of each pair", full, t0.Add(20*time.Minute))
	}
}

// twoStores on one database behave as one.
func (s *suite) twoStores() {
	both := []Store{s.Store, s.open()}
	s.commit(app.Change{Recovery: row("r", 0)})
	if _, err := both[1].Recovery(s.Context(), "r"); err != nil {
		s.Fatalf("what one wrote the other can't read: %v", err)
	}
	ok, refused := s.tally(together(20, func(i int) error {
		return both[i%2].Commit(s.Context(), change(app.Change{Recovery: row("r", 1)}))
	}), app.ErrConflict)
	if ok != 1 || refused != 19 {
		s.Errorf("%d won and %d conflicted, want 1 and 19", ok, refused)
	}
	passed := 0
	for _, err := range together(30, func(i int) error {
		return both[i%2].Commit(s.Context(), change(app.Change{Limits: []app.Spend{spendOf("k", 10)}}))
	}) {
		var l *app.LimitedError
		if err == nil {
			passed++
		} else if !errors.As(err, &l) {
			s.Error(err)
		}
	}
	if passed != 10 {
		s.Errorf("%d passed a limit of 10", passed)
	}
	s.commit(app.Change{Messages: []app.MessageRow{message("m1", 0), message("m2", 0), message("m3", 0)}})
	s.claimOnce(both)
	holders := 0
	for i, st := range both {
		_, ok, err := st.Lease(s.Context(), "x", fmt.Sprint("node", i), t0.Add(time.Minute), t0)
		if err != nil {
			s.Fatal(err)
		}
		if ok {
			holders++
		}
	}
	if holders != 1 {
		s.Errorf("%d hold one lease", holders)
	}
}

// claimOnce: claims at once never get one message twice.
func (s *suite) claimOnce(stores []Store) {
	s.Helper()
	got := make([][]app.MessageRow, 8)
	for _, err := range together(len(got), func(i int) (err error) {
		got[i], err = stores[i%len(stores)].Claim(s.Context(), app.Messages, t0, t0.Add(time.Minute), 10)
		return err
	}) {
		if err != nil {
			s.Fatal(err)
		}
	}
	seen := map[string]int{}
	for _, ms := range got {
		for _, m := range ms {
			seen[m.ID]++
		}
	}
	s.same("claims", seen, map[string]int{"m1": 1, "m2": 1, "m3": 1})
}

// reopened: a store that was closed and opened again has everything.
func (s *suite) reopened() {
	rec := record(t0)
	st := s.open()
	r, e, m := row("r", 0), enrollment("e", 0), message("m", 0)
	if err := st.Commit(s.Context(), app.Change{Audit: []audit.Record{rec}, Recovery: r, Enroll: []app.EnrollmentRow{e},
		Messages: []app.MessageRow{m}, Limits: []app.Spend{spendOf("k", 3)}}); err != nil {
		s.Fatal(err)
	}
	if err := st.LocalPut(s.Context(), local("1", "alice")); err != nil {
		s.Fatal(err)
	}
	for _, st := range []Store{st, s.Store} {
		if err := st.Close(); err != nil {
			s.Fatalf("closing: %v", err)
		}
	}
	s.Store = s.open()
	if v := s.version("r"); v != 1 {
		s.Errorf("version %d, want 1", v)
	}
	if got := s.enrolled(alice, ""); len(got) != 1 {
		s.Errorf("enrollments: %+v", got)
	}
	if n, _, err := s.Outbox(s.Context()); n != 1 || err != nil {
		s.Errorf("messages: %d, %v", n, err)
	}
	if full, err := s.Full(s.Context(), "k"); full.IsZero() || err != nil {
		s.Errorf("limit: %v, %v", full, err)
	}
	if got, err := s.Pending(s.Context(), 10); err != nil || len(got) != 1 || got[0].ID != rec.ID {
		s.Errorf("records: %+v, %v", got, err)
	}
	s.find("alice", "1")
}

// closed: a closed store answers with errors and closing it again does no harm.
func (s *suite) closed() {
	if err := s.Ping(s.Context()); err != nil {
		s.Errorf("Ping: %v", err)
	}
	if err := s.Close(); err != nil {
		s.Fatal(err)
	}
	if err := s.Ping(s.Context()); err == nil {
		s.Error("Ping of a closed store succeeded")
	}
	if err := s.Commit(s.Context(), change(app.Change{Recovery: &app.RecoveryRow{ID: "r", Who: account.Ref{}, State: recovery.Verifying}})); err == nil {
		s.Error("Commit to a closed store succeeded")
	}
}
