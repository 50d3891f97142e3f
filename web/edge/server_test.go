package edge

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// listen serves m with NewServer on 127.0.0.1.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(h)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("server: %v", err)
		}
	})
	return l.Addr().String()
}

// raw sends bytes and returns the status and body of the first response.
func raw(t *testing.T, addr, request string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestOnTheWire(t *testing.T) {
	addr := listen(t, newPortal(t, Settings{ReplyAt: -1}))
	const ours = "Host: reset.example.com\r\n"
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"plain", "GET / HTTP/1.1\r\n" + ours + "\r\n", 200},
		{"absolute form, ours", "GET https://reset.example.com/ HTTP/1.1\r\n" + ours + "\r\n", 200},
		{"absolute form, foreign", "GET https://evil.example/ HTTP/1.1\r\n" + ours + "\r\n", 421},
		{"no Host", "GET / HTTP/1.0\r\n\r\n", 421},
		{"two Hosts", "GET / HTTP/1.1\r\n" + ours + "Host: evil.example\r\n\r\n", 400},
		{"forwarded host", "GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: reset.example.com\r\n\r\n", 421},
		{"everything", "OPTIONS * HTTP/1.1\r\n" + ours + "\r\n", 404},
		{"tunnel", "CONNECT reset.example.com:443 HTTP/1.1\r\n" + ours + "\r\n", 404},
		{"trace", "TRACE / HTTP/1.1\r\n" + ours + "\r\n", 405},
		{"encoded slashes", "GET /links/a%2F..%2Fb HTTP/1.1\r\n" + ours + "\r\n", 404},
		{"huge headers", "GET / HTTP/1.1\r\n" + ours + "X: " + strings.Repeat("a", 32<<10) + "\r\n\r\n", 431},
		{"two lengths", "POST /form HTTP/1.1\r\n" + ours + "Content-Length: 3\r\nContent-Length: 4\r\n\r\na=bc", 400},
		{"length and chunks", "POST /form HTTP/1.1\r\n" + ours + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n", 200},
		{"chunked and too large", "POST /form HTTP/1.1\r\n" + ours + "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" + strings.Repeat("a", 0x10001) + "\r\n0\r\n\r\n", 413},
	} {
		if status, body := raw(t, addr, c.request); status != c.status {
			t.Errorf("%s: got %d %.200s, want %d", c.name, status, body, c.status)
		}
	}
}

func TestServerHasLimits(t *testing.T) {
	s := NewServer(nil)
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("got %+v", s)
	}
}

func TestSplit(t *testing.T) {
	say := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
	}
	h := Split(say("api"), say("console"), say("portal"))
	for path, want := range map[string]string{"/": "portal", "/api": "api", "/api/v1/recovery": "api", "/apiary": "portal",
		"/healthz": "api", "/readyz": "api", "/healthz/x": "portal", "/start": "portal",
		"/admin": "console", "/admin/": "console", "/admin/directories": "console", "/administer": "portal", "/Admin": "portal"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Body.String() != want {
			t.Errorf("%s: got %s, want %s", path, w.Body, want)
		}
	}
}

func TestRedirect(t *testing.T) {
	h, err := Redirect("https://reset.example.com:8443")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, host, path string
		status             int
		location           string
	}{
		{"GET", "reset.example.com", "/start?return_to=a%2Fb", 301, "https://reset.example.com:8443/start?return_to=a%2Fb"},
		{"HEAD", "reset.example.com:8080", "/", 301, "https://reset.example.com:8443/"},
		{"GET", "reset.example.com", "//evil.example/x", 301, "https://reset.example.com:8443//evil.example/x"},
		{"POST", "reset.example.com", "/start", 405, ""},
		{"GET", "reset.example.com", "/api/v1/recovery", 404, ""},
		{"GET", "evil.example", "/start", 421, ""},
	} {
		r := httptest.NewRequest(c.method, "http://x/", nil)
		u, err := r.URL.Parse(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.path, "//") {
			u.Host, u.Path = "", c.path
		}
		r.URL.Path, r.URL.RawQuery, r.URL.Host, r.Host = u.Path, u.RawQuery, "", c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || w.Header().Get("Location") != c.location {
			t.Errorf("%s %s%s: got %d %q, want %d %q", c.method, c.host, c.path, w.Code, w.Header().Get("Location"), c.status, c.location)
		}
	}
}
