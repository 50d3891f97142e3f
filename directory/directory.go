// Package directory is the contract for the places where accounts and passwords live. One folder
// below this one is one kind of directory, or a family of kinds; directory/all lists them.
// directory/ldapclient is what those that speak LDAP share; directory/wrap adds deadlines, retries
// of reads, a circuit breaker and counters to any.
//
// It keeps no copy of accounts and decides nothing: it finds, it sets, and it tells refusal,
// silence and outage apart, because recovery depends on that difference.
package directory

import (
	"context"
	"errors"
	"fmt"

	"postern/account"
	"postern/password"
	"postern/secret"
)

// Kind is a directory as the program knows it before it is configured.
type Kind struct {
	ID       string
	Open     func(name string, decode func(any) error, env Env) (Directory, error)
	Settings func() any
}

// Env is what a directory may use of the instance.
type Env struct {
	// Local is the port to the tables of the built-in directory; nil where there is no store.
	Local LocalStore
}

// Directory is what every directory can do.
type Directory interface {
	// Find looks a person up by what they typed. ErrAmbiguous, which is ErrNotFound too, when several
	// match.
	Find(ctx context.Context, handle string) (account.Account, error)
	// Get reads an account by its immutable identifier.
	Get(ctx context.Context, id string) (account.Account, error)
	// SetPassword sets a new password as the service. It returns nil only when the directory
	// said that it did; *Rejected when it said why not and nothing changed; an error wrapping
	// ErrUnavailable when the request surely was never carried out; ErrNotFound; and every other
	// error means that nobody can tell (wrap ErrUncertain).
	SetPassword(ctx context.Context, id string, to secret.Text) error
}

// Unlocker ends a lock-out without touching the password. Same errors as SetPassword.
type Unlocker interface {
	Unlock(ctx context.Context, id string) error
}

// Authenticator checks a password by using it. nil: it is right and the account may sign in.
// ErrWrongPassword: it is not. ErrMustChange: it is right, and must be changed first, or has
// expired. ErrRestricted: it is right, and the account may not sign in now or from here.
// ErrLocked, ErrDisabled: the directory said so, whatever the password. Others: can't tell.
type Authenticator interface {
	Authenticate(ctx context.Context, id string, with secret.Text) error
}

// Changer sets a new password as the person, who gives the old one, so that the directory applies
// what it asks of people: history, minimum age. It works with an old password that has expired or
// must be changed. Same errors as SetPassword, and those of Authenticate about the old password,
// with which nothing was changed.
type Changer interface {
	ChangePassword(ctx context.Context, id string, old, to secret.Text) error
}

// RuleReader tells the password rules that the directory will enforce on this account, as far as
// they can be read.
type RuleReader interface {
	Rules(ctx context.Context, id string) (password.Directory, error)
}

// SessionEnder ends the person's sessions at the provider.
type SessionEnder interface {
	EndSessions(ctx context.Context, id string) error
}

// Checker tells whether the directory would work, changing nothing.
type Checker interface {
	Check(ctx context.Context) []Finding
}

// Examiner tells what the service may do to one account (set the password, unlock, demand or waive
// a change, read the rules) and what holds for it, as far as can be seen without doing anything.
type Examiner interface {
	Examine(ctx context.Context, id string) ([]Finding, error)
}

// Closer is a directory that holds connections.
type Closer interface{ Close() error }

// Wrapper is a directory around a directory.
type Wrapper interface{ Unwrap() Directory }

// Severity orders findings.
type Severity string

// The severities.
const (
	Good    Severity = "ok"
	Warning Severity = "warning"
	Fault   Severity = "error"
)

// Finding is one thing that a check saw.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`          // what was seen
	Fix      string   `json:"fix,omitempty"` // the setting or the command that mends it; empty when Good
}

// Rejected is a typed refusal: the directory answered, and nothing was changed.
type Rejected struct {
	Reason Reason
	// Operator is the directory's own text, for logs; a person is shown Reason's text.
	Operator string
}

// Error names the reason.
func (r *Rejected) Error() string {
	return fmt.Sprintf("directory: refused (%s): %s", r.Reason, r.Operator)
}

// Reason says why a directory refused; each has a text for people.
type Reason string

// The reasons.
const (
	TooShort     Reason = "too_short"
	TooLong      Reason = "too_long"
	TooWeak      Reason = "too_weak"       // quality or complexity, not said which
	InHistory    Reason = "in_history"     // used before
	TooYoung     Reason = "too_young"      // changed too recently
	SamePassword Reason = "same_password"  // the present one
	NotAllowed   Reason = "not_allowed"    // the service or the person may not change it
	NeedsOld     Reason = "needs_old"      // only with the old password
	Refusal      Reason = "directory_rule" // said no without saying why
)

// The conditions that callers branch on.
var (
	ErrNotFound      = errors.New("directory: no such account, or several")
	ErrAmbiguous     = fmt.Errorf("%w: several match", ErrNotFound)
	ErrUnavailable   = errors.New("directory: could not be asked")
	ErrUncertain     = errors.New("directory: nobody can tell whether it was done")
	ErrWrongPassword = errors.New("directory: wrong password")
	ErrMustChange    = errors.New("directory: right password, must be changed")
	ErrRestricted    = errors.New("directory: right password, not at this time or place")
	ErrLocked        = errors.New("directory: account is locked")
	ErrDisabled      = errors.New("directory: account is disabled")
	ErrUnsupported   = errors.New("directory: cannot do that")
	ErrStale         = errors.New("directory: changed by somebody else meanwhile")
)

// As finds an ability of d, looking through wrappers.
func As[T any](d Directory) (T, bool) {
	for d != nil {
		if t, ok := d.(T); ok {
			return t, true
		}
		w, ok := d.(Wrapper)
		if !ok {
			break
		}
		d = w.Unwrap()
	}
	var none T
	return none, false
}
