package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"postern/account"
	"postern/audit"
	"postern/notify"
)

const (
	claimAtOnce = 128
	sendAtOnce  = 8
	sendTime    = 30 * time.Second
	leaseTime   = 2 * time.Minute // of a claim; what it is too short for is left to the next one
	maxAttempts = 12
	outboxPause = 2 * time.Second
)

// sendDue sends what is due and returns how many messages it took. Messages that another node has
// claimed are left alone.
func (a *App) sendDue(ctx context.Context) (int, error) {
	now := a.now()
	rows, err := a.Store.Claim(ctx, Messages, now, now.Add(leaseTime), claimAtOnce)
	if err != nil {
		return 0, fmt.Errorf("app: claim messages: %w", err)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(rows))
	slots := make(chan struct{}, sendAtOnce)
	for i, row := range rows {
		wg.Go(func() { errs[i] = a.send(ctx, row, slots) })
	}
	wg.Wait()
	return len(rows), errors.Join(errs...)
}

// send sends one message in one of the slots and records how it went, which takes no slot. If the
// claim could end before the sending does, the message is left to whoever claims it then, so that
// nobody sends it twice.
func (a *App) send(ctx context.Context, row MessageRow, slots chan struct{}) error {
	var m notify.Message
	if err := a.unseal(row.Data, "message", row.ID, &m); err != nil {
		return err
	}
	slots <- struct{}{}
	if a.now().Add(sendTime).After(row.Due) {
		<-slots
		return nil
	}
	row.Attempts++
	err := a.trySend(ctx, row, m)
	<-slots
	now := a.now()
	kind, detail := "message.sent", ""
	switch {
	case err == nil && row.State == void:
		row.Due, kind = time.Time{}, "message.withheld"
	case err == nil:
		row.State, row.Due = sent, time.Time{}
	case errors.Is(err, notify.ErrPermanent) || errors.Is(err, errExpired) || row.Attempts >= maxAttempts:
		row.State, row.Due, kind, detail = dead, time.Time{}, "message.dead", reasonOf(err)
		a.Logger.ErrorContext(ctx, "a message was given up", "message", row.ID, "channel", row.Channel, "error", err)
	default:
		row.Due, kind, detail = now.Add(backOff(row.Attempts)), "message.failed", "retry"
		a.Logger.WarnContext(ctx, "a message could not be sent and will be tried again", "message", row.ID, "attempt", row.Attempts, "error", err)
	}
	rec, err := a.record(kind, map[audit.Field]string{audit.Message: row.ID, audit.Actor: "system",
		audit.Attempt: strconv.Itoa(row.Attempts), audit.Detail: detail, audit.Target: mask(m)})
	if err != nil {
		return err
	}
	err = a.commit(ctx, Change{Audit: []audit.Record{rec}, Messages: []MessageRow{row}})
	if errors.Is(err, ErrConflict) {
		return nil // swept or taken over meanwhile
	}
	return err
}

var errExpired = errors.New("app: the message expired before it could be sent")

func (a *App) trySend(ctx context.Context, row MessageRow, m notify.Message) error {
	if row.State == void {
		return nil
	}
	if !m.Expires.IsZero() && !a.now().Before(m.Expires) {
		return errExpired
	}
	s, ok := a.senders[m.Channel]
	if !ok {
		return fmt.Errorf("app: no sender for %s is configured (setting notify)", m.Channel)
	}
	ctx, cancel := detached(ctx, sendTime)
	defer cancel()
	return s.Send(ctx, m)
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, errExpired):
		return "expired"
	case errors.Is(err, notify.ErrPermanent):
		return "refused"
	}
	return "too_many_attempts"
}

// backOff doubles from 5 seconds to a quarter of an hour.
func backOff(attempt int) time.Duration {
	return min(5*time.Second<<min(attempt-1, 10), 15*time.Minute)
}

// mask shows a message's destination to the audit log.
func mask(m notify.Message) string {
	kind := account.Email
	if m.Channel == notify.SMS {
		kind = account.Phone
	}
	return account.Contact{Kind: kind, Address: m.To}.Mask()
}
