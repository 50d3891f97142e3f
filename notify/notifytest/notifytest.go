// Package notifytest is the suite that every sender passes: Run proves what notify.Sender
// promises. What is particular to a sender, its own tests prove. It is for tests only.
package notifytest

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/notify"
)

// Got is a message as its receiver has it.
type Got struct{ To, Subject, Text string }

// Case is a sender under test.
type Case struct {
	Sender  notify.Sender
	Arrived func(t *testing.T) []Got // everything up to now, oldest first
}

// Message returns a message that every e-mail sender takes.
func Message() notify.Message {
	at := time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)
	return notify.Message{
		ID: "01MESSAGE", Channel: notify.Email, To: "alice@example.com", Subject: "Your code for Zoë & Söhne",
		Text:     "Your code is 123456\n\nGrüße – naïve ☕\n.\nFrom here on\n" + strings.Repeat("a long line ", 120) + "\n",
		Language: "en", At: at, Expires: at.Add(10 * time.Minute),
	}
}

// Run runs the suite.
func Run(t *testing.T, c Case) {
	t.Run("arrives as it is", func(t *testing.T) { arrives(t, c) })
	t.Run("again", func(t *testing.T) { again(t, c) })
	t.Run("at once", func(t *testing.T) { atOnce(t, c) })
	t.Run("another channel", func(t *testing.T) { anotherChannel(t, c) })
	t.Run("nobody", func(t *testing.T) { nobody(t, c) })
	t.Run("check", func(t *testing.T) { check(t, c) })
}

func arrives(t *testing.T, c Case) {
	m := Message()
	m.Channel = c.Sender.Channel()
	before := len(c.Arrived(t))
	if err := c.Sender.Send(t.Context(), m); err != nil {
		t.Fatalf("sending: %v", err)
	}
	got := c.Arrived(t)
	if len(got) != before+1 {
		t.Fatalf("got %d messages, want %d", len(got), before+1)
	}
	if want := (Got{To: m.To, Subject: m.Subject, Text: m.Text}); got[before] != want {
		t.Errorf("got %q\nwant %q", got[before], want)
	}
}

// again: a message that is sent twice arrives twice; only its receiver may drop one.
func again(t *testing.T, c Case) {
	m := Message()
	m.Channel = c.Sender.Channel()
	before := len(c.Arrived(t))
	for range 2 {
		if err := c.Sender.Send(t.Context(), m); err != nil {
			t.Fatalf("sending: %v", err)
		}
	}
	if got := len(c.Arrived(t)) - before; got != 2 {
		t.Errorf("got %d messages, want 2", got)
	}
}

func atOnce(t *testing.T, c Case) {
	const n = 8
	before := len(c.Arrived(t))
	var all sync.WaitGroup
	failed := make(chan error, n)
	for range n {
		all.Go(func() {
			m := Message()
			m.Channel = c.Sender.Channel()
			if err := c.Sender.Send(t.Context(), m); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Errorf("sending: %v", err)
	}
	if got := len(c.Arrived(t)) - before; got != n {
		t.Errorf("got %d messages, want %d", got, n)
	}
}

func anotherChannel(t *testing.T, c Case) {
	m := Message()
	m.Channel = "pigeon"
	refused(t, c, m)
}

func nobody(t *testing.T, c Case) {
	m := Message()
	m.Channel, m.To = c.Sender.Channel(), ""
	refused(t, c, m)
}

// refused expects a refusal for good that tells neither the recipient nor the text.
func refused(t *testing.T, c Case, m notify.Message) {
	t.Helper()
	before := len(c.Arrived(t))
	err := c.Sender.Send(t.Context(), m)
	if !errors.Is(err, notify.ErrPermanent) {
		t.Errorf("got %v, want ErrPermanent", err)
	}
	if err != nil && (strings.Contains(err.Error(), "123456") || strings.Contains(err.Error(), "alice@")) {
		t.Errorf("the error tells too much: %v", err)
	}
	if got := len(c.Arrived(t)) - before; got != 0 {
		t.Errorf("got %d messages, want none", got)
	}
}

func check(t *testing.T, c Case) {
	checker, ok := c.Sender.(notify.Checker)
	if !ok {
		return
	}
	before := len(c.Arrived(t))
	if err := checker.Check(t.Context()); err != nil {
		t.Errorf("checking: %v", err)
	}
	if got := len(c.Arrived(t)) - before; got != 0 {
		t.Errorf("checking sent %d messages, want none", got)
	}
}
