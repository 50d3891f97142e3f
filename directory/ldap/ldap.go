// Package ldap is the directory on an OpenLDAP server with the overlay ppolicy.
//
// It finds people by exactly what they typed, sets passwords by the Password Modify operation
// (RFC 3062) or a Modify, reads and ends lock-outs, and tries passwords by binding. It does not
// follow referrals, keeps no copy of an entry, never lets the server make up a password, and
// does nothing for Active Directory, whose passwords work another way.
//
// How it guards: package ldapclient beside it guards the way there, what was typed, people's
// passwords and writes. An account that an administrator has locked is refused a reset, which
// would unlock it; an empty password is never sent (RFC 4513 section 5.1.2).
package ldap

import (
	"errors"
	"sync"
	"time"

	"postern/directory"
	"postern/directory/ldapclient"
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
	*ldapclient.Client
	name string
	set  Settings
	now  func() time.Time

	mu       sync.Mutex
	policies map[string]policy // read lately, by DN
}

// New checks the settings and reads the files that they name. It does not connect.
func New(name string, s Settings, now func() time.Time) (*Directory, error) {
	d := &Directory{name: name, set: s, now: now, policies: map[string]policy{}}
	set := s.client()
	set.Refused = d.refused
	var err error
	d.Client, err = ldapclient.New(set, now)
	if err := errors.Join(err, s.check()); err != nil {
		return nil, err
	}
	return d, nil
}
