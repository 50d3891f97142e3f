package enroll

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"postern/account"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func invited() Invitation {
	return Invitation{ID: "i", Version: 1, Who: account.Ref{Directory: "d", ID: "1"}, Factor: "key", State: Invited, Deadline: t0.Add(time.Hour)}
}

func pose() Posed {
	return Posed{Public: json.RawMessage(`{}`), Private: []byte("p"), Expires: t0.Add(5 * time.Minute)}
}

func TestStates(t *testing.T) {
	tooMany := []Input{pose()}
	for range Tries {
		tooMany = append(tooMany, Answered{})
	}
	var asked []Input
	for range Tries + 1 {
		asked = append(asked, pose())
	}
	for _, c := range []struct {
		name  string
		steps []Input
		want  State
		event string
	}{
		{"asked", []Input{pose()}, Asked, "enrollment.asked"},
		{"asked again", []Input{pose(), pose()}, Asked, "enrollment.asked"},
		{"done", []Input{pose(), Answered{Accepted: true}}, Done, "enrollment.added"},
		{"refused once", []Input{pose(), Answered{}}, Asked, "enrollment.refused"},
		{"refused, then done", []Input{pose(), Answered{}, Answered{Accepted: true}}, Done, "enrollment.added"},
		{"asked as often as can be", asked[1:], Asked, "enrollment.asked"},
		{"asked too often", asked, Refused, "enrollment.refused"},
		{"refused for good", tooMany, Refused, "enrollment.refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, event := invited(), ""
			for n, in := range c.steps {
				before := at
				next, e, err := Step(at, in, t0.Add(time.Second))
				if err != nil || next.Version != at.Version+1 || !reflect.DeepEqual(before, at) {
					t.Fatalf("step %d: %v, version %d", n, err, next.Version)
				}
				at, event = next, e
			}
			if at.State != c.want || event != c.event {
				t.Errorf("got %s, %q; want %s, %q", at.State, event, c.want, c.event)
			}
			if at.State.Final() && (at.Private != nil || !at.Deadline.IsZero()) {
				t.Error("the end keeps a secret or a deadline")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	asked, _, _ := Step(invited(), pose(), t0)
	done, _, _ := Step(asked, Answered{Accepted: true}, t0)
	for _, c := range []struct {
		name string
		from Invitation
		in   Input
		at   time.Time
		want error
	}{
		{"answer before a question", invited(), Answered{Accepted: true}, t0, ErrOutOfOrder},
		{"answer after the question's end", asked, Answered{Accepted: true}, t0.Add(5 * time.Minute), ErrOutOfOrder},
		{"elapsed early", asked, Elapsed{}, t0, ErrOutOfOrder},
		{"used", done, Answered{Accepted: true}, t0, ErrFinished},
		{"used, asked again", done, pose(), t0, ErrFinished},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, event, err := Step(c.from, c.in, c.at)
			if !errors.Is(err, c.want) || event != "" || !reflect.DeepEqual(got, c.from) {
				t.Errorf("got %v, %q; want %v and nothing changed", err, event, c.want)
			}
		})
	}
	for _, in := range []Input{pose(), Answered{Accepted: true}, Elapsed{}} {
		if got, event, err := Step(asked, in, t0.Add(time.Hour)); err != nil || got.State != Expired || event != "enrollment.expired" {
			t.Errorf("%T at the deadline: %s, %q, %v", in, got.State, event, err)
		}
	}
}
