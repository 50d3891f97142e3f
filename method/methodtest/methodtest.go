// Package methodtest is the suite that every method passes: Run proves what method.Method and
// method.Enroller promise, and Assets what a method brings for pages.
//
// It does not test what is particular to a method, such as a standard's vectors; the method's own
// tests do. It is for tests only and no product code imports it.
package methodtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/account"
	"postern/method"
	"postern/secret"
)

// Device is what one person holds: an app, a mailbox, a key.
type Device interface {
	// Confirm returns the answer to an invitation.
	Confirm(t *testing.T, p method.Person, q method.Question) method.Answer
	// Answer returns the right answer to a question that was posed to p.
	Answer(t *testing.T, p method.Person, q method.Question) method.Answer
	// Wrong returns an answer of the right form that is not right.
	Wrong(t *testing.T, p method.Person, q method.Question) method.Answer
}

// Case is a method under test.
type Case struct {
	Kind     method.Kind
	Settings func(into any) // changes the defaults; may be nil
	Device   func(t *testing.T) Device
}

// Start is the moment at which the suite begins.
var Start = time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)

// Env returns an instance to open methods in.
func Env() method.Env {
	return method.Env{
		Organisation: "Example Ltd", PublicURL: "https://reset.example.com",
		Decoy: func(label string, p method.Person, n int) []byte {
			var out []byte
			for i := 0; len(out) < n; i++ {
				h := hmac.New(sha256.New, []byte("of this instance"))
				_, _ = fmt.Fprintf(h, "%s\n%s\n%d", label, p.Draw, i)
				out = h.Sum(out)
			}
			return out[:n]
		},
	}
}

// Open opens the method in Env.
func (c Case) Open(t *testing.T) method.Method {
	t.Helper()
	m, err := c.Kind.Open(func(into any) error {
		if c.Settings != nil {
			c.Settings(into)
		}
		return nil
	}, Env())
	if err != nil {
		t.Fatalf("opening %s: %v", c.Kind.ID, err)
	}
	return m
}

// Person returns somebody who has an account, without enrolments.
func Person(login string) method.Person {
	return method.Person{
		Account: account.Account{
			Ref: account.Ref{Directory: "staff", ID: "id-" + login}, Login: login, Name: strings.ToUpper(login),
			Contacts: []account.Contact{{Kind: account.Email, Address: login + "@example.com"}},
		},
		Draw: "draw-" + login, Flow: "flow-" + login, Language: "en", Now: Start,
	}
}

// Decoy returns nobody.
func Decoy(handle string) method.Person {
	return method.Person{Draw: "draw-" + handle, Flow: "flow-" + handle, Language: "en", Now: Start}
}

// Enroll enrols a device for p, by invitation, and returns p with it.
func Enroll(t *testing.T, m method.Method, p method.Person, d Device) method.Person {
	t.Helper()
	e, ok := m.(method.Enroller)
	if !ok {
		t.Fatalf("%T is no Enroller", m)
	}
	q, err := e.Invite(t.Context(), p, nil)
	if err != nil {
		t.Fatalf("inviting: %v", err)
	}
	got, err := e.Enroll(t.Context(), p, q.Private, d.Confirm(t, p, q))
	if err != nil {
		t.Fatalf("enrolling: %v", err)
	}
	got.Version = 1
	p.Enrolled = append(p.Enrolled, got)
	p.Now = p.Now.Add(24 * time.Hour)
	return p
}

// Ask poses a question.
func Ask(t *testing.T, m method.Method, p method.Person) method.Question {
	t.Helper()
	q, err := m.Ask(t.Context(), p)
	if err != nil {
		t.Fatalf("asking: %v", err)
	}
	return q
}

// Judge judges an answer and fails on errors.
func Judge(t *testing.T, m method.Method, p method.Person, q method.Question, a method.Answer) method.Judgement {
	t.Helper()
	j, err := m.Judge(t.Context(), p, q.Private, a)
	if err != nil {
		t.Fatalf("judging: %v", err)
	}
	return j
}

