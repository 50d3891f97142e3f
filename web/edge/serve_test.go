package edge

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"postern/app"
	"postern/secret"
)

const public = "https://reset.example.com"

// newPortal has one route for everything that can happen.
func newPortal(t *testing.T, s Settings) *Mux {
	t.Helper()
	s.PublicURL = public
	m, err := NewPortal(s)
	if err != nil {
		t.Fatal(err)
	}
	addRoutes(m)
	return m
}

func addRoutes(m *Mux) {
	m.Get("/{$}", Anyone, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, err := io.WriteString(w, "<p>hello")
		return err
	})
	m.Post("/go", Anyone, func(w http.ResponseWriter, r *http.Request) error {
		SetToken(w, secret.New("token-in-a-cookie"))
		http.Redirect(w, r, "/next", http.StatusSeeOther)
		return nil
	})
	m.Post("/form", Anyone, func(w http.ResponseWriter, r *http.Request) error {
		v, err := Form(r)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, v.Get("a"))
		return err
	})
	m.Get("/mine", Bearer, func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, Token(r).Reveal())
		return err
	})
	m.Get("/invited", Invited, func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, EnrollToken(r).Reveal())
		return err
	})
	m.Get("/operated", Operators, func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, ConsoleToken(r).Reveal())
		return err
	})
	m.Get("/links/{token}", Anyone, func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, r.PathValue("token"))
		return err
	})
	m.Get("/half", Anyone, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("X-Half", "yes")
		SetToken(w, secret.New("x"))
		_, _ = io.WriteString(w, "half a page")
		return errors.New("the other half is missing: 10.0.0.7")
	})
	m.Get("/panic", Anyone, func(http.ResponseWriter, *http.Request) error { panic("a bug") })
	m.Post("/refuse", Anyone, func(http.ResponseWriter, *http.Request) error {
		return &app.Refusal{Problem: app.ProblemAnswer, Key: "problem.answer"}
	})
	m.Static("/static", fstest.MapFS{"a.css": {Data: []byte("p{}")}, "js/b.js": {Data: []byte("1")}})
}

type change func(r *http.Request)

