package ldapclient

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
	"postern/directory"
	"postern/directory/directorytest"
	"postern/internal/testenv"
	"postern/secret"
)

// settings returns those of a slapd's service account.
func settings(t *testing.T, s *testenv.SlapdServer) Settings {
	t.Helper()
	file := filepath.Join(t.TempDir(), "word")
	if err := os.WriteFile(file, []byte(testenv.SlapdServiceWord+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Settings{
		Connection: Connection{URLs: []string{s.URL}, CAFile: s.Authority, BindDN: testenv.SlapdService, BindPasswordFile: file},
		People: People{Base: testenv.SlapdPeople, Scope: "subtree", UserFilter: "(objectClass=person)",
			LoginAttributes: []string{"uid"}, IDAttribute: "entryUUID", NameAttribute: "cn"},
		Pool: patient(),
	}
}

// patient waits so long that only a silence ends a wait, and no slow machine.
func patient() Pool {
	p := DefaultPool()
	p.DialTimeout, p.RequestTimeout = time.Minute, time.Minute
	return p
}

func open(t *testing.T, set Settings, now func() time.Time) *Client {
	t.Helper()
	cl, err := New(set, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cl.Close(); err != nil {
			t.Error(err)
		}
	})
	return cl
}

// find looks a person up and returns the identifier.
func find(ctx context.Context, cl *Client, login string) (string, error) {
	a, err := cl.Find(ctx, login, []string{"entryUUID"}, func(_ context.Context, _ *Conn, e *goldap.Entry) (account.Account, error) {
		return account.Account{Ref: account.Ref{ID: First(e, "entryUUID")}}, nil
	})
	return a.Ref.ID, err
}

func mustFind(t *testing.T, cl *Client, login string) string {
	t.Helper()
	id, err := find(t.Context(), cl, login)
	if err != nil || id == "" {
		t.Fatalf("find %s: %q, %v", login, id, err)
	}
	return id
}

// set sends a password on one connection.
func set(ctx context.Context, c *Conn, dn, to string) error {
	change := goldap.NewModifyRequest(dn, nil)
	change.Replace("userPassword", []string{to})
	return c.Once(ctx, func() error { return c.Modify(change) })
}

func write(ctx context.Context, cl *Client, id, to string) error {
	w := Writing{Doing: "set a password", Attributes: []string{NoAttribute},
		Reason: func(*goldap.Error) (directory.Reason, bool) { return "", false }}
	return cl.Write(ctx, id, w, func(c *Conn, e *goldap.Entry) error { return set(ctx, c, e.DN, to) })
}

// TestSilentWrite freezes the answer to the write itself.
func TestSilentWrite(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	cl := open(t, settings(t, s), time.Now)
	c, err := cl.pool.take(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.pool.put(c)
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Thaw() }()
	ctx, cancel := context.WithCancel(t.Context())
	before := c.wire.mark()
	var waiting sync.WaitGroup
	waiting.Go(func() { // gives up once the write is on its way, and not before, however slow the machine
		for c.wire.mark() == before && ctx.Err() == nil {
			runtime.Gosched()
		}
		cancel()
	})
	err = set(ctx, c, s.DN("alice"), "password without an answer")
	cancel()
	waiting.Wait()
	if !errors.Is(err, directory.ErrUncertain) || errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v, want uncertain", err)
	}
	if err := set(t.Context(), c, s.DN("alice"), "password on a dead line"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("on the connection that was cut: got %v, want unavailable", err)
	}
}

