package sqlstore

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/app"
	"postern/internal/testenv"
	"postern/limit"
	"postern/secret"
)

// BenchmarkCommit is durable commits of a recovery's first step: a row, a record, two limits and
// a message; writers is how many commit at once.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 32, 256} {
		b.Run("SQLite/writers="+strconv.Itoa(writers), func(b *testing.B) {
			s, _ := sqliteStore(b)
			commitAll(b, s, writers)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/float64(s.write.(*queue).commits), "commits/transaction")
		})
		b.Run("PostgreSQL/writers="+strconv.Itoa(writers), func(b *testing.B) {
			s, err := Open(b.Context(), Settings{DSN: secret.New(testenv.PostgresDurable(b))})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			commitAll(b, s, writers)
		})
	}
}

func commitAll(b *testing.B, s *Store, writers int) {
	var n atomic.Int64
	var wg sync.WaitGroup
	l := limit.Limit{Every: time.Microsecond, Burst: 1 << 40}
	b.ReportAllocs()
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				c := begin(fmt.Sprint("r", i))
				c.Limits = []app.Spend{{Key: fmt.Sprint("address", i%1000), Limit: l, Now: t0}, {Key: fmt.Sprint("account", i), Limit: l, Now: t0}}
				c.Messages = []app.MessageRow{{ID: fmt.Sprint("m", i), Channel: "email", Due: t0, State: "waiting", Made: t0, Data: make([]byte, 600)}}
				if err := s.Commit(b.Context(), c); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func BenchmarkRecovery(b *testing.B) {
	s, _ := sqliteStore(b)
	if err := s.Commit(b.Context(), begin("r")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Recovery(b.Context(), "r"); err != nil {
			b.Fatal(err)
		}
	}
}
