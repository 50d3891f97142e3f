package directorytest

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"postern/internal/testenv"
)

// Proxy stands between a client and a server on TCP, and cuts on cue. It does not look into what
// passes.
type Proxy struct {
	target string
	addr   string

	accepted atomic.Int64
	sent     atomic.Int64
	lose     atomic.Int64 // requests until the one whose answer is lost; zero: none
	half     atomic.Bool  // half of that answer comes through
	gate     sync.RWMutex // answers wait for it
	mu       sync.Mutex
	listen   net.Listener
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

// NewProxy starts a proxy to the target's address and stops it when the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(testenv.FreePort(t))) // is still free when it starts again
	p := &Proxy{target: target, addr: addr, conns: map[net.Conn]bool{}}
	p.start(t)
	t.Cleanup(p.Stop)
	return p
}

// Addr is where clients connect.
func (p *Proxy) Addr() string { return p.addr }

// Accepted is how many connections there have been.
func (p *Proxy) Accepted() int { return int(p.accepted.Load()) }

// Sent is how many pieces clients have sent: through TLS, with an idle line, as many as messages.
func (p *Proxy) Sent() int { return int(p.sent.Load()) }

// Start accepts connections, on the same address as before.
func (p *Proxy) Start(t *testing.T) {
	t.Helper()
	p.start(t)
}

func (p *Proxy) start(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.listen = l
	p.mu.Unlock()
	p.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.accepted.Add(1)
			p.running.Go(func() { p.serve(c) })
		}
	})
}

// Stop cuts every connection, accepts no other, and waits until all is quiet.
func (p *Proxy) Stop() {
	p.mu.Lock()
	if p.listen != nil {
		p.listen.Close()
	}
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// Cut cuts every connection; others may come.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// LoseAnswer passes on the n-th piece that clients send from now, waits for the server's answer,
// and cuts instead of passing that on.
func (p *Proxy) LoseAnswer(n int) {
	p.half.Store(false)
	p.lose.Store(int64(n))
}

// HalveAnswer is LoseAnswer after the first half of the answer.
func (p *Proxy) HalveAnswer(n int) {
	p.half.Store(true)
	p.lose.Store(int64(n))
}

// Hold keeps all answers back until release.
func (p *Proxy) Hold() (release func()) {
	p.gate.Lock()
	return p.gate.Unlock
}

// Faults adds to a driver what a proxy can do to a directory of which every write asks twice: a
// search for the entry, and the write itself. warm leaves an idle connection behind.
func (p *Proxy) Faults(d Driver, warm func(*testing.T)) Driver {
	d.Stop, d.Start = func(*testing.T) { p.Stop() }, p.Start
	d.LoseAnswer = func(t *testing.T) { warm(t); p.LoseAnswer(2) }
	d.HalveAnswer = func(t *testing.T) { warm(t); p.HalveAnswer(2) }
	d.Cut = func(t *testing.T) { warm(t); p.Cut() }
	d.Slow = func(t *testing.T) func() { warm(t); return p.Hold() }
	d.Asked = func() (int, int) { return p.Sent(), p.Accepted() }
	return d
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	var deaf atomic.Bool
	end := func() {
		client.Close()
		server.Close()
	}
	p.running.Go(func() {
		defer end()
		pass(server, client, func(n int) int {
			p.gate.RLock()
			defer p.gate.RUnlock()
			switch {
			case !deaf.Load():
				return n
			case p.half.Load():
				return n / 2
			}
			return 0
		})
	})
	pass(client, server, func(n int) int {
		p.sent.Add(1)
		if p.lose.Load() > 0 && p.lose.Add(-1) == 0 {
			deaf.Store(true)
		}
		return n
	})
	if !deaf.Load() {
		end()
	}
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// pass copies pieces as they come, as much of each as some says, until that is not all of it.
func pass(from, to net.Conn, some func(n int) int) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		through := n
		if n > 0 {
			through = some(n)
		}
		if _, werr := to.Write(buf[:through]); err != nil || werr != nil || through < n {
			return
		}
	}
}
