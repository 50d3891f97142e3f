package recovery

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"postern/account"
	"postern/policy"
)

// The refusals of Step. None changes anything.
var (
	ErrFinished   = errors.New("recovery: it is over")
	ErrOutOfOrder = errors.New("recovery: not possible in this state")
	ErrNotOffered = errors.New("recovery: not one of the methods of this recovery")
	ErrStale      = errors.New("recovery: the question was replaced or answered meanwhile")
)

// Outcome is how the directory took a new password or an unlocking.
type Outcome string

// The outcomes. Only Rejected and Unreached give the grant back, because only they are certain.
const (
	Applied   Outcome = "applied"   // done, and read back where that is possible
	Rejected  Outcome = "rejected"  // the directory said no and changed nothing
	Unreached Outcome = "unreached" // the request surely was never carried out
	Uncertain Outcome = "uncertain" // anything else: nobody can tell yet
)

// Input is what can happen to a recovery. The set is closed.
type Input interface{ input() }

// Challenged: a question was posed; it replaces one that is open.
type Challenged struct {
	Factor  policy.Factor
	Public  json.RawMessage
	Private []byte
	Expires time.Time
	Once    bool
}

// Answered: the open question was answered and judged. A right answer of somebody who cannot have
// given one (a decoy, a method that is not theirs) is treated as wrong.
type Answered struct {
	Factor policy.Factor
	Right  bool
	Note   string
}

// Submitted: the person spends the grant on an action.
type Submitted struct{ Action policy.Action }

// Settled: the directory answered, or somebody found out what it did.
type Settled struct {
	Outcome Outcome
	Detail  string // a directory.Reason or another closed word
	Receipt []Line
}

// Abandoned: the person gives up.
type Abandoned struct{}

// Elapsed: time passed. It changes something only after the deadline.
type Elapsed struct{}

func (Challenged) input() {}
func (Answered) input()   {}
func (Submitted) input()  {}
func (Settled) input()    {}
func (Abandoned) input()  {}
func (Elapsed) input()    {}

// Begin starts a recovery. With a decision that does not allow it, or with nobody, it is a decoy:
// the same state, plan and limits, and no way to succeed.
func Begin(id ID, who account.Ref, d policy.Decision, now time.Time) (Recovery, Event) {
	r := Recovery{ID: id, Version: 1, Who: who, Rule: d.Rule, Why: d.Why, Plan: d.Plan, Shown: d.Shown, Limits: d.Limits,
		Usable: d.Usable, Offer: d.Offer, Actions: d.Actions, State: Verifying, Began: now,
		Deadline: now.Add(d.Limits.Verifying)}
	if !d.Allowed || who.Zero() {
		r.Who, r.Usable = account.Ref{}, nil // what is shown stays
	}
	return r, Event{Kind: "recovery.started", To: Verifying, Detail: string(d.Why)}
}

// Step applies one input. It is a function of its arguments and leaves them alone. On success the
// version is one higher and there is exactly one event. An input after the deadline is answered
// as Elapsed, whatever it was, so that no caller forgets the deadline; only Settled is heard
// late, because the truth about a directory is worth more than the hour it arrives.
func Step(r Recovery, in Input, now time.Time) (Recovery, Event, error) {
	if r.State.Final() {
		return r, Event{}, ErrFinished
	}
	if _, late := in.(Settled); !late && !now.Before(r.Deadline) {
		in = Elapsed{}
	}
	next, event := r.clone(), Event{From: r.State}
	var err error
	switch in := in.(type) {
	case Challenged:
		err = next.challenged(in, now, &event)
	case Answered:
		err = next.answered(in, now, &event)
	case Submitted:
		err = next.submitted(in, now, &event)
	case Settled:
		err = next.settled(in, now, &event)
	case Abandoned:
		err = next.abandoned(&event)
	case Elapsed:
		err = next.elapsed(now, &event)
	default:
		err = ErrOutOfOrder
	}
	if err != nil {
		return r, Event{}, err
	}
	next.Version++
	event.To = next.State
	return next, event, nil
}

func (r *Recovery) challenged(in Challenged, now time.Time, e *Event) error {
	if r.State != Verifying {
		return ErrOutOfOrder
	}
	if !slices.Contains(r.Offer, in.Factor) {
		return ErrNotOffered
	}
	if r.proven(in.Factor) {
		return ErrOutOfOrder
	}
	e.Factor = in.Factor
	r.Asked++
	if r.Asked > r.Limits.Asked {
		e.Kind, e.Detail = "recovery.refused", "too_many_questions"
		r.end(Refused)
		return nil
	}
	expires := in.Expires
	if expires.IsZero() || expires.After(r.Deadline) {
		expires = r.Deadline
	}
	if !expires.After(now) {
		return ErrStale
	}
	r.Open = &Challenge{Factor: in.Factor, Public: in.Public, Private: in.Private, Expires: expires, Once: in.Once}
	e.Kind = "recovery.challenged"
	return nil
}

