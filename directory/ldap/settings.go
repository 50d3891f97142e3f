package ldap

import (
	"errors"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory/ldapclient"
)

// Settings are what an administrator writes about an OpenLDAP directory.
type Settings struct {
	ldapclient.Connection
	ldapclient.People

	DisabledFilter string `yaml:"disabled_filter" doc:"People who match it may not sign in, beside those whom ppolicy has locked for good." example:"(employeeType=former)"`
	Groups         string `yaml:"groups" doc:"How groups are found: by the memberOf attribute of the person, by a search, or not at all." oneof:"memberof search none"`
	GroupBase      string `yaml:"group_base" doc:"Only groups below it count. Empty: all; needed for groups: search."`
	GroupFilter    string `yaml:"group_filter" doc:"The search for groups: {dn} stands for the person's name in the tree, {login} for the login."`
	GroupName      string `yaml:"group_name_attribute" doc:"The name of a group, for groups: search. memberof takes the first part of the group's name in the tree."`
	PasswordChange string `yaml:"password_change" doc:"How a password is set: the Password Modify operation (RFC 3062), which the server hashes, or a Modify of userPassword, which it hashes only with ppolicy_hash_cleartext." oneof:"exop modify"`
	PasswordRight  string `yaml:"password_right" doc:"What the access rules give the service account on userPassword. With write the directory's password rules hold for resets; with manage it applies none of them." oneof:"write manage"`
	SetMustChange  string `yaml:"set_must_change" doc:"Whether people who chose a new password here must change it again at the next sign-in: never, or as the directory decides." oneof:"never directory"`
	PolicyDN       string `yaml:"policy_dn" doc:"The password policy of those whose entry names no other one: the same as ppolicy_default." example:"cn=default,ou=policies,dc=example,dc=com"`

	ldapclient.Pool
}

// Defaults returns the settings that hold where the file is silent.
func Defaults() *Settings {
	return &Settings{
		People: ldapclient.People{
			Scope: "subtree", UserFilter: "(objectClass=person)",
			LoginAttributes: []string{"uid", "mail"}, IDAttribute: "entryUUID", NameAttribute: "cn",
			EmailAttributes: []string{"mail"}, PhoneAttributes: []string{"mobile"},
		},
		Groups: "memberof", GroupFilter: "(&(objectClass=groupOfNames)(member={dn}))", GroupName: "cn",
		PasswordChange: "exop", PasswordRight: "write", SetMustChange: "never",
		Pool: ldapclient.DefaultPool(),
	}
}

// client returns what of s the client reads.
func (s *Settings) client() ldapclient.Settings {
	return ldapclient.Settings{Connection: s.Connection, People: s.People, Pool: s.Pool}
}

// check returns everything that is wrong with what is this directory's own, each with the
// setting's name.
func (s *Settings) check() error {
	errs := []error{
		ldapclient.CheckDN("bind_dn", s.BindDN), ldapclient.CheckDN("group_base", s.GroupBase), ldapclient.CheckDN("policy_dn", s.PolicyDN),
		ldapclient.CheckFilter("group_filter", expand(s.GroupFilter, "x", "x")),
		ldapclient.CheckAttributes(s.GroupName),
		ldapclient.CheckChoice("groups", s.Groups, "memberof", "search", "none"),
		ldapclient.CheckChoice("password_change", s.PasswordChange, "exop", "modify"),
		ldapclient.CheckChoice("password_right", s.PasswordRight, "write", "manage"),
		ldapclient.CheckChoice("set_must_change", s.SetMustChange, "never", "directory"),
	}
	if s.DisabledFilter != "" {
		errs = append(errs, ldapclient.CheckFilter("disabled_filter", s.DisabledFilter))
	}
	if s.Groups == "search" && s.GroupBase == "" {
		errs = append(errs, fmt.Errorf("group_base: is missing: groups: search must know where to look"))
	}
	return errors.Join(errs...)
}

// expand fills a group filter's places with escaped values.
func expand(filter, dn, login string) string {
	return strings.NewReplacer("{dn}", goldap.EscapeFilter(dn), "{login}", goldap.EscapeFilter(login)).Replace(filter)
}
