package several

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/internal/testenv"
)

const settings = `
organisation: {name: Example, help_desk: help@example.test}
reply_moment: 20ms
methods: {totp: {}, email_code: {}}
policy:
  quarantine: 0
  rules:
    - {name: staff, match: {directories: [corp]}, require: {methods: 2, at_least: strong}, unlock: {methods: 1}, targets: [{directory: erp}]}
    - {name: others, require: {methods: 2, at_least: strong}, unlock: {methods: 1}}
  unknown: {require: {methods: 2, at_least: strong}, unlock: {methods: 1}}
directories:
- {name: corp, title: Windows account, type: activedirectory, domains: [ADEX, ad.example.test], urls: [%q], server_name: %q, ca_file: %q,
   bind_dn: %q, bind_password_env: SAMBA_SERVICE_WORD, base: %q}
- {name: erp, title: Stock system, type: ldap, lookup: never, urls: [%q], insecure_cleartext: true, bind_dn: %q,
   bind_password_env: SLAPD_SERVICE_WORD, base: %q, policy_dn: %q, retry_server_after: 1s}
- {name: partners, title: Partner account, type: ldap, urls: [%q], insecure_cleartext: true, bind_dn: %q,
   bind_password_env: SLAPD_SERVICE_WORD, base: %q, policy_dn: %q}
`

// group is a company with three directories.
type group struct {
	t             *testing.T
	corp          *testenv.SambaServer
	erp, partners *testenv.SlapdServer
	postern       *testenv.Postern
	caller        *testenv.Caller
	inbox         *testenv.Inbox
	secrets       map[string]string // of authenticator apps, by handle
	mails         map[string]int    // codes that were sent to an address
}

func newGroup(t *testing.T) *group {
	t.Helper()
	t.Setenv("SAMBA_SERVICE_WORD", testenv.SambaServiceWord)
	t.Setenv("SLAPD_SERVICE_WORD", testenv.SlapdServiceWord)
	g := &group{t: t, corp: testenv.Samba(t, testenv.SambaOptions{}), secrets: map[string]string{}, mails: map[string]int{},
		erp: testenv.Slapd(t, testenv.SlapdOptions{NoSync: true}), partners: testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})}
	g.postern = testenv.NewPostern(t, fmt.Sprintf(settings, g.corp.TLSURL, testenv.SambaHost, g.corp.Authority, g.corp.Service, g.corp.People,
		g.erp.URL, testenv.SlapdService, testenv.SlapdPeople, testenv.SlapdPolicy,
		g.partners.URL, testenv.SlapdService, testenv.SlapdPeople, testenv.SlapdPolicy))
	if out, err := g.postern.Run("check"); err != nil || !strings.Contains(out, "no errors") {
		t.Fatalf("postern check: %v\n%s", err, out)
	}
	return g
}

// enroll gives somebody an authenticator app and mailed codes.
func (g *group) enroll(handle, mail string) {
	g.t.Helper()
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(handle + "-and-twenty-bytes-more")[:20])
	g.postern.Enroll(handle, "totp", "secret="+secret)
	g.postern.Enroll(handle, "email_code", "address="+mail)
	g.secrets[handle] = secret
}

func (g *group) serve() {
	g.t.Helper()
	g.postern.Start()
	g.caller, g.inbox = g.postern.Caller(), g.postern.Inbox()
	for _, address := range []string{"alice@example.test", "bob@example.test"} {
		sent, err := g.inbox.Codes(address)
		if err != nil {
			g.t.Fatal(err)
		}
		g.mails[address] = len(sent)
	}
}

// begin starts a recovery.
func (g *group) begin(ctx context.Context, handle, action string) testenv.Recovery {
	g.t.Helper()
	body, err := json.Marshal(map[string]string{"identifier": handle, "action": action})
	if err != nil {
		g.t.Fatal(err)
	}
	reply, err := g.caller.Send(ctx, http.MethodPost, "/api/v1/recoveries", string(body), nil)
	var r testenv.Recovery
	if err != nil || reply.Status != http.StatusCreated || json.Unmarshal(reply.Body, &r) != nil {
		g.t.Fatalf("begin for %s: %v, %s", handle, err, reply)
	}
	return r
}

