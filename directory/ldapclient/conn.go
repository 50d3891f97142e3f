package ldapclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/secret"
)

// startTLS is the operation of RFC 4511 section 4.14.1.
const startTLS = "1.3.6.1.4.1.1466.20037"

// wire counts what leaves this machine, and can be sealed so that nothing more does.
type wire struct {
	net.Conn
	mu     sync.Mutex
	sent   int64
	sealed bool
}

// Write sends b unless the wire is sealed.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sealed {
		return 0, net.ErrClosed
	}
	n, err := w.Conn.Write(b)
	w.sent += int64(n)
	return n, err
}

func (w *wire) mark() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

// unsent seals the wire and reports whether nothing left since mark, which then stays true.
func (w *wire) unsent(mark int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sealed = true
	return w.sent == mark
}

// Conn is one connection. One caller uses it at a time.
type Conn struct {
	*goldap.Conn
	wire    *wire
	server  Server
	request time.Duration // for one answer
	broken  bool
	slow    bool // the server did not answer in time
}

// close ends it at once. The wire goes first, so that nothing waits for a dead peer.
func (c *Conn) close() {
	_ = c.wire.Close()
	_ = c.Conn.Close()
}

// Do runs one request. When its time is over or ctx ends the connection is cut, and so is every
// wait for it. Errors that are no answer of the server mark the connection as broken, and so does the
// answer that it speaks for nobody.
func (c *Conn) Do(ctx context.Context, request func() error) error {
	ctx, cancel := context.WithTimeout(ctx, c.request)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("ldap: %s: not asked: %w", c.server.URL, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.wire.Close() })
	err := request()
	if !stop() {
		c.broken = true
	}
	if answer := Answered(err); err == nil || answer != nil {
		c.broken = c.broken || unbound(answer)
		return err
	}
	c.broken = true
	if late := ctx.Err(); late != nil {
		c.slow = errors.Is(late, context.DeadlineExceeded)
		return &silence{fmt.Errorf("ldap: %s: no answer in time: %w", c.server.URL, late)}
	}
	return &silence{fmt.Errorf("ldap: %s: connection lost: %w", c.server.URL, err)}
}

// silence is a request without an answer.
type silence struct{ error }

func (s *silence) Unwrap() error { return s.error }

// Bind signs in and returns what ppolicy said of it. Servers without that control say nothing.
func (c *Conn) Bind(ctx context.Context, dn string, password secret.Text) (PolicyError, error) {
	said := PolicySilent
	err := c.Do(ctx, func() error {
		result, err := c.SimpleBind(goldap.NewSimpleBindRequest(dn, password.Reveal(), []goldap.Control{PolicyControl{}}))
		if result != nil {
			said = policyIn(result.Controls)
		}
		return err
	})
	return said, err
}

// Once runs a request that must not be repeated. Without an answer it tells whether the request
// left this machine: if not, it never will, and the error wraps directory.ErrUnavailable.
func (c *Conn) Once(ctx context.Context, request func() error) error {
	mark := c.wire.mark()
	err := c.Do(ctx, request)
	if err == nil || Answered(err) != nil {
		return err
	}
	c.broken = true
	if c.wire.unsent(mark) {
		return fmt.Errorf("%w: the request was not sent: %w", directory.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", directory.ErrUncertain, err)
}

// Server returns the server that the connection leads to.
func (c *Conn) Server() Server { return c.server }

// dialer opens connections, encrypted ones unless the server is this machine and clear.
type dialer struct {
	tls     *tls.Config
	timeout time.Duration
	request time.Duration
}

// dial connects, without signing in.
func (d dialer) dial(ctx context.Context, s Server) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return nil, fmt.Errorf("ldap: connect to %s: %w", s.URL, err)
	}
	w := &wire{Conn: raw}
	c := &Conn{wire: w, server: s, request: d.request}
	if s.Clear {
		c.Conn = goldap.NewConn(w, false)
		c.Start()
		return c, nil
	}
	secured, err := d.secure(ctx, w, s)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	c.Conn = goldap.NewConn(secured, true)
	c.Start()
	return c, nil
}

// secure raises the wire to TLS. It does so itself instead of leaving it to the library, which
// has no deadline for the handshake and hides why a certificate was refused.
func (d dialer) secure(ctx context.Context, w *wire, s Server) (*tls.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	defer stop()
	if !s.TLS {
		if err := askTLS(w); err != nil {
			return nil, fmt.Errorf("ldap: StartTLS with %s: %w", s.URL, err)
		}
	}
	config := d.tls.Clone()
	if config.ServerName == "" {
		config.ServerName = s.Host
	}
	secured := tls.Client(w, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("ldap: TLS with %s: %w", s.URL, err)
	}
	return secured, nil
}

// askTLS asks for StartTLS and reads exactly the answer: bytes that were slipped in behind it
// reach the handshake and break it.
func askTLS(w *wire) error {
	ask := ber.NewSequence("LDAP Request")
	ask.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(1), "MessageID"))
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationExtendedRequest, nil, "Start TLS")
	op.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, startTLS, "Name"))
	ask.AppendChild(op)
	if _, err := w.Write(ask.Bytes()); err != nil {
		return err
	}
	packet, err := ber.ReadPacket(w)
	if err != nil {
		return err
	}
	return goldap.GetLDAPError(packet)
}
