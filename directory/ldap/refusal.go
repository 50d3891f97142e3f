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
	switch ldapclient.PolicyOf(e) {
	case ldapclient.PolicyTooShort:
		return directory.TooShort, true
	case ldapclient.PolicyTooLong:
		return directory.TooLong, true
	case ldapclient.PolicyTooWeak:
		return directory.TooWeak, true
	case ldapclient.PolicyTooYoung:
		return directory.TooYoung, true
	case ldapclient.PolicyInHistory:
		return directory.InHistory, true
	case ldapclient.PolicyNeedsOld:
		return directory.NeedsOld, true
	case ldapclient.PolicyNotAllowed, ldapclient.PolicyMustChange: // the latter is about the service account itself
		return directory.NotAllowed, true
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
	} {
		if strings.Contains(text, known.part) {
			return known.reason, true
		}
	}
	return "", false
}
