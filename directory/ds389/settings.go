package ds389

import (
	"errors"

	"postern/directory/ldapclient"
)

// Whether the directory's rules hold for what the service account sets.
const (
	apply  = "apply"
	bypass = "bypass"
)

// Settings are what an administrator writes about such a directory.
type Settings struct {
	ldapclient.Connection
	ldapclient.People
	GroupBase     string `yaml:"group_base" doc:"Only groups below it count. Empty: all that memberOf names; in FreeIPA those are roles and permissions too." example:"cn=groups,cn=accounts,dc=example,dc=com"`
	PolicyDN      string `yaml:"policy_dn" doc:"Where the password policy is of those whose entry names no other one: cn=config, and in FreeIPA global_policy below the realm. Empty: it is not read." example:"cn=global_policy,cn=EXAMPLE.COM,cn=kerberos,dc=example,dc=com"`
	PasswordRules string `yaml:"password_rules" doc:"Whether the directory applies its rules when the service account sets a password: it does not for members of passwordAdminDN, and in FreeIPA of passSyncManagersDNs; Postern then asks for length and kinds of characters itself." oneof:"apply bypass"`
	ldapclient.Pool
}

// Defaults returns the settings of a 389 Directory Server that hold where the file is silent.
func Defaults() *Settings {
	return &Settings{
		People: ldapclient.People{
			Scope: "subtree", UserFilter: "(objectClass=person)",
			LoginAttributes: []string{"uid", "mail"}, IDAttribute: "nsUniqueId", NameAttribute: "cn",
			EmailAttributes: []string{"mail"}, PhoneAttributes: []string{"mobile"},
		},
		PolicyDN: "cn=config", PasswordRules: apply, Pool: ldapclient.DefaultPool(),
	}
}

// DefaultsFreeIPA returns those of FreeIPA.
func DefaultsFreeIPA() *Settings {
	s := Defaults()
	s.IDAttribute, s.NameAttribute, s.PolicyDN = "ipaUniqueID", "displayName", ""
	return s
}

// client returns what of s the client reads.
func (s *Settings) client() ldapclient.Settings {
	return ldapclient.Settings{Connection: s.Connection, People: s.People, Pool: s.Pool}
}

// check returns everything that is wrong with what is this directory's own.
func (s *Settings) check() error {
	return errors.Join(
		ldapclient.CheckDN("bind_dn", s.BindDN), ldapclient.CheckDN("group_base", s.GroupBase), ldapclient.CheckDN("policy_dn", s.PolicyDN),
		ldapclient.CheckChoice("password_rules", s.PasswordRules, apply, bypass),
	)
}
