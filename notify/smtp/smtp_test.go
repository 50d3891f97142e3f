package smtp

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/testenv"
	"postern/notify"
	"postern/notify/notifytest"
)

// settings returns what fits server.
func settings(t *testing.T, server *testenv.SMTP) Settings {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(server.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := defaults()
	s.Host, s.Port, s.CAFile = server.Host, server.Port, server.CAFile
	s.Username, s.PasswordFile = server.Username, password
	s.From = "Zoë & Söhne <no-reply@example.com>"
	s.Timeout = 5 * time.Second
	return s
}

func opened(t *testing.T, s Settings) *Sender {
	t.Helper()
	out, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// parsed reads a mail that arrived.
func parsed(t *testing.T, m testenv.Mail) (*mail.Message, notifytest.Got) {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(m.Data))
	if err != nil {
		t.Fatalf("reading the mail: %v\n%s", err, m.Data)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil {
		t.Fatalf("subject: %v", err)
	}
	if got := msg.Header.Get("Content-Transfer-Encoding"); got != "quoted-printable" {
		t.Fatalf("encoding: got %q", got)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	if err != nil {
		t.Fatalf("text: %v", err)
	}
	return msg, notifytest.Got{To: m.To[0], Subject: subject, Text: strings.ReplaceAll(string(text), "\r\n", "\n")}
}

func TestSender(t *testing.T) {
	for name, o := range map[string]testenv.SMTPOptions{"starttls": {}, "implicit": {Implicit: true}} {
		t.Run(name, func(t *testing.T) {
			server := testenv.StartSMTP(t, o)
			s := settings(t, server)
			s.TLS = name
			notifytest.Run(t, notifytest.Case{Sender: opened(t, s), Arrived: func(t *testing.T) []notifytest.Got {
				var out []notifytest.Got
				for _, m := range server.Mails() {
					if !m.TLS {
						t.Error("a mail came without TLS")
					}
					_, got := parsed(t, m)
					out = append(out, got)
				}
				return out
			}})
		})
	}
}

func TestMail(t *testing.T) {
	server := testenv.StartSMTP(t, testenv.SMTPOptions{})
	s, m := opened(t, settings(t, server)), notifytest.Message()
	m.To = "bob@Bücher.example"
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := server.Mails()[0]
	if got.From != "no-reply@example.com" || !slices.Equal(got.To, []string{"bob@xn--bcher-kva.example"}) {
		t.Errorf("envelope: got %s to %v", got.From, got.To)
	}
	msg, _ := parsed(t, got)
	for name, want := range map[string]string{
		"Message-Id": "<01MESSAGE@example.com>", "Auto-Submitted": "auto-generated", "Content-Language": "en",
		"Date": "Wed, 04 Mar 2026 09:30:00 +0000", "Content-Type": "text/plain; charset=UTF-8",
		"To": "<bob@xn--bcher-kva.example>", "User-Agent": "", "X-Mailer": "",
	} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	from, err := mail.ParseAddress(msg.Header.Get("From"))
	if err != nil || from.Name != "Zoë & Söhne" || from.Address != "no-reply@example.com" {
		t.Errorf("from: got %v, %v", from, err)
	}
}

// TestUntrusted: no certificate that holds, no message and no password.
func TestUntrusted(t *testing.T) {
	other := testenv.StartSMTP(t, testenv.SMTPOptions{})
	for name, c := range map[string]struct {
		options testenv.SMTPOptions
		change  func(*Settings)
	}{
		"STARTTLS is not offered": {testenv.SMTPOptions{Plain: true}, func(*Settings) {}},
		"another authority":       {testenv.SMTPOptions{}, func(s *Settings) { s.CAFile = other.CAFile }},
		"the system's":            {testenv.SMTPOptions{}, func(s *Settings) { s.CAFile = "" }},
		"another name":            {testenv.SMTPOptions{Name: "mail.example.net"}, func(*Settings) {}},
		"another name, implicit":  {testenv.SMTPOptions{Name: "mail.example.net", Implicit: true}, func(s *Settings) { s.TLS = "implicit" }},
		"implicit, not spoken":    {testenv.SMTPOptions{Plain: true}, func(s *Settings) { s.TLS = "implicit" }},
	} {
		t.Run(name, func(t *testing.T) {
			server := testenv.StartSMTP(t, c.options)
			set := settings(t, server)
			set.Timeout = time.Second
			c.change(&set)
			s := opened(t, set)
			if err := s.Send(t.Context(), notifytest.Message()); err == nil || errors.Is(err, notify.ErrPermanent) {
				t.Errorf("sending: got %v, want an error that is worth a retry", err)
			}
			if err := s.Check(t.Context()); err == nil {
				t.Error("checking: got no error")
			}
			if got := server.Seen(); len(got) != 0 {
				t.Errorf("the server saw %v, want nothing", got)
			}
		})
	}
}

func TestSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		options testenv.SMTPOptions
		change  func(*Settings)
	}{
		"wrong password": {testenv.SMTPOptions{}, func(s *Settings) {
			s.PasswordFile, s.PasswordEnv = "", "POSTERN_TEST_WRONG"
		}},
		"needed, not set":   {testenv.SMTPOptions{}, func(s *Settings) { s.Username, s.PasswordFile = "", "" }},
		"set, not possible": {testenv.SMTPOptions{NoMechanisms: true}, func(*Settings) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("POSTERN_TEST_WRONG", "not the password")
			server := testenv.StartSMTP(t, c.options)
			set := settings(t, server)
			c.change(&set)
			err := opened(t, set).Send(t.Context(), notifytest.Message())
			if err == nil || errors.Is(err, notify.ErrPermanent) {
				t.Errorf("got %v, want an error that is worth a retry", err)
			}
			if err != nil && (strings.Contains(err.Error(), server.Password) || strings.Contains(err.Error(), "not the password")) {
				t.Errorf("the error tells the password: %v", err)
			}
			if got := server.Mails(); len(got) != 0 {
				t.Errorf("got %d mails, want none", len(got))
			}
		})
	}
	server := testenv.StartSMTP(t, testenv.SMTPOptions{Anonymous: true})
	set := settings(t, server)
	set.Username, set.PasswordFile = "", ""
	if err := opened(t, set).Send(t.Context(), notifytest.Message()); err != nil {
		t.Errorf("a server that asks for no sign-in: %v", err)
	}
}

