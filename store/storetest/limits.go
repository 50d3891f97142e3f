package storetest

import (
	"errors"
	"time"

	"postern/app"
	"postern/limit"
)

func spendOf(key string, burst int) app.Spend {
	return app.Spend{Key: key, Limit: limit.Limit{Every: time.Minute, Burst: burst}, Now: t0}
}

// limited commits spends and returns the limit that was exhausted, nil for none.
func (s *suite) limited(spends ...app.Spend) *app.LimitedError {
	s.Helper()
	err := s.Commit(s.Context(), change(app.Change{Limits: spends}))
	var l *app.LimitedError
	if err != nil && !errors.As(err, &l) {
		s.Fatalf("Commit: %v", err)
	}
	return l
}

func (s *suite) limits() {
	for i := range 3 {
		if l := s.limited(spendOf("k", 3)); l != nil {
			s.Fatalf("event %d of 3 was refused", i+1)
		}
	}
	full, err := s.Full(s.Context(), "k")
	if err != nil || !full.Equal(t0.Add(3*time.Minute)) {
		s.Errorf("Full: got %v, %v; want %v", full, err, t0.Add(3*time.Minute))
	}
	if l := s.limited(spendOf("k", 3)); l == nil || l.Retry != time.Minute {
		s.Fatalf("the fourth: got %+v, want a refusal for 1m", l)
	}
	if again, _ := s.Full(s.Context(), "k"); !again.Equal(full) {
		s.Errorf("a refusal moved the limit from %v to %v", full, again)
	}
	later := spendOf("k", 3)
	later.Now = t0.Add(time.Minute)
	if l := s.limited(later); l != nil {
		s.Errorf("after a minute: %v", l)
	}
	if l := s.limited(app.Spend{Key: "off", Now: t0}); l != nil {
		s.Errorf("a zero limit refused: %v", l)
	}
	if full, _ := s.Full(s.Context(), "off"); !full.IsZero() {
		s.Errorf("a zero limit stored %v", full)
	}
	fine := spendOf("nanoseconds", 2)
	fine.Now = t0.Add(999)
	for i := range 2 {
		if l := s.limited(fine); l != nil {
			s.Errorf("event %d of 2 was refused for its nanoseconds", i+1)
		}
	}
	if l := s.limited(fine); l == nil {
		s.Error("a third event of 2 passed for its nanoseconds")
	}
}

func (s *suite) limitError() {
	s.commit(app.Change{Limits: []app.Spend{spendOf("b", 1), spendOf("c", 1)}})
	for _, keys := range [][]string{{"a", "c", "b"}, {"a", "b", "c"}} {
		l := s.limited(spendOf(keys[0], 1), spendOf(keys[1], 1), spendOf(keys[2], 1))
		if l == nil || l.Key != keys[1] {
			s.Fatalf("got %+v, want %s: the first in the caller's order that is exhausted", l, keys[1])
		}
	}
	if full, _ := s.Full(s.Context(), "a"); !full.IsZero() {
		s.Error("a refused change spent from another limit")
	}
	if l := s.limited(spendOf("twice", 1), spendOf("twice", 1)); l == nil {
		s.Error("one change took two events of one")
	}
}

func (s *suite) limitReset() {
	s.commit(app.Change{Limits: []app.Spend{spendOf("k", 1)}})
	s.commit(app.Change{Limits: []app.Spend{{Key: "k", Reset: true}, {Key: "unknown", Reset: true}}})
	if full, err := s.Full(s.Context(), "k"); !full.IsZero() || err != nil {
		s.Errorf("after a reset: %v, %v", full, err)
	}
	if l := s.limited(spendOf("k", 1)); l != nil {
		s.Errorf("after a reset: %v", l)
	}
}
