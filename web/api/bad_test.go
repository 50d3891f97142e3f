package api_test

import (
	"net/http"
	"strings"
	"testing"

	"postern/recovery"
)

// TestBadInput: each is a clear refusal with nothing changed.
func TestBadInput(t *testing.T) {
	const start, challenge, answer, set, change = "/api/v1/recoveries", "/api/v1/recovery/challenge", "/api/v1/recovery/answer", "/api/v1/recovery/password", "/api/v1/change"
	type header = map[string]string
	const TOKEN = "the flow's" // replaced by the real one
	cases := []struct {
		name   string
		c      call
		status int
		typ    string
	}{
		{"unknown member", call{method: "POST", path: start, body: `{"identifier":"alice","admin":"yes"}`}, 400, "malformed-request"},
		{"member in capitals", call{method: "POST", path: start, body: `{"Identifier":"alice"}`}, 400, "malformed-request"},
		{"member missing", call{method: "POST", path: start, body: `{}`}, 400, "malformed-request"},
		{"no body", call{method: "POST", path: start}, 400, "malformed-request"},
		{"duplicate key", call{method: "POST", path: start, body: `{"identifier":"bob","identifier":"alice"}`}, 400, "malformed-request"},
		{"duplicate key by escape", call{method: "POST", path: start, body: `{"identifier":"bob","\u0069dentifier":"alice"}`}, 400, "malformed-request"},
		{"duplicate key inside", call{method: "POST", path: answer, token: TOKEN, body: `{"method":"m1","credential":{"id":"a","id":"b"}}`}, 400, "malformed-request"},
		{"number for string", call{method: "POST", path: start, body: `{"identifier":7}`}, 400, "malformed-request"},
		{"array for string", call{method: "POST", path: start, body: `{"identifier":["alice"]}`}, 400, "malformed-request"},
		{"null for string", call{method: "POST", path: start, body: `{"identifier":null}`}, 400, "malformed-request"},
		{"string for object", call{method: "POST", path: answer, token: TOKEN, body: `{"method":"m1","credential":"x"}`}, 400, "malformed-request"},
		{"array for object", call{method: "POST", path: start, body: `[{"identifier":"alice"}]`}, 400, "malformed-request"},
		{"trailing bytes", call{method: "POST", path: start, body: `{"identifier":"alice"} x`}, 400, "malformed-request"},
		{"two values", call{method: "POST", path: start, body: `{"identifier":"alice"}{}`}, 400, "malformed-request"},
		{"broken UTF-8", call{method: "POST", path: start, body: "{\"identifier\":\"al\xffice\"}"}, 400, "malformed-request"},
		{"half a surrogate pair", call{method: "POST", path: set, token: TOKEN, body: `{"password":"long enough to pass \ud800"}`}, 400, "malformed-request"},
		{"raw NUL", call{method: "POST", path: start, body: "{\"identifier\":\"al\x00ice\"}"}, 400, "malformed-request"},
		{"NUL in a name", call{method: "POST", path: start, body: `{"identifier":"al\u0000ice"}`}, 400, "malformed-request"},
		{"NUL in a password", call{method: "POST", path: set, token: TOKEN, body: `{"password":"long enough to pass\u0000"}`}, 409, "out-of-order"},
		{"deep nesting", call{method: "POST", path: answer, token: TOKEN, body: `{"method":"m1","credential":{"a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}}`}, 400, "malformed-request"},
		{"long name", call{method: "POST", path: start, body: `{"identifier":"` + strings.Repeat("a", 1025) + `"}`}, 400, "malformed-request"},
		{"empty name", call{method: "POST", path: start, body: `{"identifier":""}`}, 400, "malformed-request"},
		{"huge body", call{method: "POST", path: start, body: `{"identifier":"` + strings.Repeat("a", 64<<10) + `"}`}, 413, "body-too-large"},
		{"form", call{method: "POST", path: start, body: `identifier=alice`, header: header{"Content-Type": "application/x-www-form-urlencoded"}}, 415, "unsupported-media-type"},
		{"JSON as text", call{method: "POST", path: start, body: `{"identifier":"alice"}`, header: header{"Content-Type": "text/plain"}}, 415, "unsupported-media-type"},
		{"no content type", call{method: "POST", path: start, body: `{"identifier":"alice"}`, header: header{"Content-Type": ""}}, 415, "unsupported-media-type"},
		{"other charset", call{method: "POST", path: start, body: `{"identifier":"alice"}`, header: header{"Content-Type": "application/json; charset=utf-16"}}, 415, "unsupported-media-type"},
		{"compressed", call{method: "POST", path: start, body: `{"identifier":"alice"}`, header: header{"Content-Encoding": "gzip"}}, 415, "unsupported-media-type"},
		{"query", call{method: "POST", path: start + "?identifier=alice", body: `{"identifier":"alice"}`}, 400, "malformed-request"},
		{"foreign Host", call{method: "POST", path: start, body: `{"identifier":"alice"}`, host: "evil.example"}, 421, "wrong-host"},
		{"other port", call{method: "POST", path: start, body: `{"identifier":"alice"}`, host: "reset.example.com:8443"}, 421, "wrong-host"},
		{"foreign Origin", call{method: "POST", path: start, body: `{"identifier":"alice"}`, header: header{"Origin": "https://evil.example"}}, 403, "foreign-origin"},
		{"null Origin", call{method: "POST", path: start, body: `{"identifier":"alice"}`, header: header{"Origin": "null"}}, 403, "foreign-origin"},
		{"Origin over HTTP", call{method: "POST", path: start, body: `{"identifier":"alice"}`, header: header{"Origin": "http://reset.example.com"}}, 403, "foreign-origin"},
		{"cross-site fetch", call{method: "POST", path: start, body: `{"identifier":"alice"}`, header: header{"Sec-Fetch-Site": "cross-site"}}, 403, "foreign-origin"},
		{"wrong method", call{method: "GET", path: start}, 405, "method-not-allowed"},
		{"PUT", call{method: "PUT", path: "/api/v1/recovery", token: TOKEN, body: `{}`}, 405, "method-not-allowed"},
		{"TRACE", call{method: "TRACE", path: "/api/v1/recovery", token: TOKEN}, 405, "method-not-allowed"},
		{"OPTIONS", call{method: "OPTIONS", path: start, header: header{"Origin": public, "Access-Control-Request-Method": "POST"}}, 405, "method-not-allowed"},
		{"action by GET", call{method: "GET", path: set, token: TOKEN}, 405, "method-not-allowed"},
		{"unknown path", call{method: "GET", path: "/api/v1/nothing"}, 404, "not-found"},
		{"path with a suffix", call{method: "GET", path: "/api/v1/recovery/x.css", token: TOKEN}, 404, "not-found"},
		{"unclean path", call{method: "GET", path: "/api/v1/x/../recovery", token: TOKEN}, 404, "not-found"},
		{"no token", call{method: "GET", path: "/api/v1/recovery"}, 401, "no-recovery"},
		{"unknown token", call{method: "GET", path: "/api/v1/recovery", token: "AAAAAAAAAAAAAAAAAAAAAAAAAA"}, 401, "no-recovery"},
		{"token in a cookie", call{method: "GET", path: "/api/v1/recovery", header: header{"Cookie": "__Host-postern-recovery=" + TOKEN}}, 401, "no-recovery"},
		{"token of another scheme", call{method: "GET", path: "/api/v1/recovery", header: header{"Authorization": "Basic " + TOKEN}}, 401, "no-recovery"},
		{"token with a blank", call{method: "GET", path: "/api/v1/recovery", header: header{"Authorization": "Bearer x y"}}, 401, "no-recovery"},
		{"another flow's method", call{method: "POST", path: challenge, token: TOKEN, body: `{"method":"m9"}`}, 400, "method-not-offered"},
		{"method by its type", call{method: "POST", path: challenge, token: TOKEN, body: `{"method":"totp"}`}, 400, "method-not-offered"},
		{"answer to nothing", call{method: "POST", path: answer, token: TOKEN, body: `{"method":"m1","code":"111111"}`}, 409, "out-of-order"},
		{"empty code", call{method: "POST", path: answer, token: TOKEN, body: `{"method":"m1","code":""}`}, 400, "malformed-answer"},
		{"neither code nor credential", call{method: "POST", path: answer, token: TOKEN, body: `{"method":"m1"}`}, 400, "malformed-answer"},
		{"both", call{method: "POST", path: answer, token: TOKEN, body: `{"method":"m1","code":"1","credential":{}}`}, 400, "malformed-answer"},
		{"password too early", call{method: "POST", path: set, token: TOKEN, body: `{"password":""}`}, 409, "out-of-order"},
		{"another action", call{method: "POST", path: start, body: `{"identifier":"alice","action":"change"}`}, 400, "malformed-request"},
		{"action in capitals", call{method: "POST", path: start, body: `{"identifier":"alice","action":"UNLOCK"}`}, 400, "malformed-request"},
		{"no action", call{method: "POST", path: start, body: `{"identifier":"alice","action":""}`}, 400, "malformed-request"},
		{"null for an action", call{method: "POST", path: start, body: `{"identifier":"alice","action":null}`}, 400, "malformed-request"},
		{"list of actions", call{method: "POST", path: start, body: `{"identifier":"alice","action":["unlock"]}`}, 400, "malformed-request"},
		{"action alone", call{method: "POST", path: start, body: `{"action":"unlock"}`}, 400, "malformed-request"},
		{"unlock with a member", call{method: "POST", path: "/api/v1/recovery/unlock", token: TOKEN, body: `{"force":true}`}, 400, "malformed-request"},
		{"empty current password", call{method: "POST", path: change, body: `{"identifier":"alice","old_password":"","new_password":"correct horse battery"}`}, 400, "malformed-request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			h := newAPI(t, f)
			token := begin(t, h, alice)
			before := f.changed
			if c.c.token == TOKEN {
				c.c.token = token
			}
			for k, v := range c.c.header {
				c.c.header[k] = strings.ReplaceAll(v, TOKEN, token)
			}
			w, got := do(t, h, c.c)
			if w.Code != c.status || got.Type != "urn:postern:problem:"+c.typ || got.Status != c.status || got.Instance == "" {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, c.status, c.typ)
			}
			if f.changed != before || f.password[alice] != "the old one" {
				t.Errorf("something was changed")
			}
			if c.status == http.StatusMethodNotAllowed && w.Header().Get("Allow") == "" {
				t.Errorf("405 without Allow")
			}
			if (c.status == http.StatusUnauthorized) != (w.Header().Get("WWW-Authenticate") != "") {
				t.Errorf("WWW-Authenticate: got %q with %d", w.Header().Get("WWW-Authenticate"), c.status)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("another origin is allowed to read")
			}
		})
	}
}

// TestEmptyPassword is refused by the rules, with the grant still there.
func TestEmptyPassword(t *testing.T) {
	f := newFake()
	h := newAPI(t, f)
	token := begin(t, h, alice)
	f.flows[token].state = recovery.Verified
	for body, rules := range map[string][]string{`{"password":""}`: {"length"}, `{"password":"\u0000 and long enough"}`: {"character"},
		`{"password":"short\u0000"}`: {"length", "character"}} {
		w, got := do(t, h, call{method: "POST", path: "/api/v1/recovery/password", token: token, body: body})
		var have []string
		for _, v := range got.Violations {
			have = append(have, v.Rule)
		}
		if w.Code != 422 || strings.Join(have, " ") != strings.Join(rules, " ") || got.Flow == nil || got.Flow.State != recovery.Verified {
			t.Errorf("%s: got %d %s, want 422 %v with the flow verified", body, w.Code, w.Body, rules)
		}
	}
	if f.password[alice] != "the old one" {
		t.Errorf("the password was changed")
	}
}
