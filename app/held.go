package app

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/account"
	"postern/audit"
	"postern/method"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// held is a recovery in hand: its state, and what the start learnt, so that no later step before
// the password needs to ask a directory.
type held struct {
	row int64 // version of the stored row; 0 before the first commit
	flowData
	// to is the new password while it is being set. It is stored nowhere with the recovery.
	to secret.Text
	// told is what else belongs into the record of the next step.
	told map[audit.Field]string
}

// flowData is what a recovery's row holds, sealed.
type flowData struct {
	Recovery recovery.Recovery  `json:"recovery"`
	Account  account.Account    `json:"account"` // zero for a decoy
	Draw     string             `json:"draw"`
	Rules    password.Directory `json:"rules"`             // read once verified, of all directories that are written to
	Targets  []heldTarget       `json:"targets,omitempty"` // likewise
	Language string             `json:"language"`
	From     string             `json:"from"` // the network of the last step's visitor
	// Hints are masked destinations by method, which are shown once something was proven.
	Hints map[policy.Factor]string `json:"hints,omitempty"`
}

// recoveryID derives the public name of a recovery from its token, so that the token itself is
// stored nowhere.
func (a *App) recoveryID(token secret.Text) recovery.ID {
	return recovery.ID(encode(a.Keys.Derive("recovery.id", []byte(token.Reveal()), 15)))
}

// load returns the recovery that token opens. No token and no such recovery look alike.
func (a *App) load(ctx context.Context, token secret.Text) (held, error) {
	if token.Empty() || len(token.Reveal()) > 64 {
		return held{}, &Refusal{Problem: ProblemNone, Key: "problem.no_recovery"}
	}
	h, err := a.read(ctx, a.recoveryID(token))
	if errors.Is(err, ErrNoRow) {
		return held{}, &Refusal{Problem: ProblemNone, Key: "problem.no_recovery"}
	}
	return h, err
}

func (a *App) read(ctx context.Context, id recovery.ID) (held, error) {
	row, err := a.Store.Recovery(ctx, id)
	if err != nil {
		return held{}, fmt.Errorf("app: read recovery: %w", err)
	}
	h := held{row: row.Version}
	if err := a.unseal(row.Data, "recovery", string(id), &h.flowData); err != nil {
		return held{}, err
	}
	return h, nil
}

// row seals h to be written over the given version of its row.
func (a *App) row(h held, over int64) (*RecoveryRow, error) {
	data, err := a.seal(h.flowData, "recovery", string(h.Recovery.ID))
	if err != nil {
		return nil, err
	}
	r := h.Recovery
	return &RecoveryRow{ID: r.ID, Version: over, Who: r.Who, State: r.State, Deadline: r.Deadline, Began: r.Began, Data: data}, nil
}

// commit writes c, and wakes the outbox when there is something to send.
func (a *App) commit(ctx context.Context, c Change) error {
	ctx, cancel := detached(ctx, commitTime)
	defer cancel()
	if err := a.Store.Commit(ctx, c); err != nil {
		return err
	}
	if len(c.Messages) > 0 {
		poke(a.wake)
	}
	return nil
}

const commitTime = 10 * time.Second

// seal encrypts v so that it opens only as what it is and where it belongs.
func (a *App) seal(v any, kind string, owner ...string) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("app: encode %s: %w", kind, err)
	}
	return a.Keys.Seal(plain, associated(kind, owner))
}

func (a *App) unseal(sealed []byte, kind, owner string, v any) error {
	plain, err := a.Keys.Open(sealed, associated(kind, []string{owner}))
	if err != nil {
		return fmt.Errorf("app: open %s: %w", kind, err)
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return fmt.Errorf("app: decode %s: %w", kind, err)
	}
	return nil
}

// associated binds a sealed value to its kind and owner; lengths keep parts apart.
func associated(kind string, owner []string) []byte {
	var out []byte
	for _, s := range append([]string{kind}, owner...) {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	return out
}

// subject is whose limits and enrolments a recovery touches: the account's, or for a decoy a
// place that nobody has, so that the same reads and writes are made.
func (h held) subject() account.Ref {
	if h.Recovery.Decoy() {
		return account.Ref{Directory: "-", ID: h.Draw}
	}
	return h.Recovery.Who
}

// person returns what method f may know. Where f cannot be proven, that is nobody.
func (a *App) person(ctx context.Context, h held, f policy.Factor, now time.Time) (method.Person, error) {
	p := method.Person{Draw: h.Draw, Flow: string(h.Recovery.ID), Language: h.Language, Now: now, Action: policy.Reset}
	if unlocksOnly(h.Recovery) {
		p.Action = policy.Unlock
	}
	enrolled, err := a.enrollments(ctx, h.subject(), f)
	if err != nil {
		return p, err
	}
	if h.usable(f) {
		p.Account, p.Enrolled = h.Account, slices.DeleteFunc(enrolled, func(e method.Enrollment) bool {
			return !inherits(h.Account, e.Added) || e.Added.After(h.Recovery.Began.Add(-a.Policy.Quarantine))
		})
	}
	return p, nil
}

// inherits reports whether what was enrolled at that moment is who's own: an account that was made
// later, with an identifier that was given out again, is another person's.
func inherits(who account.Account, added time.Time) bool { return !who.Created.After(added) }

// enrollments returns who's enrolments of f (all for ""), opened.
func (a *App) enrollments(ctx context.Context, who account.Ref, f policy.Factor) ([]method.Enrollment, error) {
	rows, err := a.Store.Enrollments(ctx, who, f)
	if err != nil {
		return nil, fmt.Errorf("app: read enrolments: %w", err)
	}
	out := make([]method.Enrollment, 0, len(rows))
	for _, r := range rows {
		plain, err := a.Keys.Open(r.Data, associated("enrollment", []string{who.Directory, who.ID, string(r.Factor), r.ID}))
		if err != nil {
			return nil, fmt.Errorf("app: open enrolment %s: %w", r.ID, err)
		}
		out = append(out, method.Enrollment{ID: r.ID, Version: r.Version, Factor: r.Factor, Label: r.Label,
			Data: plain, Added: r.Added, Used: r.Used, Found: r.Found})
	}
	return out, nil
}

// enrollment seals e for its row.
func (a *App) enrollment(who account.Ref, e method.Enrollment) (EnrollmentRow, error) {
	data, err := a.Keys.Seal(e.Data, associated("enrollment", []string{who.Directory, who.ID, string(e.Factor), e.ID}))
	if err != nil {
		return EnrollmentRow{}, fmt.Errorf("app: seal enrolment: %w", err)
	}
	return EnrollmentRow{ID: e.ID, Version: e.Version, Who: who, Factor: e.Factor, Label: e.Label, Found: e.Found,
		Added: e.Added, Used: e.Used, Data: data}, nil
}
