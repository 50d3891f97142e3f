package policy

// Case is one of a policy's own tests: a person as described must fare as expected.
type Case struct {
	Directory string
	Login     string
	Groups    []string
	// Privileged: the directory guards the account.
	Privileged bool
	Want       Action // as of a Person
	Enrolled   []Factor
	Proven     []Factor
	Expect     Expectation
}

// Expectation is what a Case says should be.
type Expectation string

// The expectations.
const (
	NothingPossible Expectation = "nothing_possible" // no way within what is enrolled, or denied
	NotYet          Expectation = "not_yet"          // possible, and what was proven is too little
	IsVerified      Expectation = "verified"         // what was proven is enough
)
