package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/app"
	"postern/directory"
	"postern/recovery"
	"postern/web/api"
	"postern/web/edge"
	"postern/web/edge/edgetest"
)

const public = "https://reset.example.com"

func newAPI(t *testing.T, f *fake) *edge.Mux {
	t.Helper()
	m, err := api.New(edge.Settings{PublicURL: public, ReplyAt: -1, Now: func() time.Time { return f.now }}, f, texts{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// call is one request to the API; the fields that are set replace the usual.
type call struct {
	method, path, token, body string
	header                    map[string]string
	host                      string
}

func (c call) request(t *testing.T) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), c.method, public+c.path, strings.NewReader(c.body))
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.host != "" {
		r.Host, r.URL.Host, r.URL.Scheme = c.host, "", ""
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	return r
}

// reply is what is read of any answer, a flow or a problem.
type reply struct {
	Token      string
	State      recovery.State
	Type       string
	Title      string
	Detail     string
	Instance   string
	Status     int
	Methods    []struct{ ID, Type, Label, Hint, Strength string }
	Open       *struct{ Method string }
	Can        []string
	Violations []struct{ Rule, Message string }
	Flow       *struct{ State recovery.State }
}

func do(t *testing.T, h http.Handler, c call) (*httptest.ResponseRecorder, reply) {
	t.Helper()
	w := httptest.NewRecorder()
	r := c.request(t)
	h.ServeHTTP(w, r)
	described(t, r, w)
	var out reply
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(w.Body.Bytes(), &struct{ *reply }{&out}); err != nil {
			// Health has a status that is a word.
			out = reply{}
		}
	}
	return w, out
}

func begin(t *testing.T, h http.Handler, who string) string {
	t.Helper()
	w, got := do(t, h, call{method: "POST", path: "/api/v1/recoveries", body: `{"identifier":"` + who + `"}`})
	if w.Code != http.StatusCreated || got.Token == "" {
		t.Fatalf("start: got %d %s, want 201 with a token", w.Code, w.Body)
	}
	return got.Token
}

