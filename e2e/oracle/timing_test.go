package oracle

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	each      = 1000 // starts of every kind in one repetition
	parallel  = 16
	most      = 3.0 // |t| from which two kinds count as different
	repeats   = 3   // of which a majority decides
	winsorise = 0.01
)

// BenchmarkStart compares how long a start takes for people of every kind, by Welch's t of each
// kind against the known one, over a thousand starts each that run mixed in random order and
// sixteen at a time. What is measured is the time from the last byte of the request to the first
// of the reply. The lowest and highest hundredth of the samples of each kind count as much as the
// hundredth beside them, because a busy machine makes outliers that have nothing to do with the kind.
//
// A comparison of times can fail by chance and by load, so it is no test: "make bench" runs it, and
// it fails when |t| is 3 or more for the same kind in two of three repetitions.
func BenchmarkStart(b *testing.B) {
	w := newWorld(b, 50*time.Millisecond, "  start_account: {burst: 0}")
	who := kinds[:8]
	for b.Loop() {
		over := make([]int, len(who))
		for n := range repeats {
			samples := w.sample(b, len(who))
			for i := 1; i < len(who); i++ {
				t := welch(winsorised(samples[0]), winsorised(samples[i]))
				b.Logf("repetition %d: %s: mean %.3f ms, %s: mean %.3f ms, t = %.2f", n+1,
					who[0].name, mean(samples[0])*1e3, who[i].name, mean(samples[i])*1e3, t)
				if math.Abs(t) >= most {
					over[i]++
				}
			}
			if n+1 > repeats/2 && slices.Max(over) <= n-repeats/2 {
				break // no kind can have a majority any more
			}
		}
		for i, n := range over {
			if n > repeats/2 {
				b.Errorf("%s can be told from %s by the time of a start: |t| was %v or more in %d repetitions", who[i].name, who[0].name, most, n)
			}
		}
	}
}

// sample returns the times of each starts of every kind, in seconds.
func (w *world) sample(b *testing.B, of int) [][]float64 {
	b.Helper()
	var order []int
	for i := range of {
		for range each {
			order = append(order, i)
		}
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	next, out := make(chan int), make([][]float64, of)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range parallel {
		all.Go(func() {
			for i := range next {
				took, err := w.start(b.Context(), kinds[i].identifier)
				if err != nil {
					b.Error(err)
				}
				mu.Lock()
				out[i] = append(out[i], took)
				mu.Unlock()
			}
		})
	}
	for _, i := range order {
		next <- i
	}
	close(next)
	all.Wait()
	return out
}

// start starts one recovery and returns how long the reply took, in seconds.
func (w *world) start(ctx context.Context, identifier string) (float64, error) {
	var asked, told time.Time
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { asked = time.Now() },
		GotFirstResponseByte: func() { told = time.Now() },
	})
	_, reply, err := w.caller.Begin(ctx, identifier, nil)
	if err == nil && reply.Status != http.StatusCreated {
		err = errStatus(reply.String())
	}
	return told.Sub(asked).Seconds(), err
}

type errStatus string

func (e errStatus) Error() string { return "start: got " + string(e) }

// winsorised returns the samples with those outside the middle brought to its edges.
func winsorised(x []float64) []float64 {
	s := slices.Sorted(slices.Values(x))
	cut := int(float64(len(s)) * winsorise)
	low, high := s[cut], s[len(s)-1-cut]
	for i := range s {
		s[i] = min(max(s[i], low), high)
	}
	return s
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func variance(x []float64) float64 {
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return sum / float64(len(x)-1)
}

// welch returns Welch's t of the difference of two means.
func welch(a, b []float64) float64 {
	return (mean(a) - mean(b)) / math.Sqrt(variance(a)/float64(len(a))+variance(b)/float64(len(b)))
}

// TestWelch: the statistic sees a difference that is there, and none that is not.
func TestWelch(t *testing.T) {
	// Computed by hand: means 2 and 4, variances 1 and 1, so t = -2/sqrt(2/3).
	if got, want := welch([]float64{1, 2, 3}, []float64{3, 4, 5}), -2/math.Sqrt(2.0/3); math.Abs(got-want) > 1e-12 {
		t.Errorf("got %v, want %v", got, want)
	}
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(shift float64) []float64 {
		var out []float64
		for range each {
			out = append(out, 0.050+r.NormFloat64()*0.001+shift)
		}
		out[0] = 5 // an outlier
		return winsorised(out)
	}
	if got := welch(draw(0), draw(0)); math.Abs(got) >= most {
		t.Errorf("two samples of one kind: got t = %v", got)
	}
	if got := welch(draw(0), draw(0.0003)); math.Abs(got) < most {
		t.Errorf("0.3 ms apart: got t = %v, want |t| of at least %v", got, most)
	}
}
