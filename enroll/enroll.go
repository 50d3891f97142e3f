// Package enroll is the state machine of registering a method by a one-time invitation: invited,
// asked, done.
//
// It is pure. It does not judge what comes back (method does), make tokens or store anything (app
// does). It guards that one invitation makes at most one enrolment, for the person it was made
// for, in time, after a bounded number of tries.
package enroll

import (
	"encoding/json"
	"errors"
	"time"

	"postern/account"
	"postern/policy"
)

// State is where an invitation is.
type State string

// The states. Done, Refused and Expired are final.
const (
	Invited State = "invited"
	Asked   State = "asked"
	Done    State = "done"
	Refused State = "refused" // too many answers that could not be accepted
	Expired State = "expired"
)

// Final reports whether nothing can happen any more.
func (s State) Final() bool { return s == Done || s == Refused || s == Expired }

// Tries is how many questions, and how many wrong answers, an invitation bears.
const Tries = 10

// Invitation is the whole state of one. Step returns a changed copy.
type Invitation struct {
	ID       string            `json:"id"`
	Version  int64             `json:"version"`
	Who      account.Ref       `json:"who"`
	Factor   policy.Factor     `json:"factor"`
	Params   map[string]string `json:"params,omitempty"` // what the administrator gave
	By       string            `json:"by"`               // the operator who invited
	State    State             `json:"state"`
	Public   json.RawMessage   `json:"public,omitempty"`
	Private  []byte            `json:"private,omitempty"`
	Expires  time.Time         `json:"expires"` // of the question
	Asked    int               `json:"asked,omitempty"`
	Wrong    int               `json:"wrong,omitempty"`
	Deadline time.Time         `json:"deadline"`
}

// The refusals of Step. None changes anything.
var (
	ErrFinished   = errors.New("enroll: the invitation is over")
	ErrOutOfOrder = errors.New("enroll: not possible now")
)

// Input is what can happen to an invitation. The set is closed.
type Input interface{ input() }

// Posed: the question was posed; it replaces one that is open.
type Posed struct {
	Public  json.RawMessage
	Private []byte
	Expires time.Time
}

// Answered: the answer was judged.
type Answered struct{ Accepted bool }

// Elapsed: time passed.
type Elapsed struct{}

func (Posed) input()    {}
func (Answered) input() {}
func (Elapsed) input()  {}

// Step applies one input and says which audit event it is. An input after the deadline is
// answered as Elapsed. A question that ran out must be posed again.
func Step(i Invitation, in Input, now time.Time) (Invitation, string, error) {
	if i.State.Final() {
		return i, "", ErrFinished
	}
	if !now.Before(i.Deadline) {
		in = Elapsed{}
	}
	next := i
	next.Version++
	switch in := in.(type) {
	case Posed:
		if next.Asked++; next.Asked > Tries {
			next.end(Refused)
			return next, "enrollment.refused", nil
		}
		next.State, next.Public, next.Private, next.Expires = Asked, in.Public, in.Private, in.Expires
		return next, "enrollment.asked", nil
	case Answered:
		if i.State != Asked || !now.Before(i.Expires) {
			return i, "", ErrOutOfOrder
		}
		if in.Accepted {
			next.end(Done)
			return next, "enrollment.added", nil
		}
		next.Wrong++
		if next.Wrong >= Tries {
			next.end(Refused)
		}
		return next, "enrollment.refused", nil
	default:
		if now.Before(i.Deadline) {
			return i, "", ErrOutOfOrder
		}
		next.end(Expired)
		return next, "enrollment.expired", nil
	}
}

func (i *Invitation) end(s State) {
	i.State, i.Public, i.Private, i.Deadline = s, nil, nil, time.Time{}
}
