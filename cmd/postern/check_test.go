package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckTellsEverything has nothing that answers, and a policy that fails its own test.
func TestCheckTellsEverything(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "pw"), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := freePort(t)
	conf := write(t, "postern.yaml", fmt.Sprintf(`public_url: https://reset.example.com
trusted_proxies: [127.0.0.1]
data: %[1]s
organisation: {logo_file: %[1]s/none.svg}
store: {postgres_dsn_env: POSTERN_TEST_DSN}
directories:
  - {name: staff, type: ldap, urls: ["ldap://127.0.0.1:%[2]d"], insecure_cleartext: true, bind_dn: cn=x, base: dc=x, bind_password_file: %[1]s/pw}
  - {name: guests, type: ldap}
methods: {totp: {skew_past: 7}, email_code: , passkey: }
notify: [{type: smtp, host: 127.0.0.1, port: %[2]d, tls: none, from: a@example.com}]
`, data, closed))
	t.Setenv("POSTERN_TEST_DSN", fmt.Sprintf("postgres://u:geheim@127.0.0.1:%d/d", closed))
	code, out, errors := command(t, "check", "--config", conf)
	if code != exitFailure || errors != "" {
		t.Errorf("got %d, %q", code, errors)
	}
	for _, want := range []string{
		"error    keys: keys.file", "postern keys init",
		"error    store.postgres_dsn: store: connecting to PostgreSQL",
		"error    organisation.logo_file: open",
		"directories[1]: ", "bind_dn", "error    directory staff",
		"methods.totp", "error    notify email",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "geheim") {
		t.Errorf("a secret was printed:\n%s", out)
	}
	if left, err := os.ReadDir(data); err != nil || len(left) != 1 {
		t.Errorf("the check changed the data folder: %v, %v", left, err)
	}
}

func TestCheckRunsThePolicysTests(t *testing.T) {
	data := t.TempDir()
	base := localConfig(data, 8480, "")
	conf := write(t, "postern.yaml", strings.Replace(base, "policy: {quarantine: 0}", `policy:
  tests:
    - {enrolled: [totp, email_code], proven: [totp], expect: verified}
    - {enrolled: [totp, email_code], proven: [totp, email_code], expect: verified}`, 1))
	if code, _, errors := command(t, "keys", "init", "--config", conf); code != exitOK {
		t.Fatal(errors)
	}
	code, out, errors := command(t, "check", "--config", conf)
	if code != exitFailure || strings.Count(out, "error ") != 1 || !strings.Contains(out, "not_yet") {
		t.Errorf("got %d, %q\n%s", code, errors, out)
	}
}
