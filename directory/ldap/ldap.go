// Package ldap is the directory on an OpenLDAP server with the overlay ppolicy.
//
// It finds people by exactly what they typed, sets passwords by the Password Modify operation
// (RFC 3062) or a Modify, reads and ends lock-outs, and tries passwords by binding. It does not
// follow referrals, keeps no copy of an entry, never lets the server make up a password, and
// does nothing for Active Directory, whose passwords work another way.
//
// How it guards:
//   - TLS always (LDAPS or StartTLS) with a checked name; clear text only to this machine, on request.
//   - What a person typed enters a filter escaped (RFC 4515 section 3), and an entry counts only
//     if one of its values is what was typed, letter by letter: servers match more loosely.
//   - People's passwords are tried on connections that do nothing else, since a bind changes whose
//     a connection is, and the next one replaces it (RFC 4513 section 4). An empty password is
//     never sent (section 5.1.2 there).
//   - A write is sent once. Whether it left this machine at all is counted below TLS, which is
//     how an outage is told from an answer that was lost.
//   - An account that an administrator has locked is refused a reset, which would unlock it.
package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"postern/directory"
	"postern/secret"
)

// Kind is this directory before it is configured.
var Kind = directory.Kind{
	ID: "ldap",
	Open: func(name string, decode func(any) error, _ directory.Env) (directory.Directory, error) {
		s := Defaults()
		if err := decode(s); err != nil {
			return nil, err
		}
		return New(name, *s, time.Now)
	},
	Settings: func() any { return Defaults() },
}

// Directory is an OpenLDAP directory. It is safe for concurrent use.
type Directory struct {
	name     string
	set      Settings
	password secret.Text // the service account's
	now      func() time.Time
	dialer   dialer
	pool     *pool // connections that speak for the service account
	tries    *pool // connections that try passwords, and do nothing else

	mu       sync.Mutex
	policies map[string]policy // read lately, by DN
}

// New checks the settings and reads the files that they name. It does not connect.
func New(name string, s Settings, now func() time.Time) (*Directory, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	password, err1 := s.password()
	roots, err2 := s.authorities()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	d := &Directory{name: name, set: s, password: password, now: now, policies: map[string]policy{}}
	d.dialer = dialer{
		tls:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ServerName: s.ServerName},
		timeout: s.DialTimeout, request: s.RequestTimeout,
	}
	var servers []server
	for _, u := range s.URLs {
		one, err := s.server(u)
		if err != nil {
			return nil, err
		}
		servers = append(servers, one)
	}
	d.pool = newPool(servers, s.PoolSize, s.RetryServerAfter, now, d.connect)
	d.tries = newPool(servers, s.PoolSize, s.RetryServerAfter, now, d.dialer.dial)
	return d, nil
}

// connect opens a connection that speaks for the service account.
func (d *Directory) connect(ctx context.Context, s server) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.set.DialTimeout)
	defer cancel()
	c, err := d.dialer.dial(ctx, s)
	if err != nil {
		return nil, err
	}
	if _, err := c.bind(ctx, d.set.BindDN, d.password); err != nil {
		c.close()
		return nil, fmt.Errorf("ldap: sign in to %s as %s (bind_dn): %w", s.url, d.set.BindDN, err)
	}
	return c, nil
}

// Close ends the idle connections; those in use end when their request does.
func (d *Directory) Close() error {
	d.pool.close()
	d.tries.close()
	return nil
}
