package app

import (
	"context"
	"errors"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"postern/account"
	"postern/audit"
	"postern/limit"
	"postern/policy"
	"postern/recovery"
)

// Store is what app needs kept. Reads are plain; there is one write, which is all of it or
// nothing. Everything personal or secret in a row is sealed before it gets here.
type Store interface {
	// Recovery returns ErrNoRow when there is none.
	Recovery(ctx context.Context, id recovery.ID) (RecoveryRow, error)
	// OpenRecoveries returns the recoveries of who that are not final.
	OpenRecoveries(ctx context.Context, who account.Ref) ([]recovery.ID, error)
	// Overdue returns recoveries that are not final and whose deadline has passed.
	Overdue(ctx context.Context, now time.Time, limit int) ([]recovery.ID, error)
	// Enrollments returns those of who, oldest first; for factor "" all.
	Enrollments(ctx context.Context, who account.Ref, factor policy.Factor) ([]EnrollmentRow, error)
	// EnrollmentByFound returns the one with that index value; ErrNoRow when there is none.
	EnrollmentByFound(ctx context.Context, factor policy.Factor, found string) (EnrollmentRow, error)
	// Ticket returns an invitation to enrol; ErrNoRow when there is none.
	Ticket(ctx context.Context, id string) (TicketRow, error)
	// Claim takes up to limit rows of the queue that are due, puts their Due off until lease and
	// raises their version, so that no other node works on them meanwhile.
	Claim(ctx context.Context, queue Queue, now, lease time.Time, limit int) ([]MessageRow, error)
	// Message returns one row of the outbox; ErrNoRow when there is none.
	Message(ctx context.Context, id string) (MessageRow, error)
	// History returns the former passwords of who that are kept, newest first, up to limit.
	History(ctx context.Context, who account.Ref, limit int) ([]HistoryRow, error)
	// Outbox counts what waits, and says since when the oldest does.
	Outbox(ctx context.Context) (waiting int, oldest time.Time, err error)
	// Full returns the stored moment of a limit; zero when it was never used.
	Full(ctx context.Context, key string) (time.Time, error)
	// Lease takes or renews name for holder until the given moment. The fence rises each time the
	// holder changes. ok is false while somebody else holds it; a lease that ends ten times later
	// than the one asked for would (and more than ten minutes from now) is nobody's.
	Lease(ctx context.Context, name, holder string, until, now time.Time) (fence int64, ok bool, err error)
	// Sweep deletes what ended before the given moment, up to limit of each kind: final
	// recoveries, used tickets, sent messages, full limits. Audit records are never swept.
	Sweep(ctx context.Context, ended time.Time, limit int) (int, error)
	// Ping reports whether the store answers.
	Ping(ctx context.Context) error

	// Commit writes all of c in one transaction, durably, or nothing. ErrConflict: a version was
	// stale, or an identifier or index value is taken. *LimitedError: a limit was exhausted.
	// ErrNoEvent: c records nothing.
	Commit(ctx context.Context, c Change) error
}

// Change is everything that one use case changes, and the record of it. Version 0 inserts, any
// other version must be the stored one; the row is stored with its version raised by one.
type Change struct {
	Recovery *RecoveryRow
	Enroll   []EnrollmentRow
	Ticket   *TicketRow
	Limits   []Spend
	Audit    []audit.Record // at least one, or Commit refuses
	Messages []MessageRow
	History  []HistoryRow
}

// RecoveryRow is a recovery at rest.
type RecoveryRow struct {
	ID       recovery.ID
	Version  int64 // the version that Data was read at; 0 inserts
	Who      account.Ref
	State    recovery.State
	Deadline time.Time // zero when final
	Began    time.Time
	Data     []byte // sealed
}

// EnrollmentRow is an enrolment at rest. Removed deletes it.
type EnrollmentRow struct {
	ID      string
	Version int64
	Who     account.Ref
	Factor  policy.Factor
	Label   string
	Found   string // unique per factor unless empty
	Added   time.Time
	Used    time.Time // zero: never
	Data    []byte    // sealed
	Removed bool
}

// TicketRow is an invitation to enrol, at rest.
type TicketRow struct {
	ID       string
	Version  int64
	Deadline time.Time // zero when it was used or withdrawn
	Data     []byte    // sealed
}

// Queue is a part of the outbox that has workers of its own.
type Queue string

// The queues.
const (
	Messages Queue = "messages" // to people
	Targets  Queue = "targets"  // passwords for further directories: rows whose Channel is TargetChannel
)

// TargetChannel marks a row of the outbox that is no message (see Targets).
const TargetChannel = "target"

// MessageRow is one message of the outbox, or a password that a further directory still has to
// get. Final rows (sent, dead) are kept until swept; those of a password hold no data.
type MessageRow struct {
	ID       string
	Version  int64
	Channel  string    // of package notify, or TargetChannel
	Due      time.Time // zero: final
	Attempts int
	State    string // "waiting", "sent", "dead", "void" (for a decoy: the same work, and nothing is sent)
	Made     time.Time
	Data     []byte // sealed notify.Message; for a target sealed targetJob
}

// HistoryRow is one former password of one person. Of those that Who has, Commit keeps the newest
// Keep.
type HistoryRow struct {
	ID   string
	Who  account.Ref
	At   time.Time
	Data []byte // sealed hash
	Keep int
}

// Spend takes one event from a limit inside the transaction. Reset instead forgets what was spent.
type Spend struct {
	Key   string // "start.address:192.0.2.1/32"; keyed hashes instead of logins
	Limit limit.Limit
	Now   time.Time
	Reset bool
}

// LimitedError says which limit was exhausted. Nothing was written.
type LimitedError struct {
	Key   string
	Retry time.Duration // until one event is possible
}

// Error names the limit.
func (e *LimitedError) Error() string { return "app: limit " + e.Key + " is exhausted" }

// LogStore keeps the audit log: what was committed and waits, and the tree over what has a place.
type LogStore interface {
	// Pending returns records without a place, in the order of their commits.
	Pending(ctx context.Context, limit int) ([]audit.Record, error)
	// Head returns the size of the tree and the last signed checkpoint ("" when empty).
	Head(ctx context.Context) (size int64, checkpoint string, err error)
	// Hashes returns stored hashes by tlog.StoredHashIndex.
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
	// Append gives records their places, stores hashes and checkpoint, all or nothing.
	// ErrConflict when the tree is not of size a.From or the fence is not the lease's.
	Append(ctx context.Context, a Append) error
	// Records returns those with places in [from, from+limit).
	Records(ctx context.Context, from int64, limit int) ([]audit.Record, error)
}

// Append is one batch for the tree.
type Append struct {
	Lease      string // the lease's name
	Fence      int64
	From       int64    // the size before
	IDs        []string // records that get the places From, From+1 …
	FirstHash  int64    // index of the first of Hashes: tlog.StoredHashIndex(0, From)
	Hashes     []tlog.Hash
	Checkpoint string
}

// The conditions that callers branch on.
var (
	ErrNoRow    = errors.New("app: no such row")
	ErrConflict = errors.New("app: changed by somebody else meanwhile")
	ErrNoEvent  = errors.New("app: a change without a record was refused")
)
