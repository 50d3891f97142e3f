package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"
	gosmtp "github.com/wneessen/go-mail/smtp"

	"postern/secret"
)

// connection is one conversation with the server.
type connection struct {
	client  *gomail.Client
	session *gosmtp.Client
	close   func()
}

// connect dials, protects the connection and signs in. The connection ends with ctx.
func (s *Sender) connect(ctx context.Context) (*connection, error) {
	var raw net.Conn
	release := func() {}
	options := []gomail.Option{
		gomail.WithPort(s.settings.Port), gomail.WithTimeout(s.settings.Timeout), gomail.WithTLSConfig(s.tls),
		gomail.WithoutNoop(),
		gomail.WithDialContextFunc(func(dialing context.Context, _, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(dialing, "tcp", s.server())
			if err != nil {
				return nil, err
			}
			raw = conn
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			release = func() { stop() }
			if s.settings.TLS != "implicit" {
				return conn, nil
			}
			protected := tls.Client(conn, s.tls)
			return protected, protected.HandshakeContext(dialing)
		}),
	}
	switch s.settings.TLS {
	case "starttls":
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case "implicit":
		options = append(options, gomail.WithSSL())
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.settings.Username != "" {
		options = append(options,
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin),
			gomail.WithUsername(s.settings.Username), gomail.WithPassword(s.password.Reveal()))
	}
	client, err := gomail.NewClient(s.settings.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("preparing the connection: %w", err)
	}
	end := func() {
		release()
		if raw != nil {
			_ = raw.Close()
		}
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		end()
		return nil, fmt.Errorf("connecting to %s: %w", s.server(), err)
	}
	return &connection{client: client, session: session, close: end}, nil
}

// server is the server's address, also where the host is an IPv6 address.
func (s *Sender) server() string {
	return net.JoinHostPort(s.settings.Host, strconv.Itoa(s.settings.Port))
}

// trust returns how the server's certificate is verified.
func trust(s Settings) (*tls.Config, error) {
	out := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	if s.CAFile == "" {
		return out, nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("smtp: ca_file: %w", err)
	}
	out.RootCAs = x509.NewCertPool()
	if !out.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("smtp: ca_file: %s holds no certificate in PEM", s.CAFile)
	}
	return out, nil
}

// password reads what the settings point to.
func password(s Settings) (secret.Text, error) {
	given := s.PasswordFile != "" || s.PasswordEnv != ""
	switch {
	case s.Username == "" && given:
		return secret.Text{}, errors.New("smtp: a password is set and username is not: set both or neither")
	case s.Username == "":
		return secret.Text{}, nil
	case !given:
		return secret.Text{}, errors.New("smtp: username is set and the password is not: set password_file or password_env")
	case s.PasswordFile != "" && s.PasswordEnv != "":
		return secret.Text{}, errors.New("smtp: password_file and password_env are both set: keep one")
	}
	value := os.Getenv(s.PasswordEnv)
	if s.PasswordFile != "" {
		raw, err := os.ReadFile(s.PasswordFile)
		if err != nil {
			return secret.Text{}, fmt.Errorf("smtp: password_file: %w", err)
		}
		value = strings.TrimRight(string(raw), "\r\n")
	}
	if value == "" {
		return secret.Text{}, errors.New("smtp: the password that password_file or password_env points to is empty")
	}
	return secret.New(value), nil
}
