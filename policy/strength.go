package policy

import "fmt"

// Strength orders methods by what it takes to defeat them.
type Strength int

// The strengths.
const (
	Weak              Strength = iota // a code that is sent to a mailbox or a number
	Strong                            // something held, that can still be talked out of its owner
	PhishingResistant                 // bound to this site: cannot be given to another one
)

var strengthNames = [...]string{"weak", "strong", "phishing_resistant"}

// String returns the name used in configuration and API.
func (s Strength) String() string {
	if s < 0 || int(s) >= len(strengthNames) {
		return fmt.Sprintf("strength(%d)", int(s))
	}
	return strengthNames[s]
}

// MarshalText writes the name.
func (s Strength) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Strength) UnmarshalText(b []byte) error {
	for i, n := range strengthNames {
		if n == string(b) {
			*s = Strength(i)
			return nil
		}
	}
	return fmt.Errorf("policy: strength %q is none of weak, strong, phishing_resistant", b)
}