// TestRefusals tells for good and for now apart, and tells nobody's address.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		mode      testenv.SMTPMode
		permanent bool
	}{
		"550 to the recipient": {testenv.SMTPRefuses, true},
		"554 to the text":      {testenv.SMTPRefusesMessage, true},
		"451":                  {testenv.SMTPBusy, false},
		"dies in the text":     {testenv.SMTPDiesInData, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := testenv.StartSMTP(t, testenv.SMTPOptions{})
			server.SetMode(c.mode)
			s := opened(t, settings(t, server))
			err := s.Send(t.Context(), notifytest.Message())
			if err == nil || errors.Is(err, notify.ErrPermanent) != c.permanent {
				t.Fatalf("got %v, want an error, for good %v", err, c.permanent)
			}
			for _, secret := range []string{"alice", "123456", server.Password} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells %q: %v", secret, err)
				}
			}
			server.SetMode(testenv.SMTPAccepts)
			if err := s.Send(t.Context(), notifytest.Message()); err != nil || len(server.Mails()) != 1 {
				t.Errorf("afterwards: got %v and %d mails, want one", err, len(server.Mails()))
			}
		})
	}
}

// TestDiesAfterwards: what the server has taken was sent, however it leaves.
func TestDiesAfterwards(t *testing.T) {
	server := testenv.StartSMTP(t, testenv.SMTPOptions{})
	server.SetMode(testenv.SMTPDiesAfterData)
	if err := opened(t, settings(t, server)).Send(t.Context(), notifytest.Message()); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	if got := len(server.Mails()); got != 1 {
		t.Errorf("got %d mails, want 1", got)
	}
}

func TestUnreachable(t *testing.T) {
	server := testenv.StartSMTP(t, testenv.SMTPOptions{})
	set := settings(t, server)
	set.Port = testenv.FreePort(t)
	if err := opened(t, set).Send(t.Context(), notifytest.Message()); err == nil || errors.Is(err, notify.ErrPermanent) {
		t.Errorf("nobody listens: got %v, want an error that is worth a retry", err)
	}
}

