package password

import (
	"strings"

	"postern/secret"
)

// randomKinds are the characters of a random password, one kind a line. Left out is what looks like
// another one or has a meaning to shells, LDAP and URLs.
var randomKinds = [...]string{
	"ABCDEFGHJKLMNPQRSTUVWXYZ",
	"abcdefghijkmnopqrstuvwxyz",
	"23456789",
	"-_.+=:@",
}

// randomLength is how long a random password is where the rules leave room: 190 bits.
const randomLength = 32

// Random makes a password that nobody has to remember, of all kinds of characters, that r accepts.
// index returns a uniformly random number from 0 to n-1. The empty secret stands for none: a rule
// refuses every try.
func (r Rules) Random(index func(n int) int) secret.Text {
	const tries = 100 // a short one often lacks a kind
	for range tries {
		s := r.random(index)
		if !strings.ContainsAny(s, randomKinds[0]) || !strings.ContainsAny(s, randomKinds[1]) ||
			!strings.ContainsAny(s, randomKinds[2]) || !strings.ContainsAny(s, randomKinds[3]) {
			continue
		}
		if word, against := r.Check(secret.New(s)); len(against) == 0 {
			return word
		}
	}
	return secret.Text{}
}

func (r Rules) random(index func(n int) int) string {
	letters := strings.Join(randomKinds[:], "")
	out := make([]byte, min(max(randomLength, r.min()), r.max()))
	for i := range out {
		out[i] = letters[index(len(letters))]
	}
	return string(out)
}
