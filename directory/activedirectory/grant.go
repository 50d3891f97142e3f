package activedirectory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// grant is a right as administrators give it: the words of dsacls, and the access control entry for
// samba-tool.
type grant struct {
	words string // behind the service account's name
	tree  string // of dsacls: S for what is below, T for this and what is below, "" for this alone
	aces  string // of SDDL; %s is the service account's identifier
}

var (
	grantReset      = grant{"CA;Reset Password;user", "S", "(OA;CIIO;CR;" + idReset + ";" + idUser + ";%s)"}
	grantUnlock     = grant{"RPWP;lockoutTime;user", "S", "(OA;CIIO;RPWP;" + idLockoutTime + ";" + idUser + ";%s)"}
	grantMustChange = grant{"RPWP;pwdLastSet;user", "S", "(OA;CIIO;RPWP;" + idLastSet + ";" + idUser + ";%s)"}
	grantPolicy     = grant{"GR", "T", "(A;CI;LCRPLORC;;;%s)"}
	grantLook       = grant{"RC;;user", "S", "(OA;CIIO;RC;;" + idUser + ";%s)"}
	grantDomain     = grant{"GR", "", "(A;;LCRPLORC;;;%s)"}
	grantUnexpire   = grant{"CA;Unexpire Password", "", "(OA;;CR;" + idUnexpire + ";;%s)"}
)

// trustee is the service account as commands name it.
type trustee struct {
	name string // LOGIN@DOMAIN
	sid  string
	ends string // when its password expires, as it is stored
}

// trustee reads the service account's own entry. What can't be read is named by what is known.
func (d *Directory) trustee(ctx context.Context, c *ldapclient.Conn, s controller) trustee {
	out := trustee{name: d.set.BindDN, sid: "SID-OF-THE-SERVICE-ACCOUNT"}
	login, _, _ := strings.Cut(d.set.BindDN, "@")
	filter := fmt.Sprintf("(|(userPrincipalName=%s)(distinguishedName=%s)(sAMAccountName=%s))",
		goldap.EscapeFilter(d.set.BindDN), goldap.EscapeFilter(d.set.BindDN), goldap.EscapeFilter(login))
	found, err := d.Search(ctx, c, ldapclient.Query{Base: s.domain, Scope: goldap.ScopeWholeSubtree, Filter: filter,
		Attributes: []string{attrSID, attrGroupName, attrExpiry}})
	if err != nil {
		return out
	}
	found = slices.DeleteFunc(found, func(e *goldap.Entry) bool { // whoever else is called alike
		who, ok := readSID(e.GetEqualFoldRawAttributeValue(attrSID))
		return !ok || !s.self[who]
	})
	if len(found) != 1 {
		return out
	}
	e := found[0]
	who, _ := readSID(e.GetEqualFoldRawAttributeValue(attrSID))
	return trustee{name: ldapclient.First(e, attrGroupName) + "@" + dnsName(s.domain), sid: who.String(), ends: ldapclient.First(e, attrExpiry)}
}

// attrExpiry is when a password expires (MS-ADA).
const attrExpiry = "msDS-UserPasswordExpiryTimeComputed"

// dnsName is the domain's name for its place in the tree.
func dnsName(domain string) string {
	parsed, err := goldap.ParseDN(domain)
	if err != nil {
		return domain
	}
	var parts []string
	for _, p := range parsed.RDNs {
		parts = append(parts, strings.ToLower(p.Attributes[0].Value))
	}
	return strings.Join(parts, ".")
}

// commands give rights on an object: first as Windows takes them, then as Samba does.
func (t trustee) commands(object string, grants ...grant) string {
	var windows, aces []string
	place, words1 := forWindows(object, placeOfObject)
	name, words2 := forWindows(t.name, nameOfService)
	for _, g := range grants {
		tree := ""
		if g.tree != "" {
			tree = "/I:" + g.tree + " "
		}
		windows = append(windows, fmt.Sprintf(`dsacls "%s" %s/G "%s:%s"`, place, tree, name, g.words))
		aces = append(aces, fmt.Sprintf(g.aces, t.sid))
	}
	return ldapclient.Steps("on Windows:"+words1+words2, append(windows, "# on Samba:",
		"samba-tool dsacl set --objectdn="+ldapclient.Quoted(object)+" --sddl="+ldapclient.Quoted(strings.Join(aces, "")))...)
}

// What stands in commands for names that cannot.
const (
	placeOfObject = "DN-OF-THE-OBJECT"
	nameOfService = "NAME-OF-THE-SERVICE-ACCOUNT"
)

// ends are the characters that cmd.exe or PowerShell obeys between double quotes too, or that end
// them there; neither has a way to write each of them that the other one understands.
const ends = "\"&|<>^%!$`\u201c\u201d\u201e"

// forWindows is a name for between double quotes in a command of Windows. Where it holds what a command
// line would obey there is a placeholder, and words that say what to put there.
func forWindows(name, placeholder string) (word, words string) {
	if !strings.ContainsAny(name, ends) && directory.Plain(name) == name {
		return name, ""
	}
	return placeholder, fmt.Sprintf(" (put the name %s for %s by hand: a command line would obey some of its characters)", ldapclient.Quoted(name), placeholder)
}

// inheritAgain lets an object take over what is delegated above it.
func inheritAgain(dn string) string {
	place, words := forWindows(dn, placeOfObject)
	return ldapclient.Steps(strings.TrimSpace(words), fmt.Sprintf(`dsacls "%s" /P:N`, place))
}

// above is where an entry stands.
func above(dn string) string {
	for i := 1; i < len(dn); i++ { // a comma that is escaped stands behind a backslash
		if dn[i] == ',' && !escaped(dn[:i]) {
			return dn[i+1:]
		}
	}
	return dn
}

// escaped reports whether the character behind s stands for itself: an odd number of backslashes.
func escaped(s string) bool { return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1 }
