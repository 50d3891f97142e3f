package app

import (
	"errors"
	"unicode/utf8"

	"postern/directory"
)

// stuck is what stands in the way of a rehearsal, and what mends it.
type stuck struct{ text, fix string }

// Error says what stands in the way.
func (s *stuck) Error() string { return s.text }

// mends says what an operator can do about err.
func mends(err error) string {
	var s *stuck
	var no *directory.Rejected
	switch {
	case errors.As(err, &s):
		return s.fix
	case errors.As(err, &no):
		return mendsRefusal(no.Reason)
	case errors.Is(err, directory.ErrUncertain):
		return "see the directory's log: it was asked and did not say. Nobody knows the canary's password either way, and the next rehearsal sets another"
	case errors.Is(err, directory.ErrUnavailable):
		return "see whether the directory runs and can be reached; postern check says more"
	}
	return "see the process log at this moment; postern check says more"
}

// mendsRefusal says what an operator can do about a directory's refusal.
func mendsRefusal(why directory.Reason) string {
	switch why {
	case directory.TooYoung:
		return "make rehearsal.every longer than the directory's minimum age of passwords, or give the canary a policy without one; people who changed their password lately are refused the same way"
	case directory.NotAllowed:
		return "give the service the rights that the page of this kind of directory under docs/operate names"
	case directory.NeedsOld:
		return "the directory asks for the old password, which nobody who forgot it has: change that policy, or give the service the right to pass over it"
	}
	return "compare the settings under password with the directory's password policy: the directory refuses what Postern would let people choose"
}

// brief is err for a line: without names of packages, and not without end.
func brief(err error) string {
	const most = 600
	text := directory.Told(err)
	if len(text) <= most {
		return text
	}
	text = text[:most]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + " …"
}