func TestWholeRecovery(t *testing.T) {
	f := newFake()
	h := newAPI(t, f)
	token := begin(t, h, alice)
	steps := []struct {
		c       call
		status  int
		state   recovery.State
		problem string
	}{
		{call{method: "GET", path: "/api/v1/recovery"}, 200, recovery.Verifying, ""},
		{call{method: "HEAD", path: "/api/v1/recovery"}, 200, "", ""},
		{call{method: "POST", path: "/api/v1/recovery/password", body: `{"password":"correct horse battery"}`}, 409, "", "out-of-order"},
		{call{method: "POST", path: "/api/v1/recovery/challenge", body: `{"method":"m1"}`}, 200, recovery.Verifying, ""},
		{call{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m1","code":"000000"}`}, 401, "", "answer-not-accepted"},
		{call{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m1","code":"111111"}`}, 200, recovery.Verifying, ""},
		{call{method: "POST", path: "/api/v1/recovery/challenge", body: `{"method":"m2"}`}, 200, recovery.Verifying, ""},
		{call{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m2","credential":{"id":"x"}}`}, 400, "", "malformed-answer"},
		{call{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m2","code":"222222"}`}, 200, recovery.Verified, ""},
		{call{method: "POST", path: "/api/v1/recovery/password", body: `{"password":"short"}`}, 422, "", "password-rejected"},
		{call{method: "POST", path: "/api/v1/recovery/password", body: `{"password":"correct horse battery"}`}, 200, recovery.Done, ""},
		{call{method: "POST", path: "/api/v1/recovery/password", body: `{"password":"correct horse battery"}`}, 410, "", "recovery-closed"},
		{call{method: "DELETE", path: "/api/v1/recovery"}, 410, "", "recovery-closed"},
		{call{method: "GET", path: "/api/v1/recovery"}, 200, recovery.Done, ""},
	}
	for _, s := range steps {
		s.c.token = token
		w, got := do(t, h, s.c)
		if w.Code != s.status || got.State != s.state || strings.TrimPrefix(got.Type, "urn:postern:problem:") != s.problem {
			t.Errorf("%s %s %s: got %d %s, want %d %s%s", s.c.method, s.c.path, s.c.body, w.Code, w.Body, s.status, s.state, s.problem)
		}
		if got.Token != "" {
			t.Errorf("%s %s: the token was shown again", s.c.method, s.c.path)
		}
	}
	if got := f.password[alice]; got != "correct horse battery" {
		t.Errorf("password: got %q, want the new one", got)
	}
}

func TestUnlockAndAbandon(t *testing.T) {
	f := newFake()
	h := newAPI(t, f)
	token := begin(t, h, alice)
	for _, c := range []call{
		{method: "POST", path: "/api/v1/recovery/challenge", body: `{"method":"m1"}`},
		{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m1","code":"111111"}`},
		{method: "POST", path: "/api/v1/recovery/challenge", body: `{"method":"m2"}`},
		{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m2","code":"222222"}`},
	} {
		c.token = token
		do(t, h, c)
	}
	if w, got := do(t, h, call{method: "POST", path: "/api/v1/recovery/unlock", token: token}); w.Code != 200 || got.State != recovery.Done {
		t.Errorf("unlock: got %d %s, want 200 done", w.Code, w.Body)
	}
	if f.password[alice] != "the old one" {
		t.Errorf("unlock changed the password")
	}
	token = begin(t, h, "nobody")
	if w, _ := do(t, h, call{method: "DELETE", path: "/api/v1/recovery", token: token}); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("give up: got %d %q, want 204 and nothing", w.Code, w.Body)
	}
}

func TestChange(t *testing.T) {
	f := newFake()
	h := newAPI(t, f)
	send := func(body string) (*httptest.ResponseRecorder, reply) {
		return do(t, h, call{method: "POST", path: "/api/v1/change", body: body})
	}
	wrong, _ := send(`{"identifier":"alice","old_password":"not it","new_password":"correct horse battery"}`)
	nobody, _ := send(`{"identifier":"nobody","old_password":"not it","new_password":"correct horse battery"}`)
	if wrong.Code != 401 || masked(wrong) != masked(nobody) {
		t.Errorf("wrong password %d %s and nobody %d %s, want the same 401", wrong.Code, wrong.Body, nobody.Code, nobody.Body)
	}
	if w, got := send(`{"identifier":"alice","old_password":"the old one","new_password":"short"}`); w.Code != 422 || len(got.Violations) != 1 ||
		got.Violations[0].Rule != "length" || got.Violations[0].Message != "Too short." {
		t.Errorf("short password: got %d %s, want 422 with length", w.Code, w.Body)
	}
	if w, got := send(`{"identifier":"alice","old_password":"the old one","new_password":"correct horse battery"}`); w.Code != 200 || got.State != recovery.Done {
		t.Errorf("change: got %d %s, want 200 done", w.Code, w.Body)
	}
	if f.password[alice] != "correct horse battery" {
		t.Errorf("the password was not changed")
	}
}

// masked is a reply without what is random in it.
func masked(w *httptest.ResponseRecorder) string {
	var body map[string]any
	if json.Unmarshal(w.Body.Bytes(), &body) == nil {
		for _, k := range []string{"token", "instance"} {
			if _, ok := body[k]; ok {
				body[k] = "*"
			}
		}
	}
	b, _ := json.Marshal(struct {
		Status int
		Header http.Header
		Body   any
	}{w.Code, w.Header(), body})
	return string(b)
}

func TestNobodyLooksLikeSomebody(t *testing.T) {
	h := newAPI(t, newFake())
	var seen [2][]string
	for i, who := range []string{alice, "nobody"} {
		w, got := do(t, h, call{method: "POST", path: "/api/v1/recoveries", body: `{"identifier":"` + who + `"}`})
		seen[i] = append(seen[i], masked(w))
		for _, c := range []call{
			{method: "POST", path: "/api/v1/recovery/challenge", body: `{"method":"m2"}`},
			{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m2","code":"999999"}`},
			{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m2","code":"999999"}`},
			{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m2","code":"999999"}`},
			{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m2","code":"999999"}`},
			{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m2","code":"999999"}`},
			{method: "POST", path: "/api/v1/recovery/answer", body: `{"method":"m2","code":"999999"}`},
		} {
			c.token = got.Token
			w, _ := do(t, h, c)
			seen[i] = append(seen[i], masked(w))
		}
	}
	for i := range seen[0] {
		if seen[0][i] != seen[1][i] {
			t.Errorf("step %d: somebody got\n%s\nnobody\n%s", i, seen[0][i], seen[1][i])
		}
	}
	if !strings.Contains(seen[0][len(seen[0])-1], "recovery-closed") {
		t.Errorf("the walk did not reach the limit: %s", seen[0][len(seen[0])-1])
	}
}

func TestMembersAreExactlyThoseOfTheDesign(t *testing.T) {
	h := newAPI(t, newFake())
	token := begin(t, h, alice)
	w, _ := do(t, h, call{method: "POST", path: "/api/v1/recovery/challenge", token: token, body: `{"method":"m1"}`})
	want := `{"state":"verifying",` +
		`"methods":[{"id":"m1","type":"totp","label":"Authenticator app","hint":"","strength":"strong","answered":false},` +
		`{"id":"m2","type":"email_code","label":"E-mail","hint":"a••••@example.com","strength":"weak","answered":false}],` +
		`"needs":{"methods":2,"at_least":"strong"},` +
		`"open":{"method":"m1","expires_at":"2026-11-22T12:05:00Z","public":{"digits":6}},` +
		`"rules":[],"can":[],"lock":null,"expires_at":"2026-11-22T12:20:00Z","receipt":[]}`
	if got := w.Body.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLanguage(t *testing.T) {
	f := newFake()
	h := newAPI(t, f)
	token := begin(t, h, alice)
	for accept, want := range map[string]string{"": "Authenticator app", "de-AT, en;q=0.5": "Authenticator-App",
		"fr, de;q=0.3": "Authenticator-App", "xx": "Authenticator app", ";;;": "Authenticator app"} {
		_, got := do(t, h, call{method: "GET", path: "/api/v1/recovery", token: token, header: map[string]string{"Accept-Language": accept}})
		if len(got.Methods) == 0 || got.Methods[0].Label != want {
			t.Errorf("Accept-Language %q: got %+v, want %q", accept, got.Methods, want)
		}
	}
}

func TestProblemsOfBegin(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		name   string
		after  string
	}{
		{&app.Refusal{Problem: app.ProblemLimited, Retry: 90500 * time.Millisecond}, 429, "too-many-requests", "91"},
		{&app.Refusal{Problem: app.ProblemUnavailable}, 503, "try-later", "1"},
		{errors.New("pq: relation recovery of alice does not exist"), 500, "internal", ""},
		{&app.Refusal{Problem: "made-up", Key: "x"}, 500, "internal", ""},
	} {
		f := newFake()
		f.begin = c.err
		w, got := do(t, newAPI(t, f), call{method: "POST", path: "/api/v1/recoveries", body: `{"identifier":"alice"}`})
		if w.Code != c.status || got.Type != "urn:postern:problem:"+c.name || w.Header().Get("Retry-After") != c.after {
			t.Errorf("%v: got %d %s after %q, want %d %s after %q", c.err, w.Code, got.Type, w.Header().Get("Retry-After"), c.status, c.name, c.after)
		}
		if strings.Contains(w.Body.String(), "relation") || got.Instance == "" {
			t.Errorf("%v: told %s", c.err, w.Body)
		}
	}
}

func of(part string, s directory.Severity) app.Readiness {
	return app.Readiness{Part: part, Finding: directory.Finding{Severity: s, Text: "ldap1.corp.example", Fix: "secret"}}
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		m, err := api.New(edge.Settings{PublicURL: public}, f, texts{})
		if err != nil {
			t.Fatal(err)
		}
		get := func(path string) (int, string) {
			w, _ := do(t, m, call{method: "GET", path: path})
			return w.Code, w.Body.String()
		}
		if code, body := get("/healthz"); code != 200 || body != `{"status":"ok"}` {
			t.Errorf("healthz: got %d %s", code, body)
		}
		for _, c := range []struct {
			found  []app.Readiness
			status int
			body   string
		}{
			{[]app.Readiness{of("store", directory.Good), of("directory staff", directory.Warning)}, 200,
				`{"status":"warning","checks":["ok","warning"],"parts":["directory staff: works, with a warning"]}`},
			{[]app.Readiness{of("directory staff", directory.Warning), of("directory staff", directory.Fault), of("outbox", directory.Warning)}, 503,
				`{"status":"error","checks":["warning","error","warning"],"parts":["directory staff: does not work","outbox: works, with a warning"]}`},
			{nil, 503, `{"status":"error"}`},
		} {
			f.ready = c.found
			time.Sleep(5 * time.Second) // the bubble's clock
			before := f.asked
			for range 3 {
				if code, body := get("/readyz"); code != c.status || body != c.body {
					t.Errorf("readyz: got %d %s, want %d %s", code, body, c.status, c.body)
				}
			}
			if f.asked != before+1 {
				t.Errorf("three probes asked the directories %d times, want once", f.asked-before)
			}
		}
	})
}

// TestMonitorHangsUp: the next one does not hear of it.
func TestMonitorHangsUp(t *testing.T) {
	f := newFake()
	h := newAPI(t, f)
	ctx, hangUp := context.WithCancel(t.Context())
	f.during = hangUp
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", public+"/readyz", http.NoBody))
	f.during = nil
	if w, _ := do(t, h, call{method: "GET", path: "/readyz"}); w.Code != 200 || f.asked != 1 {
		t.Errorf("got %d %s after asking %d times, want 200 after one", w.Code, w.Body, f.asked)
	}
}

func TestGolden(t *testing.T) {
	f := newFake()
	edgetest.Golden(t, "testdata/routes.golden", edgetest.Anonymous(t, newAPI(t, f), public))
	if f.changed != 0 {
		t.Errorf("a stranger without a body changed %d things", f.changed)
	}
}

func TestPanicIsOneProblem(t *testing.T) {
	f := newFake()
	h := newAPI(t, f)
	token := begin(t, h, alice)
	f.panics = true
	w, got := do(t, h, call{method: "GET", path: "/api/v1/recovery", token: token})
	if w.Code != 500 || got.Type != "urn:postern:problem:internal" || strings.Contains(w.Body.String(), "bug") {
		t.Errorf("got %d %s, want 500 without a word", w.Code, w.Body)
	}
	f.panics = false
	if w, _ := do(t, h, call{method: "GET", path: "/api/v1/recovery", token: token}); w.Code != 200 {
		t.Errorf("after a panic: got %d, want 200", w.Code)
	}
}

func TestVisitor(t *testing.T) {
	f := newFake()
	h := newAPI(t, f)
	do(t, h, call{method: "POST", path: "/api/v1/recoveries", body: `{"identifier":"alice"}`,
		header: map[string]string{"User-Agent": "probe/1\x01", "X-Forwarded-For": "203.0.113.9", "Accept-Language": "de"}})
	if got := f.last; got.Address.String() != "192.0.2.1" || got.Agent != "probe/1" || got.Language != "de" || got.Request == "" {
		t.Errorf("visitor: got %+v", got)
	}
	if !slices.ContainsFunc(h.Routes(), func(r edge.Route) bool { return r.Pattern == "/api/v1/change" && r.Fixed }) {
		t.Errorf("the reply to /change has no fixed moment")
	}
}
