package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"postern/internal/testenv"
)

// running is a postern that serves in this process.
type running struct {
	first  string // line of standard output, or the ready line of standard error
	errors *locked
	stop   func() int // tells it to stop, waits, returns the exit code
}

// locked is a buffer for a goroutine and the test.
type locked struct {
	mu   sync.Mutex
	b    bytes.Buffer
	seen chan string // lines
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(string(p)) {
		select {
		case l.seen <- line:
		default:
		}
	}
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// commandWith is command with something to read.
func commandWith(t *testing.T, in string, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{in: strings.NewReader(in), out: &o, err: &e})
	return code, o.String(), e.String()
}

// start runs a serving command until the test ends, and returns once it said that it is ready.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	read, out := io.Pipe()
	errors := &locked{seen: make(chan string, 100)}
	lines, code := make(chan string, 1), make(chan int, 1)
	go func() {
		code <- run(ctx, args, streams{in: strings.NewReader(""), out: out, err: errors})
		_ = out.Close()
	}()
	go func() {
		scan := bufio.NewScanner(read)
		for scan.Scan() {
			select {
			case lines <- scan.Text():
			default:
			}
		}
	}()
	stop := sync.OnceValue(func() int { cancel(); return <-code })
	t.Cleanup(func() { stop() })
	r := &running{errors: errors, stop: stop}
	for r.first == "" {
		select {
		case r.first = <-lines:
		case line := <-errors.seen:
			if strings.Contains(line, "msg=ready") {
				r.first = line
			}
		case c := <-code:
			code <- c
			t.Fatalf("%v: ended with %d before it was ready:\n%s", args, c, errors)
		case <-t.Context().Done():
			t.Fatal("the test ended first")
		}
	}
	return r
}

// freePort returns a port that nobody listens on, and that is the test's until it ends.
func freePort(t *testing.T) int {
	t.Helper()
	return testenv.FreePort(t)
}

// call sends a request with a JSON body and returns status and body.
func call(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// decode reads JSON.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}
