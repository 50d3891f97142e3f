package config

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// rehearsals is the name that they have in the place of a rule's.
const rehearsals = "rehearsal"

// The bounds of rehearsal.every, and of how many canaries there can be: one is rehearsed on a
// minute. The last result is kept for a week.
const (
	oftenest     = 5 * time.Minute
	rarest       = 72 * time.Hour
	mostCanaries = 20
)

func (k *checker) rehearsal() {
	r := k.c.Rehearsal
	if r.Every != 0 && (r.Every < oftenest || r.Every > rarest) {
		k.bad("rehearsal.every", fmt.Sprintf("%s is not between %s and %s", span(r.Every), span(oftenest), span(rarest)), "use 1h, or 0 to rehearse by hand only")
	}
	if len(r.Accounts) > mostCanaries {
		k.bad("rehearsal.accounts", fmt.Sprintf("%d are more than %d", len(r.Accounts), mostCanaries), "one for each directory is enough")
	}
	for i, login := range r.Accounts {
		at := fmt.Sprintf("rehearsal.accounts[%d]", i)
		same := func(other string) bool { return strings.EqualFold(other, login) }
		switch {
		case strings.TrimSpace(login) == "" || strings.TrimSpace(login) != login:
			k.bad(at, fmt.Sprintf("%q is no login", login), "write the login of an account that was made for this")
		case slices.ContainsFunc(r.Accounts[:i], same):
			k.bad(at, "stands there twice", "keep one")
		}
	}
	if len(r.Alarm) > 0 && len(r.Accounts) == 0 {
		k.bad("rehearsal.alarm", "has no effect without rehearsal.accounts", "remove one or set the other")
	}
	for i, to := range r.Alarm {
		if a, err := mail.ParseAddress(to); err != nil || a.Address != to {
			k.bad(fmt.Sprintf("rehearsal.alarm[%d]", i), fmt.Sprintf("%q is no address", to), "write it as ops@example.com")
		}
	}
}
