package ldapclient

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/directory"
)

// TestOrder: the preferred server comes first unless it did not answer lately, and a request that
// is for one server goes to no other.
func TestOrder(t *testing.T) {
	var asked []string
	connect := func(_ context.Context, s Server) (*Conn, error) {
		asked = append(asked, s.URL)
		return nil, errors.New("down")
	}
	now := time.Now()
	p := newPool([]Server{{URL: "a"}, {URL: "b"}, {URL: "c"}}, 1, time.Minute, func() time.Time { return now }, connect)
	take := func(ctx context.Context) string {
		asked = nil
		if _, err := p.take(ctx, false); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
		return strings.Join(asked, "")
	}
	p.prefer("c")
	if got := take(t.Context()); got != "cab" {
		t.Errorf("preferred: got %s, want cab", got)
	}
	p.mark(Server{URL: "a"}, true)
	if got := take(t.Context()); got != "abc" {
		t.Errorf("while the preferred one is down: got %s, want abc", got)
	}
	if got := take(At(t.Context(), "b")); got != "b" {
		t.Errorf("for one server: got %s, want b", got)
	}
	if got := take(At(t.Context(), "elsewhere")); got != "" {
		t.Errorf("for none of them: got %s, want nobody asked", got)
	}
}

func TestOptionalIsNotCritical(t *testing.T) {
	if got, want := string((Optional{OID: "1.2.3", Value: []byte{0x30, 0}}).Encode().Bytes()), "\x30\x0b\x04\x051.2.3\x04\x02\x30\x00"; got != want {
		t.Errorf("got %x, want %x", got, want)
	}
}
