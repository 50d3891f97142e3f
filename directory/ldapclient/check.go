package ldapclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// soon is how long before its end a certificate is worth a warning.
const soon = 21 * 24 * time.Hour

// Report gathers findings. What they quote is made plain (directory.Plain): people can write some of it
// themselves.
type Report struct{ Out []directory.Finding }

// Good adds something that is as it should be.
func (r *Report) Good(format string, args ...any) {
	r.Out = append(r.Out, directory.Finding{Severity: directory.Good, Text: directory.Plain(fmt.Sprintf(format, args...))})
}

// Add adds a finding with what mends it.
func (r *Report) Add(s directory.Severity, fix, format string, args ...any) {
	r.Out = append(r.Out, directory.Finding{Severity: s, Fix: directory.PlainLines(fix), Text: directory.Plain(fmt.Sprintf(format, args...))})
}

// Check reaches every server by itself, says what is wrong with the way there (name, address, TLS,
// sign-in), and lets look see the rest. It changes nothing.
func (cl *Client) Check(ctx context.Context, r *Report, look func(*Conn)) {
	cl.checkFile(r)
	for _, u := range cl.set.URLs {
		s, err := cl.set.server(u)
		if err != nil {
			r.Add(directory.Fault, "correct urls, such as [ldaps://ldap.example.com]", "%v", err)
			continue
		}
		cl.checkServer(ctx, r, s, look)
	}
}

// checkServer looks at one server, as far as it can be reached.
func (cl *Client) checkServer(ctx context.Context, r *Report, s Server, look func(*Conn)) {
	c, err := cl.dialer.dial(ctx, s)
	if err != nil {
		text, fix := cl.unreachable(ctx, err, s)
		r.Add(directory.Fault, fix, "%s", text)
		return
	}
	defer c.close()
	cl.checkTLS(r, c, s)
	said, err := cl.signIn(ctx, c)
	switch e := Answered(err); {
	case e != nil:
		why, fix := cl.refusedAs(s, PolicyOf(e), e)
		r.Add(directory.Fault, fix, "%s: the service account %s is refused: %s", s.URL, cl.set.BindDN, why)
		return
	case err != nil:
		r.Add(directory.Fault, Steps("it took the connection and then fell silent; by hand:", cl.Command(s, "ldapsearch", "-b", "''", "-s", "base", NoAttribute)),
			"%s: sign in as %s: %s", s.URL, cl.set.BindDN, Brief(err))
		return
	case said == PolicyMustChange || said == PolicyExpired:
		_, fix := cl.refusedAs(s, said, nil)
		r.Add(directory.Fault, fix, "%s: the service account must change its own password first and may do nothing else", s.URL)
		return
	}
	r.Good("%s: the service account %s signs in", s.URL, cl.set.BindDN)
	look(c)
}

// checkFile looks who else can read the service account's password.
func (cl *Client) checkFile(r *Report) {
	const others = 0o007
	file := cl.set.BindPasswordFile
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&others != 0 {
		r.Add(directory.Warning, "chmod o-rwx "+Quoted(file), "bind_password_file: everybody on this machine may open %s (mode %04o): let it belong to root and the group of the user who runs Postern, with 0640, or to that user, with 0600", file, info.Mode().Perm())
	}
}

// refusedAs says why the service account can't work, and what mends it.
func (cl *Client) refusedAs(s Server, said PolicyError, e *goldap.Error) (why, fix string) {
	if cl.set.Refused != nil {
		why, fix = cl.set.Refused(s, said, e)
	}
	if why == "" && e != nil {
		why = Brief(e)
		if e.ResultCode == goldap.LDAPResultInvalidCredentials {
			why = "wrong name or password, or it is locked"
		}
	}
	if fix == "" {
		fix = Steps("correct bind_dn, or the password in bind_password_file; by hand:", cl.Command(s, "ldapwhoami"))
	}
	return why, fix
}

func (cl *Client) checkTLS(r *Report, c *Conn, s Server) {
	if s.Clear {
		r.Add(directory.Warning, "use ldaps:// or remove insecure_cleartext", "%s: speaks without TLS", s.URL)
		return
	}
	state, ok := c.TLSConnectionState()
	if !ok || len(state.PeerCertificates) == 0 {
		r.Add(directory.Fault, "write ldaps:// in urls", "%s: no TLS after all", s.URL)
		return
	}
	end := state.PeerCertificates[0].NotAfter
	if left := end.Sub(cl.now()); left < soon {
		r.Add(directory.Warning, "renew the server's certificate", "%s: its certificate ends on %s", s.URL, end.Format(time.DateOnly))
		return
	}
	r.Good("%s: %s, certificate until %s", s.URL, tls.VersionName(state.Version), end.Format(time.DateOnly))
}

