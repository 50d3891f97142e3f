package ldap

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// soon is how long before its end a certificate is worth a warning.
const soon = 21 * 24 * time.Hour

// slowSearch is what an equality search with an index never takes.
const slowSearch = 100 * time.Millisecond

// report gathers findings.
type report struct{ out []directory.Finding }

func (r *report) good(format string, args ...any) {
	r.out = append(r.out, directory.Finding{Severity: directory.Good, Text: fmt.Sprintf(format, args...)})
}

func (r *report) add(s directory.Severity, fix, format string, args ...any) {
	r.out = append(r.out, directory.Finding{Severity: s, Fix: fix, Text: fmt.Sprintf(format, args...)})
}

// Check asks every server whether it would do, and changes nothing. What the service account may
// write cannot be asked of OpenLDAP; what it can read is told.
func (d *Directory) Check(ctx context.Context) []directory.Finding {
	r := &report{}
	for _, u := range d.set.URLs {
		s, err := d.set.server(u)
		if err != nil {
			r.add(directory.Fault, "correct urls", "%v", err)
			continue
		}
		d.checkServer(ctx, r, s)
	}
	if d.set.PolicyDN == "" {
		r.add(directory.Warning, "set policy_dn to the value of ppolicy_default in the server's configuration",
			"policy_dn is not set: the password rules of the directory are shown only to people whose entry names a policy, and a lock-out that is over still counts as one")
	}
	if d.set.PasswordChange == "modify" {
		r.add(directory.Warning, "password_change: exop, or make sure of ppolicy_hash_cleartext (olcPPolicyHashCleartext: TRUE)",
			"password_change: modify: without ppolicy_hash_cleartext the server keeps passwords in clear, and it does not tell")
	}
	return r.out
}

// checkServer looks at one server, as far as it can be reached.
func (d *Directory) checkServer(ctx context.Context, r *report, s server) {
	c, err := d.dialer.dial(ctx, s)
	if err != nil {
		text, fix := unreachable(err, s, d.set.CAFile)
		r.add(directory.Fault, fix, "%s", text)
		return
	}
	defer c.close()
	d.checkTLS(r, c, s)
	said, err := c.bind(ctx, d.set.BindDN, d.password)
	switch e := answered(err); {
	case e != nil && e.ResultCode == goldap.LDAPResultInvalidCredentials:
		r.add(directory.Fault, "correct bind_dn and its password; try: "+d.command(s, "ldapwhoami"),
			"%s: the service account %s is refused: wrong name or password, or it is locked", s.url, d.set.BindDN)
		return
	case err != nil:
		r.add(directory.Fault, "see the server's log", "%s: sign in as %s: %v", s.url, d.set.BindDN, err)
		return
	case said == policyMustChange || said == policyExpired:
		r.add(directory.Fault, fmt.Sprintf("set a new password for %s and give the account a policy without pwdMaxAge and pwdMustChange", d.set.BindDN),
			"%s: the service account must change its own password first and may do nothing else", s.url)
		return
	}
	r.good("%s: the service account %s signs in", s.url, d.set.BindDN)
	d.checkAbilities(ctx, r, c, s)
	d.checkPeople(ctx, r, c, s)
	d.checkPolicy(ctx, r, c, s)
}

func (d *Directory) checkTLS(r *report, c *conn, s server) {
	if s.clear {
		r.add(directory.Warning, "use ldaps:// or remove insecure_cleartext", "%s: speaks without TLS", s.url)
		return
	}
	state, ok := c.TLSConnectionState()
	if !ok || len(state.PeerCertificates) == 0 {
		r.add(directory.Fault, "report this", "%s: no TLS after all", s.url)
		return
	}
	end := state.PeerCertificates[0].NotAfter
	if left := end.Sub(d.now()); left < soon {
		r.add(directory.Warning, "renew the server's certificate", "%s: its certificate ends on %s", s.url, end.Format(time.DateOnly))
		return
	}
	r.good("%s: %s, certificate until %s", s.url, tls.VersionName(state.Version), end.Format(time.DateOnly))
}

