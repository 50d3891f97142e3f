package oracle

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"postern/internal/testenv"
	"postern/method"
	"postern/method/methodtest"
)

// kinds are who is asked about, the first one being the person that all others must look like.
var kinds = []struct{ name, identifier string }{
	{"known", "bob"},
	{"unknown", "mallory"},
	{"disabled", "dave"},
	{"out of scope", "carol"},
	{"unenrolled", "frank"},
	{"enrolled too little", "grace"},
	{"locked", "erin"},
	{"ambiguous", "shared@example.test"},
	{"known, with a passkey", "alice"},
	{"known, by address", "bob@example.test"},
}

const settings = `
organisation: {name: Example, help_desk: help@example.test}
reply_moment: %v
methods: {passkey: {}, totp: {}, email_code: {}}
policy:
  quarantine: 0
  rules:
  - {name: staff, match: {logins: [alice, bob, dave, erin, frank, grace, heidi, ivan]}}
limits:
  start_address: {burst: 0}
  start_network: {burst: 0}
  answer_address: {burst: 0}
%s
directories:
- {name: staff, type: ldap, urls: [%q], insecure_cleartext: true, bind_dn: %q, bind_password_env: SLAPD_SERVICE_WORD,
   base: %q, policy_dn: %q, dial_timeout: 1s, request_timeout: 1s}
`

// world is a directory with people of every kind, and a program that serves them.
type world struct {
	slapd  *testenv.SlapdServer
	valve  *valve
	serve  *testenv.Postern
	caller *testenv.Caller
	secret string                    // of everybody's app
	used   string                    // a code of it that counted
	device *methodtest.Authenticator // alice's
}

// newWorld starts everything. limits are further lines of that section.
func newWorld(t testing.TB, replyMoment time.Duration, limits string) *world {
	t.Helper()
	t.Setenv("SLAPD_SERVICE_WORD", testenv.SlapdServiceWord)
	w := &world{slapd: testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})}
	w.valve = newValve(t, w.slapd.Address)
	w.serve = testenv.NewPostern(t, fmt.Sprintf(settings, replyMoment, limits, w.valve.url(), testenv.SlapdService, testenv.SlapdPeople, testenv.SlapdPolicy))
	w.secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(rand.Text()[:20]))
	for _, login := range []string{"alice", "bob", "carol", "dave", "erin", "heidi", "ivan"} {
		w.serve.Enroll(login, "totp", "secret="+w.secret)
		w.serve.Enroll(login, "email_code", "address="+login+"@codes.test")
	}
	w.serve.Enroll("grace", "email_code", "address=grace@codes.test")
	w.serve.Start()
	w.caller = w.serve.Caller()
	return w
}

// passkey enrols one for alice.
func (w *world) passkey(t *testing.T) {
	t.Helper()
	w.device = w.stranger(t)
	w.serve.EnrollByLink("alice", "passkey", func(public []byte) []byte {
		return w.device.Register(t, method.Question{Public: json.RawMessage(public)}, nil).Credential
	})
}

// stranger is a device that nobody enrolled.
func (w *world) stranger(t *testing.T) *methodtest.Authenticator {
	t.Helper()
	d := methodtest.NewAuthenticator(t, methodtest.ES256)
	d.Origin, d.Handle = w.serve.URL, make([]byte, 64)
	return d
}

// flow is how a valve lets through what the directory says.
type flow int

const (
	well   flow = iota
	slow        // every answer comes late
	silent      // connections stand, and nothing comes
	gone        // no connection is accepted
)

// soon is the least reply moment: where times are not compared, it only makes tests faster.
const soon = 20 * time.Millisecond

// lateness of a slow directory: longer than the reply moment, and less than its request_timeout by so
// much that a busy machine does not make it a silent one.
const lateness = 120 * time.Millisecond

// valve stands between the program and the directory.
type valve struct {
	listener net.Listener
	target   string
	open     sync.WaitGroup

	mu    sync.Mutex
	flow  flow
	conns map[net.Conn]bool
}

func newValve(t testing.TB, target string) *valve {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &valve{listener: l, target: target, conns: map[net.Conn]bool{}}
	v.open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			v.open.Go(func() { v.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		v.set(gone)
		v.open.Wait()
	})
	return v
}

func (v *valve) url() string { return "ldap://" + v.listener.Addr().String() }

// set changes the flow; gone cuts what is there.
func (v *valve) set(f flow) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.flow = f
	for c := range v.conns {
		if f == gone {
			_ = c.Close()
		}
	}
}

func (v *valve) get() flow {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.flow
}

// keep notes a connection to cut; false: there is none to be now.
func (v *valve) keep(c net.Conn, here bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if here && v.flow != gone {
		v.conns[c] = true
		return true
	}
	delete(v.conns, c)
	return false
}

func (v *valve) serve(client net.Conn) {
	defer client.Close()
	if !v.keep(client, true) {
		return
	}
	defer v.keep(client, false)
	server, err := net.Dial("tcp", v.target)
	if err != nil {
		return
	}
	var there sync.WaitGroup
	there.Go(func() {
		defer server.Close()
		v.pass(server, client, false)
	})
	v.pass(client, server, true)
	client.Close()
	there.Wait()
}

// pass copies what comes; what the directory says only as the valve lets it.
func (v *valve) pass(to, from net.Conn, back bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		switch f := v.get(); {
		case back && f == slow:
			<-time.After(lateness)
		case back && f == silent:
			n = 0
		}
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
