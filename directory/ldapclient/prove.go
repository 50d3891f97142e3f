package ldapclient

import (
	"context"
	"crypto/rand"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/secret"
)

// PolicyUnproven stands for PolicyExpired where it is no proof of the password.
const PolicyUnproven PolicyError = -2

const (
	// provenFor is how long is believed that a server says "expired" to one person as a proof.
	provenFor = 5 * time.Minute
	// mostProven bounds what is kept of that.
	mostProven = 10_000
)

// prove binds as somebody. Some servers look whether a password has expired after they have found it
// to be right, and their "expired" proves it; others look before, and say it of any. Which kind this
// one is can depend on the person's policy, so it is asked about each: by a second bind to the same
// entry, on the same connection, with a password that nobody has. Only if that one is answered as
// plainly wrong the first one was right.
//
// The second one counts as a failure of the person's. It is sent only where the first was refused as
// expired, once for each try, and after a proof not again for a while, so that choosing a new password
// several times locks nobody out; setting one clears the count. Whoever can bring it about knows the
// password, or the server says "expired" of any: that one may count a guess twice, but it lets the
// person in by no password at all until somebody sets a new one, tries through Postern are limited
// (change.account), and Check tells that the type is wrong. Nobody can lock out by it whom they could
// not lock out by guessing.
func (cl *Client) prove(ctx context.Context, c *Conn, p Person) (PolicyError, error) {
	said, err := c.Bind(ctx, p.DN, p.With)
	if Answered(err) == nil || said != PolicyExpired {
		return said, err
	}
	key := c.server.URL + " " + p.DN
	cl.mu.Lock()
	at, known := cl.proven[key]
	cl.mu.Unlock()
	if known && cl.now().Sub(at) < provenFor {
		return said, err
	}
	_, doubt := c.Bind(ctx, p.DN, secret.New(rand.Text()))
	e := Answered(doubt)
	switch {
	case doubt != nil && e == nil:
		return PolicySilent, doubt
	case doubt == nil, e.ResultCode != goldap.LDAPResultInvalidCredentials, PolicyOf(e) != PolicySilent:
		return PolicyUnproven, err
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if len(cl.proven) >= mostProven {
		clear(cl.proven)
	}
	cl.proven[key] = cl.now()
	return said, err
}