// Command is what an administrator can try by hand as the service account. It never sends the
// password in clear where Postern would not: -ZZ demands StartTLS, and the same authorities are
// trusted.
func (cl *Client) Command(s Server, program string, rest ...string) string {
	return cl.CommandAs(s, cl.set.BindDN, program, rest...)
}

// CommandAs is Command as somebody else, such as the administrator.
func (cl *Client) CommandAs(s Server, who, program string, rest ...string) string {
	words := []string{program, "-x"}
	if cl.set.CAFile != "" && !s.Clear {
		words = []string{"LDAPTLS_CACERT=" + Quoted(cl.set.CAFile), program, "-x"}
	}
	if !s.TLS && !s.Clear {
		words = append(words, "-ZZ")
	}
	words = append(words, "-H", s.URL, "-D", Quoted(who), "-W")
	return strings.Join(append(words, rest...), " ")
}

// Quoted is one word for a shell, on one line.
func Quoted(word string) string {
	return "'" + strings.ReplaceAll(directory.Plain(word), "'", `'\''`) + "'"
}

// unreachable says why a server could not be spoken to, and what mends it.
func (cl *Client) unreachable(ctx context.Context, err error, s Server) (text, fix string) {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var refused *goldap.Error
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("%s: the name %s cannot be resolved: %v", s.URL, s.Host, dns), "correct urls or the name service"
	case errors.As(err, &name):
		return fmt.Sprintf("%s: the certificate is not for this name: %v", s.URL, name), fmt.Sprintf("set server_name to a name in the certificate (%s), or name the server by it in urls", strings.Join(append(name.Certificate.DNSNames, addresses(name.Certificate)...), ", "))
	case errors.As(err, &unknown):
		fix = "set ca_file to the certificate of the authority that signed the server's"
		if cl.set.CAFile != "" {
			fix = "ca_file " + cl.set.CAFile + " holds another authority: put the right one there"
		}
		return fmt.Sprintf("%s: the certificate is signed by an authority that is not trusted (issuer %s)", s.URL, issuer(unknown.Cert)), fix
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("%s: the certificate was valid from %s until %s", s.URL, invalid.Cert.NotBefore.Format(time.DateTime), invalid.Cert.NotAfter.Format(time.DateTime)), "renew the server's certificate, and check both clocks"
	case errors.Is(err, syscall.ECONNREFUSED):
		_, port, _ := net.SplitHostPort(s.Address)
		return fmt.Sprintf("%s: %s refuses connections on port %s", s.URL, s.Host, port), fmt.Sprintf("correct urls, or start the server there so that %s is reachable from here; what listens on it: ss -ltn", s.Address)
	case !(errors.As(err, &op) && op.Op == "dial") && cl.reversed(ctx, s):
		if s.TLS {
			return fmt.Sprintf("%s: speaks no TLS from the start", s.URL), "write ldap://" + s.Address + " in urls: it is raised to TLS by StartTLS"
		}
		return fmt.Sprintf("%s: speaks TLS from the start, and no StartTLS", s.URL), "write ldaps://" + s.Address + " in urls"
	case errors.As(err, &refused):
		return fmt.Sprintf("%s: does not offer StartTLS: %v", s.URL, refused), "give the server a certificate (slapd: TLSCertificateFile, TLSCertificateKeyFile; a domain controller: one for server authentication in its computer store), or use ldaps://"
	}
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("%s: no answer within %s", s.URL, cl.set.DialTimeout), fmt.Sprintf("see that the server runs and that no firewall on the way drops what goes to %s, so that it is reachable from here", s.Address)
	}
	said := err.Error()
	for _, known := range []string{"ldap: ", "connect to " + s.URL + ": ", "TLS with " + s.URL + ": "} {
		said = strings.TrimPrefix(said, known)
	}
	return fmt.Sprintf("%s: %s", s.URL, said), fmt.Sprintf("check that the server runs and that %s is reachable from here", s.Address)
}

// reversed reports whether a server that could not be spoken to understands the other way to TLS:
// an LDAP answer in clear where TLS was tried from the start, a handshake where StartTLS was.
// Nothing is said to it but that.
func (cl *Client) reversed(ctx context.Context, s Server) bool {
	if s.Clear {
		return false
	}
	s.TLS = !s.TLS
	c, err := cl.dialer.dial(ctx, s)
	if err == nil {
		c.close()
		return true
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid) || Answered(err) != nil
}

func addresses(c *x509.Certificate) []string {
	var out []string
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

func issuer(c *x509.Certificate) string {
	if c == nil {
		return "unknown"
	}
	return c.Issuer.String()
}
