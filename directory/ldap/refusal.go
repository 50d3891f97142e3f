package ldap

import (
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// policyReason reads the reason from ppolicy's control, which is exact, or else from its text.
// The control has one error for the present password and for former ones; the text tells them
// apart.
func policyReason(e *goldap.Error) (directory.Reason, bool) {
	text := ldapclient.Said(e)
	if strings.Contains(text, "not being changed from existing value") {
		return directory.SamePassword, true
	}
	if why, ok := ldapclient.PolicyOf(e).Reason(); ok {
		return why, true
	}
	for _, known := range []struct {
		part   string
		reason directory.Reason
	}{
		{"in history of old passwords", directory.InHistory},
		{"too young to change", directory.TooYoung},
		{"Must supply old password", directory.NeedsOld},
		{"alteration of password is not allowed", directory.NotAllowed},
		{"fails quality checking policy", directory.TooWeak},
		{"operation restricted", directory.NotAllowed}, // a server that takes no writes
		{"shadow context", directory.NotAllowed},       // a copy that knows of no other server
	} {
		if strings.Contains(text, known.part) {
			return known.reason, true
		}
	}
	return "", false
}
