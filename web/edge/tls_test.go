package edge

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue writes a certificate with that serial number and its key.
func issue(t *testing.T, cert, key string, serial int64, at time.Time) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"reset.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), at)
	write(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kder}), at)
}

func write(t *testing.T, name string, b []byte, at time.Time) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// serial shakes hands and returns the certificate's serial number and the version.
func serial(t *testing.T, c *tls.Config, most uint16) (int64, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() {
		err := tls.Server(b, c).Handshake()
		_ = b.Close()
		done <- err
	}()
	client := tls.Client(a, &tls.Config{ServerName: "reset.example.com", InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: most})
	err := client.Handshake()
	_, _ = io.Copy(io.Discard, a)
	<-done
	if err != nil {
		return 0, err
	}
	return client.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	issue(t, cert, key, 1, now)
	var log bytes.Buffer
	c, err := TLS(TLSSettings{CertFile: cert, KeyFile: key, Now: func() time.Time { return now },
		Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, serialNumber int64) {
		t.Helper()
		if got, err := serial(t, c, 0); err != nil || got != serialNumber {
			t.Errorf("%s: got certificate %d, %v; want %d", what, got, err, serialNumber)
		}
	}
	want("at first", 1)
	issue(t, cert, key, 2, now.Add(time.Second))
	want("changed, but looked at less than a minute ago", 1)
	now = now.Add(time.Minute)
	want("a minute later", 2)
	write(t, key, []byte("half a file"), now)
	now = now.Add(time.Minute)
	want("with a broken key", 2)
	if !strings.Contains(log.String(), "the old one stays") {
		t.Errorf("nothing was logged of the broken key: %s", log.String())
	}
	issue(t, cert, key, 3, now)
	now = now.Add(time.Minute)
	want("mended", 3)
	if _, err := serial(t, c, tls.VersionTLS11); err == nil || c.MinVersion != tls.VersionTLS12 {
		t.Errorf("TLS 1.1 was accepted")
	}
	if _, err := serial(t, c, tls.VersionTLS12); err != nil {
		t.Errorf("TLS 1.2 was not: %v", err)
	}
}

func TestTLSSettings(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	issue(t, cert, key, 1, time.Now())
	other, otherKey := filepath.Join(dir, "other.pem"), filepath.Join(dir, "other-key.pem")
	issue(t, other, otherKey, 2, time.Now())
	for name, s := range map[string]TLSSettings{
		"nothing":             {},
		"no key":              {CertFile: cert},
		"another key":         {CertFile: cert, KeyFile: otherKey},
		"missing file":        {CertFile: filepath.Join(dir, "none.pem"), KeyFile: key},
		"both":                {CertFile: cert, KeyFile: key, ACMECache: dir, PublicURL: public},
		"ACME without a host": {ACMECache: dir},
	} {
		if _, err := TLS(s); err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
	c, err := TLS(TLSSettings{ACMECache: filepath.Join(dir, "acme"), PublicURL: public})
	if err != nil || c.GetCertificate == nil || !strings.Contains(strings.Join(c.NextProtos, " "), "acme-tls/1") {
		t.Errorf("ACME: got %v, %v", c, err)
	}
	if _, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: "evil.example"}); err == nil {
		t.Errorf("ACME would ask for a certificate for any name")
	}
}
