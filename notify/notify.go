// Package notify is the contract for ways to send a message to an address on record. One folder
// below this one is one way; notify/all lists them.
//
// It does not decide what is sent or to whom, and it does not retry: app keeps an outbox and its
// worker calls Send, again and again if need be. A Sender must therefore say which failures are
// for good.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Channel is what carries a message.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// Message is one message to one address. Text is plain text; it may hold a code, so a Message is
// sealed in the outbox and must not be logged whole.
type Message struct {
	ID       string // stable over retries, so that a receiver can drop doubles
	Channel  Channel
	To       string
	Subject  string
	Text     string
	Language string // BCP 47
	At       time.Time
	Expires  time.Time // zero: never
}

// String keeps a Message out of what is printed: its texts may hold codes, and To is personal.
func (m Message) String() string { return "message " + m.ID + " by " + string(m.Channel) }

// GoString does the same for %#v.
func (m Message) GoString() string { return m.String() }

// LogValue does the same for structured logs, which would otherwise encode every field as JSON.
// json.Marshal still gives all of it: the outbox seals that.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", m.ID), slog.String("channel", string(m.Channel)))
}

// Sender sends. Errors that wrap ErrPermanent are not retried; all others are. An error after
// which the message may have arrived is retried too: a second mail is better than none.
type Sender interface {
	Send(ctx context.Context, m Message) error
	Channel() Channel
}

// Checker is a Sender that can tell whether it would work, without sending anything.
type Checker interface {
	Check(ctx context.Context) error
}

// Kind is a sender as the program knows it before it is configured.
type Kind struct {
	ID       string
	Open     func(decode func(any) error) (Sender, error)
	Settings func() any
}

// ErrPermanent marks a failure that no retry mends: the address does not exist, the message was refused.
var ErrPermanent = errors.New("notify: refused for good")
