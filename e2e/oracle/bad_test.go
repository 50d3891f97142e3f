package oracle

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/account"
	"postern/internal/testenv"
	"postern/method"
	"postern/store/sqlstore"
)

// bad is one thing that must be refused, clearly and without effect.
type bad struct {
	name    string
	prepare func(k *talk) // before it is written down what there is
	do      func(k *talk) // the refused call comes last
	status  int
	problem string   // last part of the type; "" for pages and for answers that are no problem
	records []string // what the attempt itself leaves in the audit log
}

// decoy is what an identifier leaves that names nobody, when a code is asked for: a message is made
// and goes nowhere.
var decoy = []string{"recovery.started", "recovery.challenged", "message.withheld"}

// TestBadInput sends what must be refused and looks at what is kept before and after.
func TestBadInput(t *testing.T) {
	w := newWorld(t, soon, "")
	w.passkey(t)
	for _, c := range append(append(badRequests(), badSteps(t, w)...), append(badNames(), badForms()...)...) {
		t.Run(c.name, func(t *testing.T) {
			k := &talk{t: t, w: w, head: http.Header{}}
			if c.prepare != nil {
				c.prepare(k)
			}
			before := w.keep(t)
			c.do(k)
			if k.last.Status != c.status {
				t.Errorf("got %s, want %d", k.last, c.status)
			}
			var p struct{ Type, Detail string }
			if err := json.Unmarshal(k.last.Body, &p); c.problem != "" && (err != nil || p.Type != "urn:postern:problem:"+c.problem || p.Detail == "") {
				t.Errorf("got %s, want the problem %s with a detail", k.last, c.problem)
			}
			w.keep(t).since(t, before, c.records...)
		})
	}
}

// post returns a call with a body as it is.
func post(path, body string, header ...string) func(k *talk) {
	return func(k *talk) {
		k.t.Helper()
		head := k.head.Clone()
		if k.open.Token != "" {
			head.Set("Authorization", "Bearer "+k.open.Token)
		}
		for i := 0; i < len(header); i += 2 {
			head.Set(header[i], header[i+1])
		}
		reply, err := k.w.caller.Send(k.t.Context(), http.MethodPost, path, body, head)
		k.note(path, reply, err)
	}
}

const (
	recoveries = "/api/v1/recoveries"
	password   = "/api/v1/recovery/password"
	good       = `{"identifier":"bob"}`
)

// badRequests are refused before anybody looks at what they want.
func badRequests() []bad {
	begin := func(body string, header ...string) func(*talk) { return post(recoveries, body, header...) }
	return []bad{
		{name: "unknown member", do: begin(`{"identifier":"bob","admin":"yes"}`), status: 400, problem: "malformed-request"},
		{name: "member twice", do: begin(`{"identifier":"bob","identifier":"alice"}`), status: 400, problem: "malformed-request"},
		{name: "another case", do: begin(`{"Identifier":"bob"}`), status: 400, problem: "malformed-request"},
		{name: "wrong type", do: begin(`{"identifier":["bob"]}`), status: 400, problem: "malformed-request"},
		{name: "no object", do: begin(`["bob"]`), status: 400, problem: "malformed-request"},
		{name: "null", do: begin(`{"identifier":null}`), status: 400, problem: "malformed-request"},
		{name: "trailing bytes", do: begin(good + `{}`), status: 400, problem: "malformed-request"},
		{name: "broken UTF-8", do: begin("{\"identifier\":\"bo\xff\"}"), status: 400, problem: "malformed-request"},
		{name: "half a surrogate pair", do: begin(`{"identifier":"bo\ud800"}`), status: 400, problem: "malformed-request"},
		{name: "deeply nested", do: begin(`{"identifier":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`), status: 400, problem: "malformed-request"},
		{name: "content type", do: begin(good, "Content-Type", "text/plain"), status: 415, problem: "unsupported-media-type"},
		{name: "form", do: begin("identifier=bob", "Content-Type", "application/x-www-form-urlencoded"), status: 415, problem: "unsupported-media-type"},
		{name: "huge body", do: begin(`{"identifier":"` + strings.Repeat("b", 70_000) + `"}`), status: 413, problem: "body-too-large"},
		{name: "query", do: post(recoveries+"?identifier=bob", good), status: 400, problem: "malformed-request"},
		{name: "foreign Host", do: begin(good, "Host", "evil.test"), status: 421, problem: "wrong-host"},
		{name: "Host of another port", do: begin(good, "Host", "localhost:1"), status: 421, problem: "wrong-host"},
		{name: "foreign Origin", do: begin(good, "Origin", "https://evil.test"), status: 403, problem: "foreign-origin"},
		{name: "Origin of another scheme", prepare: func(k *talk) { k.head.Set("Origin", strings.Replace(k.w.serve.URL, "http:", "https:", 1)) },
			do: begin(good), status: 403, problem: "foreign-origin"},
		{name: "null Origin", do: begin(good, "Origin", "null"), status: 403, problem: "foreign-origin"},
		{name: "cross-site", do: begin(good, "Sec-Fetch-Site", "cross-site"), status: 403, problem: "foreign-origin"},
		{name: "no token", do: post(password, `{"password":"a long enough sentence"}`), status: 401, problem: "no-recovery"},
		{name: "made-up token", do: post(password, `{"password":"a long enough sentence"}`, "Authorization", "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAA"),
			status: 401, problem: "no-recovery"},
	}
}

