package activedirectory

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/directory/ldapclient"
)

// Settings are what an administrator writes about an Active Directory domain.
type Settings struct {
	URLs       []string `yaml:"urls" doc:"Domain controllers in the order of preference; the PDC emulator comes first when it is among them under its own name. ldaps:// speaks TLS from the start; ldap:// is raised to TLS by StartTLS before anything else is said." example:"[ldaps://dc1.ad.example.com, ldaps://dc2.ad.example.com]"`
	CAFile     string   `yaml:"ca_file" doc:"Certificates (PEM) of the authority that signed the controllers' certificates. Empty: the system's authorities."`
	ServerName string   `yaml:"server_name" doc:"Name that the controllers' certificates must carry. Empty: the host of each URL."`

	BindDN           string `yaml:"bind_dn" doc:"The service account: its user principal name or its place in the tree." example:"svc-postern@ad.example.com"`
	BindPasswordFile string `yaml:"bind_password_file" doc:"File that holds the service account's password."`
	BindPasswordEnv  string `yaml:"bind_password_env" doc:"Environment variable that holds it instead."`

	Base            string   `yaml:"base" doc:"Where people are." example:"OU=People,DC=ad,DC=example,DC=com"`
	Scope           string   `yaml:"scope" doc:"How far below base." oneof:"subtree one"`
	UserFilter      string   `yaml:"user_filter" doc:"Only entries that match it are people."`
	LoginAttributes []string `yaml:"login_attributes" doc:"What people may type to say who they are. The first one is the login that is shown. Each should be indexed, and none may be writable by the person."`
	NameAttribute   string   `yaml:"name_attribute" doc:"What to call people."`
	EmailAttributes []string `yaml:"email_attributes" doc:"Addresses on record, where codes and notices go. Of proxyAddresses the smtp ones count."`
	PhoneAttributes []string `yaml:"phone_attributes" doc:"Numbers on record."`

	Groups        string `yaml:"groups" doc:"Which groups count: nested ones too (one more search for each person who is found), the direct ones, or none." oneof:"nested direct none"`
	SetMustChange string `yaml:"set_must_change" doc:"Whether people who chose a new password here must change it again at the next sign-in: never, always, or as the directory decides." oneof:"never directory always"`
	PolicyHints   string `yaml:"policy_hints" doc:"Whether the domain shall apply its history and minimum age to resets: where a controller offers that (auto), or not at all." oneof:"auto never"`

	ldapclient.Pool
}

// Defaults returns the settings that hold where the file is silent.
func Defaults() *Settings {
	return &Settings{
		Scope: "subtree", UserFilter: "(&(objectCategory=person)(objectClass=user))",
		LoginAttributes: []string{"sAMAccountName", "userPrincipalName", "mail"}, NameAttribute: "displayName",
		EmailAttributes: []string{"mail"}, PhoneAttributes: []string{"mobile"},
		Groups: "nested", SetMustChange: "never", PolicyHints: "auto",
		Pool: ldapclient.DefaultPool(),
	}
}

// client returns what of s the client reads.
func (s *Settings) client() ldapclient.Settings {
	return ldapclient.Settings{
		Connection: ldapclient.Connection{
			URLs: s.URLs, CAFile: s.CAFile, ServerName: s.ServerName,
			BindDN: s.BindDN, BindPasswordFile: s.BindPasswordFile, BindPasswordEnv: s.BindPasswordEnv,
		},
		People: ldapclient.People{
			Base: s.Base, Scope: s.Scope, UserFilter: s.UserFilter, LoginAttributes: s.LoginAttributes,
			IDAttribute: attrID, NameAttribute: s.NameAttribute,
			EmailAttributes: s.EmailAttributes, PhoneAttributes: s.PhoneAttributes,
		},
		Pool: s.Pool,
		IDValue: func(id string) (string, bool) {
			g, ok := parseGUID(id)
			return string(g[:]), ok
		},
	}
}

// check returns everything that is wrong with what is this directory's own, each with the
// setting's name.
func (s *Settings) check() error {
	errs := []error{
		ldapclient.CheckChoice("groups", s.Groups, "nested", "direct", "none"),
		ldapclient.CheckChoice("set_must_change", s.SetMustChange, "never", "directory", "always"),
		ldapclient.CheckChoice("policy_hints", s.PolicyHints, "auto", "never"),
	}
	if !strings.ContainsAny(s.BindDN, "@=") {
		errs = append(errs, fmt.Errorf("bind_dn: %q is neither a user principal name (svc-postern@ad.example.com) nor a place in the tree", s.BindDN))
	} else if !strings.Contains(s.BindDN, "@") {
		errs = append(errs, ldapclient.CheckDN("bind_dn", s.BindDN))
	}
	if slices.ContainsFunc(s.LoginAttributes, func(a string) bool { return strings.EqualFold(a, attrProxies) }) {
		errs = append(errs, errors.New("login_attributes: proxyAddresses holds more than addresses; name mail or an attribute of your own"))
	}
	return errors.Join(errs...)
}
