package edge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// TLSSettings say where the certificate comes from: files, or an ACME authority.
type TLSSettings struct {
	PublicURL string
	CertFile  string // PEM, the whole chain
	KeyFile   string // PEM
	// ACMECache is a directory for what an authority gave; set, certificates are obtained by
	// RFC 8555 with the challenge of RFC 8737, which needs port 443 and nothing else. Its terms
	// of service are accepted by setting it.
	ACMECache     string
	ACMEEmail     string
	ACMEDirectory string // the authority's address; empty: Let's Encrypt
	Logger        *slog.Logger
	Now           func() time.Time
}

// TLS returns the configuration of a server. Files are read now, so that a wrong one stops the
// start, and again when they changed.
func TLS(s TLSSettings) (*tls.Config, error) {
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites(), NextProtos: []string{"h2", "http/1.1"}}
	files := s.CertFile != "" || s.KeyFile != ""
	switch {
	case files && s.ACMECache != "":
		return nil, errors.New("edge: TLS: either certificate files or ACME, not both")
	case files:
		p := &pair{s: s}
		if err := p.load(); err != nil {
			return nil, err
		}
		c.GetCertificate = p.certificate
	case s.ACMECache != "":
		public, err := publicURL(s.PublicURL)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(s.ACMECache, 0o700); err != nil {
			return nil, fmt.Errorf("edge: TLS: ACME cache: %w", err)
		}
		a := &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(s.ACMECache),
			HostPolicy: autocert.HostWhitelist(public.Hostname()), Email: s.ACMEEmail,
			Client: &acme.Client{DirectoryURL: s.ACMEDirectory}}
		if s.ACMEDirectory == "" {
			a.Client.DirectoryURL = autocert.DefaultACMEDirectory
		}
		c.GetCertificate = a.GetCertificate
		c.NextProtos = append(c.NextProtos, acme.ALPNProto)
	default:
		return nil, errors.New("edge: TLS needs a certificate file and its key, or an ACME cache")
	}
	return c, nil
}

// suites are TLS 1.2's with forward secrecy and authenticated encryption (RFC 9325 section 4.2);
// TLS 1.3's are all so.
func suites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// pair is a certificate and its key from files.
type pair struct {
	s TLSSettings

	mu      sync.Mutex
	cert    *tls.Certificate
	changed [2]time.Time // of the files that cert was read from
	looked  time.Time
}

// lookEvery bounds how often the files are looked at.
const lookEvery = time.Minute

// certificate is tls.Config.GetCertificate. A pair that cannot be read leaves the old one in use,
// and is tried again a minute later.
func (p *pair) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.s.Now(); now.Sub(p.looked) >= lookEvery {
		p.looked = now
		if changed, err := p.times(); err != nil || changed != p.changed {
			if err = p.read(); err != nil {
				p.s.Logger.Error("the new certificate cannot be read; the old one stays", slog.String("error", err.Error()))
			}
		}
	}
	return p.cert, nil
}

func (p *pair) load() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = p.s.Now()
	return p.read()
}

// read replaces cert. The times are taken before the content: a file that changes in between is
// read again next time.
func (p *pair) read() error {
	changed, err := p.times()
	if err != nil {
		return fmt.Errorf("edge: TLS: %w", err)
	}
	cert, err := tls.LoadX509KeyPair(p.s.CertFile, p.s.KeyFile)
	if err != nil {
		return fmt.Errorf("edge: TLS: certificate %s with key %s: %w", p.s.CertFile, p.s.KeyFile, err)
	}
	p.cert, p.changed = &cert, changed
	return nil
}

func (p *pair) times() (out [2]time.Time, err error) {
	for i, name := range []string{p.s.CertFile, p.s.KeyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return out, err
		}
		out[i] = info.ModTime()
	}
	return out, nil
}
