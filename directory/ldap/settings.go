package ldap

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/secret"
)

// Settings are what an administrator writes about an OpenLDAP directory.
type Settings struct {
	URLs              []string `yaml:"urls" doc:"Servers in the order of preference. ldaps:// speaks TLS from the start; ldap:// is raised to TLS by StartTLS before anything else is said." example:"[ldaps://ldap1.example.com, ldaps://ldap2.example.com]"`
	CAFile            string   `yaml:"ca_file" doc:"Certificates (PEM) of the authority that signed the servers' certificates. Empty: the system's authorities."`
	ServerName        string   `yaml:"server_name" doc:"Name that the servers' certificates must carry. Empty: the host of each URL."`
	InsecureCleartext bool     `yaml:"insecure_cleartext" doc:"Speak without TLS to a server on this machine's loopback address. Refused for every other address."`

	BindDN           string `yaml:"bind_dn" doc:"The service account." example:"cn=postern,ou=services,dc=example,dc=com"`
	BindPasswordFile string `yaml:"bind_password_file" doc:"File that holds the service account's password."`
	BindPasswordEnv  string `yaml:"bind_password_env" doc:"Environment variable that holds it instead."`

	Base             string        `yaml:"base" doc:"Where people are." example:"ou=people,dc=example,dc=com"`
	Scope            string        `yaml:"scope" doc:"How far below base." oneof:"subtree one"`
	UserFilter       string        `yaml:"user_filter" doc:"Only entries that match it are people."`
	DisabledFilter   string        `yaml:"disabled_filter" doc:"People who match it may not sign in, beside those whom ppolicy has locked for good." example:"(employeeType=former)"`
	LoginAttributes  []string      `yaml:"login_attributes" doc:"What people may type to say who they are. The first one is the login that is shown. Each needs an equality index."`
	IDAttribute      string        `yaml:"id_attribute" doc:"What identifies an entry for good, also when it is renamed. Needs an equality index."`
	NameAttribute    string        `yaml:"name_attribute" doc:"What to call people."`
	EmailAttributes  []string      `yaml:"email_attributes" doc:"Addresses on record, where codes and notices go."`
	PhoneAttributes  []string      `yaml:"phone_attributes" doc:"Numbers on record."`
	Groups           string        `yaml:"groups" doc:"How groups are found: by the memberOf attribute of the person, by a search, or not at all." oneof:"memberof search none"`
	GroupBase        string        `yaml:"group_base" doc:"Only groups below it count. Empty: all; needed for groups: search."`
	GroupFilter      string        `yaml:"group_filter" doc:"The search for groups: {dn} stands for the person's name in the tree, {login} for the login."`
	GroupName        string        `yaml:"group_name_attribute" doc:"The name of a group, for groups: search. memberof takes the first part of the group's name in the tree."`
	PasswordChange   string        `yaml:"password_change" doc:"How a password is set: the Password Modify operation (RFC 3062), which the server hashes, or a Modify of userPassword, which it hashes only with ppolicy_hash_cleartext." oneof:"exop modify"`
	PasswordRight    string        `yaml:"password_right" doc:"What the access rules give the service account on userPassword. With write the directory's password rules hold for resets; with manage it applies none of them." oneof:"write manage"`
	SetMustChange    string        `yaml:"set_must_change" doc:"Whether people who chose a new password here must change it again at the next sign-in: never, or as the directory decides." oneof:"never directory"`
	PolicyDN         string        `yaml:"policy_dn" doc:"The password policy of those whose entry names no other one: the same as ppolicy_default." example:"cn=default,ou=policies,dc=example,dc=com"`
	PoolSize         int           `yaml:"pool_size" doc:"Connections at most, and at most as many again that try passwords."`
	DialTimeout      time.Duration `yaml:"dial_timeout" doc:"Time to connect to one server, TLS and sign-in included."`
	RequestTimeout   time.Duration `yaml:"request_timeout" doc:"Time for one answer."`
	RetryServerAfter time.Duration `yaml:"retry_server_after" doc:"A server that did not answer is asked again after this."`
}

// Defaults returns the settings that hold where the file is silent.
func Defaults() *Settings {
	return &Settings{
		Scope: "subtree", UserFilter: "(objectClass=person)",
		LoginAttributes: []string{"uid", "mail"}, IDAttribute: "entryUUID", NameAttribute: "cn",
		EmailAttributes: []string{"mail"}, PhoneAttributes: []string{"mobile"},
		Groups: "memberof", GroupFilter: "(&(objectClass=groupOfNames)(member={dn}))", GroupName: "cn",
		PasswordChange: "exop", PasswordRight: "write", SetMustChange: "never",
		PoolSize: 8, DialTimeout: 2 * time.Second, RequestTimeout: 5 * time.Second, RetryServerAfter: 30 * time.Second,
	}
}

