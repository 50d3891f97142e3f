package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/testenv"
)

// office is a real OpenLDAP, a real mail server and a "postern serve" between them.
type office struct {
	slapd  *testenv.SlapdServer
	mails  *testenv.SMTP
	portal string
	config string
	t      *testing.T
}

// open writes postern.yaml as an administrator would, checks it and serves.
func open(t *testing.T, store string) *office {
	t.Helper()
	dir := t.TempDir()
	o := &office{t: t, config: filepath.Join(dir, "postern.yaml"),
		slapd: testenv.Slapd(t, testenv.SlapdOptions{NoSync: true}), mails: testenv.StartSMTP(t, testenv.SMTPOptions{})}
	address := fmt.Sprintf("localhost:%d", testenv.FreePort(t))
	o.portal = "http://" + address
	secret := func(name, value string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if store != "" {
		store = fmt.Sprintf("store: {postgres_dsn_file: %s}", secret("dsn", store))
	}
	text := fmt.Sprintf(`
public_url: %q
listen: %q
organisation: {name: Example Works, help_desk: "ext. 4357", sign_in_url: "https://work.example.test/"}
data: .
%s
directories:
  - name: corp
    title: Example Works account
    type: ldap
    urls: [%q]
    ca_file: %q
    bind_dn: %q
    bind_password_file: %s
    base: %q
    policy_dn: %q
methods: {passkey: {}, totp: {}, email_code: {}}
notify:
  - {type: smtp, host: %s, port: %d, ca_file: %q, username: %s, password_file: %s, from: "Example Works <no-reply@example.test>"}
policy: {quarantine: 0}
`, o.portal, address, store, o.slapd.TLSURL, o.slapd.Authority, testenv.SlapdService,
		secret("bind", testenv.SlapdServiceWord), testenv.SlapdPeople, testenv.SlapdPolicy,
		o.mails.Host, o.mails.Port, o.mails.CAFile, o.mails.Username, secret("smtp", o.mails.Password))
	if err := os.WriteFile(o.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.postern("keys", "init")
	if said := o.postern("check"); !strings.Contains(said, "no errors") {
		t.Errorf("postern check: got %s", said)
	}
	return o
}

// postern runs one command on the office's file and returns what it printed.
func (o *office) postern(args ...string) string {
	o.t.Helper()
	out, err := exec.Command(program, append(args, "--config", o.config)...).CombinedOutput()
	if err != nil {
		o.t.Fatalf("postern %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// serve starts the service and waits until it is ready.
func (o *office) serve() {
	o.t.Helper()
	p := testenv.Start(o.t, exec.Command(program, "serve", "--config", o.config))
	testenv.WaitFor(o.t, "postern serve", 30*time.Second, func() error {
		res, err := http.Get(o.portal + "/readyz")
		if err != nil {
			return errors.Join(err, p.Exited())
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz: %s", res.Status)
		}
		return nil
	})
}

// sent waits for the n-th mail to an address, counted from 0, and returns its text.
func (o *office) sent(to string, n int, with string) string {
	o.t.Helper()
	var text string
	testenv.WaitFor(o.t, fmt.Sprintf("a mail to %s with %q", to, with), 20*time.Second, func() error {
		var mine []testenv.Mail
		for _, m := range o.mails.Mails() {
			if len(m.To) == 1 && m.To[0] == to && strings.Contains(m.Data, with) {
				mine = append(mine, m)
			}
		}
		if len(mine) <= n {
			return fmt.Errorf("%d have come", len(mine))
		}
		if !mine[n].TLS {
			return errors.New("it came without TLS")
		}
		text = mine[n].Data
		return nil
	})
	return text
}

// mailedCode is the code in a mail as it comes over the wire.
var mailedCode = regexp.MustCompile(`Your code is (\d{6})`)

// set gives alice a password, past every rule.
func (o *office) set(login, password string) {
	o.t.Helper()
	c, err := o.slapd.AdminConn()
	if err != nil {
		o.t.Fatal(err)
	}
	defer c.Close()
	change := goldap.NewModifyRequest(o.slapd.DN(login), nil)
	change.Replace("userPassword", []string{password})
	if err := c.Modify(change); err != nil {
		o.t.Fatal(err)
	}
}

// TestDirectory resets a password in OpenLDAP, over LDAPS with an authority of its own and mail with
// STARTTLS, with the state in SQLite and in PostgreSQL.
func TestDirectory(t *testing.T) {
	for _, c := range []struct {
		name  string
		store func(*testing.T) string
	}{
		{"SQLite", func(*testing.T) string { return "" }},
		{"PostgreSQL", func(t *testing.T) string { return testenv.Postgres(t) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			resetInDirectory(t, open(t, c.store(t)))
		})
	}
}

func resetInDirectory(t *testing.T, o *office) {
	const before = "harbour anvil 33 sorrel"
	o.set("alice", before)
	enrolled := o.postern("people", "enroll", "alice", "totp")
	app := regexp.MustCompile(`otpauth://\S+`).FindString(enrolled)
	if app == "" {
		t.Fatalf("enrolling hands over no secret: %s", enrolled)
	}
	o.postern("people", "enroll", "alice", "email_code")
	o.serve()

	v := arrive(t, o.portal, testenv.Visitor{})
	v.begin("alice@example.test") // either attribute names her
	v.choose("totp")
	v.status(v.answer(appCode(t, app)), http.StatusOK)
	v.choose("email_code")
	code := mailedCode.FindStringSubmatch(o.sent("alice@example.test", 0, "Your code is"))
	if code == nil {
		t.Fatal("the mail has no code in it")
	}
	v.status(v.answer(code[1]), http.StatusOK)
	v.sees("password.title")

	v.Type("#password", before)
	v.status(v.save(), http.StatusUnprocessableEntity)
	v.sees("password.title") // what was proven still counts
	if got := v.Text(".summary"); !strings.Contains(got, v.text("password.violation.directory_in_history")) &&
		!strings.Contains(got, v.text("password.violation.directory_same_password")) {
		t.Errorf("the directory's reason is not told: got %q", got)
	}
	if err := o.slapd.Bind("alice", before); err != nil {
		t.Errorf("after a refusal the old password does not work: %v", err)
	}
	v.Type("#password", newPassword)
	v.status(v.save(), http.StatusOK)
	v.sees("receipt.title")
	v.reads(".receipt", "receipt.password_set.ok")
	if got := v.Text(".receipt"); !strings.Contains(got, "Example Works account") {
		t.Errorf("the receipt does not name the directory: %q", got)
	}
	if err := o.slapd.Bind("alice", newPassword); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if err := o.slapd.Bind("alice", before); !goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) {
		t.Errorf("the old password: got %v, want a refusal", err)
	}
	o.sent("alice@example.test", 0, "your password was reset")
	if said := o.postern("audit", "verify"); !strings.Contains(said, "The log is whole") {
		t.Errorf("postern audit verify: got %s", said)
	}
	v.quiet()
}
