// Package password says what a new password must be, and why one is not.
//
// It is pure: rules, the person's own words and a candidate go in, violations with reasons come
// out. It adds no composition rule of its own (NIST SP 800-63B-4 section 3.1.1.2), never trims,
// folds or truncates, and compares with a blocklist as a whole. It guards by refusing what it
// cannot read and, before any work, what is too long to be a password. It does not know whether
// the directory will agree, beyond the rules that Directory carries; the directory's word is
// last. It keeps nothing and logs nothing: Params never hold what was typed. How a password is kept
// by whoever must recognise it is here too (Hash).
package password

import "time"

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
	// Min is the least length in code points after NFC; never below 8 (NIST SP 800-63B-4 section
	// 3.1.1.2). Max is the greatest; never below 128, and 256 when zero.
	Min, Max int
	Guesses  float64 // log10 of the guesses that it must withstand; zero: not asked
	// Banned are the organisation's words and Own the person's: login, name, mailbox. Leave both
	// empty to switch the check off (mostlyWords says what it refuses).
	Banned, Own []string
	Common      *Blocklist
	// History is how many former passwords are refused here, whatever the directory does. The
	// comparison, which needs what is kept of them, is the caller's: Check knows none.
	History   int
	Directory Directory
}

// Violation is one reason why a candidate is refused. Rule is stable for programs; Params fill
// the text for people, whose key is "password.violation." + Rule. They are the same as a Line's,
// and for words also "word": the one that was found, as the list has it.
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
	RuleHistory   = "history" // also a violation: Params "n" as in the line
	RuleAge       = "age"
	RuleComplex   = "complexity"
)

// Line is one row of the checklist that a person sees while typing. Params by rule: "n" is the
// number of characters for length and too_long, of characters that must be left for own_word and
// banned_word (which also has "words", the first three), the power of ten for guessable, the
// number of kinds for complexity, of passwords for history, and of hours for age.
type Line struct {
	Rule   string         `json:"rule"`
	Params map[string]any `json:"params,omitempty"` // the text's key is "password.rule." + Rule
	Live   bool           `json:"live"`             // can be checked while typing; else only when saved
}
