package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// fill writes the configuration and the data, before the first start.
func (s *SlapdServer) fill() error {
	if err := os.Mkdir(filepath.Join(s.Dir, "db"), 0o700); err != nil {
		return err
	}
	conf := filepath.Join(s.Dir, "slapd.conf")
	if err := os.WriteFile(conf, []byte(s.configuration()), 0o600); err != nil {
		return err
	}
	path, err := program("slapadd", "slapd", "/usr/sbin")
	if err != nil {
		return err
	}
	add := exec.Command(path, "-q", "-f", conf, "-b", SlapdBase)
	add.Stdin = strings.NewReader(s.entries())
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("testenv: slapadd: %w: %s", err, out)
	}
	return s.own()
}

func (s *SlapdServer) configuration() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("modulepath /usr/lib/ldap")
	for _, m := range []string{"back_mdb", "ppolicy", "memberof", "refint"} {
		line("moduleload %s", m)
	}
	for _, schema := range []string{"core", "cosine", "inetorgperson", "nis"} {
		line("include /etc/ldap/schema/%s.schema", schema)
	}
	line("loglevel none\nthreads 8\nsizelimit unlimited\npassword-hash {SSHA}")
	if !s.options.Plain {
		line("TLSCACertificateFile %s/ca.pem\nTLSCertificateFile %s/server.pem\nTLSCertificateKeyFile %s/server.key", s.Dir, s.Dir, s.Dir)
	}
	line("database mdb\nsuffix %q\nrootdn %q\nrootpw %q", SlapdBase, SlapdAdmin, SlapdAdminWord)
	line("directory %s/db\nmaxsize %d", s.Dir, slapdDatabaseSize)
	if s.options.NoSync {
		line("dbnosync")
	}
	line("index objectClass,uid,mail,cn,member,memberOf,entryUUID eq")
	line("access to attrs=userPassword by dn.exact=%q %s by self =xw by anonymous auth by * none", SlapdService, s.options.Right)
	line("access to attrs=pwdAccountLockedTime,pwdReset,pwdFailureTime by dn.exact=%q write by * none", SlapdService)
	line("access to * by dn.exact=%q read by users read by anonymous auth", SlapdService)
	line("overlay memberof\nmemberof-group-oc groupOfNames")
	line("overlay refint\nrefint_attributes member memberOf")
	line("overlay ppolicy\nppolicy_default %q\nppolicy_hash_cleartext", SlapdPolicy)
	if !s.options.Quiet {
		line("ppolicy_use_lockout")
	}
	return b.String()
}

// entries returns the tree as LDIF.
func (s *SlapdServer) entries() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nobjectClass: organization\nobjectClass: dcObject\ndc: example\no: Example\n\n", SlapdBase)
	for _, ou := range []string{"people", "groups", "services", "policies"} {
		fmt.Fprintf(&b, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", ou, SlapdBase, ou)
	}
	fmt.Fprintf(&b, "dn: %s\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: postern\nuserPassword: %s\n\n", SlapdService, SlapdServiceWord)
	base := map[string]string{
		"pwdInHistory": "5", "pwdCheckQuality": "2", "pwdMinLength": "10", "pwdLockout": "TRUE",
		"pwdMaxFailure": "3", "pwdMustChange": "TRUE", "pwdSafeModify": "FALSE",
	}
	maps.Copy(base, s.options.Policy)
	policy(&b, "default", base)
	policy(&b, "young", with(base, "pwdMinAge", "3600"))
	policy(&b, "safe", with(base, "pwdSafeModify", "TRUE"))
	policy(&b, "brief", with(base, "pwdLockoutDuration", "60"))

	for _, p := range []string{"alice", "bob", "frank"} {
		person(&b, p, "mobile: +4930901820")
	}
	changed := time.Now().Add(-time.Second).UTC().Format("20060102150405Z") // slapd's clock is coarse
	person(&b, "carol", "pwdPolicySubentry: cn=young,"+SlapdPolicies, "pwdChangedTime: "+changed)
	person(&b, "dave", "pwdAccountLockedTime: 000001010000Z")
	person(&b, "erin", "pwdAccountLockedTime: "+changed)
	person(&b, "grace", "pwdPolicySubentry: cn=safe,"+SlapdPolicies)
	person(&b, "heidi", "mail: shared@example.test")
	person(&b, "ivan", "mail: shared@example.test")
	for i := range s.options.Extra {
		person(&b, fmt.Sprintf("u%06d", i+1))
	}
	return b.String()
}

func with(m map[string]string, name, value string) map[string]string {
	m = maps.Clone(m)
	m[name] = value
	return m
}

func policy(b *strings.Builder, name string, attributes map[string]string) {
	fmt.Fprintf(b, "dn: cn=%s,%s\nobjectClass: applicationProcess\nobjectClass: pwdPolicy\ncn: %s\npwdAttribute: userPassword\n", name, SlapdPolicies, name)
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		fmt.Fprintf(b, "%s: %s\n", k, attributes[k])
	}
	b.WriteByte('\n')
}

// person writes an entry. The password is in clear: slapd compares such a value as it is and
// hashes it at the first change, which spares every test server a hash for each person.
func person(b *strings.Builder, login string, more ...string) {
	fmt.Fprintf(b, "dn: uid=%s,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s Example\nsn: Example\nmail: %s@example.test\nuserPassword: %s\n",
		login, SlapdPeople, login, strings.ToUpper(login[:1])+login[1:], login, SlapdInitialWord)
	for _, line := range more {
		b.WriteString(line + "\n")
	}
	b.WriteByte('\n')
}

// groups adds them while the server runs: memberof sees only those.
func (s *SlapdServer) groups() error {
	c, err := s.AdminConn()
	if err != nil {
		return err
	}
	defer c.Close()
	add := goldap.NewAddRequest("cn=helpdesk,"+SlapdGroups, nil)
	add.Attribute("objectClass", []string{"groupOfNames"})
	add.Attribute("cn", []string{"helpdesk"})
	add.Attribute("member", []string{s.DN("alice"), s.DN("bob")})
	if err := c.Add(add); err != nil {
		return fmt.Errorf("testenv: add group: %w", err)
	}
	return nil
}

// slapdCertificates makes an authority and a server's certificate.
func slapdCertificates(dir string, o SlapdOptions) (*x509.CertPool, error) {
	now := time.Now()
	caKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "slapd"},
		NotBefore: now.Add(-47 * time.Hour), NotAfter: o.Expires,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range o.Names {
		if ip := net.ParseIP(n); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, n)
		}
	}
	caDER, err1 := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	leafDER, err2 := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	keyDER, err3 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("testenv: certificates: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(block("CERTIFICATE", caDER))
	return pool, errors.Join(
		os.WriteFile(filepath.Join(dir, "ca.pem"), block("CERTIFICATE", caDER), 0o600),
		os.WriteFile(filepath.Join(dir, "server.pem"), block("CERTIFICATE", leafDER), 0o600),
		os.WriteFile(filepath.Join(dir, "server.key"), block("PRIVATE KEY", keyDER), 0o600))
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
