package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Caller calls one node's HTTP interface.
type Caller struct {
	Base   string // http://127.0.0.1:…
	Host   string
	Client *http.Client
}

// Caller returns one with connections of its own. It follows no redirects.
func (p *Postern) Caller() *Caller {
	return &Caller{Base: "http://" + p.Address, Host: p.Host(), Client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Reply is an answer, read to its end.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// String shows status and body, for failures.
func (r Reply) String() string { return fmt.Sprintf("%d %s", r.Status, r.Body) }

// Send sends a request. header replaces what stands here; a nil value leaves the header out.
func (c *Caller) Send(ctx context.Context, method, path, body string, header http.Header) (Reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, strings.NewReader(body))
	if err != nil {
		return Reply{}, err
	}
	req.Host = c.Host
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if h := header.Get("Host"); h != "" {
		req.Host = h
	}
	res, err := c.Client.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return Reply{Status: res.StatusCode, Header: res.Header, Body: text}, err
}

// Recovery is a recovery as its bearer sees it through the API.
type Recovery struct {
	Token   string
	State   string
	Methods []struct {
		ID, Type string
		Answered bool
	}

	header http.Header // beside Authorization
}

// Method returns the identifier that a method has in this recovery, "" when it is not offered.
func (r Recovery) Method(kind string) string {
	for _, m := range r.Methods {
		if m.Type == kind {
			return m.ID
		}
	}
	return ""
}

// Begin starts a recovery. The given header goes along with every later call.
func (c *Caller) Begin(ctx context.Context, identifier string, header http.Header) (Recovery, Reply, error) {
	body, err := json.Marshal(map[string]string{"identifier": identifier})
	if err != nil {
		return Recovery{}, Reply{}, err
	}
	out := Recovery{header: header}
	reply, err := c.Send(ctx, http.MethodPost, "/api/v1/recoveries", string(body), header)
	if err == nil && reply.Status == http.StatusCreated {
		err = json.Unmarshal(reply.Body, &out)
	}
	return out, reply, err
}

// Do makes one of a recovery's calls: "challenge", "answer", "password", "unlock", or "" to look.
// A body that is no text is written as JSON.
func (c *Caller) Do(ctx context.Context, r Recovery, call string, body any) (Reply, error) {
	header := r.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Authorization", "Bearer "+r.Token)
	if call == "" {
		return c.Send(ctx, http.MethodGet, "/api/v1/recovery", "", header)
	}
	text, ok := body.(string)
	if !ok && body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return Reply{}, err
		}
		text = string(raw)
	}
	return c.Send(ctx, http.MethodPost, "/api/v1/recovery/"+call, text, header)
}

// State returns the recovery's present state.
func (r Reply) State() string {
	var f struct{ State string }
	if json.Unmarshal(r.Body, &f) != nil {
		return ""
	}
	return f.State
}

// Message is one line of a mailbox.
type Message struct {
	To, Subject, Text string
	At                time.Time
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// Code returns the code that the message carries, or "".
func (m Message) Code() string { return sixDigits.FindString(m.Text) }

// Inbox follows the file that a Postern writes its messages to.
type Inbox struct {
	path     string
	mu       sync.Mutex
	read     int64
	messages []Message
}

// Inbox opens the mailbox of p.
func (p *Postern) Inbox() *Inbox { return &Inbox{path: p.Mailbox} }

// All returns every message until now. A line that a crash cut short is passed over.
func (b *Inbox) All() ([]Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := os.Open(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(b.read, io.SeekStart); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	b.read += int64(len(whole))
	for line := range bytes.Lines(whole) {
		var m Message
		if json.Unmarshal(line, &m) == nil && m.To != "" {
			b.messages = append(b.messages, m)
		}
	}
	return b.messages[:len(b.messages):len(b.messages)], nil
}

// Codes returns the codes that were sent to an address, in their order.
func (b *Inbox) Codes(to string) ([]string, error) {
	all, err := b.All()
	var out []string
	for _, m := range all {
		if code := m.Code(); m.To == to && code != "" {
			out = append(out, code)
		}
	}
	return out, err
}

// Code waits for the n-th code, from 0, that is sent to an address.
func (b *Inbox) Code(ctx context.Context, to string, n int) (string, error) {
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		codes, err := b.Codes(to)
		if err != nil {
			return "", err
		}
		if len(codes) > n {
			return codes[n], nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("testenv: waiting for a code to %s: %w", to, ctx.Err())
		case <-tick.C:
		}
	}
}
