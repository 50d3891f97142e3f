// Package recovery is the state machine of one recovery: a value, the inputs that can reach it,
// and what each does.
//
// It is pure. It does not judge answers (method does), pick a plan (policy does), talk to a
// directory or store anything (app does). It guards the order of things: a password is set only
// after the frozen plan was met, by somebody who exists, once, in time. Every successful step
// yields exactly one Event, which is the audit record.
package recovery

import (
	"encoding/json"
	"slices"
	"time"

	"postern/account"
	"postern/policy"
)

// ID names a recovery in the store, in the audit log and in messages. It gives no access.
type ID string

// State is where a recovery is.
type State string

// The states. Done, Refused, Expired, Cancelled and Unsettled are final.
const (
	Verifying State = "verifying" // proofs are being collected
	Verified  State = "verified"  // the plan is met: one grant, not yet spent
	Applying  State = "applying"  // the grant is spent, the directory is being asked
	Done      State = "done"      // read back from the directory
	Refused   State = "refused"   // too many wrong answers, questions or rejected passwords
	Expired   State = "expired"
	Cancelled State = "cancelled"
	Unsettled State = "unsettled" // nobody could tell whether the directory did it
)

// Final reports whether nothing can happen any more.
func (s State) Final() bool {
	return s == Done || s == Refused || s == Expired || s == Cancelled || s == Unsettled
}

// Challenge is a question that waits for an answer.
type Challenge struct {
	Factor  policy.Factor   `json:"factor"`
	Public  json.RawMessage `json:"public,omitempty"` // what the person's browser needs
	Private []byte          `json:"private,omitempty"`
	Expires time.Time       `json:"expires"`
	Once    bool            `json:"once,omitempty"` // closed by any answer, a wrong one too
}

// Line is one row of the receipt: what was done where, with which result.
type Line struct {
	Target string `json:"target"` // a directory's name, "sessions", "notice"
	Change string `json:"change"` // "password_set", "unlocked", "notice_queued" …
	Result Result `json:"result"`
	Detail string `json:"detail,omitempty"` // safe to show: a masked address
}

// Result is how a change went.
type Result string

// The results.
const (
	OK      Result = "ok"      // done and, where the directory can tell, read back
	Failed  Result = "failed"  // surely not done
	Unknown Result = "unknown" // nobody can tell
	Queued  Result = "queued"  // will be done in the background
)

// Recovery is the whole state of one recovery. Step returns a changed copy and leaves its
// argument alone.
type Recovery struct {
	ID      ID              `json:"id"`
	Version int64           `json:"version"` // counts steps; the store refuses a write over a newer one
	Who     account.Ref     `json:"who"`     // zero: a decoy, which can only fail
	Rule    string          `json:"rule"`    // the policy rule that applied
	Why     policy.Reason   `json:"why"`
	Plan    policy.Plan     `json:"plan"`             // frozen at the start
	Shown   *policy.Plan    `json:"shown,omitempty"`  // what is shown of the plan; nil: the plan itself
	Limits  policy.Limits   `json:"limits"`           // likewise
	Usable  []policy.Factor `json:"usable,omitempty"` // factors that this person can answer; none for a decoy
	Offer   []policy.Factor `json:"offer,omitempty"`  // factors that are shown
	Actions []policy.Action `json:"actions,omitempty"`
	Locked  bool            `json:"locked,omitempty"` // the account was locked at the start

	State    State          `json:"state"`
	Proofs   []policy.Proof `json:"proofs,omitempty"`
	Open     *Challenge     `json:"open,omitempty"`
	Asked    int            `json:"asked,omitempty"`
	Wrong    int            `json:"wrong,omitempty"`
	Rejected int            `json:"rejected,omitempty"`
	Action   policy.Action  `json:"action,omitempty"` // what the spent grant was spent on
	Receipt  []Line         `json:"receipt,omitempty"`

	Began    time.Time `json:"began"`
	Deadline time.Time `json:"deadline"` // of the present state; zero when final
	Grant    time.Time `json:"grant"`    // when the grant ends, however often it is given back
}

// Decoy reports whether r is nobody's.
func (r Recovery) Decoy() bool { return r.Who.Zero() }

// can reports whether f can be proven by this person.
func (r Recovery) can(f policy.Factor) bool {
	return !r.Decoy() && slices.Contains(r.Usable, f)
}

// clone copies all that Step may change.
func (r Recovery) clone() Recovery {
	r.Proofs = slices.Clone(r.Proofs)
	r.Receipt = slices.Clone(r.Receipt)
	if r.Open != nil {
		open := *r.Open
		r.Open = &open
	}
	return r
}

// Event is what happened in one step. Kind is the audit event's kind.
type Event struct {
	Kind     string
	From, To State
	Factor   policy.Factor
	Action   policy.Action
	Detail   string
}

// View is all that the person may be shown. For the same inputs it is the same for somebody and
// nobody, except that a decoy never gets past Verifying.
// AtLeast is what the plan asks for; whether the proofs hold it is for who knows the traits.
type View struct {
	State    State
	Methods  []Offered
	Left     int             // further proofs needed at least
	Alone    []policy.Factor // those of which one alone is enough, while others take more
	AtLeast  policy.Strength // of which one so strong; Weak when that is met
	Open     *Asked
	Can      []policy.Action
	Action   policy.Action // what the grant was spent on
	Locked   bool          // only once verified
	Deadline time.Time
	Receipt  []Line
}

// Offered is one row of the methods.
type Offered struct {
	Factor   policy.Factor
	Answered bool
}

// Asked is the open question without its secrets.
type Asked struct {
	Factor  policy.Factor
	Public  json.RawMessage
	Expires time.Time
}
