package storetest

import (
	"context"
	"errors"
	"time"

	"postern/account"
	"postern/app"
	"postern/audit"
	"postern/policy"
	"postern/recovery"
)

func (s *suite) recovery() {
	if _, err := s.Recovery(s.Context(), "r1"); !errors.Is(err, app.ErrNoRow) {
		s.Errorf("unknown recovery: got %v, want ErrNoRow", err)
	}
	want := *row("r1", 0)
	s.commit(app.Change{Recovery: &want})
	want.Version = 1
	got, err := s.Recovery(s.Context(), "r1")
	if err != nil {
		s.Fatal(err)
	}
	s.same("stored", got, want)

	want.State, want.Deadline, want.Data = recovery.Done, time.Time{}, nil
	s.commit(app.Change{Recovery: &want})
	want.Version = 2
	if got, err = s.Recovery(s.Context(), "r1"); err != nil {
		s.Fatal(err)
	}
	if !got.Deadline.IsZero() {
		s.Errorf("a zero deadline came back as %v", got.Deadline)
	}
	s.same("final", got, want)
}

func (s *suite) recoveryVersions() {
	s.refuse(app.Change{Recovery: row("r1", 1)}, app.ErrConflict) // nothing to replace
	s.commit(app.Change{Recovery: row("r1", 0)})
	s.refuse(app.Change{Recovery: row("r1", 0)}, app.ErrConflict) // is there already
	s.refuse(app.Change{Recovery: row("r1", 2)}, app.ErrConflict) // of the future
	s.commit(app.Change{Recovery: row("r1", 1)})
	s.refuse(app.Change{Recovery: row("r1", 1)}, app.ErrConflict) // stale
	if v := s.version("r1"); v != 2 {
		s.Errorf("version: got %d, want 2", v)
	}
	if n := s.pendingCount(); n != 2 {
		s.Errorf("records: got %d, want 2, those of what was committed", n)
	}
}

func (s *suite) openRecoveries() {
	final, other, decoy := row("final", 0), row("other", 0), row("decoy", 0)
	final.State, final.Deadline = recovery.Expired, time.Time{}
	other.Who.Directory = "other"
	decoy.Who = account.Ref{}
	for _, r := range []*app.RecoveryRow{row("r1", 0), final, other, decoy, row("r2", 0)} {
		s.commit(app.Change{Recovery: r})
	}
	for _, tt := range []struct {
		who  account.Ref
		want []recovery.ID
	}{{alice, []recovery.ID{"r1", "r2"}}, {account.Ref{}, nil}, {account.Ref{Directory: "main", ID: "nobody"}, nil}} {
		got, err := s.OpenRecoveries(s.Context(), tt.who)
		if err != nil {
			s.Fatal(err)
		}
		s.same("of "+tt.who.String(), got, tt.want)
	}
}

func (s *suite) overdue() {
	for i, id := range []recovery.ID{"late", "later", "latest", "not yet"} {
		r := row(id, 0)
		r.Deadline = t0.Add(time.Duration(i) * time.Minute)
		s.commit(app.Change{Recovery: r})
	}
	final := row("final", 0)
	final.Deadline = time.Time{}
	s.commit(app.Change{Recovery: final})
	for _, tt := range []struct {
		limit int
		want  []recovery.ID
	}{{10, []recovery.ID{"late", "later", "latest"}}, {2, []recovery.ID{"late", "later"}}} {
		got, err := s.Overdue(s.Context(), t0.Add(2*time.Minute), tt.limit)
		if err != nil {
			s.Fatal(err)
		}
		s.same("overdue", got, tt.want)
	}
}

func enrollment(id string, version int64) app.EnrollmentRow {
	return app.EnrollmentRow{ID: id, Version: version, Who: alice, Factor: "totp", Label: "Telefon ü", Added: t0, Data: []byte{7}}
}

func (s *suite) enrolled(who account.Ref, factor policy.Factor) []app.EnrollmentRow {
	s.Helper()
	got, err := s.Enrollments(s.Context(), who, factor)
	if err != nil {
		s.Fatal(err)
	}
	return got
}

