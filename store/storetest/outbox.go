package storetest

import (
	"errors"
	"time"

	"postern/account"
	"postern/app"
	"postern/audit"
	"postern/recovery"
)

func message(id string, version int64) app.MessageRow {
	return app.MessageRow{ID: id, Version: version, Channel: "email", Due: t0, State: "waiting", Made: t0, Data: []byte("sealed " + id)}
}

func (s *suite) claimed(now, lease time.Time, limit int) []app.MessageRow {
	s.Helper()
	got, err := s.Claim(s.Context(), app.Messages, now, lease, limit)
	if err != nil {
		s.Fatal(err)
	}
	return got
}

func (s *suite) claim() {
	first, second, later, final := message("m1", 0), message("m0", 0), message("m2", 0), message("m3", 0)
	second.Made, later.Due, final.Due = t0.Add(time.Second), t0.Add(time.Hour), time.Time{}
	first.Attempts = 3
	s.commit(app.Change{Messages: []app.MessageRow{first, second, later, final}})
	lease := t0.Add(time.Minute)
	first.Version, first.Due, second.Version, second.Due = 2, lease, 2, lease
	s.same("due", s.claimed(t0, lease, 10), []app.MessageRow{first, second})
	s.same("claimed already", s.claimed(t0, lease, 10), []app.MessageRow(nil))
	if got := s.claimed(lease, lease.Add(time.Minute), 1); len(got) != 1 {
		s.Errorf("after the lease, one at most: got %d", len(got))
	}
	if got := s.claimed(lease, lease.Add(time.Minute), 10); len(got) != 1 {
		s.Errorf("after the lease, the other: got %d", len(got))
	}
	stale := first
	s.refuse(app.Change{Messages: []app.MessageRow{stale}}, app.ErrConflict)
}

// queues keeps what waits for a directory apart from what waits for people.
func (s *suite) queues() {
	mail, target := message("m", 0), message("t", 0)
	target.Channel = app.TargetChannel
	s.commit(app.Change{Messages: []app.MessageRow{mail, target}})
	lease := t0.Add(time.Minute)
	mail.Version, mail.Due, target.Version, target.Due = 2, lease, 2, lease
	for queue, want := range map[app.Queue]app.MessageRow{app.Messages: mail, app.Targets: target} {
		got, err := s.Claim(s.Context(), queue, t0, lease, 10)
		if err != nil {
			s.Fatal(err)
		}
		s.same(string(queue), got, []app.MessageRow{want})
		if got, err = s.Claim(s.Context(), queue, t0, lease, 10); len(got) != 0 || err != nil {
			s.Errorf("%s: claimed twice: %v, %v", queue, got, err)
		}
	}
}

// forgotten: what a final row replaces can be read no more.
func (s *suite) forgotten() {
	if _, err := s.Message(s.Context(), "t"); !errors.Is(err, app.ErrNoRow) {
		s.Errorf("unknown message: got %v, want ErrNoRow", err)
	}
	row := message("t", 0)
	row.Channel, row.Data = app.TargetChannel, []byte("sealed password")
	s.commit(app.Change{Messages: []app.MessageRow{row}})
	row.Version = 1
	if got, err := s.Message(s.Context(), "t"); err != nil {
		s.Error(err)
	} else {
		s.same("waiting", got, row)
	}
	row.Due, row.State, row.Data = time.Time{}, "sent", nil
	s.commit(app.Change{Messages: []app.MessageRow{row}})
	got, err := s.Message(s.Context(), "t")
	if err != nil || len(got.Data) != 0 || got.State != "sent" || !got.Due.IsZero() || got.Version != 2 {
		s.Errorf("after it was done: got %+v, %v", got, err)
	}
	row.Version, row.Due, row.State, row.Data = 2, t0, "waiting", []byte("another")
	s.commit(app.Change{Messages: []app.MessageRow{row}}) // the place is taken again
	if got, err := s.Message(s.Context(), "t"); err != nil || string(got.Data) != "another" || got.Version != 3 {
		s.Errorf("taken again: got %+v, %v", got, err)
	}
}