// TestCancelled: a server that says nothing more does not hold anybody beyond their context.
func TestCancelled(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	set := defaults()
	set.Host, set.Port, set.TLS = "127.0.0.1", l.Addr().(*net.TCPAddr).Port, "none"
	set.From, set.Timeout = "no-reply@example.com", 5*time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := opened(t, set)
	go func() { done <- s.Send(ctx, notifytest.Message()) }()
	c := <-accepted
	defer c.Close()
	if _, err := io.WriteString(c, "220 mail.example.com\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil { // the conversation has begun
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-done:
		if err == nil || errors.Is(err, notify.ErrPermanent) {
			t.Errorf("got %v, want an error that is worth a retry", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("still sending 10 s after it was cancelled")
	}
}

func TestPlainOnThisMachine(t *testing.T) {
	server := testenv.StartSMTP(t, testenv.SMTPOptions{Plain: true, Anonymous: true})
	set := settings(t, server)
	set.TLS, set.Host, set.CAFile, set.Username, set.PasswordFile = "none", "127.0.0.1", "", "", ""
	if err := opened(t, set).Send(t.Context(), notifytest.Message()); err != nil {
		t.Fatal(err)
	}
	if got := server.Mails(); len(got) != 1 || got[0].TLS {
		t.Errorf("got %+v, want one mail without TLS", got)
	}
}

func TestSettings(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := func() Settings {
		s := defaults()
		s.Host, s.From = "mail.example.com", "no-reply@example.com"
		return s
	}
	if s := opened(t, good()); s.settings.Port != 587 {
		t.Errorf("port: got %d, want 587", s.settings.Port)
	}
	for setting, changes := range map[string][]func(*Settings){
		"host": {func(s *Settings) { s.Host = "" }},
		"tls": {
			func(s *Settings) { s.TLS = "" }, func(s *Settings) { s.TLS = "opportunistic" },
			func(s *Settings) { s.TLS = "none" }, func(s *Settings) { s.TLS, s.Host = "none", "10.0.0.1" },
			func(s *Settings) { s.TLS, s.Host, s.Username, s.PasswordFile = "none", "localhost", "u", empty },
		},
		"port":    {func(s *Settings) { s.Port = 70000 }, func(s *Settings) { s.Port = -1 }},
		"timeout": {func(s *Settings) { s.Timeout = 0 }, func(s *Settings) { s.Timeout = time.Hour }},
		"from": {
			func(s *Settings) { s.From = "" }, func(s *Settings) { s.From = "nobody" },
			func(s *Settings) { s.From = "a@example.com, b@example.com" }, func(s *Settings) { s.From = `"a b"@example.com` },
		},
		"username": {func(s *Settings) { s.PasswordFile = empty }, func(s *Settings) { s.PasswordEnv = "X" }},
		"password": {
			func(s *Settings) { s.Username = "u" }, func(s *Settings) { s.Username, s.PasswordFile = "u", empty },
			func(s *Settings) { s.Username, s.PasswordFile = "u", empty+".missing" },
			func(s *Settings) { s.Username, s.PasswordEnv = "u", "POSTERN_TEST_NOT_SET" },
			func(s *Settings) { s.Username, s.PasswordEnv, s.PasswordFile = "u", "X", empty },
		},
		"ca_file": {func(s *Settings) { s.CAFile = empty }, func(s *Settings) { s.CAFile = empty + ".missing" }},
	} {
		for i, change := range changes {
			s := good()
			change(&s)
			if _, err := New(s); err == nil || !strings.Contains(err.Error(), setting) {
				t.Errorf("%s, %d: got %v, want an error that names it", setting, i, err)
			}
		}
	}
	unknown := errors.New("unknown setting")
	if _, err := Kind.Open(func(any) error { return unknown }); !errors.Is(err, unknown) {
		t.Errorf("settings that cannot be read: got %v", err)
	}
}

// FuzzAddress: what is taken is one plain address, with nothing that a command could end at.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"alice@example.com", "a@b", "\"a\"@example.com", "a@\u0627.example", "a@x\r\n.com", "a@ｅｘａｍｐｌｅ.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := address(s)
		if err != nil {
			return
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\",;:\\()[]", r) }) || strings.Count(got, "@") != 1 {
			t.Fatalf("%q became %q", s, got)
		}
		if again, err := address(got); err != nil || again != got {
			t.Fatalf("%q became %q, and that %q, %v", s, got, again, err)
		}
	})
}
