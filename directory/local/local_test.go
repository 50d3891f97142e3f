package local

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/password"
	"postern/secret"
)

// rows is a LocalStore in memory that fails on cue.
type rows struct {
	mu    sync.Mutex
	all   map[string]directory.LocalAccount
	down  bool
	lose  bool // the next write is kept and its answer lost
	stale int  // so many writes find that somebody was faster
	reads int
}

var errDown = errors.New("disk on fire")

func newRows() *rows { return &rows{all: map[string]directory.LocalAccount{}} }

func (r *rows) LocalFind(_ context.Context, key string) ([]directory.LocalAccount, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	if r.down {
		return nil, errDown
	}
	var out []directory.LocalAccount
	for _, a := range r.all {
		if a.LoginKey == key || slices.ContainsFunc(a.Emails, func(e string) bool { return strings.ToLower(e) == key }) {
			out = append(out, a)
		}
	}
	return out, nil
}

func (r *rows) LocalGet(_ context.Context, id string) (directory.LocalAccount, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	if r.down {
		return directory.LocalAccount{}, errDown
	}
	a, ok := r.all[id]
	if !ok {
		return a, directory.ErrNotFound
	}
	return a, nil
}

func (r *rows) LocalPut(_ context.Context, a directory.LocalAccount) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return errDown
	}
	for id, o := range r.all {
		if id != a.ID && o.LoginKey == a.LoginKey {
			return directory.ErrStale
		}
	}
	if r.all[a.ID].Version != a.Version || r.stale > 0 {
		r.stale--
		return directory.ErrStale
	}
	a.Version++
	r.all[a.ID] = a
	if r.lose {
		r.lose = false
		return errDown
	}
	return nil
}

func (r *rows) LocalList(context.Context, string, int) ([]directory.LocalAccount, error) {
	if r.down {
		return nil, errDown
	}
	var out []directory.LocalAccount
	for _, a := range r.all {
		out = append(out, a)
	}
	return out, nil
}

func (r *rows) login(t *testing.T, login string) directory.LocalAccount {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.all {
		if a.Login == login {
			return a
		}
	}
	t.Fatalf("no row for %q", login)
	return directory.LocalAccount{}
}

// matches checks a PHC string by other means than package password.
func matches(t *testing.T, stored, password string) bool {
	t.Helper()
	var m, passes uint32
	var lanes uint8
	parts := strings.Split(stored, "$")
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &passes, &lanes); err != nil || parts[1] != "argon2id" || parts[2] != "v=19" {
		t.Fatalf("not a PHC string: %v", err)
	}
	salt, _ := base64.RawStdEncoding.DecodeString(parts[4])
	return base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), salt, passes, m, lanes, 32)) == parts[5]
}

// cheap makes hashing fast; TestPresentCost checks what is used otherwise.
var cheap = password.Cost{Memory: 64, Passes: 1, Lanes: 1}

