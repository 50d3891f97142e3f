package wrap

import (
	"sync/atomic"
	"time"
)

// op is one of the calls; the set is closed, so it can be a label of a metric.
type op int

const (
	opFind op = iota
	opGet
	opSetPassword
	opUnlock
	opAuthenticate
	opRules
	opEndSessions
	opChangePassword
	opExamine
	ops
)

func (o op) String() string {
	return [ops]string{"find", "get", "set_password", "unlock", "authenticate", "rules", "end_sessions", "change_password", "examine"}[o]
}

// counts are the counters, one row for each op.
type counts struct {
	rows [ops]struct {
		calls, failures, retries, refused, micros atomic.Uint64
	}
}

func (c *counts) called(o op, failed bool, took time.Duration) {
	r := &c.rows[o]
	r.calls.Add(1)
	r.micros.Add(uint64(max(0, took.Microseconds())))
	if failed {
		r.failures.Add(1)
	}
}

func (c *counts) retried(o op) { c.rows[o].retries.Add(1) }
func (c *counts) refused(o op) { c.rows[o].refused.Add(1) }

// Stats are counters since the start.
type Stats struct {
	Open bool // the breaker refuses calls
	Ops  []OpStats
}

// OpStats count the calls of one operation.
type OpStats struct {
	Op       string        // find, get, set_password, unlock, authenticate, rules, end_sessions, change_password, examine
	Calls    uint64        // that reached the directory
	Failures uint64        // of them without an answer
	Retries  uint64        // calls that were second tries
	Refused  uint64        // not made: breaker open, or too many at once
	Time     time.Duration // spent in all calls
}

func (c *counts) stats(b *breaker) Stats {
	out := Stats{Open: b.isOpen()}
	for o := range ops {
		r := &c.rows[o]
		out.Ops = append(out.Ops, OpStats{
			Op: o.String(), Calls: r.calls.Load(), Failures: r.failures.Load(), Retries: r.retries.Load(),
			Refused: r.refused.Load(), Time: time.Duration(r.micros.Load()) * time.Microsecond,
		})
	}
	return out
}
