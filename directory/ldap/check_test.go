package ldap

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/internal/testenv"
)

// worst returns the findings that are not good.
func worst(found []directory.Finding) []directory.Finding {
	var out []directory.Finding
	for _, f := range found {
		if f.Severity != directory.Good {
			out = append(out, f)
		}
	}
	return out
}

// noName is too long to be one: no name service is asked, and none can
// make up an answer or take its time.
var noName = strings.Repeat("x", 64) + ".invalid"

func TestCheck(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Expires: time.Now().Add(40 * 24 * time.Hour)})
	plain := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Plain: true})
	readable := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Right: "write", Policy: map[string]string{"pwdSafeModify": "TRUE", "pwdMinAge": "60"}})
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("not it"), 0o600); err != nil {
		t.Fatal(err)
	}
	everybodys := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.WriteFile(everybodys, []byte(testenv.SlapdServiceWord), 0o600), os.Chmod(everybodys, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		server *testenv.SlapdServer
		tune   func(*Settings)
		want   []string // parts of what is not good, text and fix
	}{
		{"as it should be", s, func(*Settings) {}, nil},
		{"as it should be, LDAPS", s, func(x *Settings) { x.URLs = []string{s.TLSURL} }, nil},
		{"no server", s, func(x *Settings) { x.URLs = []string{"ldap://127.0.0.1:1"} }, []string{"refuses connections on port 1 |"}},
		{"TLS to the port that speaks StartTLS", s, func(x *Settings) { x.URLs = []string{"ldaps://" + s.Address} }, []string{"speaks no TLS from the start | write ldap://" + s.Address}},
		{"StartTLS to the port that speaks TLS", s, func(x *Settings) { x.URLs = []string{"ldap://" + s.TLSURL[len("ldaps://"):]} }, []string{"speaks TLS from the start, and no StartTLS | write ldaps://"}},
		{"the password is everybody's", s, func(x *Settings) { x.BindPasswordFile = everybodys }, []string{"chmod o-rwx '" + everybodys}},
		{"no name", s, func(x *Settings) { x.URLs = []string{"ldaps://" + noName} }, []string{"cannot be resolved"}},
		{"one of two", s, func(x *Settings) { x.URLs = []string{"ldap://127.0.0.1:1", s.URL} }, []string{"is reachable"}},
		{"no StartTLS", plain, func(*Settings) {}, []string{"does not offer StartTLS"}},
		{"in clear", plain, func(x *Settings) { x.InsecureCleartext = true }, []string{"speaks without TLS"}},
		{"wrong password", s, func(x *Settings) { x.BindPasswordFile = wrong }, []string{"ldapwhoami -x -ZZ -H ldap://"}},
		{"wrong password, LDAPS", s, func(x *Settings) { x.BindPasswordFile, x.URLs = wrong, []string{s.TLSURL} }, []string{"ldapwhoami -x -H ldaps://"}},
		{"no base", s, func(x *Settings) { x.Base = "ou=nowhere," + testenv.SlapdBase }, []string{"ldapsearch -x -ZZ -H ldap://"}},
		{"nobody", s, func(x *Settings) { x.UserFilter = "(objectClass=account)" }, []string{"-s sub -z 1 '(objectClass=account)'"}},
		{"no identifier", s, func(x *Settings) { x.IDAttribute = "employeeNumber" }, []string{"has no employeeNumber"}},
		{"no policy_dn", s, func(x *Settings) { x.PolicyDN = "" }, []string{"policy_dn is not set"}},
		{"wrong policy_dn", s, func(x *Settings) { x.PolicyDN = "cn=none," + testenv.SlapdPolicies }, []string{"-b 'cn=none,"}},
		{"modify", s, func(x *Settings) { x.PasswordChange = "modify" }, []string{"ppolicy_hash_cleartext"}},
		{"too much right, too strict", readable, func(*Settings) {}, []string{"attrs=userPassword\n  by dn.exact", "replace: pwdSafeModify\npwdSafeModify: FALSE", "replace: pwdMinAge\npwdMinAge: 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := settings(t, c.server)
			c.tune(&set)
			now := time.Now() // stands still: on a busy machine a search can seem to want an index
			got := worst(openAt(t, set, func() time.Time { return now }).Check(t.Context()))
			var texts []string
			for _, f := range got {
				if f.Fix == "" {
					t.Errorf("no fix for %q", f.Text)
				}
				if f.Severity == directory.Warning && strings.Contains(f.Text, "certificate ends") {
					continue // the test's certificates are short-lived
				}
				texts = append(texts, f.Text+" | "+f.Fix)
				safely(t, f.Fix)
			}
			if len(texts) != len(c.want) {
				t.Fatalf("got %q, want %d findings", texts, len(c.want))
			}
			for i, part := range c.want {
				if !strings.Contains(texts[i], part) {
					t.Errorf("got %q, want %q in it", texts[i], part)
				}
			}
		})
	}
}