func open(t *testing.T, store *rows) *Directory {
	t.Helper()
	d, err := New("here", *Defaults(), store, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	d.cost, d.nobys = cheap, decoy(cheap)
	return d
}

func TestSuite(t *testing.T) {
	store := newRows()
	d := open(t, store)
	directorytest.Run(t, directorytest.Driver{
		Directory: d, Name: "here", LockAfter: 10, Resets: 1000,
		Add: func(t *testing.T, p directorytest.Person) {
			_, err := d.Add(t.Context(), Person{Login: p.Login, Name: p.Name, Emails: p.Emails, Password: secret.New(p.Password), Disabled: p.Disabled, Locked: p.Locked})
			if err != nil {
				t.Fatal(err)
			}
		},
		Rename: func(t *testing.T, from, to string) {
			if err := d.Rename(t.Context(), store.login(t, from).ID, to); err != nil {
				t.Fatal(err)
			}
		},
		SignsIn: func(t *testing.T, login, password string) bool {
			return matches(t, store.login(t, login).Password, password)
		},
		MustChange: func(t *testing.T, login string) {
			a := store.login(t, login)
			a.MustChange = true
			if err := store.LocalPut(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		},
		Stop:       func(*testing.T) { store.down = true },
		Start:      func(*testing.T) { store.down = false },
		LoseAnswer: func(*testing.T) { store.lose = true },
		NoRefusal:  "the built-in directory has no password rules of its own",
	})
}

func TestPresentCost(t *testing.T) {
	d, err := New("here", *Defaults(), newRows(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(t.Context(), Person{Login: "alice", Password: secret.New("correct horse battery staple")}); err != nil {
		t.Fatal(err)
	}
	a, _ := d.Find(t.Context(), "alice")
	row, _ := d.store.LocalGet(t.Context(), a.Ref.ID)
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(row.Password, want) {
		t.Errorf("got %.40s…, want %s…", row.Password, want)
	}
	if d.nobys.Cost != password.PresentCost() {
		t.Errorf("nobody costs %v, somebody %v", d.nobys.Cost, password.PresentCost())
	}
	if !matches(t, row.Password, "correct horse battery staple") {
		t.Error("the hash is not that of the password")
	}
}

func TestNormalised(t *testing.T) {
	d := open(t, newRows())
	a, err := d.Add(t.Context(), Person{Login: "zoe", Password: secret.New("caf\u00e9 au lait")})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New("cafe\u0301 au lait")); err != nil {
		t.Errorf("the same password from another keyboard: %v", err)
	}
}

func TestRehash(t *testing.T) {
	store := newRows()
	d := open(t, store)
	a, err := d.Add(t.Context(), Person{Login: "alice", Password: secret.New("the first password")})
	if err != nil {
		t.Fatal(err)
	}
	d.cost = password.Cost{Memory: 128, Passes: 1, Lanes: 1}
	if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New("a wrong password")); !errors.Is(err, directory.ErrWrongPassword) {
		t.Fatal(err)
	}
	if got := store.login(t, "alice").Password; !strings.Contains(got, "m=64,") {
		t.Errorf("a wrong password made the hash %s", got)
	}
	if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New("the first password")); err != nil {
		t.Fatal(err)
	}
	row := store.login(t, "alice")
	if !strings.Contains(row.Password, "m=128,") || !matches(t, row.Password, "the first password") || row.Failures != 0 {
		t.Errorf("got %s after %d failures, want the new cost", row.Password, row.Failures)
	}
}

// TestNobodyCostsTheSame counts reads and hashings.
func TestNobodyCostsTheSame(t *testing.T) {
	store := newRows()
	d := open(t, store)
	a, err := d.Add(t.Context(), Person{Login: "alice", Password: secret.New("the first password")})
	if err != nil {
		t.Fatal(err)
	}
	for _, handle := range []string{"alice", "bob", "not prepared\x00", ""} {
		before := store.reads
		_, _ = d.Find(t.Context(), handle)
		if n := store.reads - before; n != 1 {
			t.Errorf("%q cost %d reads, want 1", handle, n)
		}
	}
	d.slots <- struct{}{} // hashing must wait for a place, of which there are four
	for range cap(d.slots) - 1 {
		d.slots <- struct{}{}
	}
	for _, id := range []string{a.Ref.ID, "nobody"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := d.Authenticate(ctx, id, secret.New("x")); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("%s: got %v: nothing was hashed", id, err)
		}
		cancel()
	}
}

func TestHashingsAreBounded(t *testing.T) {
	d := open(t, newRows())
	var running, most atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			_ = d.hashing(t.Context(), func() {
				n := running.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				password.NewHash(secret.New("x"), make([]byte, 16), password.Cost{Memory: 1024, Passes: 1, Lanes: 1})
				running.Add(-1)
			})
		})
	}
	wg.Wait()
	if got := most.Load(); got < 1 || got > 4 {
		t.Errorf("%d hashings ran at once, want at most 4", got)
	}
}

// TestGuessingTogether makes wrong attempts at the same time: none may go uncounted.
func TestGuessingTogether(t *testing.T) {
	store := newRows()
	d := open(t, store)
	a, err := d.Add(t.Context(), Person{Login: "alice", Password: secret.New("the first password")})
	if err != nil {
		t.Fatal(err)
	}
	var wrong, locked, cannot atomic.Int64
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			switch err := d.Authenticate(t.Context(), a.Ref.ID, secret.New("a wrong password")); {
			case errors.Is(err, directory.ErrWrongPassword):
				wrong.Add(1)
			case errors.Is(err, directory.ErrLocked):
				locked.Add(1)
			case errors.Is(err, directory.ErrUnavailable):
				cannot.Add(1)
			default:
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	row := store.login(t, "alice")
	if int64(row.Failures) != wrong.Load() || row.LockedAt.IsZero() {
		t.Errorf("%d answers were counted as %d (locked %d, can't tell %d)", wrong.Load(), row.Failures, locked.Load(), cannot.Load())
	}
}

func TestConcurrentChange(t *testing.T) {
	store := newRows()
	d := open(t, store)
	a, err := d.Add(t.Context(), Person{Login: "alice", Password: secret.New("the first password")})
	if err != nil {
		t.Fatal(err)
	}
	store.stale = 3
	if err := d.SetPassword(t.Context(), a.Ref.ID, secret.New("the second password")); err != nil {
		t.Errorf("others were faster three times: got %v", err)
	}
	store.stale = 1000
	if err := d.SetPassword(t.Context(), a.Ref.ID, secret.New("the third password")); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("others were always faster: got %v, want unavailable", err)
	}
	store.stale = 0
	if !matches(t, store.login(t, "alice").Password, "the second password") {
		t.Error("the password that was not set is set")
	}
}

