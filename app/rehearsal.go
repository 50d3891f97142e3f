package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"postern/account"
	"postern/audit"
	"postern/directory"
	"postern/notify"
)

// Canaries are the accounts that rehearsals reset: nobody's, and made for it.
type Canaries struct {
	Logins   []string
	Every    time.Duration // 0: only by hand
	Alarm    []string      // mail addresses that hear when a rehearsal fails, and when one works again
	Language string        // of those messages
}

// Rehearsal is the result of one complete reset of a canary.
type Rehearsal struct {
	Login     string              `json:"login"`
	Directory string              `json:"directory,omitempty"` // where it was found; "" when it was not
	Account   account.Ref         `json:"account,omitzero"`    // zero when it was not, or was refused
	By        string              `json:"by"`                  // the operator, or "system"
	At        time.Time           `json:"at"`
	Took      time.Duration       `json:"took"` // nanoseconds
	Steps     []RehearsalStep     `json:"steps"`
	Findings  []directory.Finding `json:"findings,omitempty"` // after a failure: what the directory shows of the service's rights
	OK        bool                `json:"ok"`
}

// RehearsalStep is one step of it. The text for people is "rehearse.step." + Name.
type RehearsalStep struct {
	Name string        `json:"name"` // "lookup", "rules", "reset", "readback", "unlock", "state", "record", "outbox"
	Took time.Duration `json:"took"`
	Note string        `json:"note,omitempty"`  // what there is to say of a step that went well
	Err  string        `json:"error,omitempty"` // for operators; empty: it went well
	Fix  string        `json:"fix,omitempty"`   // what mends it
}

// Failed returns the first step that failed, or false.
func (r Rehearsal) Failed() (RehearsalStep, bool) {
	for _, s := range r.Steps {
		if s.Err != "" {
			return s, true
		}
	}
	return RehearsalStep{}, false
}

// The conditions that callers of Rehearse branch on. With them nothing was done.
var (
	ErrNoCanary  = errors.New("is not listed under rehearsal.accounts, and no other account is reset by a rehearsal: list it there if it is nobody's and was made for this")
	ErrRehearsed = errors.New("app: a rehearsal is going on, here or on another node: try again in a minute")
)

// The alarm, and what is remembered between two rehearsals.
const (
	alarmPause     = 6 * time.Hour
	rehearsalPause = time.Minute // between two looks at what is due
	opening        = 2 * time.Minute
	openingSpread  = 3 * time.Minute // so that nodes that start together do not rehearse together
)

// remembered is what is kept of a canary, in a row of its own, so that every node knows it.
type remembered struct {
	Last    Rehearsal
	Who     account.Ref // whom the login named when it was last rehearsed on
	Since   time.Time   // the first failure in a row; zero while all is well
	Alarmed time.Time   // the last alarm of that row
}

// LastRehearsals returns the last result of each canary that was rehearsed on this week.
func (a *App) LastRehearsals(ctx context.Context) ([]Rehearsal, error) {
	var out []Rehearsal
	for _, login := range a.Canaries.Logins {
		m, version, err := a.recall(ctx, login)
		if err != nil {
			return nil, err
		}
		if version != 0 && !m.Last.At.IsZero() {
			out = append(out, m.Last)
		}
	}
	return out, nil
}

func (a *App) rememberedID(login string) string {
	return "rehearsal/" + encode(a.Keys.Derive("rehearsal", []byte(strings.ToLower(login)), 15))
}

// recall returns what is remembered of a canary, and the version of its row; 0 without one. What
// cannot be read any more is forgotten.
func (a *App) recall(ctx context.Context, login string) (remembered, int64, error) {
	row, err := a.Store.Ticket(ctx, a.rememberedID(login))
	if errors.Is(err, ErrNoRow) {
		return remembered{}, 0, nil
	} else if err != nil {
		return remembered{}, 0, fmt.Errorf("app: read the last rehearsal: %w", err)
	}
	var m remembered
	if err := a.unseal(row.Data, "rehearsal", row.ID, &m); err != nil {
		a.Logger.WarnContext(ctx, "the last rehearsal cannot be read and is forgotten", "login", login, "error", err)
		return remembered{}, row.Version, nil
	}
	return m, row.Version, nil
}

// conclude says how r went to the audit log, to who wants to hear of it and to the next rehearsal,
// in one commit.
func (a *App) conclude(ctx context.Context, r Rehearsal, f map[audit.Field]string) error {
	kind := "rehearsal.done"
	if s, failed := r.Failed(); failed {
		kind = "rehearsal.failed"
		f[audit.Detail], f[audit.Operator] = s.Name, s.Err
	}
	_, err := again(func() (struct{}, error) {
		c, err := a.concluded(ctx, r)
		if err != nil {
			return struct{}{}, err
		}
		rec, err := a.record(kind, f)
		if err != nil {
			return struct{}{}, err
		}
		c.Audit = []audit.Record{rec}
		return struct{}{}, a.commit(ctx, c)
	})
	if err != nil {
		return fmt.Errorf("app: the rehearsal could not be recorded: %w", err)
	}
	return nil
}