// Apply returns p with what the judgement changes.
func Apply(p method.Person, j method.Judgement) method.Person {
	out := p
	out.Enrolled = nil
	for _, e := range p.Enrolled {
		if j.Update != nil && e.ID == j.Update.ID {
			e = *j.Update
			e.Version++
		}
		out.Enrolled = append(out.Enrolled, e)
	}
	return out
}

// Run runs the suite.
func Run(t *testing.T, c Case) {
	t.Run("right once", func(t *testing.T) { rightOnce(t, c) })
	t.Run("wrong", func(t *testing.T) { wrong(t, c) })
	t.Run("expired", func(t *testing.T) { expired(t, c) })
	t.Run("another person", func(t *testing.T) { anotherPerson(t, c) })
	t.Run("decoy", func(t *testing.T) { decoy(t, c) })
	t.Run("malformed", func(t *testing.T) { malformed(t, c) })
	t.Run("cannot tell", func(t *testing.T) { cannotTell(t, c) })
	t.Run("enrolling", func(t *testing.T) { enrolling(t, c) })
	t.Run("question", func(t *testing.T) { question(t, c) })
	t.Run("assets", func(t *testing.T) { Assets(t, c.Kind) })
}

func rightOnce(t *testing.T, c Case) {
	m, d := c.Open(t), c.Device(t)
	p := Enroll(t, m, Person("alice"), d)
	for range 3 {
		q := Ask(t, m, p)
		a := d.Answer(t, p, q)
		j := Judge(t, m, p, q, a)
		if !j.Right || j.Update == nil {
			t.Fatalf("right answer: got right %v, update %v; want both", j.Right, j.Update)
		}
		if j.Update.ID != p.Enrolled[0].ID || j.Update.Version != p.Enrolled[0].Version {
			t.Fatalf("update: got %s version %d, want %s version %d", j.Update.ID, j.Update.Version, p.Enrolled[0].ID, p.Enrolled[0].Version)
		}
		if !j.Update.Used.Equal(p.Now) {
			t.Errorf("used: got %v, want %v", j.Update.Used, p.Now)
		}
		p = Apply(p, j)
		for _, later := range []time.Duration{0, time.Second, 20 * time.Second} {
			again := p
			again.Now = p.Now.Add(later)
			if j := Judge(t, m, again, q, a); j.Right || j.Update != nil {
				t.Fatalf("same answer %v later: got right, want refused", later)
			}
		}
		p.Now = p.Now.Add(time.Hour)
	}
}

func wrong(t *testing.T, c Case) {
	m, d := c.Open(t), c.Device(t)
	p := Enroll(t, m, Person("alice"), d)
	q := Ask(t, m, p)
	if j := Judge(t, m, p, q, d.Wrong(t, p, q)); j.Right || j.Update != nil {
		t.Fatalf("wrong answer: got %+v, want not right and no update", j)
	}
	if j := Judge(t, m, p, q, d.Answer(t, p, q)); !j.Right {
		t.Error("right answer after a wrong one: got wrong")
	}
}

func expired(t *testing.T, c Case) {
	m, d := c.Open(t), c.Device(t)
	p := Enroll(t, m, Person("alice"), d)
	q := Ask(t, m, p)
	if !q.Expires.After(p.Now) {
		t.Fatalf("expires: got %v, want after %v", q.Expires, p.Now)
	}
	a := d.Answer(t, p, q)
	p.Now = q.Expires
	if j := Judge(t, m, p, q, a); j.Right || j.Update != nil {
		t.Fatalf("an answer of %v at %v: got right, want refused", Start, q.Expires)
	}
}