// checkAbilities reads what the server says of itself (RFC 4512 section 5.1).
func (d *Directory) checkAbilities(ctx context.Context, r *report, c *conn, s server) {
	found, err := d.search(ctx, c, query{base: "", scope: goldap.ScopeBaseObject, filter: anything, attributes: []string{"supportedExtension", "supportedControl"}, limit: 1})
	if err != nil || len(found) != 1 {
		r.add(directory.Warning, "let the service account read the root entry (access to dn.base=\"\" by * read)", "%s: does not say what it can do", s.url)
		return
	}
	e := found[0]
	if d.set.PasswordChange == "exop" && !slices.Contains(e.GetAttributeValues("supportedExtension"), passwordModifyOID) {
		r.add(directory.Fault, "password_change: modify", "%s: does not know the Password Modify operation (RFC 3062)", s.url)
	}
	if !slices.Contains(e.GetAttributeValues("supportedControl"), policyOID) {
		r.add(directory.Warning, "load the overlay ppolicy on the server", "%s: has no password policy: reasons of refusals and lock-outs are not told", s.url)
	}
}

// checkPeople looks for people, and for what should not be readable.
func (d *Directory) checkPeople(ctx context.Context, r *report, c *conn, s server) {
	_, err := d.search(ctx, c, query{base: d.set.Base, scope: goldap.ScopeBaseObject, filter: anything, attributes: []string{noAttribute}, limit: 1})
	if err != nil {
		r.add(directory.Fault, "correct base, or give the service account the right to read it; try: "+d.command(s, "ldapsearch", "-b", quoted(d.set.Base), "-s", "base"),
			"%s: base %s: %v", s.url, d.set.Base, err)
		return
	}
	scope := goldap.ScopeWholeSubtree
	if d.set.Scope == "one" {
		scope = goldap.ScopeSingleLevel
	}
	tool := d.command(s, "ldapsearch", "-b", quoted(d.set.Base), "-s", strings.TrimSuffix(d.set.Scope, "tree"), "-z", "1", quoted(d.set.UserFilter))
	wanted := append(d.attributes(), "userPassword")
	found, err := d.search(ctx, c, query{base: d.set.Base, scope: scope, filter: d.set.UserFilter, attributes: wanted, limit: 1})
	switch {
	case err != nil:
		r.add(directory.Fault, "see user_filter and the service account's rights; try: "+tool, "%s: search for people: %v", s.url, err)
		return
	case len(found) == 0:
		r.add(directory.Fault, "correct base and user_filter, or give the service account the right to read people; try: "+tool, "%s: nobody below %s matches %s", s.url, d.set.Base, d.set.UserFilter)
		return
	}
	e := found[0]
	for _, a := range []string{d.set.IDAttribute, d.set.LoginAttributes[0]} {
		if first(e, a) == "" {
			r.add(directory.Fault, "let the service account read "+a+", or correct the setting", "%s: %s has no %s", s.url, e.DN, a)
			return
		}
	}
	if len(e.GetAttributeValues("userPassword")) > 0 {
		r.add(directory.Warning, fmt.Sprintf("access to attrs=userPassword by dn.exact=%q =w by self =xw by anonymous auth by * none", d.set.BindDN),
			"%s: the service account can read password hashes, which it never needs", s.url)
	}
	r.good("%s: people are found below %s", s.url, d.set.Base)
	began := d.now()
	if _, err := d.one(ctx, c, d.idFilter(rand.Text()), []string{noAttribute}); err != nil && !errors.Is(err, directory.ErrNotFound) {
		r.add(directory.Fault, "see id_attribute", "%s: search by %s: %v", s.url, d.set.IDAttribute, err)
	} else if took := d.now().Sub(began); took > slowSearch {
		r.add(directory.Warning, "index "+d.set.IDAttribute+" eq", "%s: a search by %s took %s", s.url, d.set.IDAttribute, took.Round(time.Millisecond))
	}
}

