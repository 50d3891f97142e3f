package page

import "time"

// Clock is time that runs out, for the template "clock". Left and Over are text keys; Left takes
// the parameter time.
type Clock struct {
	Left, Over string
	Seconds    int
	Minutes    int // rounded up
}

// NewClock returns what is left until the given moment, and nil where no limit is.
func NewClock(left, over string, until, now time.Time) *Clock {
	if until.IsZero() {
		return nil
	}
	d := max(0, until.Sub(now))
	return &Clock{Left: left, Over: over, Seconds: int(d.Seconds()), Minutes: int((d + time.Minute - 1) / time.Minute)}
}
