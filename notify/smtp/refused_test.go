package smtp

import (
	"errors"
	"strings"
	"testing"

	"postern/internal/testenv"
	"postern/notify"
	"postern/notify/notifytest"
)

// TestBadMessages: what could break out of its place is refused before the server is asked.
func TestBadMessages(t *testing.T) {
	server := testenv.StartSMTP(t, testenv.SMTPOptions{})
	s := opened(t, settings(t, server))
	for name, change := range map[string]func(*notify.Message){
		"line break in address":   func(m *notify.Message) { m.To = "alice@example.com\r\nRCPT TO:<mallory@example.com>" },
		"line feed in local part": func(m *notify.Message) { m.To = "alice\n@example.com" },
		"two addresses":           func(m *notify.Message) { m.To = "alice@example.com,mallory@example.com" },
		"two at signs":            func(m *notify.Message) { m.To = "alice@example.com@example.net" },
		"quoted local part":       func(m *notify.Message) { m.To = `"alice b"@example.com` },
		"angle brackets":          func(m *notify.Message) { m.To = "<alice@example.com>" },
		"with a name":             func(m *notify.Message) { m.To = "Alice <alice@example.com>" },
		"space":                   func(m *notify.Message) { m.To = "alice @example.com" },
		"NUL":                     func(m *notify.Message) { m.To = "alice\x00@example.com" },
		"local part not ASCII":    func(m *notify.Message) { m.To = "älice@example.com" },
		"long local part":         func(m *notify.Message) { m.To = strings.Repeat("a", 65) + "@example.com" },
		"two dots":                func(m *notify.Message) { m.To = "a..b@example.com" },
		"address literal":         func(m *notify.Message) { m.To = "alice@[127.0.0.1]" },
		"no domain":               func(m *notify.Message) { m.To = "alice@" },
		"half a domain":           func(m *notify.Message) { m.To = "alice@intranet" },
		"line break in domain":    func(m *notify.Message) { m.To = "alice@example.com\r\n" },
		"bytes that are no text":  func(m *notify.Message) { m.To = "alice@\x8c.example" },
		"bad domain":              func(m *notify.Message) { m.To = "alice@-example-.com" },
		"line break in subject":   func(m *notify.Message) { m.Subject = "Code\r\nBcc: mallory@example.com" },
		"line separator":          func(m *notify.Message) { m.Subject = "Code\u2028Bcc: mallory@example.com" },
		"no subject":              func(m *notify.Message) { m.Subject = "" },
		"line break in ID":        func(m *notify.Message) { m.ID = "1\r\nBcc: mallory@example.com" },
		"no ID":                   func(m *notify.Message) { m.ID = "" },
		"text message":            func(m *notify.Message) { m.Channel = notify.SMS },
	} {
		m := notifytest.Message()
		change(&m)
		if err := s.Send(t.Context(), m); !errors.Is(err, notify.ErrPermanent) {
			t.Errorf("%s: got %v, want ErrPermanent", name, err)
		}
	}
	if got := server.Seen(); len(got) != 0 {
		t.Errorf("the server saw %v, want nothing", got)
	}
	m := notifytest.Message()
	m.Language = "en\r\nBcc: mallory@example.com"
	m.Text = "first\r\nBcc: mallory@example.com\r\n.\r\nQUIT\r\n"
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	msg, got := parsed(t, server.Mails()[0])
	if len(server.Mails()[0].To) != 1 || msg.Header.Get("Bcc") != "" || msg.Header.Get("Content-Language") != "" {
		t.Errorf("a text that looks like commands: got to %v, headers %v", server.Mails()[0].To, msg.Header)
	}
	if want := strings.ReplaceAll(m.Text, "\r\n", "\n"); got.Text != want {
		t.Errorf("text: got %q, want %q", got.Text, want)
	}
}
