package wrap

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/account"
	"postern/directory"
	"postern/password"
	"postern/secret"
)

// scripted is a directory whose calls answer what the test says.
type scripted struct {
	calls  atomic.Int64
	answer func(ctx context.Context, n int64) error
}

func (s *scripted) do(ctx context.Context) error { return s.answer(ctx, s.calls.Add(1)) }

func (s *scripted) Find(ctx context.Context, _ string) (account.Account, error) {
	err := s.do(ctx)
	return account.Account{Login: "alice"}, err
}
func (s *scripted) Get(ctx context.Context, _ string) (account.Account, error) {
	return account.Account{}, s.do(ctx)
}
func (s *scripted) SetPassword(ctx context.Context, _ string, _ secret.Text) error { return s.do(ctx) }

// able has every ability.
type able struct{ *scripted }

func (a able) Unlock(ctx context.Context, _ string) error                      { return a.do(ctx) }
func (a able) Authenticate(ctx context.Context, _ string, _ secret.Text) error { return a.do(ctx) }
func (a able) EndSessions(ctx context.Context, _ string) error                 { return a.do(ctx) }
func (a able) ChangePassword(ctx context.Context, _ string, _, _ secret.Text) error {
	return a.do(ctx)
}
func (a able) Examine(ctx context.Context, _ string) ([]directory.Finding, error) {
	return []directory.Finding{{Text: "examined"}}, a.do(ctx)
}
func (a able) Rules(ctx context.Context, _ string) (password.Directory, error) {
	return password.Directory{History: 3}, a.do(ctx)
}
func (a able) Check(context.Context) []directory.Finding { return []directory.Finding{{Text: "seen"}} }
func (a able) Close() error                              { return errors.New("closed") }

// half has one ability.
type half struct{ *scripted }

func (h half) Unlock(ctx context.Context, _ string) error { return h.do(ctx) }

func always(err error) *scripted {
	return &scripted{answer: func(context.Context, int64) error { return err }}
}

var errDown = fmt.Errorf("%w: no route to host", directory.ErrUnavailable)

// operations calls each guarded operation of d once, through its abilities.
func operations(d directory.Directory) map[string]func(context.Context) error {
	u, _ := directory.As[directory.Unlocker](d)
	a, _ := directory.As[directory.Authenticator](d)
	r, _ := directory.As[directory.RuleReader](d)
	e, _ := directory.As[directory.SessionEnder](d)
	c, _ := directory.As[directory.Changer](d)
	x, _ := directory.As[directory.Examiner](d)
	return map[string]func(context.Context) error{
		"find":         func(ctx context.Context) error { _, err := d.Find(ctx, "x"); return err },
		"get":          func(ctx context.Context) error { _, err := d.Get(ctx, "x"); return err },
		"rules":        func(ctx context.Context) error { _, err := r.Rules(ctx, "x"); return err },
		"set_password": func(ctx context.Context) error { return d.SetPassword(ctx, "x", secret.New("y")) },
		"unlock":       func(ctx context.Context) error { return u.Unlock(ctx, "x") },
		"authenticate": func(ctx context.Context) error { return a.Authenticate(ctx, "x", secret.New("y")) },
		"end_sessions": func(ctx context.Context) error { return e.EndSessions(ctx, "x") },
		"examine":      func(ctx context.Context) error { _, err := x.Examine(ctx, "x"); return err },
		"change_password": func(ctx context.Context) error {
			return c.ChangePassword(ctx, "x", secret.New("y"), secret.New("z"))
		},
	}
}