// want makes a call and wants a status.
func (g *group) want(ctx context.Context, r testenv.Recovery, call string, body any, status int) testenv.Reply {
	g.t.Helper()
	reply, err := g.caller.Do(ctx, r, call, body)
	if err != nil || reply.Status != status {
		g.t.Fatalf("%s: %v, got %s, want %d", call, err, reply, status)
	}
	return reply
}

// app answers with the authenticator app.
func (g *group) app(ctx context.Context, r testenv.Recovery, handle string, status int) {
	g.t.Helper()
	g.want(ctx, r, "challenge", map[string]string{"method": r.Method("totp")}, http.StatusOK)
	code, err := totp.GenerateCode(g.secrets[handle], time.Now())
	if err != nil {
		g.t.Fatal(err)
	}
	g.want(ctx, r, "answer", map[string]string{"method": r.Method("totp"), "code": code}, status)
}

// mail answers with the code that was sent to an address.
func (g *group) mail(ctx context.Context, r testenv.Recovery, address string) {
	g.t.Helper()
	g.want(ctx, r, "challenge", map[string]string{"method": r.Method("email_code")}, http.StatusOK)
	code, err := g.inbox.Code(ctx, address, g.mails[address])
	if err != nil {
		g.t.Fatal(err)
	}
	g.mails[address]++
	g.want(ctx, r, "answer", map[string]string{"method": r.Method("email_code"), "code": code}, http.StatusOK)
}

// line is one of a receipt's.
type line struct{ Target, Change, Result string }

func receipt(t *testing.T, r testenv.Reply) map[line]bool {
	t.Helper()
	var f struct{ Receipt []line }
	if err := json.Unmarshal(r.Body, &f); err != nil {
		t.Fatal(err)
	}
	out := map[line]bool{}
	for _, l := range f.Receipt {
		out[l] = true
	}
	return out
}

// TestSeveral is one company from the first reset to the last.
func TestSeveral(t *testing.T) {
	g := newGroup(t)
	g.enroll(`ADEX\alice`, "alice@example.test")
	g.enroll("bob@ad.example.test", "bob@example.test")
	g.enroll(`adex\erin`, "erin@example.test")
	g.serve()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	t.Run("one reset, two directories", func(t *testing.T) { g.t = t; g.both(ctx) })
	t.Run("one is down", func(t *testing.T) { g.t = t; g.down(ctx) })
	t.Run("in two directories", func(t *testing.T) { g.t = t; g.nobody(ctx) })
	t.Run("unlock, with less", func(t *testing.T) { g.t = t; g.unlock(ctx) })
	t.Run("must change", func(t *testing.T) { g.t = t; g.change(ctx) })
	if out, err := g.postern.Run("audit", "verify"); err != nil || !strings.Contains(out, "The log is whole") {
		t.Errorf("audit verify: %v\n%s", err, out)
	}
}

func (g *group) both(ctx context.Context) {
	const next = "Seventeen-green-ferries-1"
	r := g.begin(ctx, `adex\ALICE`, "reset")
	g.app(ctx, r, `ADEX\alice`, http.StatusOK)
	g.mail(ctx, r, "alice@example.test")
	lines := receipt(g.t, g.want(ctx, r, "password", map[string]string{"password": next}, http.StatusOK))
	for _, l := range []line{{"Windows account", "password_set", "ok"}, {"Stock system", "password_set", "ok"}} {
		if !lines[l] {
			g.t.Errorf("the receipt lacks %v: %v", l, lines)
		}
	}
	for name, err := range map[string]error{"corp": g.corp.Bind("alice", next), "erp": g.erp.Bind("alice", next)} {
		if err != nil {
			g.t.Errorf("%s: %v", name, err)
		}
	}
	if err := g.partners.Bind("alice", testenv.SlapdInitialWord); err != nil {
		g.t.Errorf("her namesake among the partners: %v", err)
	}
}