func with(name, value string) change {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func hit(t *testing.T, h http.Handler, method, path, body string, changes ...change) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, public+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range changes {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func host(name string) change { return func(r *http.Request) { r.Host, r.URL.Host = name, "" } }

func TestOutcomes(t *testing.T) {
	m := newPortal(t, Settings{ReplyAt: -1})
	for _, c := range []struct {
		method, path, body string
		changes            []change
		status             int
		in                 string // part of the body
	}{
		{"GET", "/", "", nil, 200, "<p>hello"},
		{"GET", "/?utm=1", "", nil, 200, "<p>hello"},
		{"POST", "/go", "a=b", nil, 303, ""},
		{"POST", "/form", "a=b", nil, 200, "b"},
		{"POST", "/form", "a=b", []change{with("Origin", public), with("Sec-Fetch-Site", "same-origin")}, 200, "b"},
		{"POST", "/form", "a=b", []change{with("Origin", "https://evil.example")}, 403, "foreign-origin"},
		{"POST", "/form", "a=b", []change{with("Origin", "https://reset.example.com.evil.example")}, 403, "foreign-origin"},
		{"POST", "/form", "a=b", []change{with("Origin", "http://reset.example.com")}, 403, "foreign-origin"},
		{"POST", "/form", "a=b", []change{with("Origin", "null")}, 403, "foreign-origin"},
		{"POST", "/form", "a=b", []change{with("Origin", public), with("Origin", public)}, 403, "foreign-origin"},
		{"POST", "/form", "a=b", []change{with("Sec-Fetch-Site", "cross-site")}, 403, "foreign-origin"},
		{"POST", "/form", "a=b", []change{with("Sec-Fetch-Site", "same-site")}, 403, "foreign-origin"},
		{"POST", "/form", "{}", []change{func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }}, 415, "unsupported"},
		{"POST", "/form", "a=" + strings.Repeat("x", 64<<10), nil, 413, "body-too-large"},
		{"GET", "/mine", "", nil, 401, "no-recovery"},
		{"GET", "/mine", "", []change{with("Cookie", recoveryCookie+"=abc")}, 200, "abc"},
		{"GET", "/mine", "", []change{with("Cookie", recoveryCookie+"=abc; "+recoveryCookie+"=def")}, 401, "no-recovery"},
		{"GET", "/mine", "", []change{with("Cookie", recoveryCookie+"="+strings.Repeat("a", 257))}, 401, "no-recovery"},
		{"GET", "/mine", "", []change{with("Authorization", "Bearer abc")}, 401, "no-recovery"},
		{"GET", "/mine", "", []change{with("Cookie", enrollCookie+"=abc")}, 401, "no-recovery"},
		{"GET", "/invited", "", []change{with("Cookie", recoveryCookie+"=abc")}, 410, "no-invitation"},
		{"GET", "/invited", "", []change{with("Cookie", enrollCookie+"=abc")}, 200, "abc"},
		{"GET", "/operated", "", nil, 401, "no-session"},
		{"GET", "/operated", "", []change{with("Cookie", recoveryCookie+"=abc; "+enrollCookie+"=abc")}, 401, "no-session"},
		{"GET", "/operated", "", []change{with("Cookie", consoleCookie+"=abc; "+consoleCookie+"=def")}, 401, "no-session"},
		{"GET", "/operated", "", []change{with("Cookie", consoleCookie+"=abc")}, 200, "abc"},
		{"GET", "/links/abc", "", nil, 200, "abc"},
		{"GET", "/links/abc/x.css", "", nil, 404, "not-found"},
		{"GET", "/half", "", nil, 500, "internal"},
		{"GET", "/panic", "", nil, 500, "internal"},
		{"POST", "/refuse", "", nil, 401, "answer-not-accepted"},
		{"GET", "/nothing", "", nil, 404, "not-found"},
		{"GET", "//", "", nil, 404, "not-found"},
		{"GET", "/static/../", "", nil, 404, "not-found"},
		{"GET", "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200", "", nil, 404, "not-found"},
		{"GET", "/form", "", nil, 405, "method-not-allowed"},
		{"PUT", "/", "", nil, 405, "method-not-allowed"},
		{"TRACE", "/", "", nil, 405, "method-not-allowed"},
		{"OPTIONS", "/", "", nil, 405, "method-not-allowed"},
		{"GET", "/static/a.css", "", nil, 200, "p{}"},
		{"GET", "/static/js/b.js", "", nil, 200, "1"},
		{"GET", "/static/js", "", nil, 404, "not-found"},
		{"GET", "/static/", "", nil, 404, "not-found"},
		{"GET", "/static", "", nil, 404, "not-found"},
		{"GET", "/", "", []change{host("evil.example")}, 421, "wrong-host"},
	} {
		w := hit(t, m, c.method, c.path, c.body, c.changes...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.in) {
			t.Errorf("%s %s: got %d %.200s, want %d %s", c.method, c.path, w.Code, w.Body, c.status, c.in)
		}
		if strings.Contains(w.Body.String(), "10.0.0.7") || w.Header().Get("X-Half") != "" || w.Code >= 400 && w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s %s: something of a failed page is left: %v %s", c.method, c.path, w.Header(), w.Body)
		}
		if (c.status == 405) != (w.Header().Get("Allow") != "") {
			t.Errorf("%s %s: Allow is %q", c.method, c.path, w.Header().Get("Allow"))
		}
		everyHeader(t, c.method+" "+c.path, w)
	}
	if got := m.Counts(); got.Panics != 1 || got.Requests == 0 {
		t.Errorf("counts: got %+v", got)
	}
}

