// Package ds389 is the directory on a 389 Directory Server (Red Hat Directory Server), and on
// FreeIPA, which is one with plugins: the kinds 389ds and freeipa.
//
// It finds people by exactly what they typed, sets passwords by a Modify of userPassword, whose
// refusals say why (those of the Password Modify operation do not), reads and ends lock-outs, and
// tries passwords by binding. It does not speak Kerberos or FreeIPA's own interface, does not
// follow referrals, keeps no copy of an entry and never sends a password that is hashed already.
//
// How it guards: package ldapclient beside it guards the way there, what was typed, people's
// passwords and writes. A reset leaves a disabled account disabled. What a server says before it
// has looked at the password is never taken for a proof of it.
package ds389

import (
	"errors"
	"sync"
	"time"

	"postern/directory"
	"postern/directory/ldapclient"
)

// Kind is a 389 Directory Server before it is configured.
var Kind = directory.Kind{
	ID: "389ds",
	Open: func(name string, decode func(any) error, _ directory.Env) (directory.Directory, error) {
		return configured(name, decode, Defaults(), native{})
	},
	Settings: func() any { return Defaults() },
}

// FreeIPA is FreeIPA's directory before it is configured.
var FreeIPA = directory.Kind{
	ID: "freeipa",
	Open: func(name string, decode func(any) error, _ directory.Env) (directory.Directory, error) {
		return configured(name, decode, DefaultsFreeIPA(), ipa{})
	},
	Settings: func() any { return DefaultsFreeIPA() },
}

func configured(name string, decode func(any) error, s *Settings, p profile) (directory.Directory, error) {
	if err := decode(s); err != nil {
		return nil, err
	}
	return open(name, *s, time.Now, p)
}

// Directory is a directory on a 389 Directory Server. It is safe for concurrent use.
type Directory struct {
	*ldapclient.Client
	name    string
	set     Settings
	now     func() time.Time
	profile profile

	mu       sync.Mutex
	policies map[string]policy // read lately, by DN
}

// New checks the settings of a 389 Directory Server and reads the files that they name. It does not
// connect.
func New(name string, s Settings, now func() time.Time) (*Directory, error) {
	return open(name, s, now, native{})
}

// NewFreeIPA is New for FreeIPA.
func NewFreeIPA(name string, s Settings, now func() time.Time) (*Directory, error) {
	return open(name, s, now, ipa{})
}

func open(name string, s Settings, now func() time.Time, p profile) (*Directory, error) {
	d := &Directory{name: name, set: s, now: now, profile: p, policies: map[string]policy{}}
	set := s.client()
	set.Refused = d.refused
	var err error
	d.Client, err = ldapclient.New(set, now)
	if err := errors.Join(err, s.check()); err != nil {
		return nil, err
	}
	return d, nil
}
