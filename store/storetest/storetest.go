// Package storetest is the suite that every store must pass: what app.Store, app.LogStore and
// directory.LocalStore promise, each promise as a test.
//
// It knows nothing of databases. It does not test what only one implementation has (files,
// migrations, pools); those tests lie beside the implementation.
package storetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"postern/account"
	"postern/app"
	"postern/audit"
	"postern/directory"
	"postern/recovery"
)

// Store is all that a store is asked to be.
type Store interface {
	app.Store
	app.LogStore
	directory.LocalStore
	Close() error
}

// Opener opens one database; each call opens it once more, as another process would.
type Opener func() (Store, error)

// Run runs the suite. fresh makes an empty database, which ends with the test.
func Run(t *testing.T, fresh func(t *testing.T) Opener) {
	tests := []struct {
		name string
		run  func(*suite)
	}{
		{"recovery", (*suite).recovery},
		{"recovery versions", (*suite).recoveryVersions},
		{"open recoveries", (*suite).openRecoveries},
		{"overdue", (*suite).overdue},
		{"enrollments", (*suite).enrollments},
		{"enrollment versions", (*suite).enrollmentVersions},
		{"found is unique", (*suite).foundIsUnique},
		{"ticket", (*suite).ticket},
		{"no record, no change", (*suite).noRecord},
		{"all or nothing", (*suite).allOrNothing},
		{"ended context", (*suite).endedContext},
		{"limits", (*suite).limits},
		{"limit error", (*suite).limitError},
		{"limit reset", (*suite).limitReset},
		{"claim", (*suite).claim},
		{"queues", (*suite).queues},
		{"forgotten", (*suite).forgotten},
		{"history", (*suite).history},
		{"history at once", (*suite).historyAtOnce},
		{"outbox", (*suite).outbox},
		{"message versions", (*suite).messageVersions},
		{"lease", (*suite).lease},
		{"pending", (*suite).pending},
		{"append", (*suite).append},
		{"append conflicts", (*suite).appendConflicts},
		{"sweep", (*suite).sweep},
		{"sweep is bounded", (*suite).sweepBounded},
		{"local accounts", (*suite).localAccounts},
		{"local versions", (*suite).localVersions},
		{"local list", (*suite).localList},
		{"one winner per version", (*suite).oneWinner},
		{"exactly the burst", (*suite).exactlyTheBurst},
		{"crossing writes", (*suite).crossingWrites},
		{"two stores", (*suite).twoStores},
		{"reopened", (*suite).reopened},
		{"closed", (*suite).closed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &suite{T: t, opener: fresh(t)}
			s.Store = s.open()
			tt.run(s)
		})
	}
}

// suite is one test with its store.
type suite struct {
	*testing.T
	Store
	opener Opener
}

// open opens the database once more.
func (s *suite) open() Store {
	s.Helper()
	st, err := s.opener()
	if err != nil {
		s.Fatalf("opening the store: %v", err)
	}
	s.Cleanup(func() {
		if err := st.Close(); err != nil {
			s.Errorf("closing the store: %v", err)
		}
	})
	return st
}

// t0 is when all tests begin; it has microseconds that must survive.
var t0 = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

var alice = account.Ref{Directory: "main", ID: "a1"}

// record makes a record with an identifier of its own.
func record(at time.Time) audit.Record {
	return audit.Record{Seq: -1, ID: rand.Text(), At: at, Kind: "test", Leaf: []byte(`{"kind":"test"}`)}
}

// change is c with a record, as everything must have one.
func change(c app.Change) app.Change {
	if len(c.Audit) == 0 {
		c.Audit = []audit.Record{record(t0)}
	}
	return c
}

// commit commits c with a record and must succeed.
func (s *suite) commit(c app.Change) {
	s.Helper()
	if err := s.Commit(s.Context(), change(c)); err != nil {
		s.Fatalf("Commit: %v", err)
	}
}

// refuse commits c with a record and wants an error that is want.
func (s *suite) refuse(c app.Change, want error) {
	s.Helper()
	if err := s.Commit(s.Context(), change(c)); !errors.Is(err, want) {
		s.Fatalf("Commit: got %v, want %v", err, want)
	}
}

func row(id recovery.ID, version int64) *app.RecoveryRow {
	return &app.RecoveryRow{ID: id, Version: version, Who: alice, State: recovery.Verifying,
		Began: t0, Deadline: t0.Add(time.Hour), Data: []byte{0, 1, 0xff}}
}

// version returns the stored version of a recovery.
func (s *suite) version(id recovery.ID) int64 {
	s.Helper()
	r, err := s.Recovery(s.Context(), id)
	if err != nil {
		s.Fatalf("Recovery %s: %v", id, err)
	}
	return r.Version
}

// pendingCount returns how many records wait for a place.
func (s *suite) pendingCount() int {
	s.Helper()
	rs, err := s.Pending(s.Context(), 1000)
	if err != nil {
		s.Fatal(err)
	}
	return len(rs)
}

// together runs f n times at once and returns the errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// tally counts results: nil, want, and everything else, which fails the test.
func (s *suite) tally(errs []error, want error) (ok, refused int) {
	s.Helper()
	for _, err := range errs {
		switch {
		case err == nil:
			ok++
		case errors.Is(err, want):
			refused++
		default:
			s.Errorf("got %v, want nil or %v", err, want)
		}
	}
	return ok, refused
}

// same compares by how values print, which is exact for rows of moments in UTC and bytes.
func (s *suite) same(what string, got, want any) {
	s.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		s.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