// everyHeader: the same set, whatever came of the request.
func everyHeader(t *testing.T, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
			"connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           permissions,
		"Referrer-Policy":              "same-origin",
		"Strict-Transport-Security":    "max-age=63072000; includeSubDomains",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	} {
		if got := w.Header().Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s: got %q, want %q", what, name, got, want)
		}
	}
	wantCache := "no-store"
	if w.Header().Get("ETag") != "" {
		wantCache = "public, max-age=0, must-revalidate"
	}
	if got := w.Header().Get("Cache-Control"); got != wantCache {
		t.Errorf("%s: Cache-Control: got %q, want %q", what, got, wantCache)
	}
	if w.Header().Get("Server") != "" || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%s: headers: %v", what, w.Header())
	}
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		public, host string
		ok           bool
	}{
		{"https://reset.example.com", "reset.example.com", true},
		{"https://reset.example.com", "RESET.example.com", true},
		{"https://reset.example.com", "reset.example.com:443", true},
		{"https://reset.example.com", "reset.example.com:80", false},
		{"https://reset.example.com", "reset.example.com.", false},
		{"https://reset.example.com", "reset.example.com.evil.example", false},
		{"https://reset.example.com", "example.com", false},
		{"https://reset.example.com", "", false},
		{"https://reset.example.com", "reset.example.com@evil.example", false},
		{"https://reset.example.com/", "reset.example.com", true},
		{"http://localhost:8080", "localhost:8080", true},
		{"http://localhost:8080", "localhost", false},
		{"http://localhost:8080", "127.0.0.1:8080", false},
		{"http://[::1]:8080", "[::1]:8080", true},
	} {
		m, err := NewPortal(Settings{PublicURL: c.public})
		if err != nil {
			t.Fatal(err)
		}
		addRoutes(m)
		w := hit(t, m, "GET", "/", "", host(c.host))
		if (w.Code == 200) != c.ok || !c.ok && w.Code != 421 {
			t.Errorf("%s, Host %q: got %d, want ok=%v", c.public, c.host, w.Code, c.ok)
		}
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != strings.HasPrefix(c.public, "https") {
			t.Errorf("%s: HSTS is %v", c.public, got)
		}
	}
	for _, bad := range []string{"", "reset.example.com", "https://", "https://a/b", "https://u@a", "https://a?x", "ftp://a", "https://a#b"} {
		if _, err := NewPortal(Settings{PublicURL: bad}); err == nil {
			t.Errorf("%q was accepted as public URL", bad)
		}
	}
}

func TestRegistrationsThatCannotBe(t *testing.T) {
	nothing := func(http.ResponseWriter, *http.Request) error { return nil }
	for name, add := range map[string]func(m *Mux){
		"twice":       func(m *Mux) { m.Get("/x", Anyone, nothing); m.Get("/x", Anyone, nothing) },
		"no access":   func(m *Mux) { m.Get("/x", "", nothing) },
		"a subtree":   func(m *Mux) { m.Get("/x/", Anyone, nothing) },
		"everything":  func(m *Mux) { m.Get("/", Anyone, nothing) },
		"a host":      func(m *Mux) { m.Get("example.com/x", Anyone, nothing) },
		"a file type": func(m *Mux) { m.Static("/s", fstest.MapFS{"a.exe": {}}) },
	} {
		m, err := NewPortal(Settings{PublicURL: public})
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: was registered", name)
				}
			}()
			add(m)
		}()
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	m := newPortal(t, Settings{})
	for _, path := range []string{"/", "/static/a.css", "/nothing"} {
		get, head := hit(t, m, "GET", path, ""), hit(t, m, "HEAD", path, "")
		if head.Code != get.Code || head.Body.Len() != 0 || head.Header().Get("Content-Length") != get.Header().Get("Content-Length") {
			t.Errorf("%s: HEAD got %d %q %v, GET %d %v", path, head.Code, head.Body, head.Header(), get.Code, get.Header())
		}
	}
}

func TestStaticIsRevalidated(t *testing.T) {
	m := newPortal(t, Settings{})
	first := hit(t, m, "GET", "/static/a.css", "")
	again := hit(t, m, "GET", "/static/a.css", "", with("If-None-Match", first.Header().Get("ETag")))
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 || first.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("got %d %v, first %v", again.Code, again.Header(), first.Header())
	}
	everyHeader(t, "304", again)
}

func TestCookies(t *testing.T) {
	w := httptest.NewRecorder()
	SetToken(w, secret.New("abc"))
	ClearToken(w)
	SetEnrollToken(w, secret.New("def"))
	ClearEnrollToken(w)
	SetConsoleToken(w, secret.New("ghi"))
	ClearConsoleToken(w)
	want := []string{
		"__Host-postern-recovery=abc; Path=/; HttpOnly; Secure; SameSite=Strict",
		"__Host-postern-recovery=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict",
		"__Host-postern-enroll=def; Path=/; HttpOnly; Secure; SameSite=Lax",
		"__Host-postern-enroll=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		"__Host-postern-console=ghi; Path=/; HttpOnly; Secure; SameSite=Strict",
		"__Host-postern-console=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict",
	}
	got := w.Header().Values("Set-Cookie")
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("cookie %d: got %q, want %q", i, got, want[i])
		}
	}
}

