package activedirectory

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/secret"
)

// refusal is a row of the table of what controllers answer to a write. Their texts begin with an
// error of Windows in eight hexadecimal digits; Samba says more in words.
type refusal struct {
	code   uint16 // the LDAP result; anyResult: whichever
	error  string // the error of Windows; "": whichever
	part   string // of the text; "": whatever it is
	reason directory.Reason
	err    error // instead of a reason
	vague  bool  // it may have been one of several rules: guess decides
	means  string
}

const anyResult = 0xffff

const badForm = "the controller wants a connection of at least 128 bits, or the form of the password was wrong"

// refusals are asked in their order; the first one that fits counts.
var refusals = []refusal{
	{code: anyResult, error: "0000052D", part: "too short", reason: directory.TooShort, means: "shorter than the minimum length"},
	{code: anyResult, error: "0000052D", part: "complexity", reason: directory.TooWeak, means: "does not meet the complexity rule"},
	{code: anyResult, error: "0000052D", part: "in history", reason: directory.InHistory, means: "used before"},
	{code: anyResult, error: "0000052D", part: "previous password", reason: directory.SamePassword, means: "the present password"},
	{code: anyResult, error: "0000052D", part: "too young", reason: directory.TooYoung, means: "the minimum age of the present password is not over"},
	{code: anyResult, error: "0000052D", reason: directory.TooWeak, vague: true, means: "the password policy: length, complexity, history or minimum age; the controller does not say which"},
	{code: anyResult, error: "00000056", err: directory.ErrWrongPassword, means: "the old password is wrong"},
	{code: anyResult, error: "00000775", err: directory.ErrLocked, means: "the account is locked"},
	{code: anyResult, error: "00000533", err: directory.ErrDisabled, means: "the account is disabled"},
	{code: anyResult, error: "0000001F", reason: directory.NotAllowed, means: badForm},
	{code: anyResult, error: "00002077", reason: directory.NotAllowed, means: badForm},
	{code: goldap.LDAPResultUnwillingToPerform, error: "00002035", reason: directory.NotAllowed, means: badForm},
	{code: goldap.LDAPResultOperationsError, error: "000004DC", err: directory.ErrUnavailable, means: "the connection no longer speaks for the service account"},
	{code: goldap.LDAPResultInsufficientAccessRights, reason: directory.NotAllowed, means: "no right to do this: it was not delegated, or the account is guarded by AdminSDHolder, or the person may not change the password"},
	{code: goldap.LDAPResultUnavailableCriticalExtension, reason: directory.NotAllowed, means: "the controller does not apply its history to resets after all: set policy_hints to never"},
	{code: goldap.LDAPResultNoSuchAttribute, reason: directory.NotAllowed, means: "the account has no such attribute, or it may not be seen"},
	{code: goldap.LDAPResultNoSuchObject, err: directory.ErrNotFound, means: "the account was moved or deleted meanwhile"},
	{code: goldap.LDAPResultReferral, reason: directory.NotAllowed, means: "a read-only controller: referrals are not followed; name one that takes writes in urls"},
	{code: goldap.LDAPResultBusy, err: directory.ErrUnavailable, means: "the controller is busy"},
	{code: goldap.LDAPResultUnavailable, err: directory.ErrUnavailable, means: "the controller does not serve"},
	{code: goldap.LDAPResultConstraintViolation, part: "error in module acl", reason: directory.NotAllowed, means: "the person may not change the password"},
	{code: goldap.LDAPResultConstraintViolation, reason: directory.Refusal, means: "a rule that the controller does not name"},
	{code: goldap.LDAPResultUnwillingToPerform, reason: directory.Refusal, means: "the controller does not want to, and does not say why"},
}

// refused finds the row for an answer.
func refused(e *goldap.Error) (refusal, bool) {
	text := ldapclient.Said(e)
	for _, r := range refusals {
		if (r.code == anyResult || r.code == e.ResultCode) && (r.error == "" || windowsError(text) == r.error) && strings.Contains(text, r.part) {
			return r, true
		}
	}
	return refusal{}, false
}

var windowsForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}:`)

// windowsError is the error of Windows with which a text begins, or "".
func windowsError(text string) string {
	return strings.ToUpper(strings.TrimSuffix(windowsForm.FindString(text), ":"))
}

// oneLine is a controller's text for a log. Windows ends it with a zero byte and breaks lines.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// reasonOf reads why from an answer to a write; false where the result itself says more.
func reasonOf(e *goldap.Error) (directory.Reason, bool) {
	r, ok := refused(e)
	return r.reason, ok && r.err == nil
}

// known is what may be known of a change that was refused.
type known struct {
	policy   policy
	enforced bool      // history and minimum age were applied
	since    time.Time // when the present password was set
	now      time.Time
	// A complex password holds neither.
	login, name string
}

// guess says which rule it was, where the answer does not: what surely breaks a rule broke it, and
// what breaks none was used before.
func (k known) guess(to secret.Text) directory.Reason {
	switch {
	case !k.policy.known:
		return directory.TooWeak
	case len(utf16.Encode([]rune(to.Reveal()))) < k.policy.minimum:
		return directory.TooShort
	case k.policy.complex && (kinds(to) < leastKinds || k.named(to)):
		return directory.TooWeak
	case k.enforced && k.policy.minAge > 0 && k.now.Before(k.since.Add(k.policy.minAge)):
		return directory.TooYoung
	case k.enforced && k.policy.history > 0:
		return directory.InHistory
	}
	return directory.TooWeak
}

// named reports whether the login or a part of the name is in the password; neither counts below
// three characters (MS-SAMR section 3.1.1.7.2).
func (k known) named(to secret.Text) bool {
	const short = 3
	lower := strings.ToLower(to.Reveal())
	words := strings.FieldsFunc(k.name, func(r rune) bool { return strings.ContainsRune(",.-_ #\t", r) })
	for _, w := range append(words, k.login) {
		if len([]rune(w)) >= short && strings.Contains(lower, strings.ToLower(w)) {
			return true
		}
	}
	return false
}

// leastKinds is how many kinds of characters a complex password has (MS-SAMR section 3.1.1.7.2).
const leastKinds = 3

// kinds counts them: upper and lower case, digits, signs, and letters without case.
func kinds(to secret.Text) int {
	seen := map[string]bool{}
	for _, r := range to.Reveal() {
		switch {
		case unicode.IsUpper(r):
			seen["upper"] = true
		case unicode.IsLower(r):
			seen["lower"] = true
		case r >= '0' && r <= '9':
			seen["digit"] = true
		case unicode.IsLetter(r):
			seen["letter"] = true
		default:
			seen["sign"] = true
		}
	}
	return len(seen)
}

// tried is a row of the table of what controllers answer to a sign-in: "…, data 52e, v…". Some come
// only when the password was right.
type tried struct {
	data  string
	right bool
	err   error
	means string
}

var tries = []tried{
	{"525", false, directory.ErrWrongPassword, "no such account"},
	{"52e", false, directory.ErrWrongPassword, "wrong password"},
	{"530", true, directory.ErrRestricted, "not at this hour"},
	{"531", true, directory.ErrRestricted, "not from this computer"},
	{"532", true, directory.ErrMustChange, "the password has expired"},
	{"533", true, directory.ErrDisabled, "the account is disabled"},
	{"569", true, directory.ErrRestricted, "not by this kind of sign-in"},
	{"701", true, directory.ErrDisabled, "the account has expired"},
	{"773", true, directory.ErrMustChange, "the password must be changed"},
	{"775", false, directory.ErrLocked, "the account is locked"},
}

var dataForm = regexp.MustCompile(`\bdata ([0-9a-f]+)\b`)

// triedAs finds the row for a sign-in that was refused; one that is not known is a wrong password.
func triedAs(text string) tried {
	if found := dataForm.FindStringSubmatch(text); found != nil {
		for _, t := range tries {
			if t.data == found[1] {
				return t
			}
		}
	}
	return tried{err: directory.ErrWrongPassword, means: "refused for a reason that is not known here"}
}
