package race

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"postern/internal/testenv"
)

var rounds = flag.Int("rounds", 100, "how often each race is run on each store")

const (
	racers = 50
	people = 30
	starts = 20 // that one address may make
)

const settings = `
organisation: {name: Example, help_desk: help@example.test}
reply_moment: 20ms
trusted_proxies: ["127.0.0.1"]
methods: {totp: {skew_past: 1, skew_future: 1}, email_code: {}}
policy: {quarantine: 0}
limits:
  start_address: {burst: 20, every: 1h}
  start_network: {burst: 0}
  start_account: {burst: 0}
  answer_address: {burst: 0}
  wrong_account: {burst: 0}
  wrong_account_total: {burst: 0}
  destination: {burst: 0}
  destination_total: {burst: 0}
directories:
- {name: staff, type: ldap, urls: [%q], insecure_cleartext: true, bind_dn: %q, bind_password_env: SLAPD_SERVICE_WORD,
   base: %q, policy_dn: %q}
`

// cluster is one or two nodes on one store.
type cluster struct {
	t       *testing.T
	slapd   *testenv.SlapdServer
	nodes   []*testenv.Postern
	callers []*testenv.Caller
	inboxes []*testenv.Inbox
	people  []*person
	asked   int // codes by mail
	changed map[string]int
}

// person can use a code of their app once in thirty seconds.
type person struct {
	login, secret string
	step          int64
}

func TestOneNodeOnSQLite(t *testing.T) {
	c := newCluster(t)
	c.nodes = append(c.nodes, testenv.NewPostern(t, c.settings()))
	c.race()
}

func TestTwoNodesOnPostgreSQL(t *testing.T) {
	c := newCluster(t)
	t.Setenv("POSTERN_TEST_DSN", testenv.Postgres(t))
	s := c.settings() + "store: {postgres_dsn_env: POSTERN_TEST_DSN}\n"
	first := testenv.NewPostern(t, s)
	c.nodes = append(c.nodes, first, first.Beside(s))
	c.race()
}

func newCluster(t *testing.T) *cluster {
	t.Setenv("SLAPD_SERVICE_WORD", testenv.SlapdServiceWord)
	return &cluster{t: t, changed: map[string]int{}, slapd: testenv.Slapd(t, testenv.SlapdOptions{
		NoSync: true, Extra: people, Policy: map[string]string{"pwdInHistory": "10000"}})}
}

func (c *cluster) settings() string {
	return fmt.Sprintf(settings, c.slapd.URL, testenv.SlapdService, testenv.SlapdPeople, testenv.SlapdPolicy)
}

func (c *cluster) race() {
	for i := range people {
		p := &person{login: fmt.Sprintf("u%06d", i+1), secret: base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(rand.Text()[:20]))}
		node := c.nodes[i%len(c.nodes)]
		node.Enroll(p.login, "totp", "secret="+p.secret)
		node.Enroll(p.login, "email_code", "address="+p.codes())
		c.people = append(c.people, p)
	}
	for _, n := range c.nodes {
		n.Start()
		c.callers = append(c.callers, n.Caller())
		c.inboxes = append(c.inboxes, n.Inbox())
	}
	began := time.Now()
	for n := range *rounds {
		if c.round(n); c.t.Failed() {
			c.t.Fatalf("stopped in round %d of %d", n+1, *rounds)
		}
	}
	c.t.Logf("%d rounds of three races between %d requests took %v", *rounds, racers, time.Since(began).Round(time.Second))
	c.limit()
	c.directory()
	c.messages()
	for _, n := range c.nodes {
		if out, err := n.Run("audit", "verify"); err != nil || !strings.Contains(out, "The log is whole") {
			c.t.Errorf("audit verify: %v\n%s", err, out)
		}
	}
}