func anotherPerson(t *testing.T, c Case) {
	m := c.Open(t)
	hers, his := c.Device(t), c.Device(t)
	alice, mallory := Enroll(t, m, Person("alice"), hers), Enroll(t, m, Person("mallory"), his)
	q := Ask(t, m, alice)
	own := Ask(t, m, mallory)
	if j := Judge(t, m, alice, q, his.Answer(t, mallory, own)); j.Right || j.Update != nil {
		t.Error("mallory's answer to his own question, given to alice's: got right")
	}
	if j := Judge(t, m, alice, own, his.Answer(t, mallory, own)); j.Right || j.Update != nil {
		t.Error("mallory's question and answer, judged for alice: got right")
	}
	bare := alice
	bare.Enrolled = nil
	if j := Judge(t, m, bare, q, hers.Answer(t, alice, q)); j.Right || j.Update != nil {
		t.Error("alice's answer after her enrolment was removed: got right")
	}
	if j := Judge(t, m, alice, q, hers.Answer(t, alice, q)); !j.Right {
		t.Error("alice's own answer: got wrong")
	}
}

func decoy(t *testing.T, c Case) {
	m, d := c.Open(t), c.Device(t)
	alice := Enroll(t, m, Person("alice"), d)
	ghost := Decoy("ghost")
	ghost.Now = alice.Now
	real, fake := Ask(t, m, alice), Ask(t, m, ghost)
	if got, want := shape(t, fake), shape(t, real); got != want {
		t.Errorf("a decoy's question: got\n%s\nwant\n%s", got, want)
	}
	bare := Person("frank")
	bare.Now = alice.Now
	if got, want := shape(t, Ask(t, m, bare)), shape(t, real); got != want {
		t.Errorf("the question to somebody without enrolments: got\n%s\nwant\n%s", got, want)
	}
	if got, want := len(fake.Private), len(real.Private); abs(got-want) > 64 {
		t.Errorf("what is kept of a decoy's question: got %d bytes, want about %d", got, want)
	}
	for _, del := range fake.Deliver {
		if del.To.Address != "" {
			t.Errorf("a decoy's message: got address %q, want none", del.To.Address)
		}
	}
	for _, a := range []method.Answer{d.Answer(t, alice, fake), d.Wrong(t, alice, fake), d.Answer(t, alice, real)} {
		if j := Judge(t, m, ghost, fake, a); j.Right || j.Update != nil || j.Note != "" {
			t.Errorf("a decoy's answer: got %+v, want plainly wrong", j)
		}
	}
	// Were a decoy to carry enrolments by somebody's mistake, it still must not pass.
	alice.Account = account.Account{}
	for _, del := range Ask(t, m, alice).Deliver {
		if del.To.Address != "" {
			t.Error("nobody with an enrolment: got a message")
		}
	}
	if j := Judge(t, m, alice, real, d.Answer(t, alice, real)); j.Right || j.Update != nil {
		t.Error("nobody with an enrolment: got right")
	}
}

