package totp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"postern/method"
)

// invitation is what the person needs to set up the app.
type invitation struct {
	URI     string  `json:"uri"`     // otpauth://totp/…, the key URI that apps read
	Secret  string  `json:"secret"`  // base32
	Spelled string  `json:"spelled"` // the same in groups of four, for typing
	QR      picture `json:"qr"`
}

// draft is an enrolment that nobody has confirmed yet.
type draft struct {
	Token token  `json:"token"`
	Label string `json:"label"`
}

// Invite makes a secret. It counts for nothing until Enroll has seen a code made from it.
func (m *Method) Invite(_ context.Context, p method.Person, params map[string]string) (method.Question, error) {
	d, err := m.draft(params)
	if err != nil {
		return method.Question{}, err
	}
	uri, err := m.uri(d.Token, p.Account.Login)
	if err != nil {
		return method.Question{}, err
	}
	qr, err := draw(uri)
	if err != nil {
		return method.Question{}, err
	}
	private, err := json.Marshal(d)
	if err != nil {
		return method.Question{}, fmt.Errorf("totp: writing the draft: %w", err)
	}
	secret := d.Token.base32()
	return method.Question{
		Public:  invitation{URI: uri, Secret: secret, Spelled: spell(secret), QR: qr},
		Private: private,
		Expires: p.Now.Add(lifetime),
	}, nil
}

// Enroll takes the secret into use when the app has shown a right code for it, which then counts
// as used (RFC 6238 section 5.2).
func (m *Method) Enroll(_ context.Context, p method.Person, private []byte, a method.Answer) (method.Enrollment, error) {
	code, err := a.Typed()
	if err != nil {
		return method.Enrollment{}, fmt.Errorf("totp: %w", err)
	}
	var d draft
	if err := json.Unmarshal(private, &d); err != nil {
		return method.Enrollment{}, fmt.Errorf("totp: reading the draft: %w", err)
	}
	if err := d.Token.check(); err != nil {
		return method.Enrollment{}, fmt.Errorf("totp: reading the draft: %w", err)
	}
	step, hit, err := m.find(d.Token, code, p.Now)
	if err != nil {
		return method.Enrollment{}, fmt.Errorf("totp: %w", err)
	}
	if !hit || step <= d.Token.Step {
		return method.Enrollment{}, fmt.Errorf("totp: %w: not the present code", method.ErrRefused)
	}
	d.Token.Step = step
	return d.enrollment(p)
}

// EnrollDirectly takes a secret into use that nobody has confirmed: the administrator answers for
// it, and passes the otpauth address on. params may carry secret (base32, to take one over),
// algorithm, digits and label.
func (m *Method) EnrollDirectly(_ context.Context, p method.Person, params map[string]string) (method.Enrollment, any, error) {
	d, err := m.draft(params)
	if err != nil {
		return method.Enrollment{}, nil, err
	}
	uri, err := m.uri(d.Token, p.Account.Login)
	if err != nil {
		return method.Enrollment{}, nil, err
	}
	e, err := d.enrollment(p)
	if err != nil {
		return method.Enrollment{}, nil, err
	}
	return e, map[string]string{"uri": uri}, nil
}

func (d draft) enrollment(p method.Person) (method.Enrollment, error) {
	data, err := json.Marshal(d.Token)
	if err != nil {
		return method.Enrollment{}, fmt.Errorf("totp: writing the enrolment: %w", err)
	}
	return method.Enrollment{ID: rand.Text(), Factor: Kind.ID, Label: d.Label, Data: data, Added: p.Now}, nil
}

func (m *Method) draft(params map[string]string) (draft, error) {
	d := draft{Label: "Authenticator app", Token: token{Algorithm: m.settings.Algorithm, Digits: digits}}
	for name, value := range params {
		var err error
		switch name {
		case "secret":
			d.Token.Secret, err = encoding.DecodeString(strings.TrimRight(strings.ToUpper(strings.ReplaceAll(value, " ", "")), "="))
			if err != nil {
				return draft{}, fmt.Errorf("totp: secret is not base32") // the cause would quote it
			}
		case "algorithm":
			d.Token.Algorithm = strings.ToUpper(value)
		case "digits":
			d.Token.Digits, err = strconv.Atoi(value)
		case "label":
			d.Label = value
		default:
			err = fmt.Errorf("there are secret, algorithm, digits and label")
		}
		if err != nil {
			return draft{}, fmt.Errorf("totp: parameter %s: %w", name, err)
		}
	}
	if d.Token.Secret == nil {
		d.Token.Secret = make([]byte, secretSize)
		_, _ = rand.Read(d.Token.Secret) // never fails
	}
	if err := d.Token.check(); err != nil {
		return draft{}, fmt.Errorf("totp: %w", err)
	}
	return d, nil
}

// uri returns the address that apps read out of the picture. A colon would end the issuer in it.
func (m *Method) uri(t token, login string) (string, error) {
	issuer := strings.TrimSpace(strings.ReplaceAll(m.env.Organisation, ":", " "))
	if issuer == "" {
		issuer = "Postern"
	}
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: issuer, AccountName: login, Secret: t.Secret, Period: period,
		Digits: otp.Digits(t.Digits), Algorithm: algorithms[t.Algorithm],
	})
	if err != nil {
		return "", fmt.Errorf("totp: making the otpauth address: %w", err)
	}
	return key.URL(), nil
}

// spell writes s in groups of four.
func spell(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