func (s *suite) enrollments() {
	second, first, bobs := enrollment("e1", 0), enrollment("e2", 0), enrollment("e3", 0)
	second.Added, second.Used = t0.Add(time.Minute), t0.Add(time.Hour)
	first.Factor, first.Found = "passkey", "hash"
	bobs.Who.ID = "b1"
	s.commit(app.Change{Enroll: []app.EnrollmentRow{second, first, bobs}})
	first.Version, second.Version, bobs.Version = 1, 1, 1
	s.same("all, oldest first", s.enrolled(alice, ""), []app.EnrollmentRow{first, second})
	s.same("by factor", s.enrolled(alice, "totp"), []app.EnrollmentRow{second})
	s.same("another's", s.enrolled(bobs.Who, ""), []app.EnrollmentRow{bobs})
	s.same("nobody's", s.enrolled(account.Ref{}, ""), []app.EnrollmentRow(nil))

	got, err := s.EnrollmentByFound(s.Context(), "passkey", "hash")
	if err != nil {
		s.Fatal(err)
	}
	s.same("by value", got, first)
	for _, miss := range []struct {
		factor policy.Factor
		found  string
	}{{"totp", "hash"}, {"passkey", "other"}, {"totp", ""}} {
		if _, err := s.EnrollmentByFound(s.Context(), miss.factor, miss.found); !errors.Is(err, app.ErrNoRow) {
			s.Errorf("%v: got %v, want ErrNoRow", miss, err)
		}
	}
}

func (s *suite) enrollmentVersions() {
	one := func(version int64, removed bool) app.Change {
		e := enrollment("e1", version)
		e.Removed = removed
		return app.Change{Enroll: []app.EnrollmentRow{e}}
	}
	s.refuse(one(1, false), app.ErrConflict)
	s.refuse(one(1, true), app.ErrConflict)
	s.commit(one(0, false))
	s.refuse(one(0, false), app.ErrConflict)
	s.refuse(one(0, true), app.ErrConflict)
	s.refuse(one(9, true), app.ErrConflict)
	s.commit(one(1, false))
	s.refuse(one(1, true), app.ErrConflict)
	if got := s.enrolled(alice, ""); len(got) != 1 || got[0].Version != 2 {
		s.Fatalf("got %+v, want one of version 2", got)
	}
	s.commit(one(2, true))
	if got := s.enrolled(alice, ""); len(got) != 0 {
		s.Errorf("got %+v after it was removed", got)
	}
}

func (s *suite) foundIsUnique() {
	with := func(id, factor, found string, version int64) app.Change {
		e := enrollment(id, version)
		e.Factor, e.Found = policy.Factor(factor), found
		return app.Change{Enroll: []app.EnrollmentRow{e}}
	}
	s.commit(with("e1", "passkey", "v", 0))
	s.refuse(with("e2", "passkey", "v", 0), app.ErrConflict)
	s.commit(with("e2", "other", "v", 0)) // per factor
	s.commit(with("e3", "passkey", "", 0))
	s.commit(with("e4", "passkey", "", 0)) // none is not a value
	s.refuse(with("e4", "passkey", "v", 1), app.ErrConflict)
	s.commit(with("e4", "passkey", "w", 1))
}

func (s *suite) ticket() {
	if _, err := s.Ticket(s.Context(), "t1"); !errors.Is(err, app.ErrNoRow) {
		s.Errorf("unknown ticket: got %v, want ErrNoRow", err)
	}
	want := app.TicketRow{ID: "t1", Deadline: t0.Add(time.Hour), Data: []byte("sealed")}
	s.commit(app.Change{Ticket: &want})
	s.refuse(app.Change{Ticket: &want}, app.ErrConflict)
	want.Version = 1
	got, err := s.Ticket(s.Context(), "t1")
	if err != nil {
		s.Fatal(err)
	}
	s.same("stored", got, want)
	want.Deadline = time.Time{}
	s.commit(app.Change{Ticket: &want})
	s.refuse(app.Change{Ticket: &want}, app.ErrConflict)
	if got, err = s.Ticket(s.Context(), "t1"); err != nil || !got.Deadline.IsZero() || got.Version != 2 {
		s.Errorf("used: got %+v, %v", got, err)
	}
}

