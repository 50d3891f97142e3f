package app_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"postern/app"
	"postern/notify"
)

// slowMail takes its time over every message, which the world's clock shows.
type slowMail struct {
	w    *world
	mu   sync.Mutex
	sent map[string]int // by message
}

func (s *slowMail) Channel() notify.Channel { return notify.Email }

func (s *slowMail) Send(_ context.Context, m notify.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[m.ID]++
	s.w.pass(100 * time.Second)
	return nil
}

// TestSlowSenderSendsNothingTwice: a message whose claim could end before it is sent is left alone,
// because another node may claim it then.
func TestSlowSenderSendsNothingTwice(t *testing.T) {
	slow := &slowMail{sent: map[string]int{}}
	slow.w = newWorld(t, func(s *app.Settings) { s.Senders = []notify.Sender{slow} })
	const queued = 10 // two enrolments of five people
	slow.w.send()
	if n := len(slow.sent); n == 0 || n > 8 {
		t.Errorf("%d messages were sent from one claim, want at most the 8 that could begin at once", n)
	}
	for range queued {
		slow.w.pass(3 * time.Minute)
		slow.w.send()
	}
	if len(slow.sent) != queued || count(slow.w.events(), "message.sent") != queued {
		t.Errorf("%d messages were sent and %d recorded, want %d", len(slow.sent), count(slow.w.events(), "message.sent"), queued)
	}
	for id, n := range slow.sent {
		if n != 1 {
			t.Errorf("message %s was sent %d times", id, n)
		}
	}
}