// badNames are identifiers that name nobody. They are answered as any other, and nothing is sent.
func badNames() []bad {
	var out []bad
	for name, identifier := range map[string]string{
		"star": "*", "star within": "b*b", "closed filter": "bob)(uid=*", "or": "*)(|(uid=*", "escaped star": `bob\2a`,
		"name in the tree": "uid=bob,ou=people,dc=example,dc=test", "look-alike letters": "b\u043eb", "full-width letters": "\uff42\uff4f\uff42",
		"zero-width space": "bo\u200bb", "an address of their own": "mallory@evil.test", "wrong domain": "bob@example.test.evil.test",
		"two addresses": "bob@example.test,mallory@evil.test", "line of a header": "bob@example.test\u2028Bcc: mallory@evil.test",
	} {
		out = append(out, bad{name: "identifier: " + name, status: 200, records: decoy, do: func(k *talk) {
			k.begin(identifier)
			k.ask("email_code")
		}})
	}
	for name, body := range map[string]string{
		"empty": `{"identifier":""}`, "NUL": `{"identifier":"bob\u0000"}`, "line break": `{"identifier":"bob\nalice"}`,
		"far too long": `{"identifier":"` + strings.Repeat("b", 2000) + `"}`,
	} {
		out = append(out, bad{name: "identifier: " + name, do: post(recoveries, body), status: 400, problem: "malformed-request"})
	}
	return append(out,
		bad{name: "identifier: spaces", do: post(recoveries, `{"identifier":"   "}`), status: 400, problem: "malformed-answer"},
		bad{name: "identifier: too long", do: post(recoveries, `{"identifier":"`+strings.Repeat("b", 300)+`"}`), status: 400, problem: "malformed-answer"})
}

// badSteps are tried by somebody who has proven nothing, something or everything.
func badSteps(t *testing.T, w *world) []bad {
	bob := func(k *talk) { k.begin("bob") }
	verified := w.verified()
	set := func(p string) func(*talk) {
		return func(k *talk) { k.do("password", "password", map[string]string{"password": p}) }
	}
	out := []bad{
		{name: "password before any proof", prepare: bob, do: set("a long enough sentence"), status: 409, problem: "out-of-order"},
		{name: "unlock before any proof", prepare: bob, do: func(k *talk) { k.do("unlock", "unlock", nil) }, status: 409, problem: "out-of-order"},
		{name: "answer without a question", prepare: bob, do: func(k *talk) { k.answer("totp", w.code(k.t)) }, status: 409, problem: "out-of-order"},
		{name: "method of no flow", prepare: bob, do: func(k *talk) { k.do("ask", "challenge", map[string]string{"method": "m4"}) }, status: 400, problem: "method-not-offered"},
		{name: "another person's enrolment", prepare: bob, do: func(k *talk) {
			k.do("ask", "challenge", map[string]string{"method": w.enrollment(t)})
		}, status: 400, problem: "method-not-offered"},
		{name: "another person's passkey", prepare: func(k *talk) { bob(k); k.ask("passkey") }, do: func(k *talk) {
			var f struct {
				Open struct{ Public json.RawMessage }
			}
			if err := json.Unmarshal(k.last.Body, &f); err != nil {
				k.t.Fatal(err)
			}
			a := w.device.Assert(k.t, method.Question{Public: f.Open.Public}, nil)
			k.do("answer", "answer", map[string]any{"method": k.open.Method("passkey"), "credential": a.Credential})
		}, status: 401, problem: "answer-not-accepted", records: []string{"recovery.answer_refused"}},
		{name: "code and credential", prepare: func(k *talk) { bob(k); k.ask("totp") }, do: func(k *talk) {
			k.do("answer", "answer", `{"method":"m2","code":"123456","credential":{}}`)
		}, status: 400, problem: "malformed-answer"},
		{name: "code of another recovery", prepare: func(k *talk) {
			bob(k)
			n := k.codes("bob")
			k.ask("email_code")
			code := k.mailed("bob", n)
			bob(k)
			k.ask("email_code")
			k.said = append(k.said, code)
		}, do: func(k *talk) { k.answer("email_code", k.said[len(k.said)-1]) },
			status: 401, problem: "answer-not-accepted", records: []string{"recovery.answer_refused"}},
		{name: "replayed code of the app", prepare: func(k *talk) {
			verified(k, "alice")
			k.begin("alice")
			k.ask("totp")
		}, do: func(k *talk) { k.answer("totp", w.used) }, status: 401, problem: "answer-not-accepted", records: []string{"recovery.answer_refused"}},
		{name: "code after its recovery was proven", prepare: func(k *talk) { verified(k, "heidi") },
			do: func(k *talk) { k.answer("totp", w.used) }, status: 409, problem: "out-of-order"},
	}
	return append(out, badPasswords(func(k *talk) { verified(k, "ivan") }, set)...)
}

