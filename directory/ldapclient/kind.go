package ldapclient

import (
	"context"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// The types of directories whose servers can be recognised, and what to call these.
const (
	openLDAP = "ldap"
	ds389    = "389ds"
	freeIPA  = "freeipa"
	activeD  = "activedirectory"
)

var kinds = map[string]string{openLDAP: "OpenLDAP", ds389: "a 389 Directory Server", freeIPA: "FreeIPA", activeD: "a domain controller of Active Directory"}

// CheckType adds a fault when the server is seen to be of another kind than the one whose type is set:
// kinds differ in what their answers mean, such as whether "expired" is said of the right password
// only. It reports whether it is worth while to look on.
func (cl *Client) CheckType(ctx context.Context, r *Report, c *Conn, set string) bool {
	is := cl.kind(ctx, c)
	if is == "" || is == set || is == ds389 && set == freeIPA { // what makes it FreeIPA may be hidden
		return true
	}
	r.Add(directory.Fault, "set type: "+is, "%s: is %s, and type: %s would take its answers for something else", c.server.URL, kinds[is], set)
	return false
}

// kind is the type of directory that the server is, as far as the service account can see; "" where
// it cannot.
func (cl *Client) kind(ctx context.Context, c *Conn) string {
	read := func(base, filter string, scope int, attributes ...string) *goldap.Entry {
		found, err := cl.Search(ctx, c, Query{Base: base, Scope: scope, Filter: filter, Attributes: attributes, Limit: 1})
		if err != nil || len(found) == 0 {
			return goldap.NewEntry("", nil)
		}
		return found[0]
	}
	// FreeIPA's plugin for topology puts its own among what the server says of itself.
	topology := []string{"ipaTopologyPluginVersion", "ipaTopologyIsManaged", "ipaDomainLevel"}
	root := read("", Anything, goldap.ScopeBaseObject, append(topology, "supportedCapabilities", "objectClass", "vendorName", "namingContexts")...)
	has := func(attribute, value string) bool {
		return slices.ContainsFunc(root.GetEqualFoldAttributeValues(attribute), func(v string) bool { return strings.EqualFold(v, value) })
	}
	switch {
	case has("supportedCapabilities", "1.2.840.113556.1.4.800"): // LDAP_CAP_ACTIVE_DIRECTORY_OID
		return activeD
	case has("objectClass", "OpenLDAProotDSE"):
		return openLDAP
	case slices.ContainsFunc(topology, func(a string) bool { return First(root, a) != "" }),
		First(read(cl.set.Base, "(&"+cl.set.UserFilter+"(ipaUniqueID=*))", cl.set.scope(), "ipaUniqueID"), "ipaUniqueID") != "":
		return freeIPA
	}
	for _, suffix := range root.GetEqualFoldAttributeValues("namingContexts") {
		if strings.HasPrefix(First(read(suffix, Anything, goldap.ScopeBaseObject, "info"), "info"), "IPA V") {
			return freeIPA
		}
	}
	if strings.HasPrefix(First(root, "vendorName"), "389 Project") {
		return ds389
	}
	return ""
}
