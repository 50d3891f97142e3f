package ds389

import (
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// unread is a read that failed before a write: nothing was written.
func unread(err error) error {
	return fmt.Errorf("%w: nothing was written: %w", directory.ErrUnavailable, ldapclient.Unread(err, "read the password policy"))
}

// reason reads why from the text, which is exact in English only and in a Modify only, or else from
// the control, which calls a password that is too short one of insufficient quality.
func reason(e *goldap.Error) (directory.Reason, bool) {
	text := ldapclient.Said(e)
	for _, known := range []struct {
		part   string
		reason directory.Reason
	}{
		// 389 Directory Server
		{"characters long", directory.TooShort},
		{"password in history", directory.InHistory},
		{"within password minimum age", directory.TooYoung},
		{"not allowed to change password", directory.NotAllowed},
		{"invalid password syntax", directory.TooWeak},
		// FreeIPA
		{"Password is too short", directory.TooShort},
		{"Password reuse not permitted", directory.InHistory},
		{"Too soon to change password", directory.TooYoung},
		{"Account expired", directory.NotAllowed},
		{"Password is too simple", directory.TooWeak},
		{"too many consecutive characters", directory.TooWeak},
		{"contains a monotonic sequence", directory.TooWeak},
		{"based on a dictionary word", directory.TooWeak},
		{"is a palindrone", directory.TooWeak}, // sic
		{"Password contains username", directory.TooWeak},
		{"does not meet the policy requirements", directory.TooWeak},
		{"Fails to meet minimum strength criteria", directory.TooWeak},
		{"Pre-Encoded passwords are not valid", directory.TooWeak},
	} {
		if strings.Contains(text, known.part) {
			return known.reason, true
		}
	}
	return ldapclient.PolicyOf(e).Reason()
}
