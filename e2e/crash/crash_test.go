package crash

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/testenv"
)

var (
	kills = flag.Int("kills", 200, "how often the program is killed")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments")
)

const (
	people   = 8
	applying = time.Minute // the least that can be set
)

// settings: nobody waits for a quarantine, nobody is limited, and a reset whose end nobody saw is
// given up after a minute instead of two.
const settings = `
organisation: {name: Example, help_desk: help@example.test}
reply_moment: 20ms
methods: {passkey: {}, totp: {skew_past: 1, skew_future: 1}, email_code: {}}
policy: {quarantine: 0, unknown: {limits: {applying: %v}}}
limits:
  start_address: {burst: 0}
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

// world is everything that takes part.
type world struct {
	t      *testing.T
	random *rand.Rand
	slapd  *testenv.SlapdServer
	wire   *wire
	serve  *testenv.Postern
	ledger *ledger
	people []*person
	spare  *person // resets only in the end

	flow, post pace
	open       []*attempt // cut off, and not known to have ended
	hit        map[string]int
}

// TestKill kills the program in the middle of resets, again and again, and looks after each time
// at what the directory, the wire, the store and the log say.
func TestKill(t *testing.T) {
	w := newWorld(t)
	began := time.Now()
	for n := range *kills {
		w.round(n)
		if t.Failed() {
			t.Fatalf("stopped after kill %d of %d (seed %d)", n+1, *kills, *seed)
		}
	}
	t.Logf("%d kills in %v (seed %d): %v; a reset took %v, its last step %v", *kills, time.Since(began).Round(time.Second),
		*seed, w.hit, w.flow.typical(), w.post.typical())
	w.end()
}

func newWorld(t *testing.T) *world {
	t.Setenv("SLAPD_SERVICE_WORD", testenv.SlapdServiceWord)
	w := &world{t: t, random: rand.New(rand.NewPCG(*seed, 0)), hit: map[string]int{}}
	// The history keeps every password, so that its length tells how often one was changed.
	w.slapd = testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Extra: people, Policy: map[string]string{"pwdInHistory": "10000"}})
	w.wire = newWire(t, w.slapd.Address)
	w.serve = testenv.NewPostern(t, fmt.Sprintf(settings, applying, w.wire.url(), testenv.SlapdService, testenv.SlapdPeople, testenv.SlapdPolicy))
	w.serve.Start()
	inbox := w.serve.Inbox()
	for i := range people {
		w.people = append(w.people, enroll(t, w.serve, inbox, fmt.Sprintf("u%06d", i+1)))
	}
	w.spare = enroll(t, w.serve, inbox, "alice")
	w.ledger = newLedger(w.serve)
	w.warm()
	return w
}

// warm lets everybody reset once in peace, which shows how long it takes.
func (w *world) warm() {
	w.t.Helper()
	var all sync.WaitGroup
	for _, p := range w.people {
		all.Go(func() {
			if err := w.timed(w.t.Context(), p, func() {}); err != nil {
				w.t.Errorf("%s: a first reset: %v", p.login, err)
			}
			p.tries = nil
		})
	}
	all.Wait()
	if w.t.Failed() {
		w.t.FailNow()
	}
}

// round lets everybody reset until the program is killed, starts it again and looks.
func (w *world) round(n int) {
	killed := make(chan struct{})
	kill := sync.OnceFunc(func() { // by the timer or from the wire
		w.serve.Kill()
		close(killed)
	})
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	posting := make(chan struct{}, 1000)
	var resets sync.WaitGroup
	for _, p := range w.people {
		resets.Go(func() { w.resets(ctx, p, posting) })
	}
	w.aim(n, kill, posting)
	<-killed
	cancel()
	resets.Wait()
	w.wire.on(nil)
	w.wire.settle()
	w.serve.Start()
	w.look()
}

// aim has kill called at the n-th round's moment: anywhere in a reset; about when a password is
// sent; when the directory is asked; when it has answered.
func (w *world) aim(n int, kill func(), posting <-chan struct{}) {
	switch n % 5 {
	case 0, 1:
		<-time.After(w.part(w.flow.typical() * 3 / 2))
	case 2:
		<-posting
		<-time.After(w.part(w.post.typical() * 3 / 2))
	case 3:
		pass, skip := w.random.IntN(3) > 0, w.random.IntN(people)
		w.atWrite(asked, skip, func() bool { kill(); return pass })
		return
	case 4:
		w.atWrite(answered, w.random.IntN(people), func() bool { kill(); return false })
		return
	}
	kill()
}

// atWrite calls do at the next write after skip others, in the middle of it.
func (w *world) atWrite(at moment, skip int, do func() bool) {
	var mu sync.Mutex
	w.wire.on(func(m moment, _ write) bool {
		mu.Lock()
		defer mu.Unlock()
		if m != at {
			return true
		}
		if skip--; skip >= 0 {
			return true
		}
		return do()
	})
}

func (w *world) part(of time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(of) + 1))
}

// resets resets one person's password until the program is gone.
func (w *world) resets(ctx context.Context, p *person, posting chan<- struct{}) {
	defer p.caller.Client.CloseIdleConnections()
	for ctx.Err() == nil {
		err := w.timed(ctx, p, func() {
			select {
			case posting <- struct{}{}:
			default:
			}
		})
		var wrong unexpected
		switch {
		case errors.As(err, &wrong):
			w.t.Errorf("%s: the program answered what it must not: %v", p.login, err)
			return
		case err != nil:
			return // killed
		}
	}
}

// timed resets a password and notes how long it took.
func (w *world) timed(ctx context.Context, p *person, posting func()) error {
	began, posted := time.Now(), time.Time{}
	err := p.reset(ctx, w.t, func() {
		posted = time.Now()
		posting()
	})
	if err == nil {
		w.flow.add(time.Since(began))
		w.post.add(time.Since(posted))
	}
	return err
}

// look holds what everybody says about each person against each other.
func (w *world) look() {
	w.t.Helper()
	w.ledger.read(w.t)
	changes, wrote := w.changes(), map[string]int{}
	for what, n := range w.wire.seen() {
		if n > 1 {
			w.t.Errorf("%s: a password was written %d times", what.dn, n)
		}
		wrote[what.dn] += n
	}
	for flow, n := range w.ledger.flows {
		if n > 1 {
			w.t.Errorf("flow %s: its grant was spent %d times", flow, n)
		}
	}
	for _, p := range w.people {
		w.person(p)
		if got := changes[p.login]; got != p.sets {
			w.t.Errorf("%s: the directory's history has %d changes, want %d", p.login, got, p.sets)
		}
		if spent := w.ledger.submitted[p.login]; wrote[w.slapd.DN(p.login)] > spent {
			w.t.Errorf("%s: %d passwords were written, %d recorded before", p.login, wrote[w.slapd.DN(p.login)], spent)
		}
	}
}

// person looks at one person's password, and at the recovery that was cut off.
func (w *world) person(p *person) {
	w.t.Helper()
	last := len(p.tries) - 1
	for i, a := range p.tries {
		cut := i == last && a.status == 0
		if !cut {
			continue
		}
		changed := a.posted && w.slapd.Bind(p.login, a.password) == nil
		state := w.state(p, &a)
		switch {
		case changed && state != "applying" && state != "unsettled" && state != "done":
			w.t.Errorf("%s: the password was changed, and its recovery is %s", p.login, state)
		case !changed && state == "done":
			w.t.Errorf("%s: the recovery is done, and the password was not changed", p.login)
		case changed:
			p.password, p.sets = a.password, p.sets+1
		}
		if state == "applying" {
			w.open = append(w.open, &a)
		}
		w.hit[fmt.Sprintf("%s, changed: %t", state, changed)]++
	}
	if err := w.slapd.Bind(p.login, p.password); err != nil {
		w.t.Errorf("%s: neither the old nor the new password is right: %v", p.login, err)
	}
	p.tries = nil
}

func (w *world) state(p *person, a *attempt) string {
	w.t.Helper()
	reply, err := p.caller.Do(w.t.Context(), a.recovery, "", nil)
	if err != nil || reply.State() == "" {
		w.t.Errorf("%s: look at a recovery that was cut off: %v, %s", p.login, err, reply)
	}
	return reply.State()
}

// changes returns how many old passwords the directory remembers of each person.
func (w *world) changes() map[string]int {
	w.t.Helper()
	c, err := w.slapd.AdminConn()
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	found, err := c.Search(goldap.NewSearchRequest(testenv.SlapdPeople, goldap.ScopeSingleLevel, goldap.NeverDerefAliases,
		0, 0, false, "(uid=*)", []string{"uid", "pwdHistory"}, nil))
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]int{}
	for _, e := range found.Entries {
		out[e.GetAttributeValue("uid")] = len(e.GetAttributeValues("pwdHistory"))
	}
	return out
}

// end waits until the first recovery that was cut off has ended, resets once more for everybody and
// verifies the log.
func (w *world) end() {
	for i, a := range w.open {
		if i > 0 {
			w.ended(a)
			continue
		}
		testenv.WaitFor(w.t, "the end of a recovery that was cut off", 2*applying, func() error {
			if got := w.state(w.spare, a); got != "unsettled" && got != "done" {
				return fmt.Errorf("it is %s, want unsettled or done", got)
			}
			return nil
		})
	}
	w.enrolments()
	for _, p := range slices.Concat(w.people, []*person{w.spare}) {
		if err := p.reset(w.t.Context(), w.t, func() {}); err != nil {
			w.t.Errorf("%s: a reset in peace: %v", p.login, err)
		}
	}
	w.byOtherHands()
	w.look()
	w.serve.Stop()
	w.ledger.read(w.t)
	if got := w.ledger.kinds["system.started"]; got != *kills+1 {
		w.t.Errorf("%d starts are recorded, want %d", got, *kills+1)
	}
	if n := w.ledger.kinds["system.stopped"]; n != 1 {
		w.t.Errorf("%d stops in good order are recorded, want 1", n)
	}
	if out, err := w.serve.Run("audit", "verify"); err != nil || !strings.Contains(out, "The log is whole") {
		w.t.Errorf("audit verify: %v\n%s", err, out)
	}
}

// ended checks that a recovery that was cut off has ended, or will in time.
func (w *world) ended(a *attempt) {
	w.t.Helper()
	reply, err := w.spare.caller.Do(w.t.Context(), a.recovery, "", nil)
	var f struct {
		State   string
		Expires time.Time `json:"expires_at"`
	}
	if err == nil {
		err = json.Unmarshal(reply.Body, &f)
	}
	late := f.Expires.Before(time.Now()) || f.Expires.After(time.Now().Add(applying))
	if err != nil || f.State != "unsettled" && f.State != "done" && (f.State != "applying" || late) {
		w.t.Errorf("a recovery that was cut off: %v, %s, want it ended or ending within %v", err, reply, applying)
	}
}

// enrolments checks that nobody lost any.
func (w *world) enrolments() {
	out, err := w.serve.Run("people", "list")
	if err != nil {
		w.t.Fatalf("people list: %v\n%s", err, out)
	}
	for _, p := range slices.Concat(w.people, []*person{w.spare}) {
		line := ""
		for l := range strings.Lines(out) {
			if strings.HasPrefix(l, p.login+" ") {
				line = l
			}
		}
		for _, m := range []string{"passkey", "totp", "email_code"} {
			if !strings.Contains(line, m) {
				w.t.Errorf("%s lost an enrolment: %q, want %s in it", p.login, line, m)
			}
		}
	}
}

// byOtherHands checks the app's codes of the tests themselves against a program that is not ours.
func (w *world) byOtherHands() {
	path := testenv.Program(w.t, "oathtool", "oathtool")
	at := time.Unix(w.spare.step*30, 0).UTC().Format("2006-01-02 15:04:05 UTC")
	out, err := exec.Command(path, "--totp", "--base32", "--now", at, w.spare.secret).Output()
	if err != nil {
		w.t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(out)), w.spare.code(w.spare.step); got != want {
		w.t.Errorf("oathtool: got %s, want %s", got, want)
	}
}

// pace is how long something takes.
type pace struct {
	mu   sync.Mutex
	took []time.Duration
}

func (p *pace) add(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.took = append(p.took, d); len(p.took) > 50 {
		p.took = p.took[1:]
	}
}

func (p *pace) typical() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	sorted := slices.Sorted(slices.Values(p.took))
	return sorted[len(sorted)/2]
}