// concluded returns the change that remembers r, with the messages that it calls for.
func (a *App) concluded(ctx context.Context, r Rehearsal) (Change, error) {
	m, version, err := a.recall(ctx, r.Login)
	if err != nil {
		return Change{}, err
	}
	now, key := a.now(), ""
	since := m.Since
	m.Last = r
	if !r.Account.Zero() {
		m.Who = r.Account
	}
	switch {
	case r.OK && !m.Alarmed.IsZero():
		key = "notice.rehearsal_works"
		fallthrough
	case r.OK:
		m.Since, m.Alarmed = time.Time{}, time.Time{}
	default:
		if m.Since.IsZero() {
			m.Since, since = r.At, r.At
		}
		if m.Alarmed.IsZero() || now.Sub(m.Alarmed) >= alarmPause {
			key, m.Alarmed = "notice.rehearsal_failed", now
		}
	}
	c := Change{}
	if key != "" {
		if c.Messages, err = a.alarm(key, r, since, now); err != nil {
			return c, err
		}
	}
	id := a.rememberedID(r.Login)
	data, err := a.seal(m, "rehearsal", id)
	if err != nil {
		return c, err
	}
	c.Ticket = &TicketRow{ID: id, Version: version, Data: data}
	return c, nil
}

// alarm writes to everybody who wants to hear of rehearsals.
func (a *App) alarm(key string, r Rehearsal, since, now time.Time) ([]MessageRow, error) {
	language := a.Canaries.Language
	s, _ := r.Failed()
	params := map[string]any{"organisation": a.Organisation, "login": r.Login, "place": cmp.Or(r.Directory, "?"),
		"at": shown(r.At), "since": shown(since), "reason": s.Err, "fix": s.Fix, "step": "", "site": a.PublicURL}
	if s.Name != "" {
		params["step"] = a.Texts.Text(language, "rehearse.step."+s.Name, nil)
	}
	var out []MessageRow
	for _, to := range a.Canaries.Alarm {
		row, err := a.message(notify.Message{Channel: notify.Email, To: to}, language, key, params, now)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

func shown(t time.Time) string { return t.Format("2006-01-02 15:04 UTC") }

// rehearseDue rehearses on the first canary whose turn it is, unless another node does: one at a
// time, so that ending the process need not wait long.
func (a *App) rehearseDue(ctx context.Context) error {
	if a.Canaries.Every <= 0 || a.now().Before(a.opens) {
		return nil
	}
	for _, login := range a.Canaries.Logins {
		if due, err := a.rehearsalDue(ctx, login); err != nil {
			return err
		} else if !due {
			continue
		}
		end, err := a.turn(ctx)
		if errors.Is(err, ErrRehearsed) {
			return nil
		} else if err != nil {
			return err
		}
		defer end()
		if due, err := a.rehearsalDue(ctx, login); err != nil || !due { // as it is now that we may
			return err
		}
		m, _, err := a.recall(ctx, login)
		if err != nil {
			return err
		}
		r, err := a.rehearse(ctx, Operator{Name: "system"}, login, m.Who)
		if s, failed := r.Failed(); failed {
			a.Logger.ErrorContext(ctx, "a rehearsal failed: people may not get in", "login", r.Login,
				"directory", r.Directory, "step", s.Name, "error", s.Err, "fix", s.Fix)
		} else {
			a.Logger.InfoContext(ctx, "a rehearsal went well", "login", r.Login, "directory", r.Directory, "took", r.Took)
		}
		return err
	}
	return nil
}

// rehearsalDue reports whether login's last rehearsal is long enough ago. One of a clock that went
// wrong, from far in the future, does not count.
func (a *App) rehearsalDue(ctx context.Context, login string) (bool, error) {
	m, _, err := a.recall(ctx, login)
	ago := a.now().Sub(m.Last.At)
	return m.Last.At.IsZero() || ago >= a.Canaries.Every || ago < -a.Canaries.Every, err
}

// firstRehearsal is when a process that begins now may rehearse.
func firstRehearsal(now time.Time) time.Time {
	return now.Add(opening + time.Duration(below(int(openingSpread))))
}

// below returns a random number from 0 to n-1.
func below(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return int(i.Int64())
}

// readyRehearsals warns of canaries on which the last rehearsal failed. It is never more than a
// warning: each node is as good as the others, and taking all away helps nobody.
func (a *App) readyRehearsals(ctx context.Context) []directory.Finding {
	last, err := a.LastRehearsals(ctx)
	if err != nil {
		return nil // the store's own finding says it
	}
	var out []directory.Finding
	for _, r := range last {
		if s, failed := r.Failed(); failed {
			out = append(out, directory.Finding{Severity: directory.Warning,
				Text: fmt.Sprintf("the rehearsal on %s at %s failed at the step %s: %s", r.Login, shown(r.At), s.Name, s.Err), Fix: s.Fix})
		}
	}
	return out
}
