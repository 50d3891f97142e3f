package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/app"
	"postern/audit"
	"postern/limit"
	"postern/recovery"
	"postern/secret"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// begin is a change like the first of a recovery.
func begin(id string) app.Change {
	return app.Change{
		Recovery: &app.RecoveryRow{ID: recovery.ID(id), State: recovery.Verifying, Began: t0, Deadline: t0.Add(time.Hour), Data: make([]byte, 600)},
		Audit:    []audit.Record{{ID: "record of " + id, At: t0, Kind: "test", Leaf: make([]byte, 300), Personal: make([]byte, 200)}},
	}
}

func sqliteStore(t testing.TB) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "new", "postern.db")
	s, err := Open(t.Context(), Settings{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

func TestSQLitePragmas(t *testing.T) {
	s, _ := sqliteStore(t)
	for name, c := range map[string]conn{"reader": s.read, "writer": s.write.(*queue).tx} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
			got, _, err := first(t.Context(), c, q("PRAGMA "+pragma), scanText)
			if err != nil || got != want {
				t.Errorf("%s of the %s: got %q, %v; want %q", pragma, name, got, err, want)
			}
		}
	}
	if _, err := exec(t.Context(), s.read, `DELETE FROM spent`); err == nil {
		t.Error("a reader can write")
	}
}

func TestSQLiteFilesAreTheirOwnersAlone(t *testing.T) {
	s, path := sqliteStore(t)
	if err := s.Commit(t.Context(), begin("r")); err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600}
	for name, mode := range want {
		i, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if i.Mode().Perm() != mode {
			t.Errorf("%s: got %v, want %v", filepath.Base(name), i.Mode().Perm(), mode)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, Settings{Path: path})
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("a file that others can read stayed so: %v, %v", i.Mode(), err)
	}
}

func TestSQLitePathIsTakenLiterally(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"a b?mode=memory#c%41.db", "plain.db", "ü;&=.db"} {
		for _, path := range []string{name, filepath.Join(dir, "absolute "+name)} {
			s := mustOpen(t, Settings{Path: path})
			if err := s.Commit(t.Context(), begin("r")); err != nil {
				t.Fatal(err)
			}
			if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", path, i, err)
			}
			// What Open made with mode 0600 is what SQLite wrote to.
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if i, err := os.Stat(path); err != nil || i.Size() == 0 {
				t.Errorf("%s is empty: SQLite writes elsewhere", path)
			}
		}
	}
}

func TestOpenRefusesUnclearSettings(t *testing.T) {
	for _, at := range []Settings{{}, {Path: filepath.Join(t.TempDir(), "x"), DSN: secret.New("postgres://h/d")}} {
		if s, err := Open(t.Context(), at); err == nil {
			s.Close()
			t.Errorf("path %q, connection string set %v: opened", at.Path, !at.DSN.Empty())
		}
	}
	notADatabase := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(notADatabase, []byte(strings.Repeat("this is no database\n", 200)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), Settings{Path: notADatabase}); err == nil {
		s.Close()
		t.Error("a file that is no database was opened")
	}
}

// held keeps the queue's owner busy until the returned function is called.
func held(t *testing.T, w *queue) (release func()) {
	t.Helper()
	started, gate, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- w.do(context.Background(), func(context.Context, conn) error {
			close(started)
			<-gate
			return errors.New("only to hold the queue")
		})
	}()
	<-started
	return func() {
		close(gate)
		<-done
	}
}

// waiting returns when n writes are queued.
func waiting(t *testing.T, w *queue, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		w.mu.Lock()
		queued := len(w.jobs)
		w.mu.Unlock()
		if queued == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d writes are queued, want %d", queued, n)
		}
		runtime.Gosched()
	}
}

func TestQueuedWritesShareATransaction(t *testing.T) {
	s, _ := sqliteStore(t)
	w := s.write.(*queue)
	release := held(t, w)
	const n = 100
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			c := begin(fmt.Sprint("r", i))
			c.Audit[0].ID = fmt.Sprint(i / 2) // every second one conflicts, after its recovery was written
			c.Limits = []app.Spend{{Key: "k", Limit: limit.Limit{Every: time.Second, Burst: 1000}, Now: t0}}
			errs[i] = s.Commit(t.Context(), c)
		})
	}
	waiting(t, w, n)
	release()
	wg.Wait()
	ok := 0
	for _, err := range errs {
		if err == nil {
			ok++
		} else if !errors.Is(err, app.ErrConflict) {
			t.Errorf("got %v, want nil or ErrConflict", err)
		}
	}
	if ok != n/2 {
		t.Errorf("%d of %d succeeded, want %d: one that fails hurts no other", ok, n, n/2)
	}
	rs, err := s.Pending(t.Context(), n)
	if err != nil || len(rs) != n/2 {
		t.Errorf("%d records, %v; want %d: one that fails leaves nothing", len(rs), err, n/2)
	}
	ids, err := s.Overdue(t.Context(), t0.Add(time.Hour), n)
	if err != nil || len(ids) != n/2 {
		t.Errorf("%d recoveries, %v; want %d", len(ids), err, n/2)
	}
	if full, _ := s.Full(t.Context(), "k"); !full.Equal(t0.Add(n / 2 * time.Second)) {
		t.Errorf("full at %v, want %v", full, t0.Add(n/2*time.Second))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if w.commits != 1 {
		t.Errorf("%d transactions for %d writes that were queued, want 1", w.commits, n)
	}
}

func TestCloseWaitsForWhatIsQueued(t *testing.T) {
	s, path := sqliteStore(t)
	w := s.write.(*queue)
	release := held(t, w)
	committed, closed := make(chan error), make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { committed <- s.Commit(ctx, begin("r")) }()
	waiting(t, w, 1)
	cancel() // queued already: the caller hears what became of it
	go func() { closed <- s.Close() }()
	release()
	if err := <-committed; err != nil {
		t.Errorf("a queued write: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := s.Commit(t.Context(), begin("after")); !errors.Is(err, errClosed) {
		t.Errorf("after Close: got %v, want %v", err, errClosed)
	}
	if _, err := mustOpen(t, Settings{Path: path}).Recovery(t.Context(), "r"); err != nil {
		t.Errorf("the queued write is not there: %v", err)
	}
}

// TestBrokenTransactionFailsAll: when the transaction itself is lost, nobody in it is told that
// it was written, and the next one works.
func TestBrokenTransactionFailsAll(t *testing.T) {
	s, _ := sqliteStore(t)
	w := s.write.(*queue)
	release := held(t, w)
	errs := make([]error, 3)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			if i != 1 {
				errs[i] = s.Commit(t.Context(), begin(fmt.Sprint(i)))
				return
			}
			errs[i] = w.do(t.Context(), func(ctx context.Context, tx conn) error {
				if _, err := exec(ctx, tx, "ROLLBACK"); err != nil { // as SQLite does by itself when the disk is full
					return err
				}
				return errors.New("the disk is full")
			})
		})
	}
	waiting(t, w, 3)
	release()
	wg.Wait()
	for i, err := range errs {
		if err == nil || errors.Is(err, app.ErrConflict) {
			t.Errorf("write %d: got %v, want an error that is not ErrConflict", i, err)
		}
	}
	if rs, err := s.Pending(t.Context(), 10); err != nil || len(rs) != 0 {
		t.Errorf("%d records, %v; want none", len(rs), err)
	}
	if err := s.Commit(t.Context(), begin("next")); err != nil {
		t.Errorf("the next write: %v", err)
	}
}
