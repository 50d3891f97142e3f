package testenv

import (
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

const (
	ipaAccounts = "cn=accounts," + ds389Base
	ipaUsers    = "cn=users," + ipaAccounts
	ipaGroups   = "cn=groups," + ipaAccounts
	ipaKerberos = "cn=kerberos," + ds389Base
	ipaPolicies = "cn=EXAMPLE.TEST," + ipaKerberos
)

// ipaSchema is what tells the state of an account in FreeIPA: names, numbers and syntaxes of
// their registrations, and object classes with those attributes only.
const ipaSchema = `dn: cn=schema
attributeTypes: ( 2.16.840.1.113719.1.301.4.1.1 NAME 'krbPrincipalName' EQUALITY caseExactIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributeTypes: ( 2.16.840.1.113719.1.301.4.6.1 NAME 'krbPrincipalExpiration' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.30.1 NAME 'krbMaxPwdLife' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.31.1 NAME 'krbMinPwdLife' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.32.1 NAME 'krbPwdMinDiffChars' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.33.1 NAME 'krbPwdMinLength' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.34.1 NAME 'krbPwdHistoryLength' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributeTypes: ( 1.3.6.1.4.1.5322.21.2.1 NAME 'krbPwdMaxFailure' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributeTypes: ( 1.3.6.1.4.1.5322.21.2.2 NAME 'krbPwdFailureCountInterval' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributeTypes: ( 1.3.6.1.4.1.5322.21.2.3 NAME 'krbPwdLockoutDuration' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributeTypes: ( 1.3.6.1.4.1.5322.21.2.5 NAME 'krbLastAdminUnlock' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.36.1 NAME 'krbPwdPolicyReference' EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.37.1 NAME 'krbPasswordExpiration' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.45.1 NAME 'krbLastPwdChange' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.49.1 NAME 'krbLastFailedAuth' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113719.1.301.4.50.1 NAME 'krbLoginFailedCount' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributeTypes: ( 2.16.840.1.113730.3.8.3.1 NAME 'ipaUniqueID' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectClasses: ( 2.16.840.1.113719.1.301.6.1.1 NAME 'krbContainer' SUP top STRUCTURAL MUST cn )
objectClasses: ( 2.16.840.1.113719.1.301.6.8.1 NAME 'krbPrincipalAux' SUP top AUXILIARY MAY ( krbPrincipalName $ krbPrincipalExpiration $ krbPasswordExpiration $ krbPwdPolicyReference $ krbLastPwdChange $ krbLastFailedAuth $ krbLoginFailedCount $ krbLastAdminUnlock ) )
objectClasses: ( 2.16.840.1.113719.1.301.6.14.1 NAME 'krbPwdPolicy' SUP top STRUCTURAL MUST cn MAY ( krbMaxPwdLife $ krbMinPwdLife $ krbPwdMinDiffChars $ krbPwdMinLength $ krbPwdHistoryLength $ krbPwdMaxFailure $ krbPwdFailureCountInterval $ krbPwdLockoutDuration ) )
objectClasses: ( 2.16.840.1.113730.3.8.4.12 NAME 'ipaObject' SUP top AUXILIARY MUST ipaUniqueID )
`

// fillIPA writes people below cn=users,cn=accounts: alice, bob (by the policy helpdesk), carol
// (has expired), dave (locked), erin (disabled), frank (the account has ended), grace (reset by an
// administrator: it expired in that moment), heidi and ivan (one address), and judy (was locked,
// and an administrator unlocked her).
func (s *DS389Server) fillIPA(w *ds389Writer) {
	for _, dn := range []string{ipaAccounts, ipaUsers, ipaGroups} {
		w.add(dn, "objectClass", "nsContainer")
	}
	for _, dn := range []string{ipaKerberos, ipaPolicies} {
		w.add(dn, "objectClass", "krbContainer")
	}
	w.modify(ipaUsers, "aci", ds389Rights(s.Service)...)
	for _, dn := range []string{ipaGroups, ipaPolicies} {
		w.modify(dn, "aci", `(targetattr = "*")(version 3.0; acl "postern reads"; allow (read,search,compare) userdn = "ldap:///`+s.Service+`";)`)
	}
	common := []string{
		"objectClass", "krbPwdPolicy", "krbMinPwdLife", "3600", "krbPwdMinDiffChars", "0",
		"krbPwdMaxFailure", "6", "krbPwdFailureCountInterval", "60", "krbPwdLockoutDuration", "600",
	}
	w.add("cn=global_policy,"+ipaPolicies, append(common, "krbPwdMinLength", "8", "krbPwdHistoryLength", "0", "krbMaxPwdLife", "7776000")...)
	w.add("cn=helpdesk,"+ipaPolicies, append(common, "krbPwdMinLength", "14", "krbPwdHistoryLength", "5", "krbMaxPwdLife", "2592000")...)

	now := time.Now()
	at := func(d time.Duration) string { return now.Add(d).UTC().Format("20060102150405Z") }
	expires := func(d time.Duration) []string {
		return []string{"krbLastPwdChange", at(-time.Hour), "krbPasswordExpiration", at(d)}
	}
	year := 365 * 24 * time.Hour
	locked := []string{"krbLoginFailedCount", "6", "krbLastFailedAuth", at(-time.Minute)}
	for login, more := range map[string][]string{
		"alice": expires(year),
		"bob":   append(expires(year), "krbPwdPolicyReference", "cn=helpdesk,"+ipaPolicies),
		"carol": expires(-time.Minute),
		"dave":  append(expires(year), locked...),
		"erin":  append(expires(year), "nsAccountLock", "TRUE"),
		"frank": append(expires(year), "krbPrincipalExpiration", at(-time.Minute)),
		"grace": {"krbLastPwdChange", at(-time.Minute), "krbPasswordExpiration", at(-time.Minute)},
		"heidi": append(expires(year), "mail", "shared@example.test"),
		"ivan":  append(expires(year), "mail", "shared@example.test"),
		"judy":  append(append(expires(year), locked...), "krbLastAdminUnlock", at(-time.Second)),
	} {
		w.person(ipaUsers, login, append([]string{
			"objectClass", "krbPrincipalAux", "objectClass", "ipaObject", "ipaUniqueID", ipaID(login), "krbPrincipalName", login + "@EXAMPLE.TEST",
		}, more...)...)
	}
	w.group(ipaGroups, "helpdesk", s.IPADN("alice"), s.IPADN("bob"))
	w.group(ipaGroups, "berlin", s.IPADN("dave"))
	w.group(ipaGroups, "staff", "cn=berlin,"+ipaGroups)
}

// ipaID is an identifier of the form that FreeIPA gives, the same at each start.
func ipaID(login string) string {
	return "00000000-0000-11f1-8000-" + (goldap.EscapeDN(login) + "000000000000")[:12]
}

// IPADN is where the person with that login is in FreeIPA's tree.
func (s *DS389Server) IPADN(login string) string {
	return "uid=" + goldap.EscapeDN(login) + "," + s.IPAUsers
}