func TestReadsAreRetriedWritesNever(t *testing.T) {
	want := map[string]int64{"find": 2, "get": 2, "rules": 2, "set_password": 1, "unlock": 1, "authenticate": 1, "end_sessions": 1,
		"change_password": 1, "examine": 2}
	for name, n := range want {
		inner := always(errDown)
		d := New(able{inner}, Options{})
		if err := operations(d)[name](t.Context()); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("%s: got %v", name, err)
		}
		if got := inner.calls.Load(); got != n {
			t.Errorf("%s: asked %d times, want %d", name, got, n)
		}
		for _, o := range d.Stats().Ops {
			if o.Op == name && (o.Calls != uint64(n) || o.Failures != uint64(n) || o.Retries != uint64(n-1)) || o.Op != name && o.Calls != 0 {
				t.Errorf("%s: counted %+v", name, o)
			}
		}
	}
	second := &scripted{answer: func(_ context.Context, n int64) error {
		if n == 1 {
			return errDown
		}
		return nil
	}}
	if a, err := New(second, Options{}).Find(t.Context(), "alice"); err != nil || a.Login != "alice" {
		t.Errorf("the second try: got %v and %v", a, err)
	}
	once := always(errDown)
	_, _ = New(once, Options{Retries: -1}).Find(t.Context(), "alice")
	if n := once.calls.Load(); n != 1 {
		t.Errorf("without retries: asked %d times", n)
	}
}

func TestAnswersPass(t *testing.T) {
	for _, want := range []error{
		nil, directory.ErrNotFound, directory.ErrWrongPassword, directory.ErrMustChange, directory.ErrLocked, directory.ErrDisabled,
		directory.ErrUnsupported, directory.ErrStale, &directory.Rejected{Reason: directory.TooShort}, directory.ErrUncertain,
	} {
		inner := always(want)
		for name, call := range operations(New(able{inner}, Options{Failures: 1000})) {
			before := inner.calls.Load()
			if got := call(t.Context()); got != want {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
			if n := inner.calls.Load() - before; n != 1 {
				t.Errorf("%s: %v was asked %d times", name, want, n)
			}
		}
	}
}

func TestAbilities(t *testing.T) {
	has := func(d directory.Directory) [6]bool {
		_, u := directory.As[directory.Unlocker](d)
		_, a := directory.As[directory.Authenticator](d)
		_, r := directory.As[directory.RuleReader](d)
		_, e := directory.As[directory.SessionEnder](d)
		_, c := directory.As[directory.Changer](d)
		_, x := directory.As[directory.Examiner](d)
		return [6]bool{u, a, r, e, c, x}
	}
	inner := always(nil)
	for _, c := range []struct {
		d    directory.Directory
		want [6]bool
	}{
		{inner, [6]bool{}}, {half{inner}, [6]bool{true}}, {able{inner}, [6]bool{true, true, true, true, true, true}},
	} {
		if got := has(New(c.d, Options{})); got != c.want {
			t.Errorf("%T: got %v, want %v", c.d, got, c.want)
		}
		if got := has(New(New(c.d, Options{}), Options{})); got != c.want {
			t.Errorf("%T twice: got %v, want %v", c.d, got, c.want)
		}
	}
	d := New(able{inner}, Options{})
	if c, ok := directory.As[directory.Checker](d); !ok || len(c.Check(t.Context())) != 1 {
		t.Error("Checker is hidden")
	}
	if c, ok := directory.As[directory.Closer](d); !ok || c.Close() == nil {
		t.Error("Closer is hidden")
	}
	if _, ok := directory.As[able](d); !ok {
		t.Error("the directory itself is hidden")
	}
}

func TestBreaker(t *testing.T) {
	now := time.Unix(0, 0)
	var fail error
	inner := &scripted{answer: func(context.Context, int64) error { return fail }}
	d := New(able{inner}, Options{Failures: 3, Pause: time.Second, Retries: -1, Now: func() time.Time { return now }})
	ops := operations(d)
	expect := func(when, name string, asked bool, want error) {
		t.Helper()
		before := inner.calls.Load()
		err := ops[name](t.Context())
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", when, err, want)
		}
		if got := inner.calls.Load() > before; got != asked {
			t.Errorf("%s: asked %v, want %v", when, got, asked)
		}
	}
	fail = errDown
	expect("first failure", "find", true, directory.ErrUnavailable)
	expect("second failure", "unlock", true, directory.ErrUnavailable)
	fail = directory.ErrNotFound
	expect("an answer in between", "find", true, directory.ErrNotFound)
	fail = directory.ErrUncertain
	for i := range 3 {
		expect(fmt.Sprintf("failure %d", i+1), "set_password", true, directory.ErrUncertain)
	}
	if !d.Stats().Open {
		t.Error("three failures in a row, and the breaker is closed")
	}
	for name := range ops {
		expect("open: "+name, name, false, directory.ErrUnavailable)
	}
	if err := ops["set_password"](t.Context()); errors.Is(err, directory.ErrUncertain) {
		t.Errorf("open: got %v, but nothing was sent", err)
	}
	now = now.Add(time.Second)
	expect("the trial fails", "find", true, directory.ErrUncertain)
	expect("and opens it again", "find", false, directory.ErrUnavailable)
	now = now.Add(time.Second)
	fail = nil
	expect("the trial succeeds", "find", true, nil)
	expect("and closes it", "set_password", true, nil)
	if d.Stats().Open {
		t.Error("the breaker is still open")
	}
}