// TestLog: one event a request, and nothing in it that must not be.
func TestLog(t *testing.T) {
	var lines bytes.Buffer
	m := newPortal(t, Settings{Logger: slog.New(slog.NewJSONHandler(&lines, nil))})
	for _, c := range []struct {
		method, path, body string
		in                 []string
	}{
		{"GET", "/links/planted-token?q=planted-query", "", []string{`"pattern":"/links/{token}"`, `"status":200`, `"network":"192.0.2.0/24"`, `"request":"`}},
		{"POST", "/form", "a=planted-body", []string{`"method":"POST"`, `"pattern":"/form"`}},
		{"POST", "/refuse", "", []string{`"problem":"answer-not-accepted"`, `"level":"INFO"`}},
		{"GET", "/half", "", []string{`"level":"ERROR"`, `"error":"the other half is missing`, `"problem":"internal"`}},
		{"GET", "/panic", "", []string{`"level":"ERROR"`, `a bug`, `"stack":"`}},
		{"GET", "/planted-path", "", []string{`"pattern":"none"`, `"status":404`}},
		{"PLANTED", "/", "", []string{`"method":"OTHER"`}},
	} {
		lines.Reset()
		hit(t, m, c.method, c.path, c.body, with("Cookie", recoveryCookie+"=planted-cookie"), with("Authorization", "Bearer planted-bearer"))
		got := lines.String()
		if strings.Count(got, "\n") != 1 {
			t.Errorf("%s %s: got %d events, want 1", c.method, c.path, strings.Count(got, "\n"))
		}
		for _, in := range c.in {
			if !strings.Contains(got, in) {
				t.Errorf("%s %s: got %s, want %s in it", c.method, c.path, got, in)
			}
		}
		if strings.Contains(strings.ToLower(got), "planted") || strings.Contains(got, "192.0.2.1") {
			t.Errorf("%s %s: the log says %s", c.method, c.path, got)
		}
	}
}

func TestRenderError(t *testing.T) {
	var seen Problem
	m := newPortal(t, Settings{RenderError: func(w http.ResponseWriter, r *http.Request, status int, p Problem) {
		seen = p
		if status == 404 {
			panic("no page for it")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "page in "+VisitorOf(r).Language)
	}, Languages: []string{"en", "de"}})
	w := hit(t, m, "POST", "/refuse", "", with("Accept-Language", "de-CH"))
	if w.Code != 401 || w.Body.String() != "page in de" || seen.Key != "problem.answer" || seen.Refusal == nil || seen.Instance == "" {
		t.Errorf("got %d %s with %+v", w.Code, w.Body, seen)
	}
	w = hit(t, m, "GET", "/nothing", "")
	if w.Code != 500 || !strings.Contains(w.Body.String(), "internal") {
		t.Errorf("a page that panics: got %d %s", w.Code, w.Body)
	}
	everyHeader(t, "a page that panics", w)
}

func TestTooMuchInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewPortal(Settings{PublicURL: public, InFlight: 1, Timeout: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		hold := make(chan struct{})
		m.Get("/slow", Anyone, func(http.ResponseWriter, *http.Request) error { <-hold; return nil })
		m.Get("/ok", Anyone, func(http.ResponseWriter, *http.Request) error { return nil })
		m.Get("/probe", Probe, func(http.ResponseWriter, *http.Request) error { return nil })
		done := make(chan struct{})
		go func() { hit(t, m, "GET", "/slow", ""); close(done) }()
		synctest.Wait()
		if w := hit(t, m, "GET", "/ok", ""); w.Code != 503 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "busy") {
			t.Errorf("got %d %v %s, want 503", w.Code, w.Header(), w.Body)
		}
		if w := hit(t, m, "GET", "/probe", ""); w.Code != 200 {
			t.Errorf("a probe got %d, want 200", w.Code)
		}
		close(hold)
		<-done
		if w := hit(t, m, "GET", "/ok", ""); w.Code != 200 {
			t.Errorf("afterwards: got %d, want 200", w.Code)
		}
		if got := m.Counts().Busy; got != 1 {
			t.Errorf("busy: got %d, want 1", got)
		}
	})
}
