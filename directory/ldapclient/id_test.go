package ldapclient

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// TestIdentifierStaysOneValue: an identifier comes from the store, where somebody may have
// written another; whatever it is, it asks for one value of one attribute.
func TestIdentifierStaysOneValue(t *testing.T) {
	cl := &Client{set: Settings{People: People{UserFilter: "(objectClass=person)", IDAttribute: "entryUUID"}}}
	for id, want := range map[string]string{
		"0f9bd9a4-5c2e-103f-8d4b-7f8e2e3a1c55": "(&(objectClass=person)(entryUUID=0f9bd9a4-5c2e-103f-8d4b-7f8e2e3a1c55))",
		"*":                                    `(&(objectClass=person)(entryUUID=\2a))`,
		"x)(uid=*":                             `(&(objectClass=person)(entryUUID=x\29\28uid=\2a))`,
		`\`:                                    `(&(objectClass=person)(entryUUID=\5c))`,
		"a\x00b":                               `(&(objectClass=person)(entryUUID=a\00b))`,
	} {
		got, ok := cl.IDFilter(id)
		if !ok || got != want {
			t.Errorf("%q: got %s, want %s", id, got, want)
		}
		if _, err := goldap.CompileFilter(got); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
}
