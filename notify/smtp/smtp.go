// Package smtp sends messages as mail through the organisation's own mail server.
//
// It does not queue, retry or look anybody up, and it speaks no mail but plain text in UTF-8. It
// guards three things: without a verified TLS connection nothing is sent, except to a server on
// this machine when the settings say so; an address or subject that could add a header or a second
// recipient is refused before the server is asked; and no error tells a recipient or a code.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"postern/notify"
	"postern/secret"
)

// Kind is the sender.
var Kind = notify.Kind{
	ID:       "smtp",
	Open:     open,
	Settings: func() any { s := defaults(); return &s },
}

// Settings are the sender's own.
type Settings struct {
	Host         string        `yaml:"host" example:"mail.example.com" doc:"The mail server's name, as its certificate says it."`
	Port         int           `yaml:"port" doc:"Its port; 0 is 587 with starttls, 465 with implicit and 25 with none."`
	TLS          string        `yaml:"tls" oneof:"starttls implicit none" doc:"How the connection is protected. none is possible only with a server on this machine."`
	CAFile       string        `yaml:"ca_file" doc:"Certificates (PEM) to trust instead of the system's."`
	Username     string        `yaml:"username" doc:"To sign in with; empty: no sign-in."`
	PasswordFile string        `yaml:"password_file" doc:"File with the password."`
	PasswordEnv  string        `yaml:"password_env" doc:"Environment variable with the password, instead of a file."`
	From         string        `yaml:"from" example:"Example Ltd <no-reply@example.com>" doc:"The sender's address, with or without a name."`
	Timeout      time.Duration `yaml:"timeout" doc:"How long one message may take."`
}

func defaults() Settings { return Settings{TLS: "starttls", Timeout: 30 * time.Second} }

// Sender is the opened sender. It keeps no connection.
type Sender struct {
	settings Settings
	from     mail.Address
	password secret.Text
	tls      *tls.Config
}

func open(decode func(any) error) (notify.Sender, error) {
	s := defaults()
	if err := decode(&s); err != nil {
		return nil, err
	}
	return New(s)
}

// New checks the settings and reads the files they name.
func New(s Settings) (*Sender, error) {
	ports := map[string]int{"starttls": 587, "implicit": 465, "none": 25}
	port, ok := ports[s.TLS]
	switch {
	case s.Host == "":
		return nil, errors.New("smtp: host is missing: set it to the mail server's name")
	case !ok:
		return nil, fmt.Errorf("smtp: tls is %q: use starttls, implicit or none", s.TLS)
	case s.TLS == "none" && !loopback(s.Host):
		return nil, fmt.Errorf("smtp: tls is none and host is %q: none is possible only with localhost, 127.0.0.1 or ::1", s.Host)
	case s.TLS == "none" && s.Username != "":
		return nil, errors.New("smtp: tls is none and username is set: a password needs starttls or implicit")
	case s.Port < 0 || s.Port > 65535:
		return nil, fmt.Errorf("smtp: port is %d: use 1 to 65535, or 0 for the usual one", s.Port)
	case s.Timeout < time.Second || s.Timeout > 5*time.Minute:
		return nil, fmt.Errorf("smtp: timeout is %v: use 1s to 5m", s.Timeout)
	}
	if s.Port == 0 {
		s.Port = port
	}
	out := &Sender{settings: s}
	from, err := mail.ParseAddress(s.From)
	if err != nil {
		return nil, fmt.Errorf("smtp: from is %q: write it like no-reply@example.com or Example Ltd <no-reply@example.com>", s.From)
	}
	out.from.Name = from.Name
	if out.from.Address, err = address(from.Address); err != nil {
		return nil, fmt.Errorf("smtp: from: %w", err)
	}
	if out.password, err = password(s); err != nil {
		return nil, err
	}
	if out.tls, err = trust(s); err != nil {
		return nil, err
	}
	return out, nil
}

// Channel is e-mail.
func (s *Sender) Channel() notify.Channel { return notify.Email }

// Send sends one message over a connection of its own.
func (s *Sender) Send(ctx context.Context, m notify.Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return fmt.Errorf("smtp: %v: %w: %w", m, err, notify.ErrPermanent)
	}
	c, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("smtp: %v: %w", m, err)
	}
	defer c.close()
	if err := c.client.SendWithSMTPClient(c.session, msg); err != nil && !msg.IsDelivered() {
		return fmt.Errorf("smtp: %v: %w", m, refusal(err))
	}
	_ = c.client.CloseWithSMTPClient(c.session) // it was accepted; a rude goodbye changes nothing
	return nil
}

// Check connects, protects the connection, signs in and leaves.
func (s *Sender) Check(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	defer c.close()
	if err := c.client.CloseWithSMTPClient(c.session); err != nil {
		return fmt.Errorf("smtp: leaving: %w", err)
	}
	return nil
}

// safeID is what of a message's identifier may stand in a header.
var safeID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// compose writes the message. Whatever could break out of its header is refused.
func (s *Sender) compose(m notify.Message) (*gomail.Msg, error) {
	if m.Channel != notify.Email {
		return nil, fmt.Errorf("channel is %q, not e-mail", m.Channel)
	}
	to, err := address(m.To)
	if err != nil {
		return nil, err
	}
	if !safeID.MatchString(m.ID) {
		return nil, errors.New("its identifier is not plain letters and digits")
	}
	if m.Subject == "" || strings.ContainsFunc(m.Subject, control) {
		return nil, errors.New("its subject is empty or holds control characters")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&s.from)
	msg.EnvelopeFromMailAddress(&mail.Address{Address: s.from.Address})
	msg.ToMailAddress(&mail.Address{Address: to})
	_, domain, _ := strings.Cut(s.from.Address, "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	msg.SetDateWithValue(m.At)
	msg.Subject(m.Subject)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	if safeID.MatchString(m.Language) {
		msg.SetGenHeader("Content-Language", m.Language)
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	return msg, nil
}

// refusal says for good or not, with the server's numbers and without its text, which may repeat
// the address: RFC 5321 section 4.2.1.
func refusal(err error) error {
	var e *gomail.SendError
	if !errors.As(err, &e) {
		return errors.New("the connection broke")
	}
	code := e.ErrorCode()
	if code == 0 {
		return fmt.Errorf("%v: the connection broke", e.Reason)
	}
	said := fmt.Errorf("%v: the server said %d %s", e.Reason, code, e.EnhancedStatusCode())
	// 530 and 535 are about our own sign-in, which an administrator can mend.
	if code >= 500 && code != 530 && code != 535 {
		return fmt.Errorf("%w: %w", said, notify.ErrPermanent)
	}
	return said
}

func control(r rune) bool {
	return r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == '\u2028' || r == '\u2029'
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
