package wrap

import (
	"sync"
	"time"
)

// breaker leaves a directory alone after failures in a row. After a pause one call may try; its
// answer closes the breaker, its failure begins another pause.
type breaker struct {
	now      func() time.Time
	failures int
	pause    time.Duration

	mu     sync.Mutex
	row    int       // failures in a row
	opened time.Time // zero: closed
	trying bool
}

// enter reports whether a call may go on, and whether it is the one that tries.
func (b *breaker) enter() (trial, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened.IsZero() {
		return false, true
	}
	if b.trying || b.now().Sub(b.opened) < b.pause {
		return false, false
	}
	b.trying = true
	return true, true
}

// leave notes how the call ended. Calls that began before the breaker opened don't close it.
func (b *breaker) leave(trial bool, out outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if trial {
		b.trying = false
	}
	switch {
	case out == answered && (trial || b.opened.IsZero()):
		b.row, b.opened = 0, time.Time{}
	case out == failed:
		b.row++
		if trial || b.opened.IsZero() && b.row >= b.failures {
			b.opened = b.now()
		}
	}
}

// isOpen reports whether calls are refused now.
func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.opened.IsZero()
}
