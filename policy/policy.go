// Package policy decides who may recover, what proves that they are who they say, and what a
// thief would have to steal to pass for them.
//
// It is pure: rules, an account, what the account has enrolled and the present moment go in, a
// Decision with its reasons comes out. It knows methods only as Factor strings with Traits that
// the methods declare of themselves; it never compares a factor with a literal. It does not
// look anybody up, count attempts (package limit) or keep the state of a recovery (package
// recovery freezes the Plan that Decide returns).
package policy

import (
	"time"

	"postern/account"
)

// Factor is a method's identifier: "passkey", "totp". The same string stands in configuration,
// API, pages and audit log.
type Factor string

// Holding is what somebody must have to answer for a factor.
type Holding string

// The holdings.
const (
	Mailbox   Holding = "mailbox"
	Number    Holding = "number"
	Phone     Holding = "phone"
	Key       Holding = "key"
	Paper     Holding = "paper"
	Helper    Holding = "helper"
	Directory Holding = "directory"
)

// Traits are what a method says of itself.
type Traits struct {
	Strength Strength
	// Holdings: a thief with any one of these can answer (a text message: number or phone). The
	// first is the factor's own: two factors with one own holding count as one.
	Holdings []Holding
	// Issued: a code that we send. Two issued codes are one kind (NIST SP 800-63B-4 section 4.2.2.2).
	Issued bool
	// Verifies: proves the thing and the person in one, such as a passkey with user
	// verification. Enough alone where a rule says so.
	Verifies bool
	// Enrolled: registered beforehand by the person or for them.
	Enrolled bool
}

// Own returns the holding that the factor itself stands for.
func (t Traits) Own() Holding {
	if len(t.Holdings) == 0 {
		return ""
	}
	return t.Holdings[0]
}

// Methods are the methods that exist in this instance.
type Methods map[Factor]Traits

// Enrolled is one registration of one person.
type Enrolled struct {
	Factor Factor
	Added  time.Time // when it was enrolled or last changed; the quarantine counts from here
}

// Action is what a verified person may do.
type Action string

// The actions.
const (
	Reset  Action = "reset"  // set a new password without the old one
	Unlock Action = "unlock" // end a lock-out and keep the password
	Change Action = "change" // set a new password with the old one
)

// Limits bound one recovery.
type Limits struct {
	Asked    int `json:"asked"`    // questions posed
	Wrong    int `json:"wrong"`    // wrong answers before the recovery is refused
	Rejected int `json:"rejected"` // passwords that the directory may refuse
	// How long each state may last, and how long a method's question at most.
	Verifying, Verified, Applying time.Duration
}

// DefaultLimits are used where a rule leaves a field zero.
func DefaultLimits() Limits {
	return Limits{Asked: 12, Wrong: 5, Rejected: 10,
		Verifying: 20 * time.Minute, Verified: 15 * time.Minute, Applying: 2 * time.Minute}
}

// or returns l with zero fields taken from d.
func (l Limits) or(d Limits) Limits {
	if l.Asked <= 0 {
		l.Asked = d.Asked
	}
	if l.Wrong <= 0 {
		l.Wrong = d.Wrong
	}
	if l.Rejected <= 0 {
		l.Rejected = d.Rejected
	}
	if l.Verifying <= 0 {
		l.Verifying = d.Verifying
	}
	if l.Verified <= 0 {
		l.Verified = d.Verified
	}
	if l.Applying <= 0 {
		l.Applying = d.Applying
	}
	return l
}

// Stage says how far a rule has been rolled out.
type Stage string

// The stages. A rule in Draft matches nobody; in Test the people it names; in Pilot its pilot
// groups; On everybody it matches; Off denies everybody it matches.
const (
	Draft Stage = "draft"
	Test  Stage = "test"
	Pilot Stage = "pilot"
	On    Stage = "on"
	Off   Stage = "off"
)

// Match says whom a rule is for. All parts that are given must hold; an empty Match is everybody.
type Match struct {
	Directories []string // by configured name
	Groups      []string // member of any, compared without case
	Logins      []string // any of, compared without case
	Privileged  bool     // only accounts that the directory itself guards
}