// badPasswords are sent with the grant in hand, which they must not spend.
func badPasswords(verified func(*talk), set func(string) func(*talk)) []bad {
	var grant testenv.Recovery
	held := func(k *talk) {
		if grant.Token == "" {
			verified(k)
			grant = k.open
		}
		k.open = grant
	}
	out := []bad{
		{name: "password: none", prepare: held, do: post(password, `{}`), status: 400, problem: "malformed-request"},
		{name: "password: number", prepare: held, do: post(password, `{"password":123456789012345}`), status: 400, problem: "malformed-request"},
	}
	for name, p := range map[string]string{
		"empty": "", "short": "Xq7!vR", "spaces": strings.Repeat(" ", 20), "too long": strings.Repeat("long enough ", 30),
		"common": "passwordpassword", "repeated": strings.Repeat("ab", 10), "their own name": "ivan example ivan",
	} {
		out = append(out, bad{name: "password: " + name, prepare: held, do: set(p), status: 422, problem: "password-rejected"})
	}
	return out
}

// badForms are sent to the pages.
func badForms() []bad {
	form := func(path, body string, header ...string) func(*talk) {
		return post(path, body, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)...)
	}
	return []bad{
		{name: "page: field twice", do: form("/reset", "identifier=bob&identifier=alice"), status: 400},
		{name: "page: JSON", do: form("/reset", good, "Content-Type", "application/json"), status: 415},
		{name: "page: huge form", do: form("/reset", url.Values{"identifier": {strings.Repeat("b", 70_000)}}.Encode()), status: 413},
		{name: "page: empty name", do: form("/reset", "identifier="), status: 400},
		{name: "page: foreign Origin", do: form("/reset", "identifier=bob", "Origin", "https://evil.test"), status: 403},
		{name: "page: foreign Host", do: form("/reset", "identifier=bob", "Host", "evil.test"), status: 421},
		{name: "page: no cookie", do: form("/reset/password", "password=a+long+enough+sentence"), status: 401},
		{name: "page: made-up invitation", do: form("/enroll/begin", "token=AAAAAAAAAAAAAAAAAAAAAAAAAA"), status: 410},
	}
}

// verified returns a way to prove everything for a person, once each. The code of the app that was
// used is kept in w.used.
func (w *world) verified() func(k *talk, login string) {
	return func(k *talk, login string) {
		k.t.Helper()
		k.begin(login)
		k.ask("totp")
		w.used = w.code(k.t)
		k.answer("totp", w.used)
		n := k.codes(login)
		k.ask("email_code")
		k.answer("email_code", k.mailed(login, n))
		if k.last.State() != "verified" {
			k.t.Fatalf("%s: got %s, want verified", login, k.last)
		}
	}
}

// code is what everybody's app shows now.
func (w *world) code(t *testing.T) string {
	t.Helper()
	code, err := totp.GenerateCode(w.secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (k *talk) codes(login string) int {
	k.t.Helper()
	all, err := k.w.serve.Inbox().Codes(login + "@codes.test")
	if err != nil {
		k.t.Fatal(err)
	}
	return len(all)
}

func (k *talk) mailed(login string, n int) string {
	k.t.Helper()
	code, err := k.w.serve.Inbox().Code(k.t.Context(), login+"@codes.test", n)
	if err != nil {
		k.t.Fatal(err)
	}
	return code
}

// enrollment is the identifier of one of alice's.
func (w *world) enrollment(t *testing.T) string {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Settings{Path: w.serve.Dir + "/postern.db"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Enrolled(t.Context(), account.Ref{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		if h.Factor == "passkey" {
			rows, err := s.Enrollments(t.Context(), h.Who, h.Factor)
			if err != nil || len(rows) == 0 {
				t.Fatalf("alice's passkey: %v", err)
			}
			return rows[0].ID
		}
	}
	t.Fatal("nobody has a passkey")
	return ""
}
