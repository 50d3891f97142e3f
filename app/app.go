// Package app decides and acts: one file per use case, each with the same four lines: load, ask
// the core, commit, act.
//
// It is the only package that both changes state and talks to directories, methods and senders,
// and it does so through their contracts: it imports no adapter and never compares a method's ID
// with a literal. It does not render, parse requests or know HTTP. It guards three orders: a
// grant is spent before the directory is asked; nothing is told before it was committed; and no
// change is committed without its audit record.
package app

import (
	"log/slog"
	"net/netip"
	"time"

	"postern/directory"
	"postern/limit"
	"postern/method"
	"postern/notify"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// Sealer encrypts with associated data, under keys that are kept outside the store.
type Sealer interface {
	Seal(plain, associated []byte) ([]byte, error)
	Open(sealed, associated []byte) ([]byte, error)
	// Derive returns n bytes that depend on the instance's pepper, purpose and input: for decoys
	// and for keys of limits.
	Derive(purpose string, input []byte, n int) []byte
}

// Signer signs checkpoints of the audit log (C2SP signed note). Name is the log's origin.
type Signer interface {
	Name() string
	SignNote(text string) (note string, err error)
	Verifier() string // the public key, as a C2SP vkey
}

// Texts translates: the key's text in the language that fits best, with {params} filled in.
type Texts interface {
	Text(language, key string, params map[string]any) string
}

// NamedDirectory is a directory and its name in configuration.
type NamedDirectory struct {
	Name  string
	Title string // what people call it, for the receipt
	// Domains are those of the handles (name@domain, DOMAIN\name) that belong here and nowhere else.
	Domains []string
	Lookup  Lookup // empty: LookupAlways
	directory.Directory
}

// Lookup says when a directory is asked who somebody is.
type Lookup string

// When a directory is asked.
const (
	LookupAlways   Lookup = "always"
	LookupFallback Lookup = "fallback" // as well, and counts only when none of those knows the person, and no fallback before
	LookupNever    Lookup = "never"    // it is only written to
)

// NamedMethod is a configured method.
type NamedMethod struct {
	Kind   method.Kind
	Method method.Method
}

// Settings are what an App is made of.
type Settings struct {
	Store       Store
	Log         LogStore
	Keys        Sealer
	Signer      Signer
	Texts       Texts
	Directories []NamedDirectory
	Methods     []NamedMethod
	Senders     []notify.Sender
	Policy      policy.Policy
	Password    password.Rules // Own and Directory are filled in for each person
	Limits      Limits
	Canaries    Canaries

	Organisation string
	PublicURL    string
	HelpDesk     string // how to reach it, for messages
	Now          func() time.Time
	Logger       *slog.Logger
	Node         string // names this process in leases; unique among running ones
}

// Limits bound what one address, one account and one destination may cause. A zero limit is off.
type Limits struct {
	StartAddress  limit.Limit // starts by one address (/32, /64); loud: 429
	StartNetwork  limit.Limit // starts by one network (/24, /48); loud
	StartAccount  limit.Limit // starts for one account or one unknown handle; silent
	AnswerAddress limit.Limit // answers by one address; loud
	WrongAccount  limit.Limit // wrong answers for one account and method by one network; silent
	WrongTotal    limit.Limit // the same by all networks together; silent
	Destination   limit.Limit // messages to one destination for one network; silent
	// DestinationTotal is the same for all networks together; silent.
	DestinationTotal limit.Limit
	ChangeAccount    limit.Limit // wrong tries of a known password for one account; silent
}

// Visitor is whoever asks: nobody knows who. Who is asking is an argument, never a context value.
type Visitor struct {
	Address  netip.Addr // the client's, as far as trusted proxies tell
	Agent    string     // User-Agent, for the audit log and the notice
	Language string     // BCP 47, the best of what the browser accepts
	Request  string     // request identifier
}

// Operator is who acts from the command line or the console.
type Operator struct{ Name string } // "cli:root", "console:root"

// Flow is a recovery as its bearer may see it.
type Flow struct {
	ID recovery.ID // for support: names the recovery, gives no access
	recovery.View
	Methods []FlowMethod // same order as View.Methods
	Rules   []password.Line
	Words   []string // what the live checklist must compare with; only once verified
	Login   string   // for the hidden username field; only once verified
	Lock    *Lock    // of the account; nil where there is none; only once verified
	Stale   bool     // the password has expired or must be changed; only once verified
}

// Lock is a lock-out as far as the directory tells. A moment that it does not tell is zero; without
// an end the lock lasts until somebody ends it.
type Lock struct{ Since, Until time.Time }

// FlowMethod is one row of the methods, with an identifier that means nothing elsewhere.
type FlowMethod struct {
	ID       string // "m1"
	Factor   policy.Factor
	Strength policy.Strength
	Hint     string // masked target; empty until something was proven
	Answered bool
}

// Started is a new recovery and the token that its bearer must show from now on.
type Started struct {
	Token secret.Text // shown once
	Flow  Flow
}

// Refusal is something a person may be told: a text key with parameters, never a sentence.
type Refusal struct {
	Problem    string // stable name: "answer-not-accepted", "password-rejected" …
	Key        string // text key
	Params     map[string]any
	Violations []password.Violation // of a password
	Flow       *Flow                // the present state, where there is one
	Retry      time.Duration        // when it makes sense to come back
}

// Error names the problem.
func (r *Refusal) Error() string { return "app: " + r.Problem }

// The problems, each with one HTTP status in web/edge.
const (
	ProblemAnswer      = "answer-not-accepted" // wrong, expired or used
	ProblemOrder       = "out-of-order"        // not possible now
	ProblemPassword    = "password-rejected"   // with Violations; the old one is untouched
	ProblemClosed      = "recovery-closed"     // over: refused, expired, cancelled, unsettled, done
	ProblemNone        = "no-recovery"         // no or unknown token
	ProblemMethod      = "method-not-offered"  // not one of this flow's methods
	ProblemMalformed   = "malformed-answer"    // not of the method's form
	ProblemLimited     = "too-many-requests"   // loud limits only
	ProblemUnavailable = "try-later"           // a guard could not tell; nothing was counted
	ProblemPending     = "no-answer-yet"
	ProblemUnsettled   = "unsettled"     // the directory was asked and nobody can tell
	ProblemTicket      = "no-invitation" // unknown, used or expired enrolment link
	ProblemSession     = "no-session"    // no, an unknown or an ended session of an operator
)

// ChangeRequest is a change of a known password.
type ChangeRequest struct {
	Identifier string
	Old, New   secret.Text
}

// Invitation is a one-time link to enrol a method.
type Invitation struct {
	Token   secret.Text // goes into the link's fragment or path, shown once
	Expires time.Time
}

// Enrolling is an invitation as its bearer may see it.
type Enrolling struct {
	Factor policy.Factor
	Login  string
	Name   string
	Public []byte // JSON: the question's public part; nil until asked
	Done   bool
}