// checkPolicy compares the default policy with how resets will be made.
func (d *Directory) checkPolicy(ctx context.Context, r *report, c *conn, s server) {
	if d.set.PolicyDN == "" {
		return
	}
	p, err := d.readPolicy(ctx, c, d.set.PolicyDN)
	if err != nil || p == (policy{read: p.read}) {
		r.add(directory.Warning, "correct policy_dn, or let the service account read it; try: "+d.command(s, "ldapsearch", "-b", quoted(d.set.PolicyDN), "-s", "base"), "%s: the policy %s says nothing", s.url, d.set.PolicyDN)
		return
	}
	if d.set.PasswordRight == "manage" {
		r.good("%s: with manage on userPassword the directory applies no password rule to resets", s.url)
		return
	}
	if p.safe {
		r.add(directory.Fault, "set pwdSafeModify to FALSE in "+d.set.PolicyDN+", or give the service account manage on userPassword and set password_right: manage",
			"%s: pwdSafeModify refuses every reset without the old password", s.url)
	}
	if p.minAge > 0 {
		r.add(directory.Warning, "set pwdMinAge to 0 in "+d.set.PolicyDN, "%s: pwdMinAge refuses a reset within %s of the last change", s.url, p.minAge)
	}
	r.good("%s: the directory's password rules hold for resets", s.url)
}

// command is what an administrator can try by hand as the service account. It never sends the
// password in clear where Postern would not: -ZZ demands StartTLS, and the same authorities are
// trusted.
func (d *Directory) command(s server, program string, rest ...string) string {
	words := []string{program, "-x"}
	if d.set.CAFile != "" && !s.clear {
		words = []string{"LDAPTLS_CACERT=" + quoted(d.set.CAFile), program, "-x"}
	}
	if !s.tls && !s.clear {
		words = append(words, "-ZZ")
	}
	words = append(words, "-H", s.url, "-D", quoted(d.set.BindDN), "-W")
	return strings.Join(append(words, rest...), " ")
}

// quoted is one word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// LockoutAfter returns after how many wrong passwords the policy at policy_dn locks an account, and
// where that is set; 0: never, or nobody can tell.
func (d *Directory) LockoutAfter(ctx context.Context) (n int, setting string) {
	if d.set.PolicyDN == "" {
		return 0, ""
	}
	err := d.read(ctx, func(c *conn) error {
		found, err := d.search(ctx, c, query{base: d.set.PolicyDN, scope: goldap.ScopeBaseObject, filter: anything, attributes: []string{"pwdLockout", "pwdMaxFailure"}, limit: 1})
		if err == nil && len(found) == 1 && strings.EqualFold(first(found[0], "pwdLockout"), "TRUE") {
			n, err = strconv.Atoi(cmp.Or(first(found[0], "pwdMaxFailure"), "0"))
		}
		return err
	})
	if err != nil {
		return 0, "" // Check tells why
	}
	return n, "pwdMaxFailure in " + d.set.PolicyDN
}

// unreachable says why a server could not be spoken to, and what mends it.
func unreachable(err error, s server, caFile string) (text, fix string) {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var refused *goldap.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("%s: the name %s cannot be resolved: %v", s.url, s.host, dns), "correct urls or the name service"
	case errors.As(err, &name):
		return fmt.Sprintf("%s: the certificate is not for this name: %v", s.url, name), fmt.Sprintf("set server_name to a name in the certificate (%s), or name the server by it in urls", strings.Join(append(name.Certificate.DNSNames, addresses(name.Certificate)...), ", "))
	case errors.As(err, &unknown):
		fix = "set ca_file to the certificate of the authority that signed the server's"
		if caFile != "" {
			fix = "ca_file " + caFile + " holds another authority: put the right one there"
		}
		return fmt.Sprintf("%s: the certificate is signed by an authority that is not trusted (issuer %s)", s.url, issuer(unknown.Cert)), fix
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("%s: the certificate was valid from %s until %s", s.url, invalid.Cert.NotBefore.Format(time.DateTime), invalid.Cert.NotAfter.Format(time.DateTime)), "renew the server's certificate, and check both clocks"
	case errors.As(err, &refused):
		return fmt.Sprintf("%s: does not offer StartTLS: %v", s.url, refused), "give the server a certificate (TLSCertificateFile, TLSCertificateKeyFile), or use ldaps://"
	}
	return fmt.Sprintf("%s: %s", s.url, strings.TrimPrefix(err.Error(), "ldap: ")), fmt.Sprintf("check that the server runs and that %s is reachable from here", s.address)
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
