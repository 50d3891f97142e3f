// Package password says what a new password must be, and why one is not.
//
// It is pure: rules, the person's own words and a candidate go in, violations with reasons come
// out. It adds no composition rule of its own (NIST SP 800-63B-4 section 3.1.1.2), never trims,
// folds or truncates, and compares with a blocklist as a whole. It does not know whether the
// directory will agree, beyond the rules that Directory carries; the directory's word is last.
package password

import (
	"time"

	"postern/secret"
)

// Directory is what a directory will enforce, as far as it could be read. Zero fields are not
// enforced or not known.
type Directory struct {
	MinLength int // in code points
	MinBytes  int // in bytes of UTF-8: OpenLDAP's ppolicy counts these
	MaxLength int
	History   int           // so many former passwords are refused
	MinAge    time.Duration // no change sooner after the last
	Complex   bool          // several classes of characters
	Enforced  bool          // the directory applies its rules to a reset by the service
}

// Rules are what holds for one person.
type Rules struct {
	Min, Max  int     // length in code points after NFC; Max is never below 128
	Guesses   float64 // log10 of the guesses that it must withstand; zero: not asked
	Banned    []string // the organisation's words
	Own       []string // the person's own words: login, name, mailbox
	Common    *Blocklist
	Directory Directory
}

// Violation is one reason why a candidate is refused. Rule is stable for programs; Params fill
// the text for people, whose key is "password.violation." + Rule.
type Violation struct {
	Rule   string         `json:"rule"`
	Params map[string]any `json:"params,omitempty"`
}

// The rules' names.
const (
	RuleLength    = "length"
	RuleTooLong   = "too_long"
	RuleCharacter = "character" // a control character, or bytes that are no UTF-8
	RuleBanned    = "banned_word"
	RuleOwn       = "own_word"
	RuleCommon    = "common"
	RuleGuessable = "guessable"
	RuleHistory   = "history"
	RuleAge       = "age"
	RuleComplex   = "complexity"
)

// Line is one row of the checklist that a person sees while typing.
type Line struct {
	Rule   string         `json:"rule"`
	Params map[string]any `json:"params,omitempty"` // the text's key is "password.rule." + Rule
	Live   bool           `json:"live"`             // can be checked while typing; else only when saved
}

// Check returns the candidate in NFC (NIST SP 800-63B-4 section 3.1.1.2), which is what must be
// sent to the directory, and every reason against it.
func (r Rules) Check(candidate secret.Text) (secret.Text, []Violation) { panic("not yet") }

// Lines returns the checklist.
func (r Rules) Lines() []Line { panic("not yet") }

// Blocklist is a set of passwords that everybody tries first. It never changes after it was made.
type Blocklist struct{}

// Estimate is how long a password would withstand guessing.
type Estimate struct {
	Guesses float64 // log10
	Score   int     // 0 (at once) to 4 (centuries)
}

// Strength estimates candidate, knowing words that an attacker would try first.
func Strength(candidate secret.Text, words []string) Estimate { panic("not yet") }