func (g *group) down(ctx context.Context) {
	const next = "Eighteen-green-ferries-2"
	r := g.begin(ctx, "bob@ad.example.test", "reset")
	g.app(ctx, r, "bob@ad.example.test", http.StatusOK)
	g.mail(ctx, r, "bob@example.test")
	g.erp.Stop()
	lines := receipt(g.t, g.want(ctx, r, "password", map[string]string{"password": next}, http.StatusOK))
	for _, l := range []line{{"Windows account", "password_set", "ok"}, {"Stock system", "password_set", "queued"}} {
		if !lines[l] {
			g.t.Errorf("the receipt lacks %v: %v", l, lines)
		}
	}
	if err := g.corp.Bind("bob", next); err != nil {
		g.t.Error(err)
	}
	if err := g.erp.Start(); err != nil {
		g.t.Fatal(err)
	}
	testenv.WaitFor(g.t, "the directory that was down to have the password", 90*time.Second, func() error { return g.erp.Bind("bob", next) })
}

// moments differ, and so does how many digits it takes to write them.
var moments = regexp.MustCompile(`"20[^"]*Z"`)

// nobody: frank is in corp and among the partners; without a domain nobody can tell who is meant.
func (g *group) nobody(ctx context.Context) {
	a, b := g.begin(ctx, "frank", "reset"), g.begin(ctx, "nobody-at-all", "reset")
	for _, r := range []testenv.Recovery{a, b} {
		g.want(ctx, r, "challenge", map[string]string{"method": r.Method("totp")}, http.StatusOK)
		g.want(ctx, r, "answer", map[string]string{"method": r.Method("totp"), "code": "123456"}, http.StatusUnauthorized)
		g.want(ctx, r, "challenge", map[string]string{"method": r.Method("email_code")}, http.StatusOK)
	}
	one, two := g.want(ctx, a, "", nil, http.StatusOK), g.want(ctx, b, "", nil, http.StatusOK)
	if a, b := moments.ReplaceAllString(one.String(), ""), moments.ReplaceAllString(two.String(), ""); a != b {
		g.t.Errorf("in two directories: %s\nin none: %s", one, two)
	}
}

// unlock: wrong passwords have locked erin in corp; one method is enough to end that, and for
// nothing else.
func (g *group) unlock(ctx context.Context) {
	if err := g.corp.Bind("erin", testenv.SambaInitialWord); err == nil {
		g.t.Fatal("erin is not locked")
	}
	r := g.begin(ctx, `ADEX\erin`, "unlock")
	g.app(ctx, r, `adex\erin`, http.StatusOK)
	seen := g.want(ctx, r, "", nil, http.StatusOK)
	if !bytes.Contains(seen.Body, []byte(`"lock":{"since":"20`)) || bytes.Contains(seen.Body, []byte(`"reset"`)) {
		g.t.Errorf("verified: %s", seen)
	}
	g.want(ctx, r, "password", map[string]string{"password": "Nineteen-green-ferries-3"}, http.StatusConflict)
	if lines := receipt(g.t, g.want(ctx, r, "unlock", nil, http.StatusOK)); !lines[line{"Windows account", "unlocked", "ok"}] {
		g.t.Errorf("receipt: %v", lines)
	}
	if err := g.corp.Bind("erin", testenv.SambaInitialWord); err != nil {
		g.t.Error(err)
	}
}

// change: lena has been given a password that she must change before anything else.
func (g *group) change(ctx context.Context) {
	if err := g.corp.Bind("lena", testenv.SambaInitialWord); err == nil || !strings.Contains(err.Error(), "773") {
		g.t.Fatalf("lena: got %v, want that she must change her password", err)
	}
	body := func(old string) string {
		return fmt.Sprintf(`{"identifier":"ADEX\\lena","old_password":%q,"new_password":"Twenty-green-ferries-4"}`, old)
	}
	for _, c := range []struct {
		old    string
		status int
	}{{"not her password", http.StatusUnauthorized}, {testenv.SambaInitialWord, http.StatusOK}} {
		reply, err := g.caller.Send(ctx, http.MethodPost, "/api/v1/change", body(c.old), nil)
		if err != nil || reply.Status != c.status {
			g.t.Fatalf("change: %v, got %s, want %d", err, reply, c.status)
		}
	}
	if err := g.corp.Bind("lena", "Twenty-green-ferries-4"); err != nil {
		g.t.Error(err)
	}
}
