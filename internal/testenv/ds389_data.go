package testenv

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// ds389Policy is the global password policy of the recipe.
func ds389Policy() map[string]string {
	return map[string]string{
		"passwordCheckSyntax": "on", "passwordMinLength": "10", "passwordMinCategories": "3",
		"passwordHistory": "on", "passwordInHistory": "5",
		"passwordLockout": "on", "passwordMaxFailure": "3", "passwordUnlock": "off", "passwordLockoutDuration": "3600",
		"passwordResetFailureCount": "600", "passwordChange": "on",
	}
}

// ds389PolicyAttributes are those of cn=config that tell the rules for passwords.
func ds389PolicyAttributes() []string {
	return []string{
		"passwordCheckSyntax", "passwordMinLength", "passwordMinCategories", "passwordMinDigits", "passwordMinAlphas",
		"passwordMinUppers", "passwordMinLowers", "passwordMinSpecials", "passwordMin8bit", "passwordMaxRepeats",
		"passwordMinTokenLength", "passwordDictCheck", "passwordPalindrome", "passwordMaxSequence", "passwordMaxSeqSets",
		"passwordMaxClassChars", "passwordUserAttributes", "passwordBadWords", "passwordHistory", "passwordInHistory",
		"passwordMinAge", "passwordMaxAge", "passwordExp", "passwordMustChange", "passwordChange", "passwordLockout",
		"passwordMaxFailure", "passwordUnlock", "passwordLockoutDuration", "passwordResetFailureCount",
		"nsslapd-pwpolicy-local",
	}
}

// fill writes the tree while the server runs, since memberOf sees only that: alice, bob and frank
// (alice and bob in the group helpdesk), carol (policy: a minimum age), dave (in berlin, which is
// in staff), erin (locked by wrong passwords), grace (policy: 14 characters), heidi and ivan, who
// share the address shared@example.test, judy (disabled), oscar (policy: has expired) and peggy
// (policy: an administrator reset it, and it must be changed).
func (s *DS389Server) fill() error {
	c, err := s.AdminConn()
	if err != nil {
		return err
	}
	defer c.Close()
	w := &ds389Writer{c: c}
	s.tree(w)
	for _, login := range []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace"} {
		w.person(s.People, login)
	}
	w.person(s.People, "heidi", "mail", "shared@example.test")
	w.person(s.People, "ivan", "mail", "shared@example.test")
	w.person(s.People, "judy", "nsAccountLock", "true")
	w.person(s.People, "oscar")
	w.person(s.People, "peggy")
	for i := range s.options.Extra {
		w.person(s.People, fmt.Sprintf("u%06d", i+1))
	}
	s.policies(w)
	w.group(s.Groups, "helpdesk", s.DN("alice"), s.DN("bob"))
	w.group(s.Groups, "berlin", s.DN("dave"))
	w.group(s.Groups, "staff", "cn=berlin,"+s.Groups)
	if s.options.IPA {
		s.fillIPA(w)
	}
	if w.err != nil {
		return w.err
	}
	for range 3 {
		if err := s.Bind("erin", "not hers"); err == nil {
			return errors.New("testenv: a wrong password was right")
		}
	}
	return nil
}

// tree writes the containers and the service, with the least rights that find people, set a
// password and unlock.
func (s *DS389Server) tree(w *ds389Writer) {
	w.add(s.Base, "objectClass", "domain", "dc", "example")
	for _, ou := range []string{"people", "groups", "services"} {
		w.add("ou="+ou+","+s.Base, "objectClass", "organizationalUnit", "ou", ou)
	}
	w.add(s.Service, "objectClass", "applicationProcess", "objectClass", "simpleSecurityObject", "cn", "postern", "userPassword", s.ServiceWord)
	w.modify(s.People, "aci", ds389Rights(s.Service)...)
	w.modify(s.Groups, "aci", `(targetattr = "*")(version 3.0; acl "postern reads groups"; allow (read,search,compare) userdn = "ldap:///`+s.Service+`";)`)
	if !s.options.Blind {
		w.modify("cn=config", "aci", `(targetattr = "objectClass || `+strings.Join(ds389PolicyAttributes(), " || ")+
			`")(version 3.0; acl "postern reads the policy"; allow (read,search,compare) userdn = "ldap:///`+s.Service+`";)`)
	}
}

