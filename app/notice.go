package app

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"postern/account"
	"postern/method"
	"postern/notify"
)

// The states of a message.
const (
	waiting = "waiting"
	sent    = "sent"
	dead    = "dead" // refused for good, expired, or tried too often
	void    = "void" // a decoy's: everything is done for it except the sending
)

// deliver queues what a method wants to send, in the same commit as its question. A delivery
// without an address is a decoy's: it is sealed, stored, claimed and recorded like any other.
func (a *App) deliver(c *Change, h held, ds []method.Delivery, now time.Time) error {
	for _, d := range ds {
		params := map[string]any{"organisation": a.Organisation, "help_desk": a.HelpDesk}
		for k, v := range d.Params {
			params[k] = v
		}
		m := notify.Message{Channel: d.Channel, To: d.To.Address, Expires: d.Expires}
		row, err := a.message(m, h.Language, d.Key, params, now)
		if err != nil {
			return err
		}
		c.Messages = append(c.Messages, row)
		target := h.subject()
		if l := a.Limits.Destination; !l.Unlimited() {
			c.Limits = append(c.Limits, Spend{Key: a.silent("destination", target, string(d.Channel), d.To.Address), Limit: l, Now: now})
		}
	}
	return nil
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

// tell tells every address on record what happened, when, and from which network.
func (a *App) tell(who account.Account, language, key, from string, now time.Time) ([]MessageRow, error) {
	params := map[string]any{"organisation": a.Organisation, "help_desk": a.HelpDesk, "login": who.Login,
		"name": who.Name, "at": now.Format("2006-01-02 15:04 UTC"), "address": from}
	if from == "" {
		params["address"] = a.Texts.Text(language, "notice.administrators", nil)
	}
	var out []MessageRow
	for _, to := range who.Notices() {
		row, err := a.message(notify.Message{Channel: notify.Email, To: to.Address}, language, key, params, now)
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