// round resets one person's password; every step that can be used once is tried by all racers.
// Neighbouring calls go to different nodes.
func (c *cluster) round(n int) {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	from := http.Header{"X-Forwarded-For": {fmt.Sprintf("198.51.%d.%d", n/250, n%250)}}
	p, code := c.person()
	flows := []testenv.Recovery{c.begin(ctx, n, p, from)}
	for len(flows) < 10 && n%4 == 3 { // one code, and ten recoveries that it could prove
		flows = append(flows, c.begin(ctx, n+len(flows), p, from))
	}
	for i, r := range flows {
		c.want(ctx, n+i+1, r, "challenge", r.Method("totp"), "verifying")
	}
	r := flows[c.once(ctx, "app code", flows, func(r testenv.Recovery, _ int) (string, any) {
		return "answer", map[string]string{"method": r.Method("totp"), "code": code}
	})%len(flows)]
	before := c.codes(p)
	c.want(ctx, n, r, "challenge", r.Method("email_code"), "verifying")
	c.asked++
	mailed := c.mailed(p, before)
	c.once(ctx, "mail code", []testenv.Recovery{r}, func(r testenv.Recovery, _ int) (string, any) {
		return "answer", map[string]string{"method": r.Method("email_code"), "code": mailed}
	})
	word := rand.Text()
	password := func(i int) string { return fmt.Sprintf("fresh %s %d", word, i) }
	winner := c.once(ctx, "password", []testenv.Recovery{r}, func(_ testenv.Recovery, i int) (string, any) {
		return "password", map[string]string{"password": password(i)}
	})
	c.changed[p.login]++
	if err := c.slapd.Bind(p.login, password(winner)); err != nil {
		c.t.Errorf("%s: the password that was accepted: %v", p.login, err)
	}
	if reply, err := c.caller(n).Do(ctx, r, "", nil); err != nil || reply.State() != "done" {
		c.t.Errorf("%s: the recovery in the end: %v, %s", p.login, err, reply)
	}
}

// once makes the same call from every racer at the same moment, split over nodes and recoveries,
// and returns the number of the one that succeeded. The others must hear that it is not possible
// (any more), or that the answer is wrong where it was used for another recovery.
func (c *cluster) once(ctx context.Context, what string, flows []testenv.Recovery, call func(testenv.Recovery, int) (string, any)) int {
	c.t.Helper()
	replies, errs := make([]testenv.Reply, racers), make([]error, racers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			r := flows[i%len(flows)]
			path, body := call(r, i)
			<-start
			// Not i: neighbours on one recovery must not all meet the same node.
			replies[i], errs[i] = c.caller(i/len(flows)).Do(ctx, r, path, body)
		})
	}
	close(start)
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
	winner, won := -1, 0
	for i, reply := range replies {
		switch {
		case reply.Status == http.StatusOK:
			winner, won = i, won+1
		case reply.Status == http.StatusConflict || reply.Status == http.StatusGone:
		case reply.Status == http.StatusUnauthorized && len(flows) > 1:
		default:
			c.t.Errorf("%s: got %s", what, reply)
		}
	}
	if won != 1 {
		c.t.Fatalf("%s: %d of %d succeeded, want 1", what, won, racers)
	}
	return winner
}

func (c *cluster) caller(i int) *testenv.Caller { return c.callers[i%len(c.callers)] }

func (c *cluster) begin(ctx context.Context, i int, p *person, from http.Header) testenv.Recovery {
	c.t.Helper()
	r, reply, err := c.caller(i).Begin(ctx, p.login, from)
	if err != nil || reply.Status != http.StatusCreated {
		c.t.Fatalf("begin: %v, %s", err, reply)
	}
	return r
}

func (c *cluster) want(ctx context.Context, i int, r testenv.Recovery, call, id, state string) {
	c.t.Helper()
	reply, err := c.caller(i).Do(ctx, r, call, map[string]string{"method": id})
	if err != nil || reply.State() != state {
		c.t.Fatalf("%s: got %v, %s; want state %s", call, err, reply, state)
	}
}

// person returns one whose app has an unused code, and the code; if need be after a while.
func (c *cluster) person() (*person, string) {
	c.t.Helper()
	var p *person
	testenv.WaitFor(c.t, "a code that was not used", time.Minute, func() error {
		now := time.Now().Unix() / 30
		i := slices.IndexFunc(c.people, func(p *person) bool { return p.step <= now })
		if i < 0 {
			return errors.New("every app has shown all it can")
		}
		p = c.people[i]
		p.step = max(p.step+1, now)
		return nil
	})
	code, err := hotp.GenerateCode(p.secret, uint64(p.step))
	if err != nil {
		c.t.Fatal(err)
	}
	return p, code
}

// codes is the address that codes for p go to.
func (p *person) codes() string { return p.login + "@codes.test" }
