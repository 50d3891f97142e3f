package ldapclient

import (
	"errors"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// Answered returns the server's own refusal in err, or nil when err is none.
func Answered(err error) *goldap.Error {
	var e *goldap.Error
	if errors.As(err, &e) && e.Packet != nil && e.ResultCode < goldap.ErrorNetwork {
		return e
	}
	return nil
}

// Said is the server's own text, without the library's frame.
func Said(e *goldap.Error) string {
	if e.Err == nil || e.Err.Error() == "" {
		return goldap.LDAPResultCodeMap[e.ResultCode]
	}
	return e.Err.Error()
}

// Refusal turns the server's answer to a write into what directory.SetPassword promises. Results
// that do not say for certain that nothing changed are uncertain. reason reads why from an answer
// of this kind of server, where it says so.
func Refusal(e *goldap.Error, doing string, reason func(*goldap.Error) (directory.Reason, bool)) error {
	text := fmt.Sprintf("result %d: %s", e.ResultCode, Said(e))
	if why, ok := reason(e); ok {
		return &directory.Rejected{Reason: why, Operator: text}
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

// Unread turns what went wrong with a read into an error: an outage wraps ErrUnavailable, and
// the rest is the set-up's fault.
func Unread(err error, doing string) error {
	e := Answered(err)
	if e == nil {
		return fmt.Errorf("ldap: %s: %w: %w", doing, directory.ErrUnavailable, err)
	}
	switch e.ResultCode {
	case goldap.LDAPResultBusy, goldap.LDAPResultUnavailable, goldap.LDAPResultTimeLimitExceeded,
		goldap.LDAPResultAdminLimitExceeded, goldap.LDAPResultOperationsError, goldap.LDAPResultOther:
		return fmt.Errorf("ldap: %s: %w: %s", doing, directory.ErrUnavailable, Brief(err))
	}
	return fmt.Errorf("ldap: %s: %s", doing, Brief(err))
}

// unbound reports whether a domain controller says that the connection speaks for nobody any more
// (ERROR_NOT_AUTHENTICATED of Windows).
func unbound(e *goldap.Error) bool {
	return e != nil && e.ResultCode == goldap.LDAPResultOperationsError && strings.HasPrefix(strings.ToUpper(Said(e)), "000004DC")
}

// isSilence reports whether the request was never answered.
func isSilence(err error) bool {
	var s *silence
	return errors.As(err, &s)
}