// safely fails the test for a suggested command that would send the service account's password in
// clear, or to whoever shows any certificate.
func safely(t *testing.T, fix string) {
	t.Helper()
	for command := range strings.Lines(fix) {
		if strings.Contains(command, " -W") {
			encrypted(t, command)
		}
	}
}

func encrypted(t *testing.T, command string) {
	t.Helper()
	if !strings.Contains(command, "-H ldaps://") && !strings.Contains(command, " -ZZ ") || !strings.HasPrefix(command, "LDAPTLS_CACERT='") {
		t.Errorf("%s: the password could be seen on its way", command)
	}
}

func TestLockoutAfter(t *testing.T) {
	for _, c := range []struct {
		policy map[string]string
		tune   func(*Settings)
		want   int
	}{
		{map[string]string{"pwdLockout": "TRUE", "pwdMaxFailure": "4"}, func(*Settings) {}, 4},
		{map[string]string{"pwdLockout": "FALSE", "pwdMaxFailure": "4"}, func(*Settings) {}, 0},
		{map[string]string{"pwdLockout": "TRUE", "pwdMaxFailure": "4"}, func(s *Settings) { s.PolicyDN = "" }, 0},
		{map[string]string{"pwdLockout": "TRUE", "pwdMaxFailure": "4"}, func(s *Settings) { s.PolicyDN = "cn=none," + testenv.SlapdPolicies }, 0},
		{map[string]string{"pwdLockout": "TRUE", "pwdMaxFailure": "4"}, func(s *Settings) { s.URLs = []string{"ldap://127.0.0.1:1"} }, 0},
	} {
		s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Policy: c.policy})
		set := settings(t, s)
		c.tune(&set)
		n, where := open(t, set).LockoutAfter(t.Context())
		if n != c.want || n > 0 && where != "pwdMaxFailure in "+testenv.SlapdPolicy {
			t.Errorf("%v: got %d, %q, want %d", c.policy, n, where, c.want)
		}
	}
}

// TestCheckServiceMustChange: an administrator has given the service account a new password, and
// ppolicy lets it do nothing before it has changed that.
func TestCheckServiceMustChange(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	admin(t, s, func(c *goldap.Conn) error {
		m := goldap.NewModifyRequest(testenv.SlapdService, nil)
		m.Replace(attrReset, []string{"TRUE"})
		return c.Modify(m)
	})
	d := open(t, settings(t, s))
	found := worst(d.Check(t.Context()))
	if len(found) == 0 || !strings.Contains(found[len(found)-1].Text, "change its own password") {
		t.Errorf("got %+v", found)
	}
	if _, err := d.Find(t.Context(), "alice"); err == nil || errors.Is(err, directory.ErrNotFound) {
		t.Errorf("find: got %v, want that nobody can tell", err)
	}
}

// TestWrongBase: a set-up that cannot work must not look like nobody.
func TestWrongBase(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	set := settings(t, s)
	set.Base = "ou=nowhere," + testenv.SlapdBase
	if _, err := open(t, set).Find(t.Context(), "alice"); err == nil || errors.Is(err, directory.ErrNotFound) {
		t.Errorf("got %v, want that nobody can tell", err)
	}
}