func TestFailOver(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	hole, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	for name, dead := range map[string]string{"refused": "ldap://127.0.0.1:1", "silent": "ldap://" + hole.Addr().String(), "silent TLS": "ldaps://" + hole.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			set := settings(t, s)
			set.URLs = []string{dead, s.URL, s.TLSURL}
			cl := open(t, set, time.Now)
			set.DialTimeout = 100 * time.Millisecond // of the dead one, which never answers; the living one gets its time on a busy machine too
			hasty := open(t, set, time.Now)
			of := func(s Server) *Client {
				if s.URL == dead {
					return hasty
				}
				return cl
			}
			cl.pool.connect = func(ctx context.Context, s Server) (*Conn, error) { return of(s).connect(ctx, s) }
			cl.tries.connect = func(ctx context.Context, s Server) (*Conn, error) { return of(s).dialer.dial(ctx, s) }
			alice := mustFind(t, cl, "alice")
			if cl.pool.hosts[0].down.IsZero() || !cl.pool.hosts[1].down.IsZero() {
				t.Error("which server answers was not noted")
			}
			if err := write(t.Context(), cl, alice, "password by way of "+name); err != nil {
				t.Error(err)
			}
			if _, err := cl.Try(t.Context(), s.DN("alice"), secret.New("password by way of "+name)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFirstServerComesBack(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	p := directorytest.NewProxy(t, s.Address)
	set := settings(t, s)
	set.URLs = []string{"ldap://" + p.Addr(), s.URL}
	var mu sync.Mutex
	clock := time.Now()
	cl := open(t, set, func() time.Time { mu.Lock(); defer mu.Unlock(); return clock })
	using := func() string {
		t.Helper()
		mustFind(t, cl, "alice")
		cl.pool.mu.Lock()
		defer cl.pool.mu.Unlock()
		return cl.pool.idle[len(cl.pool.idle)-1].c.server.URL
	}
	if got := using(); got != set.URLs[0] {
		t.Errorf("at first: %s", got)
	}
	p.Stop()
	if got := using(); got != set.URLs[1] {
		t.Errorf("the first is dead: %s", got)
	}
	p.Start(t)
	if got := using(); got != set.URLs[1] {
		t.Errorf("too soon to try again: %s", got)
	}
	mu.Lock()
	clock = clock.Add(set.RetryServerAfter + time.Second)
	mu.Unlock()
	if got := using(); got != set.URLs[0] {
		t.Errorf("it is back: %s", got)
	}
}

func TestPoolIsBounded(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	set := settings(t, s)
	set.PoolSize = 2
	cl := open(t, set, time.Now)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := find(t.Context(), cl, "alice"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(cl.pool.idle); n < 1 || n > 2 {
		t.Errorf("%d connections, want at most 2", n)
	}
	a, err1 := cl.pool.take(t.Context(), false)
	b, err2 := cl.pool.take(t.Context(), false)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := find(ctx, cl, "alice"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("none is free: got %v, want unavailable", err)
	}
	cl.pool.put(a)
	cl.pool.put(b)
	mustFind(t, cl, "alice")
}

func TestWire(t *testing.T) {
	a, b := net.Pipe()
	w := &wire{Conn: a}
	go func() { _, _ = b.Read(make([]byte, 8)) }()
	mark := w.mark()
	if _, err := w.Write([]byte("four")); err != nil {
		t.Fatal(err)
	}
	if w.unsent(mark) {
		t.Error("four bytes left, and it says that none did")
	}
	b.Close() // nothing below can wait for a reader
	v := &wire{Conn: a}
	if !v.unsent(v.mark()) {
		t.Error("nothing left, and it says that something did")
	}
	if _, err := v.Write([]byte("late")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after it was said that nothing left: got %v, want that nothing can", err)
	}
}

// TestOneOfTwo: whoever is not the only one is nobody.
func TestOneOfTwo(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	set := settings(t, s)
	set.LoginAttributes = []string{"mail"}
	if id, err := find(t.Context(), open(t, set, time.Now), "shared@example.test"); !errors.Is(err, directory.ErrAmbiguous) {
		t.Errorf("an address of two people: got %q, %v", id, err)
	}
}

// TestServerIsLooser: slapd takes a full-width letter for a plain one, and the client does not.
func TestServerIsLooser(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	cl := open(t, settings(t, s), time.Now)
	for _, handle := range []string{"ａlice", "alice ", " alice"} {
		n := 0
		err := cl.Read(t.Context(), func(c *Conn) error {
			found, err := cl.Search(t.Context(), c, Query{Base: testenv.SlapdPeople, Scope: goldap.ScopeWholeSubtree,
				Filter: "(uid=" + goldap.EscapeFilter(handle) + ")", Attributes: []string{NoAttribute}, Limit: 2})
			n = len(found)
			return err
		})
		if err != nil || n != 1 {
			t.Errorf("%q: the server finds %d (%v); choose another example", handle, n, err)
		}
		if id, err := find(t.Context(), cl, handle); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%q: got %q, %v, want nobody", handle, id, err)
		}
	}
}

func TestRefusal(t *testing.T) {
	none := func(*goldap.Error) (directory.Reason, bool) { return "", false }
	for result, want := range map[uint16]error{
		32: directory.ErrNotFound, 51: directory.ErrUnavailable, 52: directory.ErrUnavailable,
		1: directory.ErrUncertain, 3: directory.ErrUncertain, 80: directory.ErrUncertain,
	} {
		if err := Refusal(&goldap.Error{ResultCode: result}, "test", none); !errors.Is(err, want) {
			t.Errorf("%d: got %v, want %v", result, err, want)
		}
	}
	for result, want := range map[uint16]directory.Reason{50: directory.NotAllowed, 10: directory.NotAllowed, 53: directory.Refusal, 19: directory.Refusal} {
		var r *directory.Rejected
		if err := Refusal(&goldap.Error{ResultCode: result}, "test", none); !errors.As(err, &r) || r.Reason != want {
			t.Errorf("%d: got %v, want %s", result, err, want)
		}
	}
}

// TestRefusedServiceIsNotLockedOut: with a wrong password for the service account, however often
// somebody asks, the server hears of it once a minute.
func TestRefusedServiceIsNotLockedOut(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	wrong := settings(t, s)
	if err := os.WriteFile(wrong.BindPasswordFile, []byte("not it"), 0o600); err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	cl := open(t, wrong, func() time.Time { return clock })
	ask := func() {
		t.Helper()
		for range 5 {
			if _, err := find(t.Context(), cl, "alice"); !errors.Is(err, directory.ErrUnavailable) || Answered(err) == nil {
				t.Errorf("got %v, want what the server said", err)
			}
			r := &Report{}
			cl.Check(t.Context(), r, func(*Conn) { t.Error("signed in") })
			if last := r.Out[len(r.Out)-1]; last.Severity != directory.Fault || last.Fix == "" {
				t.Errorf("check: got %+v", last)
			}
		}
	}
	ask()
	clock = clock.Add(refusedFor)
	ask()
	if id := mustFind(t, open(t, settings(t, s), time.Now), "alice"); id == "" { // three refusals would have locked it
		t.Error("the service account is locked")
	}
}
