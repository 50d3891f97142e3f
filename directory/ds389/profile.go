package ds389

import (
	"strconv"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory/ldapclient"
)

// profile is what differs between a plain server and FreeIPA.
type profile interface {
	// attributes tell the state of an account.
	attributes() []string
	// policyDN is the policy that an entry names; "": the default one.
	policyDN(e *goldap.Entry) string
	// policy reads one of the attributes policyAttributes.
	policyAttributes() []string
	policy(e *goldap.Entry) policy
	// state reads what an entry says under its policy.
	state(e *goldap.Entry, p policy, now time.Time) state
	// unlock adds to a change what ends a lock-out and forgets wrong passwords, where there are any.
	unlock(change *goldap.ModifyRequest, e *goldap.Entry, now time.Time)
	// proves tells that a bind's "expired" can be a proof of the password; the client asks whether it
	// is one.
	proves() bool
}

// state is what an entry says of an account.
type state struct {
	disabled, locked bool
	since, until     time.Time // of the lock-out; zero: not known, or without end
	must             bool      // an administrator chose the password
	expired          bool
}

// policy is a password policy, as far as it matters here. The zero policy is one that could not be
// read.
type policy struct {
	read     time.Time
	known    bool
	syntax   bool // lengths and characters are checked
	minimum  int
	complex  bool
	history  int
	minAge   time.Duration
	expires  bool
	failures int           // wrong passwords that lock; 0: none do
	lockout  time.Duration // zero: until somebody ends it
	window   time.Duration // after which wrong passwords are forgotten
	change   bool          // people may change their password
	must     bool          // what an administrator sets must be changed
}

// values reads the attributes of a policy.
type values struct{ *goldap.Entry }

func (v values) on(name string) bool { return strings.EqualFold(ldapclient.First(v.Entry, name), "on") }

func (v values) number(name string, absent int) int {
	n, err := strconv.Atoi(ldapclient.First(v.Entry, name))
	if err != nil {
		return absent
	}
	return max(0, n)
}

func (v values) seconds(name string, absent int) time.Duration {
	return time.Duration(v.number(name, absent)) * time.Second
}

func (v values) moment(name string) time.Time {
	return ldapclient.Moment(ldapclient.First(v.Entry, name))
}

// Attributes of a 389 Directory Server.
const (
	attrDisabled  = "nsAccountLock"
	attrUnlock    = "accountUnlockTime"
	attrFailures  = "passwordRetryCount"
	attrForgotten = "retryCountResetTime"
	attrExpires   = "passwordExpirationTime"
	attrReset     = "pwdReset"
	attrPolicy    = "pwdPolicySubentry"
)

// Its own defaults (dse.ldif), where a policy does not say.
const (
	ownLength     = 8
	ownCategories = 3
	ownFailures   = 3
	ownLockout    = 3600
	ownWindow     = 600
	ownHistory    = 6
)

// native is the plain server.
type native struct{}

func (native) proves() bool { return true }

func (native) attributes() []string {
	return []string{attrDisabled, attrUnlock, attrFailures, attrForgotten, attrExpires, attrReset, attrPolicy}
}

func (native) policyDN(e *goldap.Entry) string { return ldapclient.First(e, attrPolicy) }

func (native) policyAttributes() []string {
	return []string{
		"passwordCheckSyntax", "passwordMinLength", "passwordMinCategories", "passwordHistory", "passwordInHistory",
		"passwordMinAge", "passwordExp", "passwordLockout", "passwordMaxFailure", "passwordUnlock",
		"passwordLockoutDuration", "passwordResetFailureCount", "passwordChange", "passwordMustChange",
	}
}

func (native) policy(e *goldap.Entry) policy {
	v := values{e}
	p := policy{
		syntax: v.on("passwordCheckSyntax"), minAge: v.seconds("passwordMinAge", 0), expires: v.on("passwordExp"),
		window: v.seconds("passwordResetFailureCount", ownWindow), must: v.on("passwordMustChange"),
		change: !strings.EqualFold(ldapclient.First(e, "passwordChange"), "off"),
	}
	for _, a := range e.Attributes { // what may not be read is missing
		p.known = p.known || len(a.Values) > 0
	}
	if p.syntax {
		p.minimum = v.number("passwordMinLength", ownLength)
		p.complex = v.number("passwordMinCategories", ownCategories) >= ownCategories
	}
	if v.on("passwordHistory") {
		p.history = v.number("passwordInHistory", ownHistory)
	}
	if v.on("passwordLockout") {
		p.failures = v.number("passwordMaxFailure", ownFailures)
		if !strings.EqualFold(ldapclient.First(e, "passwordUnlock"), "off") {
			p.lockout = v.seconds("passwordLockoutDuration", ownLockout)
		}
	}
	return p
}

// The server marks with these moments what is none: a password that an administrator has set, and
// one that was then changed.
var (
	mustChange = time.Unix(0, 0)
	changed    = time.Unix(1, 0)
)

// state reads an entry. The server counts wrong passwords and leaves accountUnlockTime where it is
// when they are forgotten, so both must say that the account is locked.
func (native) state(e *goldap.Entry, p policy, now time.Time) state {
	v := values{e}
	s := state{
		disabled: strings.EqualFold(ldapclient.First(e, attrDisabled), "true"),
		must:     strings.EqualFold(ldapclient.First(e, attrReset), "TRUE"),
	}
	if at := v.moment(attrExpires); !at.IsZero() && !at.After(now) && (p.expires || !p.known) {
		s.expired = at.After(changed)
	}
	s.must = s.must || v.moment(attrExpires).Equal(mustChange)
	until := v.moment(attrUnlock)
	switch forever := until.Equal(mustChange); {
	case until.IsZero(), v.number(attrFailures, 0) < max(1, p.failures), p.known && p.failures == 0, !forever && !until.After(now):
		return s
	case !forever:
		s.until = until
		if p.lockout > 0 {
			s.since = until.Add(-p.lockout)
		}
	case p.window > 0: // when they began to be counted
		if forgotten := v.moment(attrForgotten); !forgotten.IsZero() {
			s.since = forgotten.Add(-p.window)
		}
	}
	s.locked = true
	return s
}

func (native) unlock(change *goldap.ModifyRequest, e *goldap.Entry, _ time.Time) {
	if ldapclient.First(e, attrUnlock) != "" {
		change.Replace(attrUnlock, nil)
	}
	if len(change.Changes) > 0 && (values{e}).number(attrFailures, 0) > 0 {
		change.Replace(attrFailures, []string{"0"})
	}
}
