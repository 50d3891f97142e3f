package ldapclient

import (
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
)

// What stands for nothing and for everything in searches.
const (
	NoAttribute = "1.1" // RFC 4511 section 4.5.1.8
	Anything    = "(objectClass=*)"
)

// First returns the attribute's first value, or "".
func First(e *goldap.Entry, attribute string) string {
	return e.GetEqualFoldAttributeValue(attribute)
}

// Moment reads a GeneralizedTime (RFC 4517 section 3.3.13); zero for others.
func Moment(s string) time.Time {
	for _, form := range []string{"20060102150405Z0700", "20060102150405.0Z0700"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// Contacts returns the usable addresses of an entry, each once.
func (cl *Client) Contacts(e *goldap.Entry) []account.Contact {
	return append(contacts(e, account.Email, cl.set.EmailAttributes), contacts(e, account.Phone, cl.set.PhoneAttributes)...)
}

// contacts returns the usable addresses in the attributes, each once.
func contacts(e *goldap.Entry, kind account.Kind, attributes []string) []account.Contact {
	var out []account.Contact
	for _, name := range attributes {
		for _, v := range e.GetEqualFoldAttributeValues(name) {
			c := account.Contact{Kind: kind, Address: v}
			if usable(c) && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// usable reports whether something can be sent there at all. Spaces and control characters have
// no place in an address, and could end a line of a message.
func usable(c account.Contact) bool {
	allowed := ""
	if c.Kind == account.Phone {
		allowed = " "
	}
	for _, r := range c.Address {
		if (r <= ' ' || r == 0x7f) && !strings.ContainsRune(allowed, r) {
			return false
		}
	}
	at := strings.LastIndexByte(c.Address, '@')
	return c.Address != "" && (c.Kind == account.Phone || at > 0 && at < len(c.Address)-1)
}

// GroupName is the value of the first part of a group's name in the tree, if the group is below
// base; "": anywhere.
func GroupName(dn, base string) (string, bool) {
	parsed, err := goldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 || len(parsed.RDNs[0].Attributes) == 0 {
		return "", false
	}
	if base != "" {
		above, err := goldap.ParseDN(base)
		if err != nil || !above.AncestorOfFold(parsed) {
			return "", false
		}
	}
	return parsed.RDNs[0].Attributes[0].Value, true
}
