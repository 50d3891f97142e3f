package edge

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"postern/app"
)

// statusGone is only ever logged: the client left before the reply.
const statusGone = 499

// ServeHTTP answers one request: judge it, do it, wait for the moment, send, log once.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.requests.Add(1)
	c := &call{mux: m, began: m.s.Now(), raw: w}
	c.visitor = m.visitor(r, rand.Text()[:12])
	r = withCall(r, c)
	out := newReply(m.base)
	if err := m.guarded(out, r, c); err != nil {
		m.fail(out, r, err)
	}
	if !m.waited(r, c) {
		out.reset()
		out.status = statusGone
		m.log(r, c, out)
		return
	}
	out.send(w, r.Method == http.MethodHead)
	m.log(r, c, out)
}

// guarded does the work and turns a panic into an error.
func (m *Mux) guarded(out *reply, r *http.Request, c *call) (err error) {
	defer func() {
		if v := recover(); v != nil {
			m.panics.Add(1)
			c.stack = debug.Stack()
			err = fmt.Errorf("edge: panic: %v", v)
		}
	}()
	if !m.ours(r) {
		return Refuse(ProblemHost, "the Host is not this instance's")
	}
	if err := m.route(r, c); err != nil {
		return err
	}
	if err := m.admit(r, c); err != nil {
		return err
	}
	if c.route.Access != Probe {
		select {
		case m.slots <- struct{}{}:
			defer func() { <-m.slots }()
		default:
			m.busy.Add(1)
			return &refused{problem: ProblemBusy, reason: "too many requests are in flight", retry: time.Second}
		}
	}
	ctx, stop := context.WithTimeout(r.Context(), m.s.Timeout)
	defer stop()
	// ServeMux fills in the path's wildcards and calls entry.ServeHTTP.
	r = r.WithContext(ctx)
	m.mux.ServeHTTP(out, r)
	return c.err
}

// route finds the handling of r without ServeMux's own redirects and replies.
func (m *Mux) route(r *http.Request, c *call) error {
	if r.Method == http.MethodConnect || !strings.HasPrefix(r.URL.Path, "/") || clean(r.URL.Path) != r.URL.Path {
		return Refuse(ProblemRoute, "there is nothing here")
	}
	h, _ := m.mux.Handler(r)
	e, ok := h.(*entry)
	if !ok {
		return Refuse(ProblemRoute, "there is nothing here")
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if c.route, ok = e.methods[method]; !ok {
		return &refused{problem: ProblemVerb, reason: "see the Allow header", allow: e.allow()}
	}
	return nil
}

func clean(p string) string {
	q := path.Clean(p)
	if q != "/" && strings.HasSuffix(p, "/") {
		q += "/"
	}
	return q
}

// ServeHTTP calls the handler that route found; guarded reads the error.
func (e *entry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := callOf(r)
	c.err = c.route.h(w, r)
}

// admit checks what a request must be before its handler sees it, and reads its body: a slow
// sender holds no place among those in flight, and the moment of a fixed reply counts from when
// the request was complete, so that nobody can use up the waiting time by sending slowly.
func (m *Mux) admit(r *http.Request, c *call) error {
	if err := m.sameOrigin(r); err != nil {
		return err
	}
	switch {
	case c.route.Access == Bearer && Token(r).Empty():
		return Refuse(app.ProblemNone, "no token was shown")
	case c.route.Access == Invited && EnrollToken(r).Empty():
		return Refuse(app.ProblemTicket, "no token was shown")
	case c.route.Access == Operators && ConsoleToken(r).Empty():
		return Refuse(app.ProblemSession, "nobody is signed in")
	case m.face == api && c.route.Access != Probe && r.URL.RawQuery != "":
		return Refuse(ProblemRequest, "there are no query parameters here")
	}
	if c.route.Method == http.MethodGet {
		r.Body = http.NoBody
		return nil
	}
	if err := m.contentType(r); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.raw, r.Body, m.s.MaxBody))
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return Refuse(ProblemSlow, "the body took too long to arrive")
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); err != nil && !large {
		return Refuse(ProblemRequest, "the body broke off")
	}
	if err != nil {
		return fmt.Errorf("edge: reading a body: %w", err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	c.read = m.s.Now()
	return nil
}

// fail replaces the reply by the problem that err is.
func (m *Mux) fail(out *reply, r *http.Request, err error) {
	c := callOf(r)
	p := ProblemOf(err)
	p.Instance, c.problem, c.err = c.visitor.Request, p.Name, nil
	if p.Status >= http.StatusInternalServerError {
		c.err = err
	}
	out.reset()
	if p.Retry > 0 || p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		p.Retry = max(p.Retry, time.Second)
		out.header.Set("Retry-After", strconv.Itoa(int((p.Retry+time.Second-1)/time.Second)))
	}
	if p.allow != "" {
		out.header.Set("Allow", p.allow)
	}
	if m.face == api && p.Status == http.StatusUnauthorized {
		out.header.Set("WWW-Authenticate", `Bearer realm="postern"`)
	}
	defer func() {
		if v := recover(); v != nil {
			m.panics.Add(1)
			c.err, c.stack = fmt.Errorf("edge: panic while telling %q: %v", p.Name, v), debug.Stack()
			out.reset()
			p = problem(ProblemInternal)
			p.Instance = c.visitor.Request
			WriteProblem(out, p)
		}
	}()
	m.s.RenderError(out, r, p.Status, p)
	if out.status == 0 {
		WriteProblem(out, p)
	}
}

