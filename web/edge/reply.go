package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// reply is a response in memory.
type reply struct {
	base   http.Header
	header http.Header
	status int
	body   bytes.Buffer
}

func newReply(base http.Header) *reply { return &reply{base: base, header: base.Clone()} }

// Header returns the headers to be.
func (p *reply) Header() http.Header { return p.header }

// WriteHeader sets the status; the first one counts.
func (p *reply) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

// Write keeps b.
func (p *reply) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.body.Write(b)
}

// reset forgets everything but what every reply carries.
func (p *reply) reset() {
	p.header, p.status = p.base.Clone(), 0
	p.body.Reset()
}

// send writes the whole reply, for HEAD without its body.
func (p *reply) send(w http.ResponseWriter, head bool) {
	p.WriteHeader(http.StatusOK)
	h := w.Header()
	maps.Copy(h, p.header)
	bodyless := p.status == http.StatusNoContent || p.status == http.StatusNotModified
	if h.Get("Content-Length") == "" && !bodyless {
		h.Set("Content-Length", strconv.Itoa(p.body.Len()))
	}
	w.WriteHeader(p.status)
	if !head && !bodyless {
		_, _ = w.Write(p.body.Bytes()) // an error means that the client is gone
	}
}

// WriteJSON writes v as the reply.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("edge: writing a reply: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// moment returns how much longer a fixed reply must wait when its request took so long since it
// was read, and whether its first moment has passed. Work that takes longer waits for the next
// multiple, so that even then the time tells little.
func moment(took, every time.Duration) (wait time.Duration, overrun bool) {
	if every <= 0 {
		return 0, false
	}
	if took < 0 {
		took = 0
	}
	n := took/every + 1
	return n*every - took, n > 1
}

// pause waits, or returns false when the client is gone first. It leaves no goroutine behind.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
