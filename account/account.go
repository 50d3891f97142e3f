// Package account says who a person is to Postern: where their account lives, what identifies
// it for good, and what the directory says of it.
//
// It does not look anybody up and it never decides who may do what; directory and policy do.
package account

import (
	"strings"
	"time"
)

// Ref names one account for ever: the directory's configured name and the account's immutable
// identifier there (entryUUID, objectGUID, a row id), never a login, which can be given to
// somebody else. The zero Ref is nobody: a decoy.
type Ref struct {
	Directory string `json:"directory,omitempty"`
	ID        string `json:"id,omitempty"`
}

// Zero reports whether r is nobody.
func (r Ref) Zero() bool { return r == Ref{} }

// String returns "directory/id", or "nobody".
func (r Ref) String() string {
	if r.Zero() {
		return "nobody"
	}
	return r.Directory + "/" + r.ID
}

// Kind says what sort of address a contact is.
type Kind string

// The kinds of contact.
const (
	Email Kind = "email"
	Phone Kind = "phone"
)

// Contact is an address on record, where codes and notices may be sent. Nothing is ever sent to
// an address that a visitor typed.
type Contact struct {
	Kind    Kind   `json:"kind"`
	Address string `json:"address"`
}

// Mask shows enough of the address for its owner to know it and too little for others to use it:
// the first letter and the domain of a mailbox, the last two digits of a number.
func (c Contact) Mask() string {
	switch c.Kind {
	case Email:
		local, domain, ok := strings.Cut(c.Address, "@")
		if !ok || local == "" {
			return "••••"
		}
		return string([]rune(local)[:1]) + "••••@" + domain
	case Phone:
		digits := []rune(c.Address)
		if len(digits) < 6 {
			return "••••"
		}
		return "•••• " + string(digits[len(digits)-2:])
	}
	return "••••"
}

// Account is what a directory said of one account at one moment.
type Account struct {
	Ref      Ref
	Login    string // what the person signs in with
	Name     string // what to call them
	Contacts []Contact
	Groups   []string // names, nested ones included where the directory resolves them

	Disabled bool // may not sign in, and a reset must not change that
	Locked   bool // locked out by wrong passwords; a reset or an unlock ends it
	// LockedSince is when the lock began, and LockedUntil when it ends by itself; zero if the
	// directory does not say, or if it lasts until somebody ends it.
	LockedSince, LockedUntil time.Time
	MustChange               bool // has to choose a new password at the next sign-in
	Expired                  bool // the password is too old: likewise
	// Privileged accounts are those that the directory itself guards (members of AdminSDHolder's
	// groups and their like).
	Privileged bool
	// Barred says, for operators, why the service may not set this account's password; empty: it
	// may, as far as the directory tells.
	Barred string
	// Created is when the account was made, so that a namesake who was made later inherits
	// nothing; zero if the directory does not say.
	Created time.Time
}

// Notices returns the addresses that hear of a change: all e-mail addresses on record.
func (a Account) Notices() []Contact {
	var out []Contact
	for _, c := range a.Contacts {
		if c.Kind == Email {
			out = append(out, c)
		}
	}
	return out
}

// OwnWords returns what of the account's own attributes a password must not be made of: login,
// local parts of addresses and the parts of the name, of at least three letters each.
func (a Account) OwnWords() []string {
	raw := append([]string{a.Login}, strings.FieldsFunc(a.Name, notLetter)...)
	for _, c := range a.Contacts {
		if local, _, ok := strings.Cut(c.Address, "@"); ok {
			raw = append(raw, local)
			raw = append(raw, strings.FieldsFunc(local, notLetter)...)
		}
	}
	if local, _, ok := strings.Cut(a.Login, "@"); ok {
		raw = append(raw, local)
	}
	var out []string
	seen := map[string]bool{}
	for _, w := range raw {
		w = strings.ToLower(w)
		if len([]rune(w)) < 3 || seen[w] {
			continue
		}
		seen[w] = true
		out = append(out, w)
	}
	return out
}

func notLetter(r rune) bool { return strings.ContainsRune(" .,-_'’\t", r) }
