package emailcode

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"postern/account"
	"postern/method"
)

// Invite sends a code to the address that is to be enrolled: params' address, or the first e-mail
// address on record.
func (m *Method) Invite(_ context.Context, p method.Person, params map[string]string) (method.Question, error) {
	to, err := address(p, params)
	if err != nil {
		return method.Question{}, err
	}
	return m.question(p, sent{Address: to.Address}, method.Delivery{To: to, Key: enrollMessageKey})
}

// Enroll takes the address into use when the code came back.
func (m *Method) Enroll(_ context.Context, p method.Person, private []byte, a method.Answer) (method.Enrollment, error) {
	code, err := a.Typed()
	if err != nil {
		return method.Enrollment{}, fmt.Errorf("email_code: %w", err)
	}
	s, err := read(private)
	if err != nil {
		return method.Enrollment{}, err
	}
	if s.Address == "" {
		return method.Enrollment{}, fmt.Errorf("email_code: reading the invitation: it has no address")
	}
	if same, note := s.judge(p, code); !same {
		return method.Enrollment{}, fmt.Errorf("email_code: %w: not the code that was sent %s", method.ErrRefused, note)
	}
	return enrollment(p, account.Contact{Kind: account.Email, Address: s.Address})
}

// EnrollDirectly takes an address into use that nobody has confirmed: params' address, or the
// first e-mail address on record.
func (m *Method) EnrollDirectly(_ context.Context, p method.Person, params map[string]string) (method.Enrollment, any, error) {
	to, err := address(p, params)
	if err != nil {
		return method.Enrollment{}, nil, err
	}
	e, err := enrollment(p, to)
	if err != nil {
		return method.Enrollment{}, nil, err
	}
	return e, map[string]string{"address": to.Mask()}, nil
}

func enrollment(p method.Person, to account.Contact) (method.Enrollment, error) {
	data, err := json.Marshal(mailbox{Address: to.Address})
	if err != nil {
		return method.Enrollment{}, fmt.Errorf("email_code: writing the enrolment: %w", err)
	}
	return method.Enrollment{ID: rand.Text(), Factor: Kind.ID, Label: to.Mask(), Data: data, Added: p.Now}, nil
}

func address(p method.Person, params map[string]string) (account.Contact, error) {
	for name := range params {
		if name != "address" {
			return account.Contact{}, fmt.Errorf("email_code: parameter %s: there is only address", name)
		}
	}
	if given, ok := params["address"]; ok {
		return check(given)
	}
	i := slices.IndexFunc(p.Account.Contacts, func(c account.Contact) bool { return c.Kind == account.Email })
	if i < 0 {
		return account.Contact{}, fmt.Errorf("email_code: no e-mail address on record: give one as address")
	}
	return check(p.Account.Contacts[i].Address)
}

// check refuses what is not one plain address. What a mail server takes is for notify to know.
func check(s string) (account.Contact, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" || strings.ContainsAny(s, "\r\n\" ") {
		return account.Contact{}, fmt.Errorf("email_code: the address is not of the form name@example.com")
	}
	return account.Contact{Kind: account.Email, Address: s}, nil
}
