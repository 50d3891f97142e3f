package ldapclient

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/internal/testenv"
)

// TestKinds: what servers say of themselves, under each type that somebody may have set.
func TestKinds(t *testing.T) {
	const service = "cn=postern,dc=example,dc=test"
	file := filepath.Join(t.TempDir(), "word")
	if err := os.WriteFile(file, []byte("of the service"), 0o600); err != nil {
		t.Fatal(err)
	}
	type says = map[string][]string
	for name, c := range map[string]struct {
		root, entry says
		is          string
	}{
		"nothing":            {nil, nil, ""},
		"OpenLDAP":           {says{"objectClass": {"top", "OpenLDAProotDSE"}}, says{"ipaUniqueID": {"copied"}}, openLDAP},
		"389ds":              {says{"vendorName": {"389 Project"}, "namingContexts": {"dc=x"}}, says{"info": {"of ours"}}, ds389},
		"FreeIPA's topology": {says{"vendorName": {"389 Project"}, "ipatopologyismanaged": {"on"}}, nil, freeIPA},
		"FreeIPA's people":   {says{"vendorName": {"389 Project"}}, says{"ipaUniqueID": {"1"}}, freeIPA},
		"FreeIPA's suffix":   {says{"vendorName": {"389 Project"}, "namingContexts": {"dc=x"}}, says{"info": {"IPA V2.0"}}, freeIPA},
		"Active Directory":   {says{"supportedCapabilities": {"1.2.840.113556.1.4.800"}, "namingContexts": {"DC=x"}}, nil, activeD},
	} {
		h := directorytest.NewHasty(t, service)
		h.Root, h.Entry = c.root, c.entry
		set := Settings{
			Connection: Connection{URLs: []string{h.URL}, InsecureCleartext: true, BindDN: service, BindPasswordFile: file},
			People:     People{Base: "dc=x", Scope: "subtree", UserFilter: "(objectClass=person)", LoginAttributes: []string{"uid"}, IDAttribute: "entryUUID", NameAttribute: "cn"},
			Pool:       DefaultPool(),
		}
		for _, typed := range []string{openLDAP, ds389, freeIPA} {
			cl, r, good := open(t, set, time.Now), &Report{}, false
			cl.Check(t.Context(), &Report{}, func(conn *Conn) { good = cl.CheckType(t.Context(), r, conn, typed) })
			want := c.is == "" || c.is == typed || c.is == ds389 && typed == freeIPA
			if good != want || want != (len(r.Out) == 0) || !want && (r.Out[0].Severity != directory.Fault || r.Out[0].Fix != "set type: "+c.is) {
				t.Errorf("%s under %s: got %t and %v, want %t", name, typed, good, r.Out, want)
			}
		}
	}
}

// TestKindOfSlapd: the real one.
func TestKindOfSlapd(t *testing.T) {
	cl := open(t, settings(t, testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})), time.Now)
	is := ""
	cl.Check(t.Context(), &Report{}, func(c *Conn) { is = cl.kind(t.Context(), c) })
	if is != openLDAP {
		t.Errorf("got %q, want %q", is, openLDAP)
	}
}
