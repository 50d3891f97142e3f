package oracle

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"postern/internal/testenv"
)

// TestBadConfiguration has the program check and serve files that are wrong. Both must say which
// setting it is; what is only wrong out there (a server that is not reached) "serve" starts with,
// because it may come back, and "check" tells. A check makes no store.
func TestBadConfiguration(t *testing.T) {
	t.Setenv("SLAPD_SERVICE_WORD", testenv.SlapdServiceWord)
	t.Setenv("NO_SECRET", "")
	slapd := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	stranger := testenv.StartSMTP(t, testenv.SMTPOptions{}).CAFile // another authority
	closed := "ldap://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(testenv.FreePort(t)))
	file := func(directory, rest string) string {
		return fmt.Sprintf("methods: {totp: {}, email_code: {}}\norganisation: {name: Example, help_desk: help@example.test}\ndirectories:\n- {name: staff, type: ldap, bind_dn: %q, base: %q, policy_dn: %q, %s}\n%s",
			testenv.SlapdService, testenv.SlapdPeople, testenv.SlapdPolicy, directory, rest)
	}
	const secret = "bind_password_env: SLAPD_SERVICE_WORD"
	trusted := fmt.Sprintf("urls: [%q], ca_file: %q, %s", slapd.TLSURL, slapd.Authority, secret)
	for _, c := range []struct {
		name, settings string
		says           []string // each in the same words from check and, if starts is false, from serve
		starts         bool     // serve would start
	}{
		{name: "unknown setting", settings: file(trusted, "colour: red\n"), says: []string{"colour", "postern.yaml:10"}},
		{name: "unknown setting of a directory", settings: file(trusted+", colour: red", ""), says: []string{"directories[0].colour"}},
		{name: "key twice", settings: file(trusted, "methods: {totp: {}}\n"), says: []string{"methods", "twice"}},
		{name: "wrong type", settings: file(trusted, "reply_moment: [1]\n"), says: []string{"reply_moment"}},
		{name: "no secret", settings: file(strings.Replace(trusted, "SLAPD_SERVICE_WORD", "NO_SECRET", 1), ""), says: []string{"directories[0]", "bind_password_env", "NO_SECRET"}},
		{name: "secret written out", settings: file(strings.Replace(trusted, secret, `bind_password: "x"`, 1), ""), says: []string{"bind_password"}},
		{name: "no such directory type", settings: strings.Replace(file(trusted, ""), "type: ldap", "type: nis", 1), says: []string{"directories[0].type", "nis"}},
		{name: "policy that nobody can meet", settings: file(trusted, "policy: {rules: [{name: all, require: {methods: 3}}]}\n"), says: []string{"all"}},
		{name: "unreachable directory", settings: file(fmt.Sprintf("urls: [%q], %s", closed, secret), ""), says: []string{"staff", "refuses connections"}, starts: true},
		{name: "wrong authority", settings: file(strings.Replace(trusted, slapd.Authority, stranger, 1), ""), says: []string{"staff", "authority that is not trusted"}, starts: true},
		{name: "wrong name in the certificate", settings: file(trusted+", server_name: ldap.example.com", ""), says: []string{"staff", "ldap.example.com"}, starts: true},
		{name: "wrong secret", settings: file(strings.Replace(trusted, "SLAPD_SERVICE_WORD", "HOME", 1), ""), says: []string{"staff", "bind"}, starts: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testenv.NewPostern(t, file(trusted, ""))
			write(t, p, c.settings)
			refused(t, p, "check", c.says)
			if _, err := os.Stat(p.Dir + "/postern.db"); err == nil {
				t.Error("a store was made by check")
			}
			if !c.starts {
				refused(t, p, "serve", c.says)
			}
		})
	}
	t.Run("no keys", func(t *testing.T) {
		p := testenv.NewPostern(t, file(trusted, ""))
		if err := os.Remove(p.Dir + "/postern.keys"); err != nil {
			t.Fatal(err)
		}
		refused(t, p, "check", []string{"keys", "postern keys init"})
		refused(t, p, "serve", []string{"keys", "postern keys init"})
	})
	t.Run("nothing wrong", func(t *testing.T) {
		if out, err := testenv.NewPostern(t, file(trusted, "")).Run("check"); err != nil {
			t.Errorf("check: %v\n%s", err, out)
		}
	})
}

// write puts settings in the place of those that p was made with.
func write(t *testing.T, p *testenv.Postern, settings string) {
	t.Helper()
	text, err := os.ReadFile(p.Config)
	if err != nil {
		t.Fatal(err)
	}
	own, _, _ := strings.Cut(string(text), "methods:")
	if err := os.WriteFile(p.Config, []byte(own+settings), 0o600); err != nil {
		t.Fatal(err)
	}
}

// refused runs a command that must fail and say all of the words, and no secret.
func refused(t *testing.T, p *testenv.Postern, command string, says []string) {
	t.Helper()
	out, err := p.Run(command)
	if err == nil {
		t.Errorf("%s: got no error:\n%s", command, out)
	}
	for _, word := range says {
		if !strings.Contains(out, word) {
			t.Errorf("%s: got\n%swant %q in it", command, out, word)
		}
	}
	if strings.Contains(out, testenv.SlapdServiceWord) {
		t.Errorf("%s: a secret was printed:\n%s", command, out)
	}
}
