// Package ldapclient is what the directories that speak LDAP share: connections and their pools,
// TLS, a sign-in as the service, finding exactly one entry by what a person typed, reads that are
// asked again, writes that are sent once, and the findings about all of these.
//
// It knows no kind of server: what an entry means, how a password is set and what a refusal says
// is for the packages beside it. It does not follow referrals and keeps no copy of an entry.
//
// How it guards:
//   - TLS always (LDAPS or StartTLS) with a checked name; clear text only to this machine, on request.
//   - What a person typed enters a filter escaped (RFC 4515 section 3), and an entry counts only
//     if one of its values is what was typed, letter by letter: servers match more loosely.
//   - People's passwords are tried on connections that do nothing else, since a bind changes whose
//     a connection is, and the next one replaces it (RFC 4513 section 4).
//   - A write is sent once. Whether it left this machine at all is counted below TLS, which is
//     how an outage is told from an answer that was lost.
//   - A control that must count is encoded as critical in a way that every server understands.
package ldapclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/secret"
)

// Client speaks to the servers of one directory. It is safe for concurrent use.
type Client struct {
	set      Settings
	password secret.Text // the service account's
	now      func() time.Time
	dialer   dialer
	pool     *pool // connections that speak for the service account
	tries    *pool // connections that try passwords, and do nothing else

	mu      sync.Mutex
	refused map[string]refusal   // the service account, lately, by URL
	proven  map[string]time.Time // whose "expired" was a proof lately, by URL and name in the tree
}

// New checks the settings and reads the files that they name. It does not connect.
func New(s Settings, now func() time.Time) (*Client, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	password, err1 := s.password()
	roots, err2 := s.authorities()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	cl := &Client{set: s, password: password, now: now, refused: map[string]refusal{}, proven: map[string]time.Time{}}
	cl.dialer = dialer{
		tls:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ServerName: s.ServerName},
		timeout: s.DialTimeout, request: s.RequestTimeout,
	}
	var servers []Server
	for _, u := range s.URLs {
		one, err := s.server(u)
		if err != nil {
			return nil, err
		}
		servers = append(servers, one)
	}
	cl.pool = newPool(servers, s.PoolSize, s.RetryServerAfter, now, cl.connect)
	cl.tries = newPool(servers, s.PoolSize, s.RetryServerAfter, now, cl.dialer.dial)
	return cl, nil
}

// connect opens a connection that speaks for the service account.
func (cl *Client) connect(ctx context.Context, s Server) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cl.set.DialTimeout)
	defer cancel()
	c, err := cl.dialer.dial(ctx, s)
	if err != nil {
		return nil, err
	}
	if _, err := cl.signIn(ctx, c); err != nil {
		c.close()
		return nil, fmt.Errorf("ldap: sign in to %s as %s (bind_dn): %w", s.URL, cl.set.BindDN, err)
	}
	if cl.set.Opened == nil {
		return c, nil
	}
	if err := cl.set.Opened(ctx, c); err != nil {
		c.close()
		return nil, fmt.Errorf("ldap: look at %s: %w", s.URL, err)
	}
	return c, nil
}

// refusedFor is how long a server that has refused the service account is not asked again.
const refusedFor = time.Minute

// refusal is what a server said to the service account, and when.
type refusal struct {
	at   time.Time
	said PolicyError
	err  error
}

// signIn signs the service account in. A server that has refused it is not asked again for a
// while, because each refusal counts towards a lock-out that the service would bring upon itself.
func (cl *Client) signIn(ctx context.Context, c *Conn) (PolicyError, error) {
	url := c.server.URL
	cl.mu.Lock()
	last, ok := cl.refused[url]
	cl.mu.Unlock()
	if ok && cl.now().Sub(last.at) < refusedFor {
		return last.said, last.err
	}
	said, err := c.Bind(ctx, cl.set.BindDN, cl.password)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	delete(cl.refused, url)
	if e := Answered(err); e != nil && e.ResultCode == goldap.LDAPResultInvalidCredentials {
		cl.refused[url] = refusal{cl.now(), said, err}
	}
	return said, err
}

// atKey is the context's key of At.
type atKey struct{}

// At makes requests under the context go to that server alone, one of urls: a person's write is
// read back where it was made, not where it has yet to arrive. If it can't be reached they fail.
func At(ctx context.Context, url string) context.Context {
	return context.WithValue(ctx, atKey{}, url)
}

// at is the server of At, or "".
func at(ctx context.Context) string {
	url, _ := ctx.Value(atKey{}).(string)
	return url
}

// Prefer makes that server, one of urls, the first to be asked, whatever their order.
func (cl *Client) Prefer(url string) {
	cl.pool.prefer(url)
	cl.tries.prefer(url)
}

// Close ends the idle connections; those in use end when their request does.
func (cl *Client) Close() error {
	cl.pool.close()
	cl.tries.close()
	return nil
}

// Try binds once as the person, on a connection that does nothing else, whatever becomes of it: a
// second time could count as a second wrong password. PolicyExpired of a refusal is a proof of the
// password, which takes a bind with another one; PolicyUnproven is none. An error without an answer
// wraps directory.ErrUnavailable where nothing was asked.
func (cl *Client) Try(ctx context.Context, dn string, with secret.Text) (PolicyError, error) {
	c, err := cl.tries.take(ctx, false)
	if err != nil {
		return PolicySilent, err
	}
	defer cl.tries.put(c)
	return cl.prove(ctx, c, Person{dn, with})
}

// Writing is one write: what it does, for messages; what it must know of the entry; and how
// refusals of this kind of server read.
type Writing struct {
	Doing      string
	Attributes []string
	Reason     func(*goldap.Error) (directory.Reason, bool)
}

// Write finds the entry, on a connection that thereby proves to be alive, and runs f on the same
// one. f's request is never repeated. The error is as directory.SetPassword promises.
func (cl *Client) Write(ctx context.Context, id string, w Writing, f func(*Conn, *goldap.Entry) error) error {
	filter, ok := cl.IDFilter(id)
	if !ok {
		return directory.ErrNotFound
	}
	var done error
	err := cl.Read(ctx, func(c *Conn) error {
		e, err := cl.One(ctx, c, filter, w.Attributes)
		if err == nil {
			done = f(c, e)
		}
		return err
	})
	switch {
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrUnavailable):
		return err
	case err != nil: // the search was refused: nothing was written
		return fmt.Errorf("%w: %w", directory.ErrUnavailable, Unread(err, w.Doing))
	}
	return w.outcome(done)
}

// outcome is what became of a write, as directory.SetPassword promises.
func (w Writing) outcome(done error) error {
	var rejected *directory.Rejected
	switch e := Answered(done); {
	case e != nil:
		return Refusal(e, w.Doing, w.Reason)
	case done == nil, errors.As(done, &rejected), errors.Is(done, directory.ErrUnavailable):
		return done
	}
	return fmt.Errorf("ldap: %s: %w: %w", w.Doing, directory.ErrUncertain, done)
}
