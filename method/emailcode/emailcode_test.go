package emailcode

import (
	"errors"
	"strings"
	"testing"
	"time"

	"postern/account"
	"postern/method"
	"postern/method/methodtest"
	"postern/policy"
	"postern/secret"
)

// reader reads the mailbox that a question's message goes to.
type reader struct{}

func (reader) Confirm(t *testing.T, p method.Person, q method.Question) method.Answer {
	return reader{}.Answer(t, p, q)
}

func (reader) Answer(t *testing.T, _ method.Person, q method.Question) method.Answer {
	t.Helper()
	if len(q.Deliver) != 1 {
		t.Fatalf("got %d messages, want 1", len(q.Deliver))
	}
	return method.Answer{Code: secret.New(q.Deliver[0].Params["code"])}
}

func (reader) Wrong(_ *testing.T, _ method.Person, q method.Question) method.Answer {
	code := []byte(q.Deliver[0].Params["code"])
	code[0] = '0' + (code[0]-'0'+1)%10
	return method.Answer{Code: secret.New(string(code))}
}

func suite(settings func(*Settings)) methodtest.Case {
	return methodtest.Case{
		Kind: Kind,
		Settings: func(into any) {
			if settings != nil {
				settings(into.(*Settings))
			}
		},
		Device: func(*testing.T) methodtest.Device { return reader{} },
	}
}

func TestMethod(t *testing.T) { methodtest.Run(t, suite(nil)) }

func enrolled(t *testing.T) (*Method, method.Person) {
	t.Helper()
	m := suite(nil).Open(t).(*Method)
	return m, methodtest.Enroll(t, m, methodtest.Person("alice"), reader{})
}

func TestMessage(t *testing.T) {
	m, p := enrolled(t)
	q := methodtest.Ask(t, m, p)
	d := q.Deliver[0]
	if want := (account.Contact{Kind: account.Email, Address: "alice@example.com"}); d.To != want {
		t.Errorf("to: got %v, want %v", d.To, want)
	}
	p.Action = policy.Unlock
	if q, err := m.Ask(t.Context(), p); err != nil || q.Deliver[0].Key != "method.email_code.unlock_message" || len(q.Deliver[0].Params) != len(d.Params) {
		t.Errorf("to unlock: got %+v, %v", q.Deliver, err)
	}
	if d.Key != "method.email_code.message" || d.Channel != "email" || d.Params["minutes"] != "10" || d.Params["organisation"] != "Example Ltd" || len(d.Params) != 3 {
		t.Errorf("got %+v", d)
	}
	if want := p.Now.Add(10 * time.Minute); !q.Expires.Equal(want) || !d.Expires.Equal(want) {
		t.Errorf("expires: got %v and %v, want %v", q.Expires, d.Expires, want)
	}
}

// TestLength: every length, and that all first digits come up.
func TestLength(t *testing.T) {
	for digits := 6; digits <= 10; digits++ {
		m := suite(func(s *Settings) { s.Digits = digits }).Open(t).(*Method)
		first := map[byte]bool{}
		for range 500 {
			code, err := m.code()
			if err != nil || len(code) != digits || strings.Trim(code, "0123456789") != "" {
				t.Fatalf("%d digits: got %q, %v", digits, code, err)
			}
			first[code[0]] = true
		}
		if len(first) != 10 {
			t.Errorf("%d digits: got %d first digits in 500, want 10", digits, len(first))
		}
	}
}

// TestAskedAgain: the newer question's code is right, the older one's is not.
func TestAskedAgain(t *testing.T) {
	m, p := enrolled(t)
	old, fresh := methodtest.Ask(t, m, p), methodtest.Ask(t, m, p)
	for old.Deliver[0].Params["code"] == fresh.Deliver[0].Params["code"] {
		fresh = methodtest.Ask(t, m, p)
	}
	if methodtest.Judge(t, m, p, fresh, reader{}.Answer(t, p, old)).Right {
		t.Error("the older code: got right")
	}
	if !methodtest.Judge(t, m, p, fresh, reader{}.Answer(t, p, fresh)).Right {
		t.Error("the newer code: got wrong")
	}
}

