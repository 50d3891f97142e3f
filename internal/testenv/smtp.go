package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// SMTPMode is how a mail server treats the next messages.
type SMTPMode int

// The modes.
const (
	SMTPAccepts        SMTPMode = iota
	SMTPRefuses                 // 550 to the recipient
	SMTPRefusesMessage          // 554 after the text
	SMTPBusy                    // 451 to the recipient
	SMTPDiesInData              // cuts the connection while the text comes
	SMTPDiesAfterData           // takes the text, says so, and cuts the connection
)

// SMTPOptions make a mail server unusual. Its certificate is for localhost and 127.0.0.1.
type SMTPOptions struct {
	Implicit     bool   // TLS from the first byte
	Plain        bool   // does not offer STARTTLS
	Name         string // in the certificate, instead of localhost
	Anonymous    bool   // does not ask for a sign-in
	NoMechanisms bool   // asks for a sign-in and offers no way to
}

// SMTP is a mail server in this process.
type SMTP struct {
	Host               string
	Port               int
	CAFile             string // of its own authority, in PEM
	Username, Password string

	options SMTPOptions
	mu      sync.Mutex
	mode    SMTPMode
	mails   []Mail
	seen    []string
}

// Mail is a message that the server took, as it came over the wire.
type Mail struct {
	From string
	To   []string
	Data string
	TLS  bool
}

// StartSMTP starts a mail server that ends with the test.
func StartSMTP(t testing.TB, o SMTPOptions) *SMTP {
	t.Helper()
	name := o.Name
	if name == "" {
		name = "localhost"
	}
	config, ca := smtpCertificates(t, name)
	s := &SMTP{Host: "localhost", Username: "postern", Password: "m@il secret\u00e9", CAFile: filepath.Join(t.TempDir(), "ca.pem"), options: o}
	if err := os.WriteFile(s.CAFile, ca, 0o600); err != nil {
		t.Fatalf("testenv: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("testenv: listening: %v", err)
	}
	s.Port = l.Addr().(*net.TCPAddr).Port
	server := smtp.NewServer(smtp.BackendFunc(s.session))
	server.Domain = "mail.example.com"
	server.ErrorLog = log.New(io.Discard, "", 0)
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 10*time.Second
	server.AllowInsecureAuth = o.Plain
	switch {
	case o.Implicit:
		l = tls.NewListener(l, config)
	case !o.Plain:
		server.TLSConfig = config
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends when the test closes it
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = l.Close() // Serve may not have begun, and would not hear of Close
		<-done
	})
	return s
}

// SetMode changes how the next messages are treated.
func (s *SMTP) SetMode(m SMTPMode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = m
}

// Mails returns what the server took, oldest first.
func (s *SMTP) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Seen returns the commands that reached the server: "auth", "mail", "rcpt", "data".
func (s *SMTP) Seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *SMTP) saw(command string) SMTPMode {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, command)
	return s.mode
}

func (s *SMTP) session(c *smtp.Conn) (smtp.Session, error) {
	return &smtpSession{server: s, conn: c, known: s.options.Anonymous}, nil
}

// smtpSession is one client's conversation.
type smtpSession struct {
	server *SMTP
	conn   *smtp.Conn
	known  bool
	mail   Mail
}

func (s *smtpSession) AuthMechanisms() []string {
	if s.server.options.Anonymous || s.server.options.NoMechanisms {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *smtpSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		s.server.saw("auth")
		if username != s.server.Username || password != s.server.Password {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	s.server.saw("mail")
	if !s.known {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Sign in first"}
	}
	s.mail = Mail{From: from}
	return nil
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch s.server.saw("rcpt") {
	case SMTPRefuses:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + to + "> is not known here"}
	case SMTPBusy:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "<" + to + "> later"}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *smtpSession) Data(r io.Reader) error {
	mode := s.server.saw("data")
	if mode == SMTPDiesInData {
		_, _ = io.ReadFull(r, make([]byte, 64))
		_ = s.conn.Conn().Close()
		return errors.New("dead")
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if mode == SMTPRefusesMessage {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Not this one"}
	}
	s.mail.Data = string(raw)
	_, s.mail.TLS = s.conn.TLSConnectionState()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

// Reset ends a message. A client resets after one that was taken, before it leaves.
func (s *smtpSession) Reset() {
	if s.mail.Data != "" && s.server.saw("reset") == SMTPDiesAfterData {
		_ = s.conn.Conn().Close()
	}
	s.mail = Mail{}
}

func (s *smtpSession) Logout() error { return nil }

// smtpCertificates makes an authority of its own and a certificate for name.
func smtpCertificates(t testing.TB, name string) (*tls.Config, []byte) {
	t.Helper()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Mail test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if name == "localhost" {
		leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	rootKey, rootErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	leafKey, leafErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(rootErr, leafErr); err != nil {
		t.Fatalf("testenv: making keys: %v", err)
	}
	rootDER, rootErr := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	leafDER, leafErr := x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, rootKey)
	if err := errors.Join(rootErr, leafErr); err != nil {
		t.Fatalf("testenv: making certificates: %v", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}}}
	return config, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
}