func malformed(t *testing.T, c Case) {
	m, d := c.Open(t), c.Device(t)
	for _, p := range []method.Person{Enroll(t, m, Person("alice"), d), Decoy("ghost")} {
		q := Ask(t, m, p)
		for name, a := range map[string]method.Answer{
			"nothing":   {},
			"spaces":    {Code: secret.New("  - "), Credential: json.RawMessage("  ")},
			"far long":  {Code: secret.New(strings.Repeat("1", 100000)), Credential: json.RawMessage(`{"id":"` + strings.Repeat("A", 100000) + `"}`)},
			"null":      {Credential: json.RawMessage(`null`)},
			"half":      {Credential: json.RawMessage(`{"id":`)},
			"of a kind": {Credential: json.RawMessage(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`)},
		} {
			if _, err := m.Judge(t.Context(), p, q.Private, a); !errors.Is(err, method.ErrMalformed) {
				t.Errorf("%s: got %v, want ErrMalformed", name, err)
			}
		}
	}
}

func cannotTell(t *testing.T, c Case) {
	m, d := c.Open(t), c.Device(t)
	p := Enroll(t, m, Person("alice"), d)
	q := Ask(t, m, p)
	a := d.Answer(t, p, q)
	broken := p
	broken.Enrolled = []method.Enrollment{p.Enrolled[0]}
	broken.Enrolled[0].Data = []byte(`{"`)
	if j, err := m.Judge(t.Context(), broken, q.Private, a); j.Right && !c.Kind.Traits.Issued {
		t.Errorf("an enrolment that cannot be read: got right (%v)", err)
	}
	if len(q.Private) == 0 {
		return
	}
	for _, private := range []string{"", "{}", "null", `{"`} {
		j, err := m.Judge(t.Context(), p, []byte(private), a)
		if err == nil || errors.Is(err, method.ErrMalformed) || j.Right {
			t.Errorf("a question kept as %q: got %+v, %v; want an error that says \"can't tell\"", private, j, err)
		}
	}
}

func enrolling(t *testing.T, c Case) {
	m, d := c.Open(t), c.Device(t)
	e := m.(method.Enroller)
	p := Person("alice")
	q, err := e.Invite(t.Context(), p, nil)
	if err != nil {
		t.Fatalf("inviting: %v", err)
	}
	if _, err := e.Enroll(t.Context(), p, q.Private, d.Wrong(t, p, q)); !errors.Is(err, method.ErrRefused) && !errors.Is(err, method.ErrMalformed) {
		t.Errorf("a wrong answer to an invitation: got %v, want ErrRefused", err)
	}
	if _, err := e.Enroll(t.Context(), p, q.Private, method.Answer{}); !errors.Is(err, method.ErrMalformed) {
		t.Errorf("no answer to an invitation: got %v, want ErrMalformed", err)
	}
	a := d.Confirm(t, p, q)
	if _, err := e.Enroll(t.Context(), p, []byte("{}"), a); err == nil {
		t.Error("an invitation that cannot be read: got no error")
	}
	got, err := e.Enroll(t.Context(), p, q.Private, a)
	if err != nil {
		t.Fatalf("a right answer to an invitation: %v", err)
	}
	if got.ID == "" || got.Label == "" || got.Factor != c.Kind.ID || !got.Added.Equal(p.Now) || !got.Used.IsZero() {
		t.Errorf("enrolment: got %q %q %q added %v used %v", got.ID, got.Label, got.Factor, got.Added, got.Used)
	}
	late := p
	late.Now = q.Expires.Add(time.Hour)
	if _, err := e.Enroll(t.Context(), late, q.Private, a); err == nil {
		t.Error("an answer an hour too late: got no error")
	}
	if _, err := e.Invite(t.Context(), p, map[string]string{"colour": "green"}); err == nil {
		t.Error("an unknown parameter: got no error")
	}
	direct, ok := m.(method.Direct)
	if !ok {
		return
	}
	if _, _, err := direct.EnrollDirectly(t.Context(), p, map[string]string{"colour": "green"}); err == nil {
		t.Error("an unknown parameter, directly: got no error")
	}
	made, _, err := direct.EnrollDirectly(t.Context(), p, nil)
	if err != nil || made.ID == "" || made.Label == "" || made.Factor != c.Kind.ID || len(made.Data) == 0 {
		t.Errorf("directly: got %q %q %q, %v", made.ID, made.Label, made.Factor, err)
	}
}

func question(t *testing.T, c Case) {
	m, d := c.Open(t), c.Device(t)
	p := Enroll(t, m, Person("alice"), d)
	a, b := Ask(t, m, p), Ask(t, m, p)
	if len(a.Private) > 0 && string(a.Private) == string(b.Private) {
		t.Error("two questions: got the same twice")
	}
	public, err := json.Marshal(a.Public)
	if err != nil {
		t.Fatalf("public part: %v", err)
	}
	for _, secret := range []string{"alice", "example.com/", p.Enrolled[0].ID} {
		if strings.Contains(string(public), secret) {
			t.Errorf("public part: got %s, which tells %q", public, secret)
		}
	}
	for _, del := range a.Deliver {
		if strings.Contains(string(public), del.Params["code"]) || strings.Contains(string(a.Private), `"`+del.Params["code"]+`"`) {
			t.Error("the code that is sent stands in the question")
		}
		if del.Expires.IsZero() || del.Expires.After(a.Expires) {
			t.Errorf("message expires %v: want not after %v", del.Expires, a.Expires)
		}
	}
}

func abs(n int) int { return max(n, -n) }
