package storetest

import (
	"fmt"
	"time"

	"postern/account"
	"postern/app"
)

func former(id string, after time.Duration, keep int) app.HistoryRow {
	return app.HistoryRow{ID: id, Who: alice, At: t0.Add(after), Data: []byte{0, 1, 0xff}, Keep: keep}
}

// kept returns the identifiers of who's former passwords.
func (s *suite) kept(who account.Ref, limit int) []string {
	s.Helper()
	rows, err := s.History(s.Context(), who, limit)
	if err != nil {
		s.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func (s *suite) history() {
	bobs := former("bob's", 0, 3)
	bobs.Who.ID = "b1"
	elsewhere := former("elsewhere", 0, 3)
	elsewhere.Who.Directory = "other"
	s.commit(app.Change{History: []app.HistoryRow{bobs, elsewhere}})
	want := former("h0", 0, 0)
	s.commit(app.Change{History: []app.HistoryRow{former("h0", 0, 3)}})
	if got, err := s.History(s.Context(), alice, 9); err != nil {
		s.Error(err)
	} else {
		s.same("one", got, []app.HistoryRow{want})
	}
	for i := 1; i < 5; i++ {
		s.commit(app.Change{History: []app.HistoryRow{former(fmt.Sprint("h", i), time.Duration(i)*time.Microsecond, 3)}})
	}
	s.commit(app.Change{History: []app.HistoryRow{former("h5", 4*time.Microsecond, 3)}}) // of the same moment as h4
	s.same("the newest three", s.kept(alice, 9), []string{"h5", "h4", "h3"})
	s.same("the newest two", s.kept(alice, 2), []string{"h5", "h4"})
	s.same("another's", s.kept(bobs.Who, 9), []string{"bob's"})
	s.same("nobody's", s.kept(account.Ref{}, 9), []string(nil))
	s.commit(app.Change{History: []app.HistoryRow{former("h6", time.Hour, 1)}})
	s.same("fewer are wanted now", s.kept(alice, 9), []string{"h6"})
	s.same("elsewhere", s.kept(elsewhere.Who, 9), []string{"elsewhere"})

	s.refuse(app.Change{History: []app.HistoryRow{former("h6", 0, 3)}}, app.ErrConflict)
	s.refuse(app.Change{Recovery: row("r", 7), History: []app.HistoryRow{former("h7", 2*time.Hour, 3)}}, app.ErrConflict)
	s.same("after a change that was refused", s.kept(alice, 9), []string{"h6"})
}

// historyAtOnce: however many are added at once, no more than wanted stay.
func (s *suite) historyAtOnce() {
	errs := together(8, func(i int) error {
		return s.Commit(s.Context(), change(app.Change{History: []app.HistoryRow{former(fmt.Sprint(i), time.Duration(i)*time.Second, 3)}}))
	})
	if ok, _ := s.tally(errs, nil); ok != 8 {
		s.Errorf("%d of 8 were added", ok)
	}
	s.commit(app.Change{History: []app.HistoryRow{former("last", time.Hour, 3)}})
	s.same("the newest", s.kept(alice, 9), []string{"last", "7", "6"})
}