func (r *Recovery) answered(in Answered, now time.Time, e *Event) error {
	if r.State != Verifying {
		return ErrOutOfOrder
	}
	if r.Open == nil || r.Open.Factor != in.Factor {
		return ErrStale
	}
	e.Factor = in.Factor
	right := in.Right && r.can(in.Factor) && now.Before(r.Open.Expires)
	if !right {
		return r.wrong(in, now, e)
	}
	r.Open = nil
	r.Proofs = append(r.Proofs, policy.Proof{Factor: in.Factor, At: now})
	if !r.Plan.Met(r.Proofs) {
		e.Kind, e.Detail = "recovery.proved", in.Note
		return nil
	}
	e.Kind, e.Detail = "recovery.verified", in.Note
	r.State = Verified
	r.Grant = now.Add(r.Limits.Verified)
	r.Deadline = r.Grant
	return nil
}

func (r *Recovery) wrong(in Answered, now time.Time, e *Event) error {
	e.Kind, e.Detail = "recovery.answer_refused", in.Note
	if e.Detail == "" && !now.Before(r.Open.Expires) {
		e.Detail = "expired"
	}
	r.Wrong++
	if r.Open.Once {
		r.Open = nil
	}
	if r.Wrong >= r.Limits.Wrong {
		e.Kind, e.Detail = "recovery.refused", "too_many_wrong_answers"
		r.end(Refused)
	}
	return nil
}

func (r *Recovery) submitted(in Submitted, now time.Time, e *Event) error {
	if r.State != Verified || r.Decoy() || !r.Plan.Met(r.Proofs) {
		return ErrOutOfOrder
	}
	if !slices.Contains(r.Can(), in.Action) {
		return ErrOutOfOrder
	}
	e.Kind, e.Action = "recovery.submitted", in.Action
	r.State, r.Action = Applying, in.Action
	r.Deadline = now.Add(r.Limits.Applying)
	return nil
}

func (r *Recovery) settled(in Settled, now time.Time, e *Event) error {
	if r.State != Applying {
		return ErrOutOfOrder
	}
	e.Detail, e.Action = in.Detail, r.Action
	switch in.Outcome {
	case Applied:
		e.Kind = "recovery.applied"
		r.Receipt = slices.Clone(in.Receipt)
		r.end(Done)
	case Rejected, Unreached:
		e.Kind = "recovery.rejected"
		if in.Outcome == Unreached {
			e.Kind = "recovery.unreached"
		}
		r.Rejected++
		r.Action = ""
		if r.Rejected >= r.Limits.Rejected {
			r.end(Refused)
			return nil
		}
		r.State, r.Deadline = Verified, r.Grant
		if !now.Before(r.Grant) {
			r.end(Expired)
		}
	default:
		e.Kind = "recovery.uncertain"
	}
	return nil
}

func (r *Recovery) abandoned(e *Event) error {
	if r.State != Verifying && r.State != Verified {
		return ErrOutOfOrder
	}
	e.Kind = "recovery.cancelled"
	r.end(Cancelled)
	return nil
}

func (r *Recovery) elapsed(now time.Time, e *Event) error {
	if now.Before(r.Deadline) {
		return ErrOutOfOrder
	}
	if r.State == Applying {
		e.Kind, e.Action = "recovery.unsettled", r.Action
		r.end(Unsettled)
		return nil
	}
	e.Kind = "recovery.expired"
	r.end(Expired)
	return nil
}

// end makes r final: no question stays open, and nothing is due any more.
func (r *Recovery) end(s State) {
	r.State, r.Open, r.Deadline = s, nil, time.Time{}
}

func (r Recovery) proven(f policy.Factor) bool {
	return slices.ContainsFunc(r.Proofs, func(p policy.Proof) bool { return p.Factor == f })
}

// Can returns what may be done: before the plan is met what the rule allows, the same for
// everybody; then unlocking only for an account that was locked.
func (r Recovery) Can() []policy.Action {
	var out []policy.Action
	met := r.Plan.Met(r.Proofs)
	for _, a := range r.Actions {
		if met && a == policy.Unlock && !r.Locked {
			continue
		}
		out = append(out, a)
	}
	return out
}

// View returns all that the person may be shown. Where the plan is another than the one that is
// shown, the first proofs seem to go as far as everybody's; nothing but the plan itself verifies.
func (r Recovery) View() View {
	plan := r.Plan
	if r.Shown != nil {
		plan = *r.Shown
	}
	v := View{State: r.State, Deadline: r.Deadline, Receipt: slices.Clone(r.Receipt), Can: r.Can(), Action: r.Action,
		Left: plan.Left(r.Proofs), Alone: plan.Alone(r.Proofs), AtLeast: plan.AtLeast}
	switch met := r.Plan.Met(r.Proofs); {
	case met:
		v.Left, v.Alone = 0, nil
	case v.Left == 0:
		v.Left = r.Plan.Left(r.Proofs)
	}
	for _, f := range r.Offer {
		v.Methods = append(v.Methods, Offered{Factor: f, Answered: r.proven(f)})
	}
	if r.Open != nil {
		v.Open = &Asked{Factor: r.Open.Factor, Public: r.Open.Public, Expires: r.Open.Expires}
	}
	if r.Plan.Met(r.Proofs) {
		v.Locked = r.Locked
	}
	return v
}
