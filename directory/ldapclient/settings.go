package ldapclient

import (
	"context"
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

// Connection is how to reach the servers and who to be there.
type Connection struct {
	URLs              []string `yaml:"urls" doc:"Servers in the order of preference. ldaps:// speaks TLS from the start; ldap:// is raised to TLS by StartTLS before anything else is said." example:"[ldaps://ldap1.example.com, ldaps://ldap2.example.com]"`
	CAFile            string   `yaml:"ca_file" doc:"Certificates (PEM) of the authority that signed the servers' certificates. Empty: the system's authorities."`
	ServerName        string   `yaml:"server_name" doc:"Name that the servers' certificates must carry. Empty: the host of each URL."`
	InsecureCleartext bool     `yaml:"insecure_cleartext" doc:"Speak without TLS to a server on this machine's loopback address. Refused for every other address."`

	BindDN           string `yaml:"bind_dn" doc:"The service account." example:"cn=postern,ou=services,dc=example,dc=com"`
	BindPasswordFile string `yaml:"bind_password_file" doc:"File that holds the service account's password."`
	BindPasswordEnv  string `yaml:"bind_password_env" doc:"Environment variable that holds it instead."`
}

// People is where people are and what their attributes are called.
type People struct {
	Base            string   `yaml:"base" doc:"Where people are." example:"ou=people,dc=example,dc=com"`
	Scope           string   `yaml:"scope" doc:"How far below base." oneof:"subtree one"`
	UserFilter      string   `yaml:"user_filter" doc:"Only entries that match it are people."`
	LoginAttributes []string `yaml:"login_attributes" doc:"What people may type to say who they are. The first one is the login that is shown. Each needs an equality index."`
	IDAttribute     string   `yaml:"id_attribute" doc:"What identifies an entry for good, also when it is renamed. Needs an equality index."`
	NameAttribute   string   `yaml:"name_attribute" doc:"What to call people."`
	EmailAttributes []string `yaml:"email_attributes" doc:"Addresses on record, where codes and notices go."`
	PhoneAttributes []string `yaml:"phone_attributes" doc:"Numbers on record."`
}

// Pool bounds connections and time.
type Pool struct {
	PoolSize         int           `yaml:"pool_size" doc:"Connections at most, and at most as many again that try passwords."`
	DialTimeout      time.Duration `yaml:"dial_timeout" doc:"Time to connect to one server, TLS and sign-in included."`
	RequestTimeout   time.Duration `yaml:"request_timeout" doc:"Time for one answer."`
	RetryServerAfter time.Duration `yaml:"retry_server_after" doc:"A server that did not answer is asked again after this."`
}

// DefaultPool is what most need.
func DefaultPool() Pool {
	return Pool{PoolSize: 8, DialTimeout: 2 * time.Second, RequestTimeout: 5 * time.Second, RetryServerAfter: 30 * time.Second}
}

// Settings are what a Client is made of.
type Settings struct {
	Connection
	People
	Pool
	// IDValue turns an account's identifier into the value that is searched for, where they
	// differ; false: nobody can have it. It is no setting.
	IDValue func(id string) (string, bool) `yaml:"-"`
	// Controls go with every search for one person. They are no setting.
	Controls []goldap.Control `yaml:"-"`
	// Opened is called for every new connection that speaks for the service account, before it is
	// used; what it asks costs no look-up. An error closes the connection. It is no setting.
	Opened func(context.Context, *Conn) error `yaml:"-"`
	// Refused says why the service account may not sign in, where the server tells, and what mends
	// it; without an error it was let in, and must change its password first. It is no setting.
	Refused func(Server, PolicyError, *goldap.Error) (why, fix string) `yaml:"-"`
}

func (p People) scope() int {
	if p.Scope == "one" {
		return goldap.ScopeSingleLevel
	}
	return goldap.ScopeWholeSubtree
}

// Check returns everything that is wrong, each with the setting's name.
func (s *Settings) Check() error {
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
	if s.BindDN == "" {
		bad("bind_dn: is missing")
	}
	if s.Base == "" {
		bad("base: is missing")
	}
	errs = append(errs, CheckDN("base", s.Base), CheckFilter("user_filter", s.UserFilter))
	if len(s.LoginAttributes) == 0 || s.IDAttribute == "" {
		bad("login_attributes and id_attribute: must not be empty")
	}
	errs = append(errs, CheckAttributes(slices.Concat(s.LoginAttributes, s.EmailAttributes, s.PhoneAttributes, []string{s.IDAttribute, s.NameAttribute})...))
	if s.PoolSize < 1 || s.DialTimeout <= 0 || s.RequestTimeout <= 0 || s.RetryServerAfter < 0 {
		bad("pool_size, dial_timeout, request_timeout: must be above zero")
	}
	errs = append(errs, CheckChoice("scope", s.Scope, "subtree", "one"))
	return errors.Join(errs...)
}

// CheckDN says what is wrong with a setting that names a place in the tree.
func CheckDN(setting, dn string) error {
	if _, err := goldap.ParseDN(dn); err != nil {
		return fmt.Errorf("%s: %q is no name in a tree: %w", setting, dn, err)
	}
	return nil
}

// CheckFilter says what is wrong with a setting that is a filter.
func CheckFilter(setting, filter string) error {
	if _, err := goldap.CompileFilter(filter); err != nil {
		return fmt.Errorf("%s: %w: write a filter such as (objectClass=person)", setting, err)
	}
	return nil
}

// CheckAttributes says which of the names can be none of attributes.
func CheckAttributes(names ...string) error {
	var errs []error
	for _, a := range names {
		if !isAttribute(a) {
			errs = append(errs, fmt.Errorf("%q is no name of an attribute", a))
		}
	}
	return errors.Join(errs...)
}

// CheckChoice says what is wrong with a setting of few values.
func CheckChoice(setting, value string, of ...string) error {
	if !slices.Contains(of, value) {
		return fmt.Errorf("%s: %q is not one of %s", setting, value, strings.Join(of, ", "))
	}
	return nil
}

// Server is one URL, taken apart.
type Server struct {
	URL     string
	Address string // host:port
	Host    string
	TLS     bool // from the start
	Clear   bool // never
}

// server takes a URL apart.
func (s *Connection) server(raw string) (Server, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return Server{}, fmt.Errorf("urls: %q is no address of a server: write ldaps://host or ldap://host:port", raw)
	}
	out := Server{URL: raw, Host: u.Hostname(), TLS: u.Scheme == "ldaps"}
	port := u.Port()
	switch {
	case u.Scheme != "ldap" && u.Scheme != "ldaps":
		return Server{}, fmt.Errorf("urls: %q: must begin with ldaps:// or ldap://", raw)
	case port == "" && out.TLS:
		port = goldap.DefaultLdapsPort
	case port == "":
		port = goldap.DefaultLdapPort
	}
	out.Address = net.JoinHostPort(out.Host, port)
	if s.InsecureCleartext && !out.TLS {
		ip := net.ParseIP(out.Host)
		if out.Host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return Server{}, fmt.Errorf("urls: %q with insecure_cleartext: passwords would cross the network in clear; remove insecure_cleartext", raw)
		}
		out.Clear = true
	}
	return out, nil
}

// authorities reads ca_file; nil means the system's.
func (s *Connection) authorities() (*x509.CertPool, error) {
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
func (s *Connection) password() (secret.Text, error) {
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