// Rule is one row of the policy.
type Rule struct {
	Name         string
	Match        Match
	Stage        Stage    // empty: On
	Testers      []string // logins for whom a rule in Test holds
	PilotGroups  []string // groups for whom a rule in Pilot holds
	PilotPercent int      // and this share of everybody it matches
	Deny         bool     // nobody whom this matches may recover
	Require      Requirement
	Unlock       *Requirement // what unlocking alone asks; nil: as Require
	Actions      []Action     // empty: Reset, Unlock and Change
	Targets      []Target     // where else the new password is set
	Limits       Limits
}

// Target is a further directory in which whoever resets or changes a password gets the same one,
// when exactly one account there is theirs.
type Target struct {
	Directory string // by configured name
	By        By     // empty: ByLogin
}

// By says what two accounts of one person have in common.
type By string

// The ways to find somebody's account in a target.
const (
	ByLogin By = "login"
	ByEmail By = "email" // an address on record
)

// Disclosure says what a person who has proved nothing yet is shown.
type Disclosure string

const (
	// DiscloseRule lists every method that the rule knows, the same for everybody: no answer can
	// tell an account that exists from one that does not.
	DiscloseRule Disclosure = "rule"
	// DisclosePerson lists the methods that the person can use. Unknown people get a list drawn
	// from Policy.Decoys, the same each time they are asked for.
	DisclosePerson Disclosure = "person"
)

// Policy is all of it. The first rule that matches holds; people who are denied, whom no rule
// matches or who do not exist look alike and get Unknown's plan.
type Policy struct {
	Rules      []Rule
	BuiltIn    bool // nobody wrote Rules: they are what holds without any
	Unknown    Rule
	Quarantine time.Duration // an enrolment younger than this proves nothing yet
	// RetryTargets is how long the password is kept, sealed, for a target that could not be asked.
	// Zero: not at all.
	RetryTargets time.Duration
	Disclose     Disclosure // empty: DiscloseRule
	Decoys       [][]Factor // sets of factors to draw from under DisclosePerson
	Tests        []Case     // the policy's own tests
}

// Decision is what holds for one person, and why. It is frozen into the recovery.
type Decision struct {
	Rule    string
	Allowed bool     // false: a decoy, which shows the same and can never succeed
	Why     Reason   // for the audit log and for administrators, never for the person
	Plan    Plan     // the ways that prove it
	Shown   *Plan    // what is shown of the plan; nil: the plan itself
	Usable  []Factor // of the plan's factors, those that this person can answer now
	Offer   []Factor // those that are shown, strongest first; of Shown where there is one
	Actions []Action
	Limits  Limits
}

// Reason says why a decision fell as it did.
type Reason string

// The reasons.
const (
	Matched      Reason = "matched"
	NoSuch       Reason = "unknown"      // no such account, or several
	Disabled     Reason = "disabled"     // the account may not sign in
	Barred       Reason = "barred"       // the service may not set this account's password
	OutOfScope   Reason = "out_of_scope" // no rule matches
	Denied       Reason = "denied"       // a rule says no, or is off
	NoUnlock     Reason = "no_unlock"    // the rule lets nobody unlock alone
	NotEnrolled  Reason = "not_enrolled" // too little enrolled for any way
	InQuarantine Reason = "quarantine"   // would be enough, but was enrolled too recently
	Limited      Reason = "limited"      // too many starts: only what nobody can guess counts now
)

// Person is what Decide needs to know of one person. Found is false for nobody and for a handle
// that names several.
type Person struct {
	Found    bool
	Account  account.Account
	Enrolled []Enrolled
	// Want is what the person came for. Unlock: they say that they know their password and are
	// locked out, and may do nothing else. Reset or empty: whatever the rule allows.
	Want Action
	// Draw is a stable number for the handle that was typed, from a keyed hash; it chooses the
	// decoy list under DisclosePerson.
	Draw uint64
}
