package directorytest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a client and a server on TCP, and cuts on cue. It does not look into what
// passes.
type Proxy struct {
	target string
	addr   string

	accepted atomic.Int64
	lose     atomic.Int64 // requests until the one whose answer is lost; zero: none
	mu       sync.Mutex
	listen   net.Listener
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

// NewProxy starts a proxy to the target's address and stops it when the test ends.
func NewProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: target, addr: "127.0.0.1:0", conns: map[net.Conn]bool{}}
	p.Start(t)
	t.Cleanup(p.Stop)
	return p
}

// Addr is where clients connect.
func (p *Proxy) Addr() string { return p.addr }

// Accepted is how many connections there have been.
func (p *Proxy) Accepted() int { return int(p.accepted.Load()) }

// Start accepts connections, on the same address as before.
func (p *Proxy) Start(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.listen, p.addr = l, l.Addr().String()
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
func (p *Proxy) LoseAnswer(n int) { p.lose.Store(int64(n)) }

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
		pass(server, client, func() bool { return !deaf.Load() })
	})
	pass(client, server, func() bool {
		if p.lose.Load() > 0 && p.lose.Add(-1) == 0 {
			deaf.Store(true)
		}
		return true
	})
	if !deaf.Load() {
		end()
	}
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// pass copies pieces as they come, until next says no.
func pass(from, to net.Conn, next func() bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !next() {
			return
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}