func TestAdd(t *testing.T) {
	d := open(t, newRows())
	word := secret.New("the first password")
	if _, err := d.Add(t.Context(), Person{Login: "Alice", Password: word}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(t.Context(), Person{Login: "aLICE", Password: word}); !errors.Is(err, directory.ErrStale) {
		t.Errorf("a login that is taken: got %v", err)
	}
	for _, p := range []Person{{Login: "", Password: word}, {Login: "two words", Password: word}, {Login: "bob"}, {Login: "a\x00b", Password: word}} {
		if _, err := d.Add(t.Context(), p); err == nil {
			t.Errorf("%q was added", p.Login)
		}
	}
}

func TestOpen(t *testing.T) {
	decode := func(any) error { return nil }
	if _, err := Kind.Open("here", decode, directory.Env{}); err == nil {
		t.Error("opened without a store")
	}
	if _, err := Kind.Open("here", func(any) error { return errDown }, directory.Env{Local: newRows()}); !errors.Is(err, errDown) {
		t.Errorf("got %v, want what is wrong with the settings", err)
	}
	for _, s := range []Settings{{LockAfter: -1, Hashings: 1}, {Hashings: 0}} {
		if _, err := New("here", s, newRows(), time.Now); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}

func TestCheck(t *testing.T) {
	store := newRows()
	d := open(t, store)
	expect := func(want directory.Severity) {
		t.Helper()
		got := d.Check(t.Context())
		if len(got) != 1 || got[0].Severity != want || (got[0].Fix == "") != (want == directory.Good) {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
	expect(directory.Warning)
	if _, err := d.Add(t.Context(), Person{Login: "alice", Password: secret.New("the first password")}); err != nil {
		t.Fatal(err)
	}
	expect(directory.Good)
	store.down = true
	expect(directory.Fault)
}

// TestEmptyHash: even a row that holds the hash of nothing lets nobody in with nothing.
func TestEmptyHash(t *testing.T) {
	store := newRows()
	d := open(t, store)
	row := directory.LocalAccount{ID: "1", Login: "alice", LoginKey: "alice", Password: password.NewHash(secret.Text{}, make([]byte, password.SaltBytes), cheap).String()}
	if err := store.LocalPut(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	if err := d.Authenticate(t.Context(), "1", secret.Text{}); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("got %v, want wrong", err)
	}
	if n := store.login(t, "alice").Failures; n != 1 {
		t.Errorf("counted %d failures, want 1", n)
	}
}

// TestBrokenHash: a row that can't be read lets nobody in, and is not a wrong password either.
func TestBrokenHash(t *testing.T) {
	store := newRows()
	d := open(t, store)
	if err := store.LocalPut(t.Context(), directory.LocalAccount{ID: "1", Login: "alice", LoginKey: "alice", Password: "in clear"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Authenticate(t.Context(), "1", secret.New("in clear")); err == nil || errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("got %v, want that nobody can tell", err)
	}
}

// loose is a store that finds everybody by everything.
type loose struct{ *rows }

func (l loose) LocalFind(context.Context, string) ([]directory.LocalAccount, error) {
	return l.LocalList(context.Background(), "", 0)
}

func TestLooseStore(t *testing.T) {
	d, err := New("here", *Defaults(), loose{newRows()}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	d.cost = cheap
	if _, err := d.Add(t.Context(), Person{Login: "alice", Emails: []string{"a@example.test"}, Password: secret.New("the first password")}); err != nil {
		t.Fatal(err)
	}
	if a, err := d.Find(t.Context(), "A@example.test"); err != nil || a.Login != "alice" {
		t.Errorf("by address: got %v and %v", a, err)
	}
	for _, handle := range []string{"bob", "alicf", "", "\xff"} {
		if a, err := d.Find(t.Context(), handle); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%q: got %v and %v, want nobody", handle, a.Login, err)
		}
	}
}
