// Package limit is rate limiting as a function: a limit, the moment that was stored and now go
// in, a verdict and the moment to store come out. The algorithm is GCRA (the generic cell rate
// algorithm, ITU-T I.371), which needs one stored timestamp for each thing that is limited.
//
// It keeps nothing, reads no clock and knows no names: app says what is limited, the store keeps
// the moments and calls Take inside the transaction that spends.
package limit

import "time"

// Limit allows Burst events at once and then one every Every. The zero Limit allows everything.
type Limit struct {
	Every time.Duration `json:"every" yaml:"every"` // time that gives one event back
	Burst int           `json:"burst" yaml:"burst"` // events allowed at once
}

// Unlimited reports whether l allows everything.
func (l Limit) Unlimited() bool { return l.Burst <= 0 || l.Every <= 0 }

// Take spends one event. full is the stored moment at which the whole burst is available again
// (GCRA's theoretical arrival time; zero for never used). When ok, next is the moment to store;
// when not, nothing was spent and retry is how long until one event is possible.
func (l Limit) Take(full, now time.Time) (next time.Time, retry time.Duration, ok bool) {
	if l.Unlimited() {
		return full, 0, true
	}
	start := full
	if start.Before(now) {
		start = now
	}
	next = start.Add(l.Every)
	// All of the burst fits between now and now+Burst*Every.
	if over := next.Sub(now.Add(time.Duration(l.Burst) * l.Every)); over > 0 {
		return full, over, false
	}
	return next, 0, true
}