// check returns everything that is wrong, each with the setting's name.
func (s *Settings) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(s.URLs) == 0 {
		bad("urls: is empty: name at least one server, such as ldaps://ldap.example.com")
	}
	for _, u := range s.URLs {
		if _, err := s.server(u); err != nil {
			errs = append(errs, err)
		}
	}
	for _, dn := range []struct{ name, value string }{
		{"bind_dn", s.BindDN}, {"base", s.Base}, {"group_base", s.GroupBase}, {"policy_dn", s.PolicyDN},
	} {
		if dn.value == "" && (dn.name == "bind_dn" || dn.name == "base") {
			bad("%s: is missing", dn.name)
		}
		if _, err := goldap.ParseDN(dn.value); err != nil {
			bad("%s: %q is no name in a tree: %v", dn.name, dn.value, err)
		}
	}
	for _, f := range []struct{ name, value string }{
		{"user_filter", s.UserFilter}, {"disabled_filter", s.DisabledFilter},
		{"group_filter", expand(s.GroupFilter, "x", "x")},
	} {
		if f.value == "" && f.name != "user_filter" {
			continue
		}
		if _, err := goldap.CompileFilter(f.value); err != nil {
			bad("%s: %v: write a filter such as (objectClass=person)", f.name, err)
		}
	}
	if len(s.LoginAttributes) == 0 || s.IDAttribute == "" {
		bad("login_attributes and id_attribute: must not be empty")
	}
	for _, a := range slices.Concat(s.LoginAttributes, s.EmailAttributes, s.PhoneAttributes, []string{s.IDAttribute, s.NameAttribute, s.GroupName}) {
		if !isAttribute(a) {
			bad("%q is no name of an attribute", a)
		}
	}
	if s.Groups == "search" && s.GroupBase == "" {
		bad("group_base: is missing: groups: search must know where to look")
	}
	if s.PoolSize < 1 || s.DialTimeout <= 0 || s.RequestTimeout <= 0 || s.RetryServerAfter < 0 {
		bad("pool_size, dial_timeout, request_timeout: must be above zero")
	}
	return errors.Join(append(errs, s.choices())...)
}

func (s *Settings) choices() error {
	var errs []error
	for _, c := range []struct {
		name, value string
		of          []string
	}{
		{"scope", s.Scope, []string{"subtree", "one"}},
		{"groups", s.Groups, []string{"memberof", "search", "none"}},
		{"password_change", s.PasswordChange, []string{"exop", "modify"}},
		{"password_right", s.PasswordRight, []string{"write", "manage"}},
		{"set_must_change", s.SetMustChange, []string{"never", "directory"}},
	} {
		if !slices.Contains(c.of, c.value) {
			errs = append(errs, fmt.Errorf("%s: %q is not one of %s", c.name, c.value, strings.Join(c.of, ", ")))
		}
	}
	return errors.Join(errs...)
}

// server is one URL, taken apart.
type server struct {
	url     string
	address string // host:port
	host    string
	tls     bool // from the start
	clear   bool // never
}

func (s *Settings) server(raw string) (server, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return server{}, fmt.Errorf("urls: %q is no address of a server: write ldaps://host or ldap://host:port", raw)
	}
	out := server{url: raw, host: u.Hostname(), tls: u.Scheme == "ldaps"}
	port := u.Port()
	switch {
	case u.Scheme != "ldap" && u.Scheme != "ldaps":
		return server{}, fmt.Errorf("urls: %q: must begin with ldaps:// or ldap://", raw)
	case port == "" && out.tls:
		port = goldap.DefaultLdapsPort
	case port == "":
		port = goldap.DefaultLdapPort
	}
	out.address = net.JoinHostPort(out.host, port)
	if s.InsecureCleartext && !out.tls {
		ip := net.ParseIP(out.host)
		if out.host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return server{}, fmt.Errorf("urls: %q with insecure_cleartext: passwords would cross the network in clear; remove insecure_cleartext", raw)
		}
		out.clear = true
	}
	return out, nil
}

// authorities reads ca_file; nil means the system's.
func (s *Settings) authorities() (*x509.CertPool, error) {
	if s.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", s.CAFile)
	}
	return pool, nil
}

// password reads the service account's.
func (s *Settings) password() (secret.Text, error) {
	var value, from string
	switch {
	case s.BindPasswordFile != "" && s.BindPasswordEnv != "":
		return secret.Text{}, errors.New("bind_password_file and bind_password_env: both are set; keep one")
	case s.BindPasswordFile != "":
		b, err := os.ReadFile(s.BindPasswordFile)
		if err != nil {
			return secret.Text{}, fmt.Errorf("bind_password_file: %w", err)
		}
		value, from = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), "bind_password_file: the file"
	case s.BindPasswordEnv != "":
		value, from = os.Getenv(s.BindPasswordEnv), "bind_password_env: "+s.BindPasswordEnv
	default:
		return secret.Text{}, errors.New("bind_password_file: is missing, and so is bind_password_env")
	}
	if value == "" {
		return secret.Text{}, fmt.Errorf("%s is empty", from)
	}
	return secret.New(value), nil
}

// isAttribute reports whether s is a descriptor, an OID or one of those with options
// (RFC 4512 section 2.5).
func isAttribute(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-.;", r) {
			return false
		}
	}
	return s != ""
}

// expand fills a group filter's places with escaped values.
func expand(filter, dn, login string) string {
	return strings.NewReplacer("{dn}", goldap.EscapeFilter(dn), "{login}", goldap.EscapeFilter(login)).Replace(filter)
}
