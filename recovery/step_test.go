package recovery

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/policy"
)

// must takes steps that all have to succeed, one second apart.
func must(t *testing.T, r Recovery, now *time.Time, in ...Input) Recovery {
	t.Helper()
	for _, i := range in {
		*now = now.Add(time.Second)
		next, _, err := Step(r, i, *now)
		if err != nil {
			t.Fatalf("%T in %s: %v", i, r.State, err)
		}
		r = next
	}
	return r
}

func ask(f policy.Factor) Input { return Challenged{Factor: f, Private: []byte("p")} }

func right(f policy.Factor) Input { return Answered{Factor: f, Right: true} }

func wrong(f policy.Factor) Input { return Answered{Factor: f} }

func TestStates(t *testing.T) {
	verified := []Input{ask("app"), right("app"), ask("mail"), right("mail")}
	applying := slices.Concat(verified, []Input{Submitted{policy.Reset}})
	for _, c := range []struct {
		name  string
		steps []Input
		want  State
		kind  string // of the last event
	}{
		{"one proof of two", []Input{ask("app"), right("app")}, Verifying, "recovery.proved"},
		{"both", verified, Verified, "recovery.verified"},
		{"resend, then right", []Input{ask("mail"), ask("mail"), right("mail")}, Verifying, "recovery.proved"},
		{"not theirs", []Input{ask("key"), right("key")}, Verifying, "recovery.answer_refused"},
		{"three wrong", []Input{ask("app"), wrong("app"), wrong("app"), wrong("app")}, Refused, "recovery.refused"},
		{"wrong over methods", []Input{ask("app"), wrong("app"), ask("mail"), wrong("mail"), ask("app"), wrong("app")}, Refused, "recovery.refused"},
		{"seven questions", []Input{ask("app"), ask("app"), ask("app"), ask("app"), ask("app"), ask("app"), ask("app")}, Refused, "recovery.refused"},
		{"spent", applying, Applying, "recovery.submitted"},
		{"done", slices.Concat(applying, []Input{Settled{Outcome: Applied}}), Done, "recovery.applied"},
		{"rejected", slices.Concat(applying, []Input{Settled{Outcome: Rejected, Detail: "in_history"}}), Verified, "recovery.rejected"},
		{"unreached", slices.Concat(applying, []Input{Settled{Outcome: Unreached}}), Verified, "recovery.unreached"},
		{"uncertain", slices.Concat(applying, []Input{Settled{Outcome: Uncertain}}), Applying, "recovery.uncertain"},
		{"uncertain, then the truth", slices.Concat(applying, []Input{Settled{Outcome: Uncertain}, Settled{Outcome: Applied}}), Done, "recovery.applied"},
		{"rejected too often", slices.Concat(applying, []Input{Settled{Outcome: Rejected}, Submitted{policy.Reset}, Settled{Outcome: Rejected}, Submitted{policy.Reset}, Settled{Outcome: Unreached}}), Refused, "recovery.unreached"},
		{"gives up", []Input{Abandoned{}}, Cancelled, "recovery.cancelled"},
		{"gives up verified", slices.Concat(verified, []Input{Abandoned{}}), Cancelled, "recovery.cancelled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := t0
			r, _ := Begin("r", alice, decision(), now)
			r = must(t, r, &now, c.steps[:len(c.steps)-1]...)
			got, e, err := Step(r, c.steps[len(c.steps)-1], now.Add(time.Second))
			if err != nil || got.State != c.want || e.Kind != c.kind {
				t.Fatalf("got %s, %q, %v; want %s, %q", got.State, e.Kind, err, c.want, c.kind)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	verified := []Input{ask("app"), right("app"), ask("mail"), right("mail")}
	for _, c := range []struct {
		name  string
		steps []Input
		in    Input
		want  error
	}{
		{"answer without a question", nil, right("app"), ErrStale},
		{"answer to another question", []Input{ask("mail")}, right("app"), ErrStale},
		{"method of nobody's", nil, ask("other"), ErrNotOffered},
		{"proven already", []Input{ask("app"), right("app")}, ask("app"), ErrOutOfOrder},
		{"answer twice", []Input{ask("app"), right("app")}, right("app"), ErrStale},
		{"once means once", []Input{Challenged{Factor: "app", Once: true}, wrong("app")}, right("app"), ErrStale},
		{"password before proof", []Input{ask("app"), right("app")}, Submitted{policy.Reset}, ErrOutOfOrder},
		{"ask when verified", verified, ask("key"), ErrOutOfOrder},
		{"unlock of what is not locked", verified, Submitted{policy.Unlock}, ErrOutOfOrder},
		{"action that the rule lacks", verified, Submitted{policy.Change}, ErrOutOfOrder},
		{"spent twice", slices.Concat(verified, []Input{Submitted{policy.Reset}}), Submitted{policy.Reset}, ErrOutOfOrder},
		{"gives up while applying", slices.Concat(verified, []Input{Submitted{policy.Reset}}), Abandoned{}, ErrOutOfOrder},
		{"settled out of nothing", verified, Settled{Outcome: Applied}, ErrOutOfOrder},
		{"after the end", []Input{Abandoned{}}, ask("app"), ErrFinished},
		{"question that is over", nil, Challenged{Factor: "app", Expires: t0}, ErrStale},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := t0
			r, _ := Begin("r", alice, decision(), now)
			r = must(t, r, &now, c.steps...)
			got, e, err := Step(r, c.in, now.Add(time.Second))
			if !errors.Is(err, c.want) || e != (Event{}) || !reflect.DeepEqual(got, r) {
				t.Fatalf("got %v, %+v; want %v and nothing changed", err, e, c.want)
			}
		})
	}
}

func TestDeadlines(t *testing.T) {
	now := t0
	r, _ := Begin("r", alice, decision(), now)
	if _, _, err := Step(r, Elapsed{}, r.Deadline.Add(-1)); !errors.Is(err, ErrOutOfOrder) {
		t.Errorf("Elapsed before the deadline: %v", err)
	}
	if got, _, _ := Step(r, ask("app"), r.Deadline); got.State != Expired {
		t.Errorf("input at the deadline: got %s, want expired", got.State)
	}
	// The answer to a question that ran out is wrong, though the recovery goes on.
	q := must(t, r, &now, Challenged{Factor: "app", Expires: now.Add(time.Minute)})
	got, e, err := Step(q, right("app"), q.Open.Expires)
	if err != nil || got.Wrong != 1 || len(got.Proofs) != 0 || e.Detail != "expired" {
		t.Errorf("answer after the question's end: %v, %d wrong, %d proofs, %q", err, got.Wrong, len(got.Proofs), e.Detail)
	}
	// A question never outlives the recovery.
	q = must(t, r, &now, Challenged{Factor: "app", Expires: now.Add(24 * time.Hour)})
	if !q.Open.Expires.Equal(r.Deadline) {
		t.Errorf("question expires %v, recovery %v", q.Open.Expires, r.Deadline)
	}
	now = t0
	a := must(t, r, &now, ask("app"), right("app"), ask("mail"), right("mail"), Submitted{policy.Reset})
	if got, e, _ := Step(a, Elapsed{}, a.Deadline); got.State != Unsettled || e.Kind != "recovery.unsettled" {
		t.Errorf("applying, elapsed: got %s", got.State)
	}
	if got, _, err := Step(a, Settled{Outcome: Applied}, a.Deadline.Add(time.Hour)); err != nil || got.State != Done {
		t.Errorf("the truth that came late: got %s, %v", got.State, err)
	}
	if got, _, _ := Step(a, Settled{Outcome: Rejected}, a.Grant.Add(time.Second)); got.State != Expired {
		t.Errorf("rejected after the grant's end: got %s", got.State)
	}
}

func TestUnlockOnlyWhenLocked(t *testing.T) {
	now := t0
	r, _ := Begin("r", alice, decision(), now)
	r.Locked = true
	if got := len(r.View().Can); got != 2 {
		t.Errorf("before proof: %d actions, want the rule's two", got)
	}
	r = must(t, r, &now, ask("app"), right("app"), ask("mail"), right("mail"), Submitted{policy.Unlock})
	if r.State != Applying || r.Action != policy.Unlock {
		t.Errorf("got %s %s", r.State, r.Action)
	}
}

func TestKeepsEverythingOverStorage(t *testing.T) {
	now := t0
	r, _ := Begin("r", alice, decision(), now)
	r = must(t, r, &now, ask("app"), right("app"), ask("mail"))
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Recovery
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, back) {
		t.Errorf("got  %+v\nwant %+v", back, r)
	}
}

func TestViewHidesSecrets(t *testing.T) {
	now := t0
	r, _ := Begin("r", alice, decision(), now)
	r = must(t, r, &now, Challenged{Factor: "app", Private: []byte("s3cret"), Public: json.RawMessage(`{"a":1}`)})
	b, err := json.Marshal(r.View())
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"s3cret", "czNjcmV0", "staff", "matched"} {
		if strings.Contains(string(b), hidden) {
			t.Errorf("the view shows %q: %s", hidden, b)
		}
	}
}
