package activedirectory

import (
	"slices"

	goldap "github.com/go-ldap/ldap/v3"
)

// right is something that an access list may give: bits of the mask (MS-ADTS section 5.1.3.2) and
// what they are about.
type right struct {
	mask uint32
	of   []string // GUIDs that an entry may name; an entry that names none is about everything
}

// Bits of an access mask.
const (
	maskWrite   = 0x00000020 // RIGHT_DS_WRITE_PROPERTY
	maskControl = 0x00000100 // RIGHT_DS_CONTROL_ACCESS
	maskAll     = 0x10000000 // GENERIC_ALL
	maskWriting = 0x40000000 // GENERIC_WRITE
)

// The GUIDs of rights (MS-ADTS section 5.1.3.2.1), of a property set and of attributes (MS-ADA),
// and of the class user.
const (
	idReset        = "00299570-246d-11d0-a768-00aa006e0529" // User-Force-Change-Password
	idUnexpire     = "ccc2dc7d-a6ad-4a7a-8846-c04e3cc53501" // Unexpire-Password
	idRestrictions = "4c164200-20c0-11d0-a768-00aa006e0529" // User-Account-Restrictions, pwdLastSet among them
	idLockoutTime  = "28630ebf-41d5-11d1-a9c1-0000f80367c1"
	idLastSet      = "bf967a0a-0de6-11d0-a285-00aa003049e2"
	idUser         = "bf967aba-0de6-11d0-a285-00aa003049e2"
)

// What the service needs. An entry about a whole class of objects is about each of its properties;
// an extended right is given by its own name or by none (MS-ADTS sections 5.1.3.3.3, 5.1.3.3.4).
var (
	rightReset      = right{maskControl, []string{idReset}}
	rightUnexpire   = right{maskControl, []string{idUnexpire}}
	rightUnlock     = right{maskWrite, []string{idLockoutTime, idUser}}
	rightMustChange = right{maskWrite, []string{idLastSet, idRestrictions, idUser}}
)

// grants reports whether the list gives r to somebody who is all of these. Entries count in their
// order, and the first one that speaks of it decides (MS-ADTS section 5.1.3.3): those of the
// object itself stand before those handed down, and among each the ones that deny come first.
func (d descriptor) grants(r right, who map[sid]bool) bool {
	if !d.listed {
		return true
	}
	for _, e := range d.list {
		if !e.inherit && who[e.who] && e.gives(r.mask) && (e.object == guid{} || slices.Contains(r.of, e.object.String())) {
			return e.allows
		}
	}
	return false
}

// gives reports whether the mask holds the bit, by itself or by a generic right.
func (e entry) gives(bit uint32) bool {
	m := e.mask
	if m&maskAll != 0 {
		m |= maskWrite | maskControl
	}
	if m&maskWriting != 0 {
		m |= maskWrite
	}
	return m&bit != 0
}

// may is what the service may do to one person, as far as it can be seen.
type may struct {
	known                     bool
	reset, unlock, mustChange bool
}

// rights evaluates the person's access list for the service account. It is unknown where the list
// or the service account's groups can't be read.
func (s controller) rights(e *goldap.Entry) may {
	d, err := readDescriptor(e.GetEqualFoldRawAttributeValue(attrDescriptor))
	if err != nil || d.conditional || len(s.self) == 0 {
		return may{}
	}
	return may{
		known: true, reset: d.grants(rightReset, s.self),
		unlock: d.grants(rightUnlock, s.self), mustChange: d.grants(rightMustChange, s.self),
	}
}

// barred says, for operators, why the service may not set a password; "" where it may, or where
// that can't be seen.
func (m may) barred(guarded bool) string {
	switch {
	case !m.known || m.reset:
		return ""
	case guarded:
		return "the service account has no right Reset Password here: the account is guarded by AdminSDHolder (adminCount 1), whose access list takes the place of what was delegated"
	}
	return "the service account has no right Reset Password on this account: it stands outside what was delegated, or the access list denies it"
}
