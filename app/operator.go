package app

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/audit"
	"postern/secret"
)

// How long a link to the console waits, how long a session may last, and how long nobody may use
// it. A session's token says when it was last shown; it is made anew when that is consoleStep ago.
const (
	consoleLink = 10 * time.Minute
	consoleMost = 8 * time.Hour
	consoleIdle = 30 * time.Minute
	consoleStep = time.Minute
)

// Session is a signed-in operator.
type Session struct {
	Operator Operator
	Token    secret.Text // to be shown from now on
	Ends     time.Time   // at the latest
}

// consoleRow is a link and, once it was used, the session that it became: one row, so that a link
// can begin one session, whoever is quicker.
type consoleRow struct {
	By       string    `json:"by"` // who made the link
	State    string    `json:"state"`
	Deadline time.Time `json:"deadline"`
}

// The states of a consoleRow.
const (
	consoleInvited = "invited"
	consoleIn      = "in"
	consoleOut     = "out"
)

// InviteOperator makes a one-time link to the console, for somebody who has a shell on the server.
func (a *App) InviteOperator(ctx context.Context, op Operator) (Invitation, error) {
	token := secret.New(rand.Text())
	row := consoleRow{By: op.Name, State: consoleInvited, Deadline: a.now().Add(consoleLink)}
	err := a.keepConsole(ctx, a.consoleID(token), 0, row, "operator.invited", map[audit.Field]string{audit.Actor: op.Name})
	if err != nil {
		return Invitation{}, fmt.Errorf("app: invite operator: %w", err)
	}
	return Invitation{Token: token, Expires: row.Deadline}, nil
}

// EnterConsole uses a link up and begins a session. An unknown, used or late link is refused like
// a session that there is not.
func (a *App) EnterConsole(ctx context.Context, v Visitor, link secret.Text) (Session, error) {
	if link.Empty() || len(link.Reveal()) > 64 {
		return Session{}, noSession()
	}
	id := a.consoleID(link)
	row, version, err := a.console(ctx, id)
	if err != nil {
		return Session{}, err
	}
	now := a.now()
	if row.State != consoleInvited || !now.Before(row.Deadline) {
		return Session{}, noSession()
	}
	row.State, row.Deadline = consoleIn, now.Add(consoleMost)
	err = a.keepConsole(ctx, id, version, row, "operator.signed_in", row.seen(v))
	if errors.Is(err, ErrConflict) {
		return Session{}, noSession()
	} else if err != nil {
		return Session{}, fmt.Errorf("app: enter console: %w", err)
	}
	return Session{Operator: row.operator(), Token: a.consoleToken(id, now), Ends: row.Deadline}, nil
}

// OperatorOf returns the session whose token this is. The token to show from now on is another
// one when the last is a minute old, so that a copy that nobody uses is worth nothing half an
// hour later, on whichever node.
func (a *App) OperatorOf(ctx context.Context, session secret.Text) (Session, error) {
	t, row, _, err := a.session(ctx, session)
	if err != nil {
		return Session{}, err
	}
	if now := a.now(); now.Sub(t.shown) >= consoleStep {
		session = a.consoleToken(t.id, now)
	}
	return Session{Operator: row.operator(), Token: session, Ends: row.Deadline}, nil
}

// LeaveConsole ends a session for good.
func (a *App) LeaveConsole(ctx context.Context, v Visitor, session secret.Text) error {
	t, row, version, err := a.session(ctx, session)
	if err != nil {
		return err
	}
	fields := row.seen(v)
	row.State, row.Deadline = consoleOut, time.Time{}
	err = a.keepConsole(ctx, t.id, version, row, "operator.signed_out", fields)
	if err != nil && !errors.Is(err, ErrConflict) { // else it was ended in another window
		return fmt.Errorf("app: leave console: %w", err)
	}
	return nil
}

// session returns the open session of a token. Clocks of nodes may differ by a little.
func (a *App) session(ctx context.Context, session secret.Text) (shownToken, consoleRow, int64, error) {
	t, ok := a.readToken(session)
	now := a.now()
	if idle := now.Sub(t.shown); !ok || idle >= consoleIdle || idle < -consoleStep {
		return t, consoleRow{}, 0, noSession()
	}
	row, version, err := a.console(ctx, t.id)
	if err != nil {
		return t, row, 0, err
	}
	if row.State != consoleIn || !now.Before(row.Deadline) {
		return t, consoleRow{}, 0, noSession()
	}
	return t, row, version, nil
}

// console reads a row.
func (a *App) console(ctx context.Context, id string) (row consoleRow, version int64, err error) {
	t, err := a.Store.Ticket(ctx, id)
	if errors.Is(err, ErrNoRow) {
		return row, 0, noSession()
	} else if err != nil {
		return row, 0, fmt.Errorf("app: read console: %w", err)
	}
	return row, t.Version, a.unseal(t.Data, "console", id, &row)
}

// keepConsole stores row over version, with its record.
func (a *App) keepConsole(ctx context.Context, id string, version int64, row consoleRow, kind string, fields map[audit.Field]string) error {
	data, err := a.seal(row, "console", id)
	if err != nil {
		return err
	}
	fields[audit.Flow] = id
	rec, err := a.record(kind, fields)
	if err != nil {
		return err
	}
	return a.commit(ctx, Change{Audit: []audit.Record{rec}, Ticket: &TicketRow{ID: id, Version: version, Deadline: row.Deadline, Data: data}})
}

// operator is who acts in the session: "console:root" for a link that "cli:root" made.
func (r consoleRow) operator() Operator {
	_, name, _ := strings.Cut(r.By, ":")
	return Operator{Name: "console:" + name}
}

// seen is what records say of whoever uses the console.
func (r consoleRow) seen(v Visitor) map[audit.Field]string {
	f := map[audit.Field]string{audit.Actor: r.operator().Name, audit.Detail: "link made by " + r.By}
	v.into(f)
	if v.Address.IsValid() {
		f[audit.Address] = v.Address.String()
	}
	return f
}

func (a *App) consoleID(link secret.Text) string {
	return encode(a.Keys.Derive("console.id", []byte(link.Reveal()), 15))
}

// consoleToken writes what the browser shows: which session, when it was written, and a proof that
// nobody else wrote that, which is stored nowhere.
func (a *App) consoleToken(id string, at time.Time) secret.Text {
	text := id + "." + strconv.FormatInt(at.Unix(), 36)
	return secret.New(text + "." + a.consoleSeal(text))
}

func (a *App) consoleSeal(text string) string {
	return encode(a.Keys.Derive("console.seen", []byte(text), 15))
}

// shownToken is what stands in a token.
type shownToken struct {
	id    string
	shown time.Time
}

// readToken reads what consoleToken wrote.
func (a *App) readToken(session secret.Text) (shownToken, bool) {
	text := session.Reveal()
	if len(text) > 128 {
		return shownToken{}, false
	}
	cut := strings.LastIndexByte(text, '.')
	if cut < 0 || subtle.ConstantTimeCompare([]byte(a.consoleSeal(text[:cut])), []byte(text[cut+1:])) != 1 {
		return shownToken{}, false
	}
	id, at, _ := strings.Cut(text[:cut], ".")
	seconds, err := strconv.ParseInt(at, 36, 64)
	return shownToken{id, time.Unix(seconds, 0)}, err == nil
}

func noSession() *Refusal { return &Refusal{Problem: ProblemSession, Key: "problem.no_session"} }
