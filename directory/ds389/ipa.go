package ds389

import (
	"slices"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory/ldapclient"
)

// Attributes of FreeIPA, which counts wrong passwords for Kerberos and LDAP alike.
const (
	attrEnds      = "krbPrincipalExpiration"
	attrKrbExpiry = "krbPasswordExpiration"
	attrKrbFailed = "krbLoginFailedCount"
	attrKrbLast   = "krbLastFailedAuth"
	attrKrbUnlock = "krbLastAdminUnlock"
	attrKrbChange = "krbLastPwdChange"
	attrKrbPolicy = "krbPwdPolicyReference"
)

// generalizedTime is how moments are written there.
const generalizedTime = "20060102150405Z"

// ipa is FreeIPA: what it keeps for Kerberos counts beside what the server itself keeps.
type ipa struct{ native }

// proves: the plugin that ends grace logins says that a password has expired before anybody has
// looked whether it is the right one.
func (ipa) proves() bool { return false }

func (i ipa) attributes() []string {
	return slices.Concat(i.native.attributes(), []string{attrEnds, attrKrbExpiry, attrKrbFailed, attrKrbLast, attrKrbUnlock, attrKrbChange, attrKrbPolicy})
}

func (ipa) policyDN(e *goldap.Entry) string { return ldapclient.First(e, attrKrbPolicy) }

func (ipa) policyAttributes() []string {
	return []string{
		"krbPwdMinLength", "krbPwdMinDiffChars", "krbPwdHistoryLength", "krbMinPwdLife", "krbMaxPwdLife",
		"krbPwdMaxFailure", "krbPwdLockoutDuration", "krbPwdFailureCountInterval",
	}
}

func (ipa) policy(e *goldap.Entry) policy {
	v := values{e}
	p := policy{
		syntax: true, minimum: v.number("krbPwdMinLength", 0), complex: v.number("krbPwdMinDiffChars", 0) >= ownCategories,
		history: v.number("krbPwdHistoryLength", 0), minAge: v.seconds("krbMinPwdLife", 0), expires: v.number("krbMaxPwdLife", 0) > 0,
		failures: v.number("krbPwdMaxFailure", 0), lockout: v.seconds("krbPwdLockoutDuration", 0), window: v.seconds("krbPwdFailureCountInterval", 0),
		change: true,
	}
	for _, a := range e.Attributes {
		p.known = p.known || len(a.Values) > 0
	}
	return p
}

// state joins what the server says under its own defaults with what FreeIPA's plugins go by: the
// account has ended, the password has expired, and locked by the last wrong password, unless an
// administrator unlocked it since. Where the policy can't be read nobody is told to be locked.
func (i ipa) state(e *goldap.Entry, p policy, now time.Time) state {
	v := values{e}
	s := i.native.state(e, policy{window: ownWindow * time.Second}, now)
	if ends := v.moment(attrEnds); !ends.IsZero() && ends.Before(now) {
		s.disabled = true
	}
	if expiry := v.moment(attrKrbExpiry); !expiry.IsZero() && !expiry.After(now) {
		s.expired = true
		// A reset by an administrator expires in the moment in which it is made.
		s.must = s.must || expiry.Equal(v.moment(attrKrbChange))
	}
	last, unlocked := v.moment(attrKrbLast), v.moment(attrKrbUnlock)
	switch {
	case s.locked, p.failures == 0, v.number(attrKrbFailed, 0) < p.failures:
	case !last.IsZero() && !unlocked.IsZero() && !last.After(unlocked):
	case p.lockout > 0 && !now.Before(last.Add(p.lockout)):
	default:
		s.locked, s.since = true, last
		if p.lockout > 0 {
			s.until = last.Add(p.lockout)
		}
	}
	return s
}

func (i ipa) unlock(change *goldap.ModifyRequest, e *goldap.Entry, now time.Time) {
	i.native.unlock(change, e, now)
	if v := (values{e}); v.number(attrKrbFailed, 0) > 0 {
		if last := v.moment(attrKrbLast); last.After(now) { // by the server's clock
			now = last
		}
		change.Replace(attrKrbFailed, []string{"0"})
		change.Replace(attrKrbUnlock, []string{now.UTC().Format(generalizedTime)})
	}
}