func (s *suite) noRecord() {
	err := s.Commit(s.Context(), app.Change{Recovery: row("r1", 0)})
	if !errors.Is(err, app.ErrNoEvent) {
		s.Fatalf("got %v, want ErrNoEvent", err)
	}
	if _, err := s.Recovery(s.Context(), "r1"); !errors.Is(err, app.ErrNoRow) {
		s.Errorf("a change without a record left a row: %v", err)
	}
}

// allOrNothing lets each part of a whole change fail in turn, after which nothing of it is there.
func (s *suite) allOrNothing() {
	taken := record(t0)
	s.commit(app.Change{Audit: []audit.Record{taken}, Recovery: row("taken", 0),
		Enroll: []app.EnrollmentRow{enrollment("taken", 0)}, Ticket: &app.TicketRow{ID: "taken", Deadline: t0},
		Messages: []app.MessageRow{message("taken", 0)}, Limits: []app.Spend{spendOf("taken", 1)}})
	whole := func() app.Change {
		return change(app.Change{Recovery: row("r1", 0), Enroll: []app.EnrollmentRow{enrollment("e1", 0)},
			Ticket: &app.TicketRow{ID: "t1", Deadline: t0}, Messages: []app.MessageRow{message("m1", 0)},
			Limits: []app.Spend{spendOf("l1", 1), spendOf("z1", 1)}})
	}
	for name, fail := range map[string]func(*app.Change){
		"recovery":   func(c *app.Change) { c.Recovery = row("taken", 0) },
		"enrollment": func(c *app.Change) { c.Enroll = append(c.Enroll, enrollment("taken", 0)) },
		"ticket":     func(c *app.Change) { c.Ticket.ID = "taken" },
		"message":    func(c *app.Change) { c.Messages = append(c.Messages, message("taken", 0)) },
		"record":     func(c *app.Change) { c.Audit = append(c.Audit, taken) },
		"limit":      func(c *app.Change) { c.Limits[1] = spendOf("taken", 1) },
	} {
		c := whole()
		fail(&c)
		if err := s.Commit(s.Context(), c); err == nil {
			s.Errorf("%s: Commit succeeded", name)
		}
		s.untouched(name)
	}
	s.commit(whole())
	if v := s.version("r1"); v != 1 {
		s.Errorf("the whole change: version %d, want 1", v)
	}
}

// untouched fails when anything of the whole change is there.
func (s *suite) untouched(name string) {
	s.Helper()
	ctx := s.Context()
	if _, err := s.Recovery(ctx, "r1"); !errors.Is(err, app.ErrNoRow) {
		s.Errorf("%s: recovery: %v", name, err)
	}
	if got := s.enrolled(alice, ""); len(got) != 1 {
		s.Errorf("%s: enrollments: %+v", name, got)
	}
	if _, err := s.Ticket(ctx, "t1"); !errors.Is(err, app.ErrNoRow) {
		s.Errorf("%s: ticket: %v", name, err)
	}
	if n, _, err := s.Outbox(ctx); n != 1 || err != nil {
		s.Errorf("%s: messages: %d, %v", name, n, err)
	}
	for _, key := range []string{"l1", "z1"} {
		if full, err := s.Full(ctx, key); !full.IsZero() || err != nil {
			s.Errorf("%s: limit %s: %v, %v", name, key, full, err)
		}
	}
	if n := s.pendingCount(); n != 1 {
		s.Errorf("%s: records: %d, want 1", name, n)
	}
}

// endedContext: a write is refused before it begins, or it is known how it went.
func (s *suite) endedContext() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if err := s.Commit(ctx, change(app.Change{Recovery: row("r1", 0)})); !errors.Is(err, context.Canceled) {
		s.Fatalf("got %v, want that the context has ended", err)
	}
	if _, err := s.Recovery(s.Context(), "r1"); !errors.Is(err, app.ErrNoRow) {
		s.Errorf("got %v, want ErrNoRow: the write was refused", err)
	}
	if _, err := s.Recovery(ctx, "r1"); !errors.Is(err, context.Canceled) {
		s.Errorf("reading: got %v, want that the context has ended", err)
	}
}
