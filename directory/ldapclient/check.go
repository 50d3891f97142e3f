package ldapclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// soon is how long before its end a certificate is worth a warning.
const soon = 21 * 24 * time.Hour

// Report gathers findings.
type Report struct{ Out []directory.Finding }

// Good adds something that is as it should be.
func (r *Report) Good(format string, args ...any) {
	r.Out = append(r.Out, directory.Finding{Severity: directory.Good, Text: fmt.Sprintf(format, args...)})
}

// Add adds a finding with what mends it.
func (r *Report) Add(s directory.Severity, fix, format string, args ...any) {
	r.Out = append(r.Out, directory.Finding{Severity: s, Fix: fix, Text: fmt.Sprintf(format, args...)})
}

// Check reaches every server by itself, says what is wrong with the way there (name, address, TLS,
// sign-in), and lets look see the rest. It changes nothing.
func (cl *Client) Check(ctx context.Context, r *Report, look func(*Conn)) {
	for _, u := range cl.set.URLs {
		s, err := cl.set.server(u)
		if err != nil {
			r.Add(directory.Fault, "correct urls", "%v", err)
			continue
		}
		cl.checkServer(ctx, r, s, look)
	}
}

// checkServer looks at one server, as far as it can be reached.
func (cl *Client) checkServer(ctx context.Context, r *Report, s Server, look func(*Conn)) {
	c, err := cl.dialer.dial(ctx, s)
	if err != nil {
		text, fix := unreachable(err, s, cl.set.CAFile)
		r.Add(directory.Fault, fix, "%s", text)
		return
	}
	defer c.close()
	cl.checkTLS(r, c, s)
	said, err := cl.signIn(ctx, c)
	switch e := Answered(err); {
	case e != nil && e.ResultCode == goldap.LDAPResultInvalidCredentials:
		why := "wrong name or password, or it is locked"
		if cl.set.Refused != nil {
			why = cl.set.Refused(e)
		}
		r.Add(directory.Fault, "correct bind_dn and its password; try: "+cl.Command(s, "ldapwhoami"),
			"%s: the service account %s is refused: %s", s.URL, cl.set.BindDN, why)
		return
	case err != nil:
		r.Add(directory.Fault, "see the server's log", "%s: sign in as %s: %v", s.URL, cl.set.BindDN, err)
		return
	case said == PolicyMustChange || said == PolicyExpired:
		r.Add(directory.Fault, fmt.Sprintf("set a new password for %s and give the account a policy without pwdMaxAge and pwdMustChange", cl.set.BindDN),
			"%s: the service account must change its own password first and may do nothing else", s.URL)
		return
	}
	r.Good("%s: the service account %s signs in", s.URL, cl.set.BindDN)
	look(c)
}

func (cl *Client) checkTLS(r *Report, c *Conn, s Server) {
	if s.Clear {
		r.Add(directory.Warning, "use ldaps:// or remove insecure_cleartext", "%s: speaks without TLS", s.URL)
		return
	}
	state, ok := c.TLSConnectionState()
	if !ok || len(state.PeerCertificates) == 0 {
		r.Add(directory.Fault, "report this", "%s: no TLS after all", s.URL)
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
	words := []string{program, "-x"}
	if cl.set.CAFile != "" && !s.Clear {
		words = []string{"LDAPTLS_CACERT=" + Quoted(cl.set.CAFile), program, "-x"}
	}
	if !s.TLS && !s.Clear {
		words = append(words, "-ZZ")
	}
	words = append(words, "-H", s.URL, "-D", Quoted(cl.set.BindDN), "-W")
	return strings.Join(append(words, rest...), " ")
}

// Quoted is one word for a shell.
func Quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// unreachable says why a server could not be spoken to, and what mends it.
func unreachable(err error, s Server, caFile string) (text, fix string) {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var refused *goldap.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("%s: the name %s cannot be resolved: %v", s.URL, s.Host, dns), "correct urls or the name service"
	case errors.As(err, &name):
		return fmt.Sprintf("%s: the certificate is not for this name: %v", s.URL, name), fmt.Sprintf("set server_name to a name in the certificate (%s), or name the server by it in urls", strings.Join(append(name.Certificate.DNSNames, addresses(name.Certificate)...), ", "))
	case errors.As(err, &unknown):
		fix = "set ca_file to the certificate of the authority that signed the server's"
		if caFile != "" {
			fix = "ca_file " + caFile + " holds another authority: put the right one there"
		}
		return fmt.Sprintf("%s: the certificate is signed by an authority that is not trusted (issuer %s)", s.URL, issuer(unknown.Cert)), fix
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("%s: the certificate was valid from %s until %s", s.URL, invalid.Cert.NotBefore.Format(time.DateTime), invalid.Cert.NotAfter.Format(time.DateTime)), "renew the server's certificate, and check both clocks"
	case errors.As(err, &refused):
		return fmt.Sprintf("%s: does not offer StartTLS: %v", s.URL, refused), "give the server a certificate (slapd: TLSCertificateFile, TLSCertificateKeyFile; a domain controller: one for server authentication in its computer store), or use ldaps://"
	}
	return fmt.Sprintf("%s: %s", s.URL, strings.TrimPrefix(err.Error(), "ldap: ")), fmt.Sprintf("check that the server runs and that %s is reachable from here", s.Address)
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
