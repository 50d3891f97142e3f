package ldapclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"postern/directory"
)

// idleFor is how long a connection may lie idle: less than what servers and firewalls allow.
const idleFor = 2 * time.Minute

// pool keeps connections and knows which servers answer.
type pool struct {
	connect func(context.Context, Server) (*Conn, error)
	now     func() time.Time
	retry   time.Duration
	slots   chan struct{} // one token for each connection that is in use

	mu     sync.Mutex
	closed bool
	hosts  []host
	first  string // URL of the one that is asked first; "": as they stand
	idle   []idle // the last used is last
}

type host struct {
	Server
	down time.Time // not to be asked before, unless no other answers
}

type idle struct {
	c     *Conn
	since time.Time
}

func newPool(servers []Server, size int, retry time.Duration, now func() time.Time, connect func(context.Context, Server) (*Conn, error)) *pool {
	p := &pool{connect: connect, now: now, retry: retry, slots: make(chan struct{}, size)}
	for _, s := range servers {
		p.hosts = append(p.hosts, host{Server: s})
	}
	return p
}

// take returns a connection, for which put must be called. fresh asks for a new one, after an
// idle one turned out to be dead. Every error wraps directory.ErrUnavailable: nothing was asked.
func (p *pool) take(ctx context.Context, fresh bool) (*Conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: all pool_size connections are in use: %w", directory.ErrUnavailable, ctx.Err())
	}
	if c := p.reuse(fresh, at(ctx)); c != nil {
		return c, nil
	}
	c, err := p.dial(ctx)
	if err != nil {
		<-p.slots
		return nil, fmt.Errorf("%w: %w", directory.ErrUnavailable, err)
	}
	return c, nil
}

// put gives a connection back. A broken one is closed, and if its server was silent, not merely
// restarted, others are asked first for a while.
func (p *pool) put(c *Conn) {
	defer func() { <-p.slots }()
	if c.slow {
		p.mark(c.server, false)
	}
	p.mu.Lock()
	keep := !c.broken && !c.IsClosing() && !p.closed
	if keep {
		p.idle = append(p.idle, idle{c, p.now()})
	}
	p.mu.Unlock()
	if !keep {
		c.close()
	}
}

// reuse returns an idle connection, or nil. Those that died or lay too long are closed, all of
// them when a fresh one is wanted, and those to a server that is no longer the best one too, unless
// only that server will do.
func (p *pool) reuse(fresh bool, only string) *Conn {
	p.mu.Lock()
	now := p.now()
	best := only
	if best == "" {
		best = p.hosts[p.order()[0]].URL
	}
	keep, drop := p.idle[:0], []idle(nil)
	for _, one := range p.idle {
		if fresh || one.c.IsClosing() || now.Sub(one.since) > idleFor || one.c.server.URL != best && only == "" {
			drop = append(drop, one)
		} else {
			keep = append(keep, one)
		}
	}
	var found *Conn
	for i := len(keep) - 1; i >= 0 && found == nil; i-- {
		if keep[i].c.server.URL == best {
			found = keep[i].c // before Delete clears its place
			keep = slices.Delete(keep, i, i+1)
		}
	}
	clear(p.idle[len(keep):])
	p.idle = keep
	p.mu.Unlock()
	for _, one := range drop {
		one.c.close()
	}
	return found
}

// order returns the servers' places: those that answer in their order, then those that did not.
// It is called with the lock held.
func (p *pool) order() []int {
	var up, down []int
	now := p.now()
	for i, h := range p.hosts {
		if now.Before(h.down) {
			down = append(down, i)
		} else {
			up = append(up, i)
		}
	}
	if i := slices.IndexFunc(up, func(i int) bool { return p.hosts[i].URL == p.first }); i > 0 {
		first := up[i]
		up = slices.Insert(slices.Delete(up, i, i+1), 0, first)
	}
	return append(up, down...)
}

// prefer makes the server of that URL the first one.
func (p *pool) prefer(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first = url
}

// dial tries the servers one after the other.
func (p *pool) dial(ctx context.Context) (*Conn, error) {
	p.mu.Lock()
	order := p.order()
	p.mu.Unlock()
	var errs []error
	for _, i := range order {
		if only := at(ctx); only != "" && p.hosts[i].URL != only {
			continue
		}
		s := p.probe(i)
		c, err := p.connect(ctx, s)
		if err == nil {
			p.mark(s, true)
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
		p.mark(s, false)
	}
	if len(errs) == 0 {
		return nil, fmt.Errorf("ldap: %s is none of urls", at(ctx))
	}
	return nil, errors.Join(errs...)
}

// probe returns server i. If it did not answer last time, only this caller tries it again now.
func (p *pool) probe(i int) Server {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := &p.hosts[i]
	if !h.down.IsZero() {
		h.down = p.now().Add(p.retry)
	}
	return h.Server
}

func (p *pool) mark(s Server, up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.hosts {
		if p.hosts[i].Server == s {
			p.hosts[i].down = time.Time{}
			if !up {
				p.hosts[i].down = p.now().Add(p.retry)
			}
		}
	}
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, one := range idle {
		one.c.close()
	}
}