// waited holds a fixed reply back until its moment. It returns false when the client is gone.
func (m *Mux) waited(r *http.Request, c *call) bool {
	if !c.route.Fixed || c.read.IsZero() {
		return r.Context().Err() == nil
	}
	now := m.s.Now()
	took := now.Sub(c.read)
	wait, overrun := moment(took, m.s.ReplyAt)
	if overrun {
		m.late(r, c, now, took)
	}
	return pause(r.Context(), wait)
}

// tellLate bounds how often late replies are logged: under load each one can be.
const tellLate = time.Minute

// late counts a reply whose work took longer than the moment it was to leave at.
func (m *Mux) late(r *http.Request, c *call, now time.Time, took time.Duration) {
	n := m.overruns.Add(1)
	last := m.lateTold.Load()
	if last != 0 && now.UnixNano()-last < int64(tellLate) || !m.lateTold.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	m.s.Logger.LogAttrs(r.Context(), slog.LevelWarn,
		"a reply could not leave at its fixed moment, and its time may tell whether an account exists: set reply_moment above what the directory usually takes; told once a minute",
		slog.Duration("took", took.Round(time.Millisecond)), slog.Duration("reply_moment", m.s.ReplyAt), slog.Int64("late_so_far", n),
		slog.String("pattern", c.route.Pattern), slog.String("request", c.visitor.Request))
}

// log writes the one event of a request. Path, query, cookies, bodies and the full address stay
// out of it.
func (m *Mux) log(r *http.Request, c *call, out *reply) {
	level := slog.LevelInfo
	switch {
	case c.err != nil || c.stack != nil:
		level = slog.LevelError
	case c.route.Access == Probe:
		level = slog.LevelDebug
	}
	pattern := c.route.Pattern
	if pattern == "" {
		pattern = "none"
	}
	attrs := []slog.Attr{slog.String("request", c.visitor.Request), slog.String("method", verb(r.Method)),
		slog.String("pattern", pattern), slog.Int("status", out.status),
		slog.Duration("took", m.s.Now().Sub(c.began)), slog.Int("bytes", out.body.Len()),
		slog.String("network", network(c.visitor.Address))}
	if c.problem != "" {
		attrs = append(attrs, slog.String("problem", c.problem))
	}
	if c.err != nil {
		attrs = append(attrs, slog.String("error", c.err.Error()))
	}
	if c.stack != nil {
		attrs = append(attrs, slog.String("stack", string(c.stack)))
	}
	m.s.Logger.LogAttrs(r.Context(), level, "request", attrs...)
}

// verb keeps made-up methods out of the log.
func verb(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return "OTHER"
}
