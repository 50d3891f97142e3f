package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/notify/file"
)

// The steps of a reset, in their order.
const (
	start = iota
	askApp
	answerApp
	askMail
	waitMail
	answerMail
	setPassword
	steps
)

var stepNames = [steps]string{"start", "ask app", "answer app", "ask mail", "wait mail", "answer mail", "password"}

// took is how long each step of one reset took.
type took [steps]time.Duration

func (t took) whole() time.Duration {
	var sum time.Duration
	for _, d := range t {
		sum += d
	}
	return sum
}

// visitors are clients of one server.
type visitors struct {
	client *http.Client
	api    string
	mail   *mailbox
	target string // that every receipt has to tell of; "" for none
}

// reply is what is needed of a flow object.
type reply struct {
	Token   string `json:"token"`
	State   string `json:"state"`
	Methods []struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"methods"`
	Receipt []struct {
		Target string `json:"target"`
		Change string `json:"change"`
		Result string `json:"result"`
	} `json:"receipt"`
}

func (r reply) method(kind string) string {
	for _, m := range r.Methods {
		if m.Type == kind {
			return m.ID
		}
	}
	return ""
}

// reset does what p would.
func (v *visitors) reset(ctx context.Context, p person) (t took, err error) {
	clock := time.Now()
	lap := func(step int) { now := time.Now(); t[step], clock = now.Sub(clock), now }
	var token string
	post := func(step int, path string, body map[string]string, want string) (reply, error) {
		r, err := v.post(ctx, path, token, body)
		lap(step)
		if err != nil {
			return r, fmt.Errorf("%s: %s: %w", p.login, stepNames[step], err)
		}
		if r.State != want {
			return r, fmt.Errorf("%s: %s: got %s, want %s", p.login, stepNames[step], r.State, want)
		}
		return r, nil
	}
	begun, err := post(start, "/recoveries", map[string]string{"identifier": p.login}, "verifying")
	if err != nil {
		return t, err
	}
	token = begun.Token
	app, mail := begun.method("totp"), begun.method("email_code")
	if _, err := post(askApp, "/recovery/challenge", map[string]string{"method": app}, "verifying"); err != nil {
		return t, err
	}
	code, err := totp.GenerateCode(p.secret, time.Now())
	if err != nil {
		return t, err
	}
	if _, err := post(answerApp, "/recovery/answer", map[string]string{"method": app, "code": code}, "verifying"); err != nil {
		return t, err
	}
	letter := v.mail.expect(p.mail)
	if _, err := post(askMail, "/recovery/challenge", map[string]string{"method": mail}, "verifying"); err != nil {
		return t, err
	}
	select {
	case code = <-letter:
		lap(waitMail)
	case <-ctx.Done():
		return t, fmt.Errorf("%s: no mail came: %w", p.login, ctx.Err())
	}
	if _, err := post(answerMail, "/recovery/answer", map[string]string{"method": mail, "code": code}, "verified"); err != nil {
		return t, err
	}
	end, err := post(setPassword, "/recovery/password", map[string]string{"password": rand.Text()}, "done")
	if err == nil && !end.has(v.target) {
		err = fmt.Errorf("%s: the target did not get the password: %+v", p.login, end.Receipt)
	}
	return t, err
}

// has reports whether target got the password; none is asked for where there is none.
func (r reply) has(target string) bool {
	for _, l := range r.Receipt {
		if l.Target == target && l.Change == "password_set" {
			return l.Result == "ok"
		}
	}
	return target == ""
}

func (v *visitors) post(ctx context.Context, path, token string, body map[string]string) (reply, error) {
	var r reply
	text, err := json.Marshal(body)
	if err != nil {
		return r, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.api+path, bytes.NewReader(text))
	if err != nil {
		return r, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := v.client.Do(req)
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return r, err
	}
	if res.StatusCode >= http.StatusBadRequest {
		return r, fmt.Errorf("%s: %s", res.Status, answer)
	}
	return r, json.Unmarshal(answer, &r)
}

// resets lets clients at once reset n people in all.
func (c *company) resets(b *testing.B, v *visitors, clients, n int) (all []took, elapsed time.Duration) {
	b.Helper()
	people := c.people[c.next : c.next+n]
	c.next += n
	ctx, stop := context.WithTimeout(b.Context(), 2*time.Minute)
	defer stop()
	todo := make(chan int, n)
	for i := range people {
		todo <- i
	}
	close(todo)
	all = make([]took, n)
	errs := make([]error, n)
	began := time.Now()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			pprof.Do(ctx, client, func(ctx context.Context) {
				for i := range todo {
					all[i], errs[i] = v.reset(ctx, people[i])
				}
			})
		})
	}
	wg.Wait()
	elapsed, c.last = time.Since(began), time.Now()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	return all, elapsed
}

// client marks in a profile what is not the server's work, where both are one process.
var client = pprof.Labels("side", "client")

// mailbox reads the messages that the server sends, as they come.
type mailbox struct {
	path string
	stop func()

	mu      sync.Mutex
	expects map[string]chan string // by address
	codes   int
	notices int
}

// watch reads path until the benchmark ends or close is called.
func watch(b *testing.B, path string) *mailbox {
	b.Helper()
	m := &mailbox{path: path, expects: map[string]chan string{}}
	at := int64(0)
	if info, err := os.Stat(path); err == nil {
		at = info.Size()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		pprof.Do(ctx, client, func(ctx context.Context) {
			if err := m.run(ctx, at); err != nil {
				b.Error(err)
			}
		})
	})
	m.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	b.Cleanup(m.stop)
	return m
}

func (m *mailbox) run(ctx context.Context, at int64) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var left []byte
	buf := make([]byte, 1<<16)
	var f *os.File
	defer func() {
		if f != nil {
			_ = f.Close()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if f == nil {
			var err error
			if f, err = os.Open(m.path); errors.Is(err, os.ErrNotExist) {
				f = nil
				continue
			} else if err != nil {
				return err
			}
		}
		n, err := f.ReadAt(buf, at)
		if err != nil && err != io.EOF {
			return err
		}
		at += int64(n)
		left = append(left, buf[:n]...)
		for {
			line, rest, whole := bytes.Cut(left, []byte("\n"))
			if !whole {
				break
			}
			left = rest
			var e file.Entry
			if err := json.Unmarshal(line, &e); err != nil {
				return fmt.Errorf("mailbox: %w", err)
			}
			m.came(e)
		}
	}
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// came hands a code to whoever waits for it; other messages are notices.
func (m *mailbox) came(e file.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.expects[e.To]; ok {
		delete(m.expects, e.To)
		m.codes++
		c <- sixDigits.FindString(e.Text)
		return
	}
	m.notices++
}

// expect must be called before the code is asked for.
func (m *mailbox) expect(address string) <-chan string {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan string, 1)
	m.expects[address] = c
	return c
}

// told returns how many notices came so far.
func (m *mailbox) told() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notices
}
