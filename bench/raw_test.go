package bench

import (
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/testenv"
)

// rawTime is how long one raw measurement lasts.
const rawTime = 2 * time.Second

// raw is the directory's own speed: Password Modify operations (RFC 3062) by the service account,
// over n connections that are open already, with TLS as Postern's.
type raw struct{ conns []*goldap.Conn }

func (c *company) raw(b *testing.B, n int) *raw {
	b.Helper()
	r := &raw{}
	b.Cleanup(func() {
		for _, conn := range r.conns {
			_ = conn.Close()
		}
	})
	for range n {
		conn, err := goldap.DialURL(c.slapd.TLSURL, goldap.DialWithTLSConfig(c.slapd.TLS()))
		if err != nil {
			b.Fatal(err)
		}
		r.conns = append(r.conns, conn)
		if err := conn.Bind(testenv.SlapdService, testenv.SlapdServiceWord); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

// measure returns operations a second.
func (r *raw) measure(b *testing.B, c *company) float64 {
	b.Helper()
	var n atomic.Int64
	errs := make([]error, len(r.conns))
	began := time.Now()
	var wg sync.WaitGroup
	for i, conn := range r.conns {
		wg.Go(func() {
			for time.Since(began) < rawTime {
				who := c.people[int(n.Add(1))%len(c.people)]
				if _, err := conn.PasswordModify(goldap.NewPasswordModifyRequest(c.slapd.DN(who.login), "", rand.Text())); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	return float64(n.Load()) / time.Since(began).Seconds()
}
