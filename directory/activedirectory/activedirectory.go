// Package activedirectory is the directory on the domain controllers of an Active Directory domain,
// Microsoft's or Samba's.
//
// It finds people by exactly what they typed, sets unicodePwd as the service or as the person who
// knows the old password, reads and ends lock-outs, tries passwords by binding, reads the domain's
// password policy and the settings object that takes its place for a person, and evaluates a
// person's access list to say beforehand what the service may do. It speaks LDAP with TLS and
// nothing else: no Kerberos, no RPC. It does not follow referrals and keeps no copy of an entry.
//
// How it guards: package ldapclient beside it guards the way there, what was typed, people's
// passwords and writes; there is no way without TLS. Where the domain can apply its history to a
// reset, it is told to, or to refuse. What was written on one controller is read back on the same
// one for some minutes. What a controller says of a failed sign-in stays inside: it says more than
// a stranger may know.
package activedirectory

import (
	"errors"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// Kind is this directory before it is configured.
var Kind = directory.Kind{
	ID: "activedirectory",
	Open: func(name string, decode func(any) error, _ directory.Env) (directory.Directory, error) {
		s := Defaults()
		if err := decode(s); err != nil {
			return nil, err
		}
		return New(name, *s, time.Now)
	},
	Settings: func() any { return Defaults() },
}

// Directory is an Active Directory domain. It is safe for concurrent use.
type Directory struct {
	*ldapclient.Client
	name string
	set  Settings
	now  func() time.Time

	mu          sync.Mutex
	controllers map[string]controller // what they said lately, by URL
	policies    map[string]policy     // read lately, by DN
	known       map[string]group      // groups, read lately
	mightyAt    map[string]bool       // where the groups are whose members are guarded
	mightyRead  time.Time             // when that was asked
	written     map[string]place      // where an account was written lately, by identifier
}

// New checks the settings and reads the files that they name. It does not connect.
func New(name string, s Settings, now func() time.Time) (*Directory, error) {
	d := &Directory{
		name: name, set: s, now: now,
		controllers: map[string]controller{}, policies: map[string]policy{}, known: map[string]group{}, written: map[string]place{},
	}
	set := s.client()
	set.Controls = []goldap.Control{ldapclient.Optional{OID: oidDescriptor, Value: ownerGroupList}}
	set.Opened, set.Refused = d.opened, d.refused
	var err error
	if d.Client, err = ldapclient.New(set, now); err != nil {
		return nil, errors.Join(err, s.check())
	}
	return d, s.check()
}