func (s *suite) outbox() {
	if n, oldest, err := s.Outbox(s.Context()); n != 0 || !oldest.IsZero() || err != nil {
		s.Errorf("empty: got %d, %v, %v", n, oldest, err)
	}
	a, b, sent := message("a", 0), message("b", 0), message("c", 0)
	a.Made, b.Made, sent.Made, sent.Due = t0.Add(time.Minute), t0.Add(time.Second), t0, time.Time{}
	s.commit(app.Change{Messages: []app.MessageRow{a, b, sent}})
	if n, oldest, err := s.Outbox(s.Context()); n != 2 || !oldest.Equal(b.Made) || err != nil {
		s.Errorf("got %d, %v, %v; want 2 since %v", n, oldest, err, b.Made)
	}
}

func (s *suite) messageVersions() {
	one := func(version int64) app.Change { return app.Change{Messages: []app.MessageRow{message("m", version)}} }
	s.refuse(one(1), app.ErrConflict)
	s.commit(one(0))
	s.refuse(one(0), app.ErrConflict)
	s.commit(one(1))
	s.refuse(one(1), app.ErrConflict)
	sent := message("m", 2)
	sent.Due, sent.State, sent.Attempts = time.Time{}, "sent", 1
	s.commit(app.Change{Messages: []app.MessageRow{sent}})
	if n, _, err := s.Outbox(s.Context()); n != 0 || err != nil {
		s.Errorf("after it was sent %d wait, %v", n, err)
	}
}

// sweep keeps everything that has not ended, and what ended too late.
func (s *suite) sweep() {
	at := func(d time.Duration) []audit.Record { return []audit.Record{record(t0.Add(d))} }
	for i, d := range []time.Duration{0, time.Hour} {
		id := string(rune('0' + i))
		final, sent := row(recovery.ID(id), 0), message(id, 0)
		final.Deadline, sent.Due = time.Time{}, time.Time{}
		s.commit(app.Change{Audit: at(d), Recovery: final, Messages: []app.MessageRow{sent}, Ticket: &app.TicketRow{ID: id}})
	}
	decoy := row("decoy", 0)
	decoy.Who = account.Ref{}
	s.commit(app.Change{Audit: at(0), Recovery: decoy, Messages: []app.MessageRow{message("waits", 0)},
		Ticket: &app.TicketRow{ID: "expired", Deadline: t0}, Limits: []app.Spend{spendOf("early", 1)}})
	late := spendOf("late", 1)
	late.Now = t0.Add(time.Hour)
	s.commit(app.Change{Audit: at(0), Recovery: row("open", 0),
		Ticket: &app.TicketRow{ID: "open", Deadline: t0.Add(time.Hour)}, Limits: []app.Spend{late}})

	n, err := s.Sweep(s.Context(), t0.Add(30*time.Minute), 100)
	if err != nil || n != 5 {
		s.Errorf("got %d, %v; want 5: a recovery, a message, two tickets, a limit", n, err)
	}
	s.swept()
	if n := s.pendingCount(); n != 4 {
		s.Errorf("%d records are left of 4", n)
	}
}

func (s *suite) swept() {
	s.Helper()
	for id, want := range map[recovery.ID]bool{"0": false, "1": true, "decoy": true, "open": true} {
		if _, err := s.Recovery(s.Context(), id); (err == nil) != want {
			s.Errorf("recovery %s: %v, want kept: %v", id, err, want)
		}
	}
	for id, want := range map[string]bool{"0": false, "1": true, "expired": false, "open": true} {
		if _, err := s.Ticket(s.Context(), id); (err == nil) != want {
			s.Errorf("ticket %s: %v, want kept: %v", id, err, want)
		}
	}
	for key, want := range map[string]bool{"early": false, "late": true} {
		if full, err := s.Full(s.Context(), key); full.IsZero() == want || err != nil {
			s.Errorf("limit %s: %v, %v, want kept: %v", key, full, err, want)
		}
	}
	if n, _, err := s.Outbox(s.Context()); n != 1 || err != nil {
		s.Errorf("%d messages wait, %v; want 1", n, err)
	}
}

func (s *suite) sweepBounded() {
	for _, id := range []string{"a", "b", "c"} {
		final, sent := row(recovery.ID(id), 0), message(id, 0)
		final.Deadline, sent.Due = time.Time{}, time.Time{}
		s.commit(app.Change{Recovery: final, Messages: []app.MessageRow{sent}})
	}
	for _, want := range []int{4, 2, 0} { // two of each kind, then what is left
		if n, err := s.Sweep(s.Context(), t0.Add(time.Hour), 2); n != want || err != nil {
			s.Errorf("got %d, %v; want %d", n, err, want)
		}
	}
}
