// Package method is the contract for ways to prove who one is. One folder below this one is one
// method; method/all lists them.
//
// A method poses a question and judges an answer. It does not count attempts, keep deadlines,
// make an answer single-use, send messages, store or encrypt anything, render pages or write to
// the audit log: the recovery machine and app do that the same way for all of them.
package method

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"time"

	"postern/account"
	"postern/notify"
	"postern/policy"
	"postern/secret"
)

// Kind is a method as the program knows it before it is configured.
type Kind struct {
	ID     policy.Factor
	Traits policy.Traits
	// Open reads the method's own settings, strictly, and checks them. decode fills a struct
	// whose fields have yaml and doc tags; it refuses unknown keys.
	Open func(decode func(any) error, env Env) (Method, error)
	// Settings returns a pointer to the settings with their defaults, for the documentation.
	Settings func() any
	// Assets holds challenge.html (the page's own part: what is between the heading and the
	// buttons), enroll.html where people enrol themselves, script.js where the platform needs
	// script, icon.svg, and text/<language>.json.
	Assets fs.FS
}

// Env is what every method may know of the instance.
type Env struct {
	Organisation string
	PublicURL    string // https://reset.example.com, without a trailing slash
	// Decoy derives n bytes from label and a person's Draw, with a key that never leaves the
	// instance: the same each time, and not to be told from random by anybody else.
	Decoy func(label string, p Person, n int) []byte
}

// Person is whom a question is for. A decoy looks the same to a method except that it has no
// enrolments and no account; a method must do the same work for it.
type Person struct {
	Account  account.Account // zero for a decoy
	Enrolled []Enrollment    // of this method only, unsealed
	Draw     string          // stable for the handle that was typed; names a decoy
	Flow     string          // the recovery's identifier
	Language string          // BCP 47, for messages
	Now      time.Time
	Action   policy.Action // Unlock: they came for that alone; else Reset, or empty where it is no recovery
}

// Question is what a method asks. Public goes to the browser as JSON; Private stays, sealed, with
// the recovery until the answer comes.
type Question struct {
	Public  any
	Private []byte
	Expires time.Time // at most the recovery's own deadline
	Once    bool      // any answer closes it: a WebAuthn challenge, not a typed code
	// Deliver is queued in the same commit. For a decoy it must have the same shape with an
	// empty address, which app drops after the same work.
	Deliver []Delivery
}

// Delivery is a message to send: a text by key, so that the language is the person's.
type Delivery struct {
	To      account.Contact
	Key     string            // text key of the subject and, with ".body", of the text
	Params  map[string]string // code, organisation, minutes …
	Channel notify.Channel
	Expires time.Time // not to be sent after this
}

// Answer is what came back. Code is what was typed (spaces and dashes kept); Credential is a
// WebAuthn response as JSON.
type Answer struct {
	Code       secret.Text
	Credential json.RawMessage
}

// Judgement is a method's verdict.
type Judgement struct {
	Right bool
	// Update replaces an enrolment (a TOTP step that was used, a signature count) and is
	// committed with the step under its version: that makes the answer single-use.
	Update *Enrollment
	Note   string // for the audit log: "clone_signal", "used", "expired". Never a secret.
}

// Enrollment is one registration. Data is the method's own format, sealed by app.
type Enrollment struct {
	ID      string
	Version int64
	Factor  policy.Factor
	Label   string // what the person calls it, or a masked address
	Data    []byte
	Added   time.Time
	Used    time.Time
	Found   string // an index value to find the enrolment by, such as a hash of a credential ID; unique per factor
}

// Method poses questions and judges answers. An error from either means "can't tell": it is
// never a wrong answer and lets nobody in.
type Method interface {
	Ask(ctx context.Context, p Person) (Question, error)
	Judge(ctx context.Context, p Person, private []byte, a Answer) (Judgement, error)
}

// Enroller is a Method whose Traits say Enrolled.
type Enroller interface {
	Method
	// Invite poses the question that makes an enrolment. params are what an administrator gave
	// on the command line (an address); the public part of the question is for the person.
	Invite(ctx context.Context, p Person, params map[string]string) (Question, error)
	// Enroll judges the answer. ErrRefused wraps what was wrong with it.
	Enroll(ctx context.Context, p Person, private []byte, a Answer) (Enrollment, error)
}

// Direct is an Enroller whose enrolments an administrator can make alone, on the command line:
// what it needs is in params (an address, a secret to take over) and no browser has to answer.
// The second result is for the administrator to pass on, such as an otpauth address; nil if
// there is nothing. Parameters that the method does not know are refused.
type Direct interface {
	EnrollDirectly(ctx context.Context, p Person, params map[string]string) (Enrollment, any, error)
}

// The conditions that callers branch on.
var (
	// ErrPending: no answer yet; the question stays open and nothing is counted.
	ErrPending = errors.New("method: no answer yet")
	// ErrRefused: the enrolment cannot be made from this answer; the invitation stays open.
	ErrRefused = errors.New("method: not accepted")
	// ErrMalformed: the answer is not of the method's form at all (an empty code, no credential);
	// the edge says 400 and nothing is counted.
	ErrMalformed = errors.New("method: malformed answer")
)
