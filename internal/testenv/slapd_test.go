package testenv

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

func TestSlapd(t *testing.T) {
	s := Slapd(t, SlapdOptions{Extra: 3, NoSync: true})
	if err := s.Bind("u000003", SlapdInitialWord); err != nil {
		t.Fatal(err)
	}
	if err := s.Bind("alice", "something else"); !goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) {
		t.Errorf("a wrong password: got %v, want result 49", err)
	}
	s.Stop()
	if err := s.Bind("alice", SlapdInitialWord); err == nil {
		t.Error("it answers after Stop")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Bind("alice", SlapdInitialWord); err != nil {
		t.Error(err)
	}
	c, err := goldap.DialURL(s.TLSURL, goldap.DialWithTLSConfig(s.TLS()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(SlapdService, SlapdServiceWord); err != nil {
		t.Error(err)
	}
}
