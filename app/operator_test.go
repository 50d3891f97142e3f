package app_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/app"
	"postern/secret"
)

// entered makes a link and uses it.
func (w *world) entered() app.Session {
	w.t.Helper()
	link, err := w.InviteOperator(w.t.Context(), operator)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := w.EnterConsole(w.t.Context(), visitor, link.Token)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// keeper is a store that shows everything that was committed.
type keeper struct {
	app.Store
	all bytes.Buffer
}

func (k *keeper) Commit(ctx context.Context, c app.Change) error {
	fmt.Fprintf(&k.all, "%+v\n", c.Audit)
	if c.Ticket != nil {
		fmt.Fprintf(&k.all, "%s %s\n", c.Ticket.ID, c.Ticket.Data)
	}
	return k.Store.Commit(ctx, c)
}

func TestOperatorComesAndGoes(t *testing.T) {
	w := newWorld(t)
	link, err := w.InviteOperator(t.Context(), operator)
	if err != nil {
		t.Fatal(err)
	}
	if want := w.now().Add(10 * time.Minute); !link.Expires.Equal(want) {
		t.Errorf("the link ends at %v, want %v", link.Expires, want)
	}
	w.refused(second(w.OperatorOf(t.Context(), link.Token)), app.ProblemSession)
	s, err := w.EnterConsole(t.Context(), visitor, link.Token)
	if err != nil || s.Operator.Name != "console:test" || !s.Ends.Equal(w.now().Add(8*time.Hour)) {
		t.Fatalf("got %+v, %v", s, err)
	}
	w.refused(second(w.EnterConsole(t.Context(), visitor, link.Token)), app.ProblemSession)
	again, err := w.OperatorOf(t.Context(), s.Token)
	if err != nil || again.Operator != s.Operator || again.Token.Reveal() != s.Token.Reveal() {
		t.Errorf("at once: got %+v, %v", again, err)
	}
	if err := w.LeaveConsole(t.Context(), visitor, s.Token); err != nil {
		t.Fatal(err)
	}
	w.refused(second(w.OperatorOf(t.Context(), s.Token)), app.ProblemSession)
	w.refused(w.LeaveConsole(t.Context(), visitor, s.Token), app.ProblemSession)
	all := w.events()
	for _, kind := range []string{"operator.invited", "operator.signed_in", "operator.signed_out"} {
		if n := count(all, kind); n != 1 {
			t.Errorf("%s was recorded %d times in %v", kind, n, all)
		}
	}
}

func TestOperatorsLinkIsGoodOnceAndForTenMinutes(t *testing.T) {
	w := newWorld(t)
	link, err := w.InviteOperator(t.Context(), operator)
	if err != nil {
		t.Fatal(err)
	}
	var in atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := w.EnterConsole(t.Context(), visitor, link.Token); err == nil {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if n := in.Load(); n != 1 {
		t.Errorf("one link let %d in", n)
	}
	for _, c := range []struct {
		after time.Duration
		ok    bool
	}{{10*time.Minute - time.Second, true}, {10 * time.Minute, false}} {
		link, err := w.InviteOperator(t.Context(), operator)
		if err != nil {
			t.Fatal(err)
		}
		w.pass(c.after)
		if _, err := w.EnterConsole(t.Context(), visitor, link.Token); (err == nil) != c.ok {
			t.Errorf("after %v: got %v", c.after, err)
		}
	}
}

func TestOperatorsSessionEnds(t *testing.T) {
	w := newWorld(t)
	idle := w.entered()
	w.pass(30*time.Minute - time.Second)
	fresh, err := w.OperatorOf(t.Context(), idle.Token)
	if err != nil || fresh.Token.Reveal() == idle.Token.Reveal() {
		t.Fatalf("before half an hour: got %v, and the same token although it was old: %v", err, err == nil)
	}
	w.pass(time.Second)
	w.refused(second(w.OperatorOf(t.Context(), idle.Token)), app.ProblemSession)
	began, last := w.now(), fresh.Token
	for range 100 { // somebody who never stops
		s, err := w.OperatorOf(t.Context(), last)
		if err != nil {
			break
		}
		last = s.Token
		w.pass(10 * time.Minute)
	}
	if took := w.now().Sub(began); took > 8*time.Hour || took < 7*time.Hour {
		t.Errorf("a busy session ended after %v", took)
	}
	w.pass(-24 * time.Hour)
	w.refused(second(w.OperatorOf(t.Context(), last)), app.ProblemSession) // from the future
}

func TestOperatorsSessionHoldsOnEveryNode(t *testing.T) {
	w := newWorld(t)
	s := w.entered()
	settings := w.Settings
	settings.Node = "two"
	other, err := app.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := other.OperatorOf(t.Context(), s.Token); err != nil || got.Operator != s.Operator {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := other.LeaveConsole(t.Context(), visitor, s.Token); err != nil {
		t.Fatal(err)
	}
	w.refused(second(w.OperatorOf(t.Context(), s.Token)), app.ProblemSession)
}

// TestOperatorsTokensAreNotStored, and no part of a token can be exchanged.
func TestOperatorsTokens(t *testing.T) {
	k := &keeper{}
	w := newWorld(t, func(s *app.Settings) { k.Store, s.Store = s.Store, k })
	link, err := w.InviteOperator(t.Context(), operator)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.EnterConsole(t.Context(), visitor, link.Token)
	if err != nil {
		t.Fatal(err)
	}
	kept := k.all.Bytes()
	parts := strings.Split(s.Token.Reveal(), ".")
	if len(parts) != 3 || !bytes.Contains(kept, []byte(parts[0])) {
		t.Fatalf("a token of %d parts, and its row was not kept: the reading is broken", len(parts))
	}
	for _, secret := range []string{link.Token.Reveal(), parts[2]} {
		if bytes.Contains(kept, []byte(secret)) {
			t.Error("a secret part of a token stands in the store")
		}
	}
	other := strings.Split(w.entered().Token.Reveal(), ".")
	for i := range parts {
		mixed := append([]string(nil), parts...)
		mixed[i] = other[i]
		if mixed[i] == parts[i] { // both were made in one second
			mixed[i] += "0"
		}
		w.refused(second(w.OperatorOf(t.Context(), secret.New(strings.Join(mixed, ".")))), app.ProblemSession)
	}
	for _, bad := range []string{"", ".", "...", parts[0], strings.Join(parts[:2], "."), parts[0] + "." + parts[2], strings.Repeat("a", 200), link.Token.Reveal(),
		strings.Join(append(parts, "x"), ".")} {
		w.refused(second(w.OperatorOf(t.Context(), secret.New(bad))), app.ProblemSession)
		w.refused(second(w.EnterConsole(t.Context(), visitor, secret.New(bad))), app.ProblemSession)
	}
	enrol, err := w.Invite(t.Context(), operator, "frank", "totp", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.refused(second(w.EnterConsole(t.Context(), visitor, enrol.Token)), app.ProblemSession)
	fresh, err := w.InviteOperator(t.Context(), operator)
	if err != nil {
		t.Fatal(err)
	}
	w.refused(second(w.LookInvitation(t.Context(), visitor, fresh.Token)), app.ProblemTicket)
}