// TestOneTrial: while one call tries, the others are refused.
func TestOneTrial(t *testing.T) {
	now := time.Unix(0, 0)
	in, out := make(chan struct{}), make(chan struct{})
	inner := &scripted{}
	inner.answer = func(_ context.Context, n int64) error {
		if n == 1 {
			return errDown
		}
		close(in)
		<-out
		return nil
	}
	d := New(inner, Options{Failures: 1, Pause: time.Second, Retries: -1, Now: func() time.Time { return now }})
	_, _ = d.Find(t.Context(), "x")
	now = now.Add(time.Second)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := d.Find(t.Context(), "x"); err != nil {
			t.Errorf("the trial: %v", err)
		}
	})
	<-in
	if _, err := d.Find(t.Context(), "x"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("beside the trial: got %v", err)
	}
	close(out)
	wg.Wait()
	if n := inner.calls.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}

// TestVisitorLeaves: somebody who goes away says nothing of the directory's health.
func TestVisitorLeaves(t *testing.T) {
	inner := always(fmt.Errorf("%w: %w", directory.ErrUnavailable, context.Canceled))
	d := New(inner, Options{Failures: 1, Retries: -1})
	_, _ = d.Find(t.Context(), "x")
	if d.Stats().Open {
		t.Error("the breaker opened")
	}
}

func TestPanicLeavesNothingBehind(t *testing.T) {
	inner := &scripted{answer: func(context.Context, int64) error { panic("broken") }}
	now := time.Unix(0, 0)
	d := New(inner, Options{Failures: 1, Pause: time.Second, Concurrency: 1, Now: func() time.Time { return now }})
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = d.Find(t.Context(), "x")
		}()
		now = now.Add(time.Second)
	}
}

func TestDeadlineAndBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &scripted{answer: func(ctx context.Context, _ int64) error {
			<-ctx.Done()
			return fmt.Errorf("%w: %w", directory.ErrUncertain, ctx.Err())
		}}
		d := New(inner, Options{Timeout: time.Minute, Concurrency: 1, Failures: 1000})
		began := time.Now()
		if err := d.SetPassword(t.Context(), "x", secret.New("y")); !errors.Is(err, directory.ErrUncertain) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("took %v, want the minute of the deadline", took)
		}
		var wg sync.WaitGroup
		wg.Go(func() { _ = d.SetPassword(t.Context(), "x", secret.New("y")) })
		synctest.Wait() // it holds the one place, for a minute
		waiting, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := d.SetPassword(waiting, "x", secret.New("y"))
		if !errors.Is(err, directory.ErrUnavailable) || errors.Is(err, directory.ErrUncertain) {
			t.Errorf("no place in time: got %v, want unavailable", err)
		}
		wg.Wait()
		if n := inner.calls.Load(); n != 2 {
			t.Errorf("asked %d times, want 2", n)
		}
		refused := uint64(0)
		for _, o := range d.Stats().Ops {
			refused += o.Refused
		}
		if refused != 1 {
			t.Errorf("counted %d refusals, want 1", refused)
		}
	})
}