// ds389Rights are the rights of a service on people, and of people on their own password.
func ds389Rights(service string) []string {
	who := ` userdn = "ldap:///` + service + `";)`
	return []string{
		`(targetattr != "userPassword || passwordHistory")(version 3.0; acl "postern reads"; allow (read,search,compare)` + who,
		`(targetattr = "userPassword || accountUnlockTime || passwordRetryCount || retryCountResetTime")(version 3.0; acl "postern resets and unlocks"; allow (write)` + who,
		`(targetattr = "userPassword")(version 3.0; acl "own password"; allow (write) userdn = "ldap:///self";)`,
	}
}

// policies gives four people a policy of their own. A local policy holds all: what it leaves out
// is not taken from the global one.
func (s *DS389Server) policies(w *ds389Writer) {
	w.add("cn=nsPwPolicyContainer,"+s.People, "objectClass", "nsContainer", "cn", "nsPwPolicyContainer")
	// In a policy passwordHistory is a switch; in people it holds hashes, which the service may not read.
	w.modify("cn=nsPwPolicyContainer,"+s.People, "aci",
		`(targetattr = "passwordHistory")(version 3.0; acl "postern reads policies"; allow (read,search,compare) userdn = "ldap:///`+s.Service+`";)`)
	for login, differs := range map[string]map[string]string{
		"carol": {"passwordMinAge": "86400"},
		"grace": {"passwordMinLength": "14"},
		"oscar": {"passwordExp": "on", "passwordMaxAge": "8640000", "passwordWarning": "86400"},
		"peggy": {"passwordMustChange": "on"},
	} {
		attributes := ds389Policy()
		maps.Copy(attributes, s.options.Policy)
		maps.Copy(attributes, differs)
		name := "cn=nsPwPolicyEntry_user," + s.DN(login) // as the server's own tool calls it
		dn := "cn=" + goldap.EscapeDN(name) + ",cn=nsPwPolicyContainer," + s.People
		pairs := []string{"objectClass", "ldapsubentry", "objectClass", "passwordpolicy", "cn", name}
		for _, k := range slices.Sorted(maps.Keys(attributes)) {
			if strings.HasPrefix(k, "password") {
				pairs = append(pairs, k, attributes[k])
			}
		}
		w.add(dn, pairs...)
		w.modify(s.DN(login), "pwdpolicysubentry", dn)
		w.modify(s.DN(login), "userPassword", DS389InitialWord) // now by that policy
	}
	w.modify(s.DN("oscar"), "passwordExpirationTime", "20200101000000Z")
}

// ds389Writer writes entries until the first error.
type ds389Writer struct {
	c   *goldap.Conn
	err error
}

func (w *ds389Writer) add(dn string, pairs ...string) {
	if w.err != nil {
		return
	}
	attributes := map[string][]string{"objectClass": {"top"}}
	for i := 0; i < len(pairs); i += 2 {
		attributes[pairs[i]] = append(attributes[pairs[i]], pairs[i+1])
	}
	add := goldap.NewAddRequest(dn, nil)
	for k, v := range attributes {
		add.Attribute(k, v)
	}
	if err := w.c.Add(add); err != nil {
		w.err = fmt.Errorf("testenv: add %s: %w", dn, err)
	}
}

func (w *ds389Writer) modify(dn, attribute string, values ...string) {
	if w.err != nil {
		return
	}
	change := goldap.NewModifyRequest(dn, nil)
	change.Replace(attribute, values)
	if err := w.c.Modify(change); err != nil {
		w.err = fmt.Errorf("testenv: modify %s of %s: %w", attribute, dn, err)
	}
}

func (w *ds389Writer) person(under, login string, pairs ...string) {
	w.add("uid="+login+","+under, append([]string{
		"objectClass", "inetOrgPerson", "uid", login, "cn", strings.ToUpper(login[:1]) + login[1:] + " Example", "sn", "Example",
		"mail", login + "@example.test", "mobile", "+4930901820", "userPassword", DS389InitialWord,
	}, pairs...)...)
}

func (w *ds389Writer) group(under, name string, members ...string) {
	pairs := []string{"objectClass", "groupOfNames", "cn", name}
	for _, m := range members {
		pairs = append(pairs, "member", m)
	}
	w.add("cn="+name+","+under, pairs...)
}
