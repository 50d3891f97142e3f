package ldap

import (
	"errors"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// refusal turns the server's answer to a write into what directory.SetPassword promises. Results
// that do not say for certain that nothing changed are uncertain.
func refusal(e *goldap.Error, doing string) error {
	text := fmt.Sprintf("result %d: %s", e.ResultCode, said(e))
	if reason, ok := policyReason(e); ok {
		return &directory.Rejected{Reason: reason, Operator: text}
	}
	switch e.ResultCode {
	case goldap.LDAPResultNoSuchObject:
		return fmt.Errorf("ldap: %s: %w", doing, directory.ErrNotFound)
	case goldap.LDAPResultBusy, goldap.LDAPResultUnavailable, goldap.LDAPResultAdminLimitExceeded:
		return fmt.Errorf("ldap: %s: %w: %s", doing, directory.ErrUnavailable, text)
	case goldap.LDAPResultOperationsError, goldap.LDAPResultTimeLimitExceeded, goldap.LDAPResultOther:
		return fmt.Errorf("ldap: %s: %w: %s", doing, directory.ErrUncertain, text)
	case goldap.LDAPResultReferral:
		text += ": a referral is not followed; name the server that takes writes in urls"
		return &directory.Rejected{Reason: directory.NotAllowed, Operator: text}
	case goldap.LDAPResultInsufficientAccessRights, goldap.LDAPResultConfidentialityRequired,
		goldap.LDAPResultStrongAuthRequired, goldap.LDAPResultProtocolError, goldap.LDAPResultUnavailableCriticalExtension:
		return &directory.Rejected{Reason: directory.NotAllowed, Operator: text}
	}
	return &directory.Rejected{Reason: directory.Refusal, Operator: text}
}

// policyReason reads the reason from ppolicy's control, which is exact, or else from its text.
// The control has one error for the present password and for former ones; the text tells them
// apart.
func policyReason(e *goldap.Error) (directory.Reason, bool) {
	text := said(e)
	if strings.Contains(text, "not being changed from existing value") {
		return directory.SamePassword, true
	}
	switch policyOf(e) {
	case policyTooShort:
		return directory.TooShort, true
	case policyTooLong:
		return directory.TooLong, true
	case policyTooWeak:
		return directory.TooWeak, true
	case policyTooYoung:
		return directory.TooYoung, true
	case policyInHistory:
		return directory.InHistory, true
	case policyNeedsOld:
		return directory.NeedsOld, true
	case policyNotAllowed, policyMustChange: // the latter is about the service account itself
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

// said is the server's own text, without the library's frame.
func said(e *goldap.Error) string {
	if e.Err == nil || e.Err.Error() == "" {
		return goldap.LDAPResultCodeMap[e.ResultCode]
	}
	return e.Err.Error()
}

// unread turns what went wrong with a read into an error: an outage wraps ErrUnavailable, and
// the rest is the set-up's fault.
func unread(err error, doing string) error {
	e := answered(err)
	if e == nil {
		return fmt.Errorf("ldap: %s: %w: %w", doing, directory.ErrUnavailable, err)
	}
	switch e.ResultCode {
	case goldap.LDAPResultBusy, goldap.LDAPResultUnavailable, goldap.LDAPResultTimeLimitExceeded,
		goldap.LDAPResultAdminLimitExceeded, goldap.LDAPResultOperationsError, goldap.LDAPResultOther:
		return fmt.Errorf("ldap: %s: %w: result %d: %s", doing, directory.ErrUnavailable, e.ResultCode, said(e))
	}
	return fmt.Errorf("ldap: %s: result %d: %s", doing, e.ResultCode, said(e))
}

// isSilence reports whether the request was never answered.
func isSilence(err error) bool {
	var s *silence
	return errors.As(err, &s)
}