func TestSettings(t *testing.T) {
	word := filepath.Join(t.TempDir(), "word")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := errors.Join(os.WriteFile(word, []byte("x\r\n"), 0o600), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("POSTERN_TEST_WORD", "x")
	good := *Defaults()
	good.URLs, good.BindDN, good.Base, good.BindPasswordFile = []string{"ldaps://ldap.example.test"}, "cn=postern", "ou=people", word
	if _, err := New("staff", good, time.Now); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tune func(*Settings)
		want string // "" when it is right
	}{
		"environment": {func(s *Settings) { s.BindPasswordFile, s.BindPasswordEnv = "", "POSTERN_TEST_WORD" }, ""},
		"clear loopback": {func(s *Settings) {
			s.URLs, s.InsecureCleartext = []string{"ldap://[::1]:389", "ldap://localhost"}, true
		}, ""},
		"clear elsewhere":    {func(s *Settings) { s.URLs, s.InsecureCleartext = []string{"ldap://ldap.example.test"}, true }, "insecure_cleartext"},
		"clear 10.0.0.1":     {func(s *Settings) { s.URLs, s.InsecureCleartext = []string{"ldap://10.0.0.1"}, true }, "insecure_cleartext"},
		"localhost as label": {func(s *Settings) { s.URLs, s.InsecureCleartext = []string{"ldap://localhost.example.test"}, true }, "insecure_cleartext"},
		"no urls":            {func(s *Settings) { s.URLs = nil }, "urls"},
		"http":               {func(s *Settings) { s.URLs = []string{"http://ldap.example.test"} }, "urls"},
		"a path":             {func(s *Settings) { s.URLs = []string{"ldaps://h/dc=x"} }, "urls"},
		"a user":             {func(s *Settings) { s.URLs = []string{"ldaps://a:b@h"} }, "urls"},
		"no base":            {func(s *Settings) { s.Base = "" }, "base"},
		"no DN":              {func(s *Settings) { s.BindDN = "postern" }, "bind_dn"},
		"no filter":          {func(s *Settings) { s.UserFilter = "objectClass=person" }, "user_filter"},
		"open filter":        {func(s *Settings) { s.DisabledFilter = "(a=b" }, "disabled_filter"},
		"attribute":          {func(s *Settings) { s.LoginAttributes = []string{"uid)(cn"} }, "attribute"},
		"no login":           {func(s *Settings) { s.LoginAttributes = nil }, "login_attributes"},
		"scope":              {func(s *Settings) { s.Scope = "base" }, "scope"},
		"groups":             {func(s *Settings) { s.Groups = "search" }, "group_base"},
		"password change":    {func(s *Settings) { s.PasswordChange = "magic" }, "password_change"},
		"no secret":          {func(s *Settings) { s.BindPasswordFile = "" }, "bind_password_file"},
		"both":               {func(s *Settings) { s.BindPasswordEnv = "POSTERN_TEST_WORD" }, "both"},
		"empty file":         {func(s *Settings) { s.BindPasswordFile = empty }, "empty"},
		"no file":            {func(s *Settings) { s.BindPasswordFile = empty + "x" }, "bind_password_file"},
		"unset variable":     {func(s *Settings) { s.BindPasswordFile, s.BindPasswordEnv = "", "POSTERN_TEST_UNSET" }, "POSTERN_TEST_UNSET"},
		"no CA":              {func(s *Settings) { s.CAFile = empty }, "ca_file"},
		"no pool":            {func(s *Settings) { s.PoolSize = 0 }, "pool_size"},
		"no time":            {func(s *Settings) { s.RequestTimeout = 0 }, "request_timeout"},
	} {
		s := good
		c.tune(&s)
		_, err := New("staff", s, time.Now)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := Kind.Open("staff", func(any) error { return os.ErrInvalid }, directory.Env{}); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("got %v, want what is wrong with the settings", err)
	}
}