func TestExpiry(t *testing.T) {
	m, p := enrolled(t)
	q := methodtest.Ask(t, m, p)
	p.Now = q.Expires.Add(-time.Nanosecond)
	if !methodtest.Judge(t, m, p, q, reader{}.Answer(t, p, q)).Right {
		t.Error("at the last moment: got wrong")
	}
	p.Now = q.Expires
	if j := methodtest.Judge(t, m, p, q, reader{}.Answer(t, p, q)); j.Right || j.Note != "expired" {
		t.Errorf("a moment later: got %+v, want expired", j)
	}
}

// TestAnotherFlow: a code is bound to the recovery that asked for it, also of the same person.
func TestAnotherFlow(t *testing.T) {
	m, p := enrolled(t)
	q := methodtest.Ask(t, m, p)
	p.Flow = "another"
	if methodtest.Judge(t, m, p, q, reader{}.Answer(t, p, q)).Right {
		t.Error("got right, want wrong")
	}
}

func TestUsedSince(t *testing.T) {
	m, p := enrolled(t)
	q := methodtest.Ask(t, m, p)
	p.Now = p.Now.Add(time.Minute)
	p.Enrolled[0].Used = p.Now
	if j := methodtest.Judge(t, m, p, q, reader{}.Answer(t, p, q)); j.Right || j.Note != "used" {
		t.Errorf("a code older than the last use: got %+v, want used", j)
	}
}

func TestSeveralAddresses(t *testing.T) {
	m, p := enrolled(t)
	e, _, err := m.EnrollDirectly(t.Context(), p, map[string]string{"address": "second@example.net"})
	if err != nil {
		t.Fatal(err)
	}
	p.Enrolled = append(p.Enrolled, e)
	if got := methodtest.Ask(t, m, p).Deliver[0].To.Address; got != "alice@example.com" {
		t.Errorf("none used: got %s, want the first", got)
	}
	p.Enrolled[1].Used = p.Now
	if got := methodtest.Ask(t, m, p).Deliver[0].To.Address; got != "second@example.net" {
		t.Errorf("the second used: got %s, want it", got)
	}
}

func TestAddress(t *testing.T) {
	m := suite(nil).Open(t).(*Method)
	p := methodtest.Person("alice")
	e, shown, err := m.EnrollDirectly(t.Context(), p, nil)
	if err != nil || e.Label != "a••••@example.com" || shown.(map[string]string)["address"] != e.Label {
		t.Errorf("the address on record: got %q, %v, %v", e.Label, shown, err)
	}
	for _, bad := range []string{"", "alice", "Alice <alice@example.com>", "a@example.com\r\nBcc: b@example.com", `"a b"@example.com`, "a@example.com, b@example.com"} {
		if _, _, err := m.EnrollDirectly(t.Context(), p, map[string]string{"address": bad}); err == nil {
			t.Errorf("%q: got no error", bad)
		}
		if _, err := m.Invite(t.Context(), p, map[string]string{"address": bad}); err == nil {
			t.Errorf("%q, invited: got no error", bad)
		}
	}
	p.Account.Contacts = []account.Contact{{Kind: account.Phone, Address: "+441632960000"}}
	if _, err := m.Invite(t.Context(), p, nil); err == nil {
		t.Error("no address on record: got no error")
	}
}

// TestKinds: a question's code does not confirm an address, and an invitation's does not prove anybody.
func TestKinds(t *testing.T) {
	m, p := enrolled(t)
	q := methodtest.Ask(t, m, p)
	if _, err := m.Enroll(t.Context(), p, q.Private, reader{}.Answer(t, p, q)); err == nil {
		t.Error("a question's code, to enrol: got no error")
	}
	in, err := m.Invite(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if methodtest.Judge(t, m, p, in, reader{}.Answer(t, p, in)).Right {
		t.Error("an invitation's code, to prove: got right")
	}
	if in.Deliver[0].Key != enrollMessageKey {
		t.Errorf("an invitation's message: got %s, want %s", in.Deliver[0].Key, enrollMessageKey)
	}
}

func TestSettings(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"five digits": func(s *Settings) { s.Digits = 5 }, "eleven digits": func(s *Settings) { s.Digits = 11 },
		"no minutes": func(s *Settings) { s.Minutes = 0 }, "eleven minutes": func(s *Settings) { s.Minutes = 11 },
	} {
		if _, err := Kind.Open(func(into any) error { change(into.(*Settings)); return nil }, methodtest.Env()); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	refused := errors.New("unknown setting")
	if _, err := Kind.Open(func(any) error { return refused }, methodtest.Env()); !errors.Is(err, refused) {
		t.Errorf("settings that cannot be read: got %v", err)
	}
}
