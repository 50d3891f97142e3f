package storetest

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"postern/app"
	"postern/audit"
)

func (s *suite) leased(name, holder string, until, now time.Time) (int64, bool) {
	s.Helper()
	fence, ok, err := s.Lease(s.Context(), name, holder, until, now)
	if err != nil {
		s.Fatal(err)
	}
	return fence, ok
}

func (s *suite) lease() {
	in := func(d time.Duration) time.Time { return t0.Add(d) }
	for i, step := range []struct {
		holder     string
		until, now time.Duration
		fence      int64
		ok         bool
	}{
		{"a", 10, 0, 1, true},  // taken
		{"b", 15, 5, 0, false}, // held
		{"a", 20, 9, 1, true},  // renewed
		{"b", 25, 19, 0, false},
		{"b", 30, 20, 2, true},  // run out
		{"a", 40, 29, 0, false}, // the former holder
		{"b", 29, 29, 2, true},  // given back
		{"a", 40, 29, 3, true},
		{"a", 60, 50, 3, true}, // run out, and nobody came
	} {
		fence, ok := s.leased("x", step.holder, in(step.until*time.Second), in(step.now*time.Second))
		if ok != step.ok || fence != step.fence {
			s.Errorf("step %d: got fence %d, %v; want %d, %v", i+1, fence, ok, step.fence, step.ok)
		}
	}
	// A lease for years was given by nobody: it does not stop the work.
	s.leased("z", "forger", t0.AddDate(70, 0, 0), t0)
	if fence, ok := s.leased("z", "a", in(10*time.Second), t0); !ok || fence != 2 {
		s.Errorf("over a forged lease: got fence %d, %v; want 2, true", fence, ok)
	}
	if fence, ok := s.leased("y", "b", in(time.Second), t0); !ok || fence != 1 {
		s.Errorf("another lease: got fence %d, %v; want 1, true", fence, ok)
	}
}

// records commits n records, one change each, and returns them.
func (s *suite) records(n int) []audit.Record {
	s.Helper()
	var out []audit.Record
	for i := range n {
		r := record(t0.Add(-time.Duration(i) * time.Second)) // the order is not that of moments
		r.Personal = []byte(fmt.Sprintf(`{"n":%d}`, i))
		s.commit(app.Change{Audit: []audit.Record{r}})
		out = append(out, r)
	}
	return out
}

func (s *suite) pending() {
	two := []audit.Record{record(t0), record(t0)}
	two[0].Personal, two[0].Seq = []byte{}, 77 // a place is not the committer's to give
	rs := s.records(3)
	s.commit(app.Change{Audit: two})
	got, err := s.Pending(s.Context(), 10)
	if err != nil {
		s.Fatal(err)
	}
	two[0].Seq = -1
	s.same("all", got, append(rs, two...))
	if got[4].Personal != nil {
		s.Errorf("no personal part came back as %q", got[4].Personal)
	}
	if got, err = s.Pending(s.Context(), 2); err != nil {
		s.Fatal(err)
	}
	s.same("two", got, rs[:2])
}

// batch makes the Append that gives rs their places after from, with hashes that are numbered.
func batch(from int64, fence int64, rs []audit.Record) app.Append {
	a := app.Append{Lease: "log", Fence: fence, From: from, FirstHash: tlog.StoredHashIndex(0, from),
		Checkpoint: fmt.Sprintf("size %d", from+int64(len(rs)))}
	for _, r := range rs {
		a.IDs = append(a.IDs, r.ID)
	}
	for i := a.FirstHash; i < tlog.StoredHashIndex(0, from+int64(len(rs))); i++ {
		a.Hashes = append(a.Hashes, tlog.Hash{byte(i), 1})
	}
	return a
}

func (s *suite) append() {
	if size, cp, err := s.Head(s.Context()); size != 0 || cp != "" || err != nil {
		s.Errorf("empty: got %d, %q, %v", size, cp, err)
	}
	rs := s.records(5)
	fence, _ := s.leased("log", "a", t0.Add(time.Hour), t0)
	for _, a := range []app.Append{batch(0, fence, rs[:3]), batch(3, fence, rs[3:])} {
		if err := s.Append(s.Context(), a); err != nil {
			s.Fatal(err)
		}
	}
	if size, cp, err := s.Head(s.Context()); size != 5 || cp != "size 5" || err != nil {
		s.Errorf("head: got %d, %q, %v", size, cp, err)
	}
	for i := range rs {
		rs[i].Seq = int64(i)
	}
	for _, tt := range []struct {
		from  int64
		limit int
		want  []audit.Record
	}{{0, 10, rs}, {1, 2, rs[1:3]}, {5, 10, nil}, {-3, 4, rs[:1]}} {
		got, err := s.Records(s.Context(), tt.from, tt.limit)
		if err != nil {
			s.Fatal(err)
		}
		s.same(fmt.Sprintf("records from %d", tt.from), got, tt.want)
	}
	if n := s.pendingCount(); n != 0 {
		s.Errorf("%d records still wait", n)
	}
	got, err := s.Hashes(s.Context(), []int64{6, 0, 3, 6})
	if err != nil {
		s.Fatal(err)
	}
	s.same("hashes", got, []tlog.Hash{{6, 1}, {0, 1}, {3, 1}, {6, 1}})
	if _, err := s.Hashes(s.Context(), []int64{0, 99}); err == nil {
		s.Error("a hash that is not there was found")
	}
}

func (s *suite) appendConflicts() {
	rs := s.records(4)
	fence, _ := s.leased("log", "a", t0.Add(time.Hour), t0)
	if err := s.Append(s.Context(), batch(0, fence, rs[:2])); err != nil {
		s.Fatal(err)
	}
	other := batch(2, fence, rs[2:])
	other.Lease = "other"
	for name, a := range map[string]app.Append{
		"smaller size":   batch(0, fence, rs[2:]),
		"larger size":    batch(3, fence, rs[2:]),
		"old fence":      batch(2, fence-1, rs[2:]),
		"future fence":   batch(2, fence+1, rs[2:]),
		"other lease":    other,
		"placed record":  batch(2, fence, []audit.Record{rs[2], rs[0]}),
		"unknown record": batch(2, fence, []audit.Record{rs[2], record(t0)}),
		"one twice":      batch(2, fence, []audit.Record{rs[2], rs[2]}),
	} {
		if err := s.Append(s.Context(), a); !errors.Is(err, app.ErrConflict) {
			s.Errorf("%s: got %v, want ErrConflict", name, err)
		}
	}
	short := batch(2, fence, rs[2:])
	short.Hashes = short.Hashes[1:]
	if err := s.Append(s.Context(), short); err == nil {
		s.Error("too few hashes were accepted")
	}
	if n := s.pendingCount(); n != 2 {
		s.Errorf("%d records wait, want 2: a refused batch gave places", n)
	}
	if size, cp, _ := s.Head(s.Context()); size != 2 || cp != "size 2" {
		s.Errorf("head: %d, %q, want that of the first batch", size, cp)
	}
	taken, ok := s.leased("log", "b", t0.Add(2*time.Hour), t0.Add(time.Hour))
	if !ok {
		s.Fatal("the lease had run out and was not given")
	}
	if err := s.Append(s.Context(), batch(2, fence, rs[2:])); !errors.Is(err, app.ErrConflict) {
		s.Errorf("the former holder: got %v, want ErrConflict", err)
	}
	if err := s.Append(s.Context(), batch(2, taken, rs[2:])); err != nil {
		s.Errorf("the new holder: %v", err)
	}
}
