package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"postern/account"
	"postern/method"
	"postern/notify"
	"postern/policy"
)

// The states of a message.
const (
	waiting = "waiting"
	sent    = "sent"
	dead    = "dead" // refused for good, expired, or tried too often
	void    = "void" // a decoy's: everything is done for it except the sending
)

// delivery is what a question wants sent, and for whom.
type delivery struct {
	messages []method.Delivery
	subject  account.Ref // whose limits it touches
	language string
	visitor  Visitor
	now      time.Time
}

// deliver queues what a method wants to send, in the same commit as its question. A delivery
// without an address is a decoy's: it is sealed, stored, claimed and recorded like any other.
func (a *App) deliver(c *Change, d delivery) error {
	for _, m := range d.messages {
		params := map[string]any{"organisation": a.Organisation, "help_desk": a.HelpDesk}
		for k, v := range m.Params {
			params[k] = v
		}
		row, err := a.message(notify.Message{Channel: m.Channel, To: m.To.Address, Expires: m.Expires}, d.language, m.Key, params, d.now)
		if err != nil {
			return err
		}
		c.Messages = append(c.Messages, row)
		key := a.silent("destination", d.subject, string(m.Channel), m.To.Address)
		c.Limits = append(c.Limits, a.both(d.visitor, key, a.Limits.Destination, a.Limits.DestinationTotal, d.now)...)
	}
	return nil
}

// commitSending commits c; when a destination has had enough, its messages are withheld.
func (a *App) commitSending(ctx context.Context, c Change) error {
	err := a.commit(ctx, c)
	refusal, quiet := limited(err)
	switch {
	case refusal != nil:
		return refusal
	case quiet:
		return a.commit(ctx, withheld(c))
	}
	return err
}

// withheld is c for when a destination has had enough: the messages become void, and the limits
// on destinations are not taken from.
func withheld(c Change) Change {
	out := c
	out.Limits, out.Messages = nil, nil
	for _, s := range c.Limits {
		if !strings.HasPrefix(s.Key, "destination:") {
			out.Limits = append(out.Limits, s)
		}
	}
	for _, m := range c.Messages {
		m.State = void
		out.Messages = append(out.Messages, m)
	}
	return out
}

// notice is what the owner of an account is told.
type notice struct {
	key      string // text key
	language string
	from     string        // network; "" for an operator
	factor   policy.Factor // the method it is about, if any
	target   string        // likewise the further directory
}

// tell tells every address on record what happened, when, and from which network.
func (a *App) tell(who account.Account, n notice, now time.Time) ([]MessageRow, error) {
	params := map[string]any{"organisation": a.Organisation, "help_desk": a.HelpDesk, "login": who.Login,
		"name": who.Name, "at": now.Format("2006-01-02 15:04 UTC"), "address": n.from, "way": "", "target": n.target}
	if n.from == "" {
		params["address"] = a.Texts.Text(n.language, "notice.administrators", nil)
	}
	if n.factor != "" {
		params["way"] = a.Texts.Text(n.language, "method."+string(n.factor)+".name", nil)
	}
	var out []MessageRow
	for _, to := range who.Notices() {
		row, err := a.message(notify.Message{Channel: notify.Email, To: to.Address}, n.language, n.key, params, now)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// coarse says from where, without handing out a whole address; "" for an operator.
func coarse(v Visitor) string {
	if !v.Address.IsValid() {
		return ""
	}
	_, network := widths(v.Address)
	return network
}

// message renders and seals one message.
func (a *App) message(m notify.Message, language, key string, params map[string]any, now time.Time) (MessageRow, error) {
	m.ID, m.At, m.Language = rand.Text(), now, language
	m.Subject = a.Texts.Text(language, key, params)
	m.Text = a.Texts.Text(language, key+".body", params)
	data, err := a.seal(m, "message", m.ID)
	if err != nil {
		return MessageRow{}, fmt.Errorf("app: seal message: %w", err)
	}
	row := MessageRow{ID: m.ID, Channel: string(m.Channel), Due: now, State: waiting, Made: now, Data: data}
	if m.To == "" {
		row.State = void
	}
	return row, nil
}
