package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/app"
)

func TestMoment(t *testing.T) {
	const every = 200 * time.Millisecond
	for took, want := range map[time.Duration]time.Duration{
		0: every, time.Millisecond: 199 * time.Millisecond, 199 * time.Millisecond: time.Millisecond,
		every: every, 250 * time.Millisecond: 150 * time.Millisecond, time.Second + time.Millisecond: 199 * time.Millisecond, -time.Hour: every,
	} {
		if wait, late := moment(took, every); wait != want || late != (took >= every) {
			t.Errorf("after %v: got %v, %v; want %v", took, wait, late, want)
		}
	}
	if wait, late := moment(time.Second, -1); wait != 0 || late {
		t.Errorf("switched off: got %v, %v", wait, late)
	}
}

// lazy is a body that takes its time.
type lazy struct {
	io.Reader
	wait time.Duration
}

func (l *lazy) Read(b []byte) (int, error) {
	time.Sleep(l.wait) // the bubble's clock
	l.wait = 0
	return l.Reader.Read(b)
}

// TestFixedMoment: whatever the work was and became, and however slowly the request was sent, the
// reply leaves at a multiple of ReplyAt after the request was complete.
func TestFixedMoment(t *testing.T) {
	for _, c := range []struct {
		name    string
		body    string
		sending time.Duration
		work    time.Duration
		err     error
		want    time.Duration
		status  int
		late    int64
	}{
		{"nothing to do", "", 0, 0, nil, 200 * time.Millisecond, 200, 0},
		{"some work", "", 0, 120 * time.Millisecond, nil, 200 * time.Millisecond, 200, 0},
		{"a refusal", "", 0, 3 * time.Millisecond, &app.Refusal{Problem: app.ProblemLimited}, 200 * time.Millisecond, 429, 0},
		{"a failure", "", 0, 7 * time.Millisecond, errors.New("x"), 200 * time.Millisecond, 500, 0},
		{"sent slowly", "a=b", 190 * time.Millisecond, 50 * time.Millisecond, nil, 390 * time.Millisecond, 200, 0},
		{"late", "", 0, 201 * time.Millisecond, nil, 400 * time.Millisecond, 200, 1},
		{"very late", "", 0, 1010 * time.Millisecond, nil, 1200 * time.Millisecond, 200, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, err := NewPortal(Settings{PublicURL: public})
				if err != nil {
					t.Fatal(err)
				}
				m.PostFixed("/start", Anyone, func(http.ResponseWriter, *http.Request) error {
					time.Sleep(c.work)
					return c.err
				})
				began := time.Now()
				w := hit(t, m, "POST", "/start", c.body, func(r *http.Request) {
					r.Body = io.NopCloser(&lazy{strings.NewReader(c.body), c.sending})
				})
				if took := time.Since(began); took != c.want || w.Code != c.status {
					t.Errorf("got %d after %v, want %d after %v", w.Code, took, c.status, c.want)
				}
				if got := m.Counts().Overruns; got != c.late {
					t.Errorf("overruns: got %d, want %d", got, c.late)
				}
			})
		})
	}
}

// TestLateIsTold: a late reply is told with what mends it, and a flood of them once a minute.
func TestLateIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m, err := NewPortal(Settings{PublicURL: public, Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		if err != nil {
			t.Fatal(err)
		}
		m.PostFixed("/start", Anyone, func(http.ResponseWriter, *http.Request) error {
			time.Sleep(350 * time.Millisecond)
			return nil
		})
		for range 150 { // 400 ms each: a minute exactly
			hit(t, m, "POST", "/start", "")
		}
		if got := strings.Count(out.String(), "\n"); got != 1 {
			t.Errorf("got %d lines in a minute, want 1:\n%s", got, &out)
		}
		for _, want := range []string{"set reply_moment above", "took=350ms", "reply_moment=200ms", "pattern=/start", "late_so_far=1"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("got %s, want %q in it", &out, want)
			}
		}
		hit(t, m, "POST", "/start", "")
		if got := strings.Count(out.String(), "\n"); got != 2 || !strings.Contains(out.String(), "late_so_far=151") {
			t.Errorf("got %d lines after a minute, want 2:\n%s", got, &out)
		}
	})
}

// TestClientGone: nobody is left waiting. The bubble fails the test when a goroutine stays.
func TestClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewPortal(Settings{PublicURL: public})
		if err != nil {
			t.Fatal(err)
		}
		m.PostFixed("/start", Anyone, func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, "hello")
			return err
		})
		ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer leave()
		r := httptest.NewRequestWithContext(ctx, "POST", public+"/start", http.NoBody)
		w := httptest.NewRecorder()
		began := time.Now()
		m.ServeHTTP(w, r)
		if took := time.Since(began); took != 50*time.Millisecond || w.Body.Len() != 0 {
			t.Errorf("got %q after %v, want nothing after 50ms", w.Body, took)
		}
	})
}

func TestHandlersHaveATimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewAPI(Settings{PublicURL: public, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		m.Get("/hang", Anyone, func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		})
		if w := hit(t, m, "GET", "/hang", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "try-later") {
			t.Errorf("got %d %s, want 503", w.Code, w.Body)
		}
	})
}
