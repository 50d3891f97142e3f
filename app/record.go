package app

import (
	"crypto/rand"
	"fmt"
	"maps"
	"strconv"
	"unicode/utf8"

	"postern/audit"
	"postern/recovery"
)

// record makes the audit record of one event.
func (a *App) record(kind string, fields map[audit.Field]string) (audit.Record, error) {
	for f, v := range fields {
		if v == "" {
			delete(fields, f)
		}
	}
	r, err := audit.Event{ID: rand.Text(), At: a.now(), Kind: kind, Fields: fields}.Record(salt)
	if err != nil {
		return audit.Record{}, fmt.Errorf("app: record %s: %w", kind, err)
	}
	return r, nil
}

func salt() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

// step records one step of h's recovery.
func (a *App) step(v Visitor, h held, e recovery.Event) (audit.Record, error) {
	r := h.Recovery
	f := map[audit.Field]string{
		audit.Flow: string(r.ID), audit.From: string(e.From), audit.To: string(e.To), audit.Factor: string(e.Factor),
		audit.Action: string(e.Action), audit.Detail: e.Detail, audit.Rule: r.Rule, audit.Why: string(r.Why),
		audit.Attempt: strconv.Itoa(r.Wrong),
	}
	if e.From == recovery.Applying {
		f[audit.Attempt] = strconv.Itoa(r.Rejected)
	}
	maps.Copy(f, h.told)
	if !h.Account.Ref.Zero() {
		f[audit.Subject], f[audit.Login] = h.Account.Ref.String(), h.Account.Login
	}
	v.into(f)
	if v.Address.IsValid() {
		f[audit.Address] = v.Address.String()
	} else {
		f[audit.Actor] = "system"
	}
	return a.record(e.Kind, f)
}

// into adds what is known of the visitor.
func (v Visitor) into(f map[audit.Field]string) {
	agent := v.Agent
	for len(agent) > 200 || !utf8.ValidString(agent) {
		agent = agent[:max(0, len(agent)-1)]
	}
	f[audit.Agent] = agent
}

// typed shows enough of what was typed to recognise a slip and too little to give away a password
// that was typed into the wrong field.
func typed(handle string) string {
	first, _ := utf8.DecodeRuneInString(handle)
	return string(first) + "…"
}
