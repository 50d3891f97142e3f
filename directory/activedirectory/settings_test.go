package activedirectory

import (
	"strings"
	"testing"
	"time"
)

func TestSettings(t *testing.T) {
	t.Setenv("POSTERN_TEST_WORD", "x")
	good := *Defaults()
	good.URLs, good.BindDN, good.BindPasswordEnv, good.Base = []string{"ldaps://dc1.example.com"}, "svc@example.com", "POSTERN_TEST_WORD", "DC=example,DC=com"
	if _, err := New("staff", good, time.Now); err != nil {
		t.Fatal(err)
	}
	for want, tune := range map[string]func(*Settings){
		"bind_dn":          func(s *Settings) { s.BindDN = "svc" },
		"groups":           func(s *Settings) { s.Groups = "some" },
		"set_must_change":  func(s *Settings) { s.SetMustChange = "sometimes" },
		"policy_hints":     func(s *Settings) { s.PolicyHints = "always" },
		"login_attributes": func(s *Settings) { s.LoginAttributes = []string{"mail", "ProxyAddresses"} },
		"base":             func(s *Settings) { s.Base = "example.com" },
		"urls":             func(s *Settings) { s.URLs = []string{"dc1.example.com"} },
		"pool_size":        func(s *Settings) { s.PoolSize = 0 },
		"user_filter":      func(s *Settings) { s.UserFilter = "(x" },
	} {
		s := good
		tune(&s)
		if _, err := New("staff", s, time.Now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	s := good
	s.BindDN = "CN=svc,OU=Services,DC=example,DC=com"
	if _, err := New("staff", s, time.Now); err != nil {
		t.Errorf("a place in the tree: %v", err)
	}
}

func TestAbove(t *testing.T) {
	for in, want := range map[string]string{
		"CN=a,OU=b,DC=c": "OU=b,DC=c", `CN=a\, b,OU=c`: "OU=c", `CN=a\\,OU=c`: "OU=c", `CN=a\\\,x,OU=c`: "OU=c", "DC=c": "DC=c",
	} {
		if got := above(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
