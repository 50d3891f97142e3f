package limit

import (
	"math/rand/v2"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestBurstThenOneEach(t *testing.T) {
	l := Limit{Every: time.Minute, Burst: 3}
	var full time.Time
	for i := range 3 {
		next, _, ok := l.Take(full, t0)
		if !ok {
			t.Fatalf("event %d of the burst was refused", i+1)
		}
		full = next
	}
	if _, retry, ok := l.Take(full, t0); ok || retry != time.Minute {
		t.Fatalf("fourth event: ok %v, retry %v; want refused, 1m", ok, retry)
	}
	if _, retry, ok := l.Take(full, t0.Add(59*time.Second)); ok || retry != time.Second {
		t.Fatalf("a second early: ok %v, retry %v; want refused, 1s", ok, retry)
	}
	next, _, ok := l.Take(full, t0.Add(time.Minute))
	if !ok {
		t.Fatal("one event should be back after a minute")
	}
	if _, _, ok := l.Take(next, t0.Add(time.Minute)); ok {
		t.Fatal("only one event should be back after a minute")
	}
}

func TestRefusalSpendsNothing(t *testing.T) {
	l := Limit{Every: time.Second, Burst: 1}
	full, _, _ := l.Take(time.Time{}, t0)
	for range 1000 {
		next, _, ok := l.Take(full, t0)
		if ok || !next.Equal(full) {
			t.Fatal("a refusal moved the stored moment: hammering would lock the owner out")
		}
	}
}

func TestZeroAllowsAll(t *testing.T) {
	for _, l := range []Limit{{}, {Burst: 5}, {Every: time.Second}} {
		if _, _, ok := l.Take(t0.Add(time.Hour), t0); !ok {
			t.Errorf("%+v refused", l)
		}
	}
}

// FuzzTake holds the laws: never more than burst + elapsed/every events in any window that
// starts with a full burst; a retry that is obeyed succeeds; left agrees with Take.
func FuzzTake(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint16(50))
	f.Add(uint64(9), uint8(1), uint16(1))
	f.Fuzz(func(t *testing.T, seed uint64, burst uint8, everyMS uint16) {
		walk(t, seed, Limit{Every: time.Duration(everyMS) * time.Millisecond, Burst: int(burst)})
	})
}

func TestLaws(t *testing.T) {
	for seed := range uint64(200) {
		walk(t, seed, Limit{Every: time.Duration(seed%7+1) * 100 * time.Millisecond, Burst: int(seed%5 + 1)})
	}
}

func walk(t *testing.T, seed uint64, l Limit) {
	t.Helper()
	if l.Unlimited() {
		return
	}
	r := rand.New(rand.NewPCG(seed, 1))
	now, full, taken := t0, time.Time{}, 0
	for range 200 {
		now = now.Add(time.Duration(r.Int64N(int64(l.Every) + 1)))
		left := left(l, full, now)
		next, retry, ok := l.Take(full, now)
		if ok != (left > 0) {
			t.Fatalf("left says %d, Take says %v", left, ok)
		}
		if !ok {
			if _, _, later := l.Take(full, now.Add(retry)); !later {
				t.Fatalf("refused after waiting the %v it asked for", retry)
			}
			if _, _, early := l.Take(full, now.Add(retry-1)); early {
				t.Fatalf("retry %v is longer than needed", retry)
			}
			continue
		}
		full, taken = next, taken+1
		if most := l.Burst + int(now.Sub(t0)/l.Every); taken > most {
			t.Fatalf("%d events after %v, at most %d allowed", taken, now.Sub(t0), most)
		}
	}
}

// left is how many events are possible at once now, counted another way than Take does.
func left(l Limit, full, now time.Time) int {
	if !full.After(now) {
		return l.Burst
	}
	used := int((full.Sub(now) + l.Every - 1) / l.Every)
	return max(0, l.Burst-used)
}
