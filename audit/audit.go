// Package audit is the record that nobody can rewrite: events, the class of each of their fields,
// their place in a hash tree, and the recomputation of everything.
//
// It is pure. It does not store, sign, sequence or send anything: app commits records with the
// state they are about and gives them their place; the command "postern audit verify" reads them
// back through Verify. It is not logging.
//
// A record has two parts. The leaf is canonical JSON with the public fields, and for every
// personal field a salted SHA-256 hash; the tree is over leaves. The personal part lies beside it
// with values and salts, so that it can be erased when the law asks and the log still verifies.
package audit

import "time"

// Event is one thing that happened. A field that Classes does not name is treated as secret: it
// is replaced by "[secret]" in the leaf and kept nowhere.
type Event struct {
	ID     string    // unique; made by app
	At     time.Time // UTC, microseconds
	Kind   string    // one of Kinds
	Fields map[Field]string
}

// Field names one fact of an event.
type Field string

// Class says who may see a field.
type Class string

// The classes.
const (
	Public   Class = "public"   // in the leaf for ever
	Personal Class = "personal" // beside the leaf, erasable
	Secret   Class = "secret"   // never kept
)

// The fields.
const (
	Flow      Field = "flow"      // recovery or enrolment identifier
	Actor     Field = "actor"     // operator: "cli:root", "system"; empty for a visitor
	Subject   Field = "subject"   // account.Ref as text
	Login     Field = "login"     // the login on record
	Typed     Field = "typed"     // what was typed, when nobody was found
	Address   Field = "address"   // the visitor's network address
	Agent     Field = "agent"     // the visitor's browser
	Target    Field = "target"    // masked destination of a message
	Rule      Field = "rule"      // policy rule
	Why       Field = "why"       // policy.Reason
	Factor    Field = "factor"    // method
	From      Field = "from"      // state before
	To        Field = "to"        // state after
	Action    Field = "action"    // reset, unlock, change
	Detail    Field = "detail"    // a closed word or a number, never free text
	Message   Field = "message"   // outbox identifier
	Attempt   Field = "attempt"   // wrong answers, refused passwords or tries to send so far
	Operator  Field = "operator"  // a directory's own refusal text
	Directory Field = "directory" // configured name
)

// Record is an event as it is stored.
type Record struct {
	Seq      int64 // place in the tree, from 0; -1 while it waits for one
	ID       string
	At       time.Time
	Kind     string
	Leaf     []byte // what the tree is over
	Personal []byte // JSON {"field":{"salt":…,"value":…}}; nil after erasure
}
