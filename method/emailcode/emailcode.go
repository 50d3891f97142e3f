// Package emailcode proves that one can read a mailbox that was enrolled beforehand: a code is
// sent there and typed back.
//
// It is weak and says so in its traits: whoever reads the mailbox has it, and policy never lets it
// suffice alone. It does not send (app's outbox does), count wrong codes or choose whom to trust.
// It guards that a code lives ten minutes at most (OWASP ASVS 5.0, 6.5.5), belongs to one recovery
// and one address, dies when a newer one is asked for or the address has been used since, and that
// asking does the same work for somebody and nobody. Messages go to the enrolled address only,
// never to anything that was typed; where several are enrolled, to the one used last, or else to
// the first.
package emailcode

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"strconv"
	"time"

	"postern/account"
	"postern/method"
	"postern/notify"
	"postern/policy"
)

//go:embed assets
var files embed.FS

// Kind is the method.
var Kind = method.Kind{
	ID: "email_code",
	Traits: policy.Traits{
		Strength: policy.Weak,
		Holdings: []policy.Holding{policy.Mailbox},
		Issued:   true,
		Enrolled: true,
	},
	Open:     open,
	Settings: func() any { s := defaults(); return &s },
	Assets:   assets(),
}

func assets() fs.FS {
	sub, err := fs.Sub(files, "assets")
	if err != nil {
		panic(err) // the path is a constant
	}
	return sub
}

// The text keys of the messages' subjects; with ".body", of their texts.
const (
	messageKey       = "method.email_code.message"
	unlockMessageKey = "method.email_code.unlock_message"
	enrollMessageKey = "method.email_code.enroll.message"
)

// Settings are the method's own.
type Settings struct {
	Digits  int `yaml:"digits" doc:"How many digits a code has: 6 to 10."`
	Minutes int `yaml:"minutes" doc:"How many minutes a code can be used: 1 to 10."`
}

func defaults() Settings { return Settings{Digits: 6, Minutes: 10} }

// Method is the opened method.
type Method struct {
	settings Settings
	env      method.Env
}

func open(decode func(any) error, env method.Env) (method.Method, error) {
	s := defaults()
	if err := decode(&s); err != nil {
		return nil, err
	}
	if s.Digits < 6 || s.Digits > 10 {
		return nil, fmt.Errorf("digits is %d: use 6 to 10 (NIST SP 800-63B-4 section 3.1.3.2)", s.Digits)
	}
	if s.Minutes < 1 || s.Minutes > 10 {
		return nil, fmt.Errorf("minutes is %d: use 1 to 10 (OWASP ASVS 5.0, 6.5.5)", s.Minutes)
	}
	return &Method{settings: s, env: env}, nil
}

// mailbox is an enrolment's data.
type mailbox struct {
	Address string `json:"address"`
}

// sent is what is kept of a code while it is under way: a keyed hash, and what it is bound to.
type sent struct {
	Key        []byte    `json:"key"`
	Sum        []byte    `json:"sum"`
	Asked      time.Time `json:"asked"`
	Expires    time.Time `json:"expires"`
	Enrollment string    `json:"enrollment,omitempty"`
	Address    string    `json:"address,omitempty"` // of an invitation
}

// Ask makes a new code, which replaces any before it, and the message that carries it.
func (m *Method) Ask(_ context.Context, p method.Person) (method.Question, error) {
	to, id := account.Contact{Kind: account.Email}, rand.Text()
	if e, ok := choose(p); ok {
		var box mailbox
		if err := json.Unmarshal(e.Data, &box); err != nil {
			return method.Question{}, fmt.Errorf("email_code: reading enrolment %s: %w", e.ID, err)
		}
		to.Address, id = box.Address, e.ID
	}
	key := messageKey
	if p.Action == policy.Unlock {
		key = unlockMessageKey
	}
	return m.question(p, sent{Enrollment: id}, method.Delivery{To: to, Key: key})
}

// choose returns the enrolment that a code goes to. A decoy has none.
func choose(p method.Person) (method.Enrollment, bool) {
	if len(p.Enrolled) == 0 || p.Account.Ref.Zero() {
		return method.Enrollment{}, false
	}
	return slices.MaxFunc(p.Enrolled, func(a, b method.Enrollment) int {
		if c := a.Used.Compare(b.Used); c != 0 {
			return c
		}
		return b.Added.Compare(a.Added)
	}), true
}

// question makes the code, binds it to s and fills in the delivery.
func (m *Method) question(p method.Person, s sent, d method.Delivery) (method.Question, error) {
	code, err := m.code()
	if err != nil {
		return method.Question{}, err
	}
	s.Key = make([]byte, sha256.Size)
	_, _ = rand.Read(s.Key) // never fails
	s.Asked, s.Expires = p.Now, p.Now.Add(time.Duration(m.settings.Minutes)*time.Minute)
	s.Sum = s.sum(p.Flow, code)
	private, err := json.Marshal(s)
	if err != nil {
		return method.Question{}, fmt.Errorf("email_code: writing the question: %w", err)
	}
	d.Channel, d.Expires = notify.Email, s.Expires
	d.Params = map[string]string{
		"code": code, "organisation": m.env.Organisation, "minutes": strconv.Itoa(m.settings.Minutes),
	}
	return method.Question{
		Public: struct{}{}, Private: private, Expires: s.Expires, Deliver: []method.Delivery{d},
	}, nil
}

// code draws evenly from all codes of the length that is set.
func (m *Method) code() (string, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(m.settings.Digits)), nil))
	if err != nil {
		return "", fmt.Errorf("email_code: drawing a code: %w", err)
	}
	return fmt.Sprintf("%0*d", m.settings.Digits, n), nil
}

// sum binds code to the recovery, so that another one's code is of no use.
func (s sent) sum(flow, code string) []byte {
	h := hmac.New(sha256.New, s.Key)
	_, _ = fmt.Fprintf(h, "%d:%s%s", len(flow), flow, code)
	return h.Sum(nil)
}

// judge reports whether code is the one that was sent and, if it may not be used, why.
func (s sent) judge(p method.Person, code string) (same bool, note string) {
	same = hmac.Equal(s.sum(p.Flow, code), s.Sum)
	if !p.Now.Before(s.Expires) {
		return false, "expired"
	}
	return same, ""
}

// Judge compares the code. The enrolment must still be there, and unused since the code was made.
func (m *Method) Judge(_ context.Context, p method.Person, private []byte, a method.Answer) (method.Judgement, error) {
	code, err := a.Typed()
	if err != nil {
		return method.Judgement{}, fmt.Errorf("email_code: %w", err)
	}
	s, err := read(private)
	if err != nil {
		return method.Judgement{}, err
	}
	same, note := s.judge(p, code)
	i := slices.IndexFunc(p.Enrolled, func(e method.Enrollment) bool { return e.ID == s.Enrollment })
	if !same || i < 0 || p.Account.Ref.Zero() {
		return method.Judgement{Note: note}, nil
	}
	e := p.Enrolled[i]
	if !e.Used.Before(s.Asked) {
		return method.Judgement{Note: "used"}, nil
	}
	e.Used = p.Now
	return method.Judgement{Right: true, Update: &e}, nil
}

func read(private []byte) (sent, error) {
	var s sent
	if err := json.Unmarshal(private, &s); err != nil {
		return sent{}, fmt.Errorf("email_code: reading the question: %w", err)
	}
	if len(s.Key) != sha256.Size || len(s.Sum) != sha256.Size {
		return sent{}, fmt.Errorf("email_code: reading the question: its hash is not whole")
	}
	return s, nil
}
