package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"postern/directory"
	"postern/policy"
)

const good = `
public_url: https://reset.example.com/
trusted_proxies: [127.0.0.1, "10.1.2.3/8"]
directories:
  - name: staff
    type: ldap
    urls: [ldaps://a, ldaps://b]
    bind_password_file: secret/ldap
    attributes: {login: mail}
  - {name: guests, title: Guests, type: local}
organisation: {help_desk: ext. 4357}
methods:
  totp: {skew: 2}
  passkey:
  email_code: {}
notify:
  - type: file
    dir: /var/mail
policy:
  quarantine: 0
  rules:
    - name: administrators
      match: {groups: [Domain Admins], directories: [staff]}
      require: {methods: 1, at_least: phishing_resistant, allow: [passkey], passkey: true}
    - name: staff
      require: {at_least: strong}
      limits: {wrong: 3, verifying: 5m}
    - {name: rest, deny: true}
  tests:
    - {groups: [Domain Admins], enrolled: [totp, email_code], expect: nothing_possible}
limits:
  destination: {burst: 2}
  wrong_account: {burst: 0}
`

func TestGoodFile(t *testing.T) {
	c, err := Read("/etc/postern/postern.yaml", []byte(good), testKinds())
	if err != nil {
		t.Fatal(err)
	}
	if c.PublicURL != "https://reset.example.com" || c.Audit.Origin != "reset.example.com/postern" {
		t.Errorf("got public_url %q, origin %q", c.PublicURL, c.Audit.Origin)
	}
	if c.Store.SQLite != "/var/lib/postern/postern.db" || c.Keys.File != "/var/lib/postern/postern.keys" {
		t.Errorf("got store %+v, keys %+v", c.Store, c.Keys)
	}
	if want := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}; !reflect.DeepEqual(c.Proxies(), want) {
		t.Errorf("got proxies %v, want %v", c.Proxies(), want)
	}
	if got, want := c.Limits.Destination, (Rate{2, 10 * time.Minute}); got != want {
		t.Errorf("a half given limit: got %v, want %v", got, want)
	}
	if !c.Limits.WrongAccount.Limit().Unlimited() {
		t.Error("burst: 0 does not turn a limit off")
	}
	if c.ReplyMoment != 200*time.Millisecond || c.Password.MinLength != 15 {
		t.Errorf("got reply_moment %v, min_length %d", c.ReplyMoment, c.Password.MinLength)
	}
	var s ldapSettings
	s.Attributes.Login = "uid"
	if err := c.Directories[0].Decode(&s); err != nil {
		t.Fatal(err)
	}
	if s.BindPasswordFile != "/etc/postern/secret/ldap" || len(s.URLs) != 2 || s.Attributes.Login != "mail" {
		t.Errorf("got %+v", s)
	}
	if c.Directories[0].Title != "staff" || c.Directories[1].Title != "Guests" || c.Methods[1].Type != "passkey" {
		t.Errorf("got %+v, %+v", c.Directories, c.Methods)
	}
}

func TestPolicyIsMapped(t *testing.T) {
	c, err := Read("postern.yaml", []byte(good), testKinds())
	if err != nil {
		t.Fatal(err)
	}
	p := c.Policy.Policy()
	if len(p.Rules) != 3 || p.Quarantine != 0 || p.Disclose != policy.DiscloseRule {
		t.Fatalf("got %+v", p)
	}
	if got := p.Rules[0].Require; got.AtLeast != policy.PhishingResistant || got.Methods != 1 || !got.Passkey || got.Allow[0] != "passkey" {
		t.Errorf("got %+v", got)
	}
	if got := p.Rules[1]; got.Require.Methods != 2 || got.Require.Passkey || got.Limits.Wrong != 3 || got.Limits.Verifying != 5*time.Minute {
		t.Errorf("got %+v", got)
	}
	if got := p.Unknown.Require; got.Methods != 2 || got.AtLeast != policy.Strong || !got.Passkey {
		t.Errorf("the default requirement: got %+v", got)
	}
	if got := p.Tests[0]; got.Expect != policy.NothingPossible || len(got.Enrolled) != 2 {
		t.Errorf("got %+v", got)
	}
	targets := Policy{RetryTargets: time.Minute, Rules: []Rule{{Targets: []Target{{"erp", policy.ByEmail}, {Directory: "wiki"}}}}}.Policy()
	if got, want := targets.Rules[0].Targets, []policy.Target{{Directory: "erp", By: policy.ByEmail}, {Directory: "wiki"}}; !reflect.DeepEqual(got, want) || targets.RetryTargets != time.Minute {
		t.Errorf("targets: got %+v, tried for %v", got, targets.RetryTargets)
	}
	if got := (Policy{}).Policy().Rules; len(got) != 2 || got[1].Name != "everybody" || got[1].Require.Methods != 2 || got[1].Match.Privileged ||
		got[0].Name != "privileged" || !got[0].Match.Privileged || got[0].Require.AtLeast != policy.PhishingResistant || !got[0].Require.Passkey {
		t.Errorf("without rules: got %+v", got)
	}
}

// base is a good file that the cases of the table are added to; it has 4 lines.
const base = `public_url: https://r.example.com
directories: [{name: a, type: local}]
methods: {totp: , email_code: , passkey: }
notify: [{type: file}]
`

// told adds what the table's cases leave out, at the end, so that their lines stay.
func told(text string) string {
	if strings.HasPrefix(text, "public_url") && !strings.Contains(text, "organisation:") && strings.Count(text, "{") == strings.Count(text, "}") {
		return text + "organisation: {help_desk: ext. 4357}\n"
	}
	return text
}

func TestBadFiles(t *testing.T) {
	proxied := base + "trusted_proxies: [::1]\n"
	for _, c := range []struct {
		name, text string
		want       []string // every fault, whole or the beginning
	}{
		{"empty", "", []string{"1: public_url: is missing; set it to", "1: organisation.help_desk: is missing", "1: directories: there is none; add", "1: methods: there is none; name", "1: notify: there is none; add"}},
		{"unknown key", proxied + "colour: red\n", []string{"6: colour: is no setting; there are public_url, listen"}},
		{"near miss", proxied + "lissten: :80\n", []string{"6: lissten: is no setting; did you mean listen?"}},
		{"duplicate", proxied + "listen: :80\nlisten: :81\n", []string{"7: listen: stands twice, first in line 6; keep one"}},
		{"deep duplicate", proxied + "log:\n  level: info\n  level: debug\n", []string{"8: log.level: stands twice, first in line 7; keep one"}},
		{"several", proxied + "listen: 80\nreply_moment: 5\nlog: {level: loud}\ntls: yes\n", []string{
			"6: listen: wants text, not a number; write it as",
			"7: reply_moment: wants a length of time, not a number; write",
			"8: log.level: \"loud\" is not possible here; use one of debug, info, warn, error",
			"9: tls: wants settings below it, not text; write"}},
		{"literal secret", proxied + "store: {postgres_dsn: \"postgres://u:geheim@h/d\"}\n", []string{"6: store.postgres_dsn: a secret does not stand in this file; use postgres_dsn_file or postgres_dsn_env"}},
		{"literal secret of a kind", strings.Replace(proxied, "type: local", "type: ldap, bind_password: geheim", 1), []string{"2: directories[0].bind_password: a secret does not stand in this file; use bind_password_file or bind_password_env"}},
		{"another's secret", strings.Replace(proxied, "type: local", "type: ldap, password: geheim", 1), []string{"2: directories[0].password: is no setting, and a secret does not stand in this file; use bind_password_file or bind_password_env"}},
		{"file and env", proxied + "keys: {file: a, env: B}\n", []string{"6: keys.env: stands beside keys.file, which says the same; keep one"}},
		{"kind's setting", strings.Replace(proxied, "totp: ", "totp: {skew: many}", 1), []string{"3: methods.totp.skew: wants a number, not text"}},
		{"number too large", strings.Replace(proxied, "type: file", "type: smtp, port: 70000", 1), []string{"4: notify[0].port: 70000 does not fit; use"}},
		{"fraction", strings.Replace(proxied, "totp: ", "totp: {skew: 1.5}", 1), []string{"3: methods.totp.skew: 1.5 does not fit; use"}},
		{"unknown type", strings.Replace(proxied, "type: local", "type: nis", 1), []string{"2: directories[0].type: there is no type \"nis\"; there are local, ldap"}},
		{"no type, no name", strings.Replace(proxied, "{name: a, type: local}", "{}", 1), []string{"2: directories[0].name: is missing; give", "2: directories[0].type: is missing; there are local, ldap"}},
		{"bad name", strings.Replace(proxied, "name: a", "name: A b", 1), []string{"2: directories[0].name: is not of the form of a name; use"}},
		{"same name", strings.Replace(proxied, "local}", "local}, {name: a, type: local}", 1), []string{"2: directories[1].name: \"a\" is the name of another directory too; give"}},
		{"unknown method", strings.Replace(proxied, "passkey:", "sms_code:", 1), []string{"3: methods.sms_code: is no method; there are totp, email_code, passkey"}},
		{"list for settings", strings.Replace(proxied, "{totp: , email_code: , passkey: }", "[totp]", 1), []string{"3: methods: wants settings below it, not a list; write"}},
		{"no list", strings.Replace(proxied, "[{type: file}]", "{type: file}", 1), []string{"4: notify: wants a list, not settings; begin"}},
		{"http", strings.Replace(base, "https", "http", 1), []string{"1: public_url: is not encrypted; use https"}},
		{"path", strings.Replace(proxied, ".com", ".com/reset", 1), []string{"1: public_url: has more than scheme, host and port; give"}},
		{"no site", strings.Replace(proxied, "https://", "", 1), []string{"1: public_url: is no address of a site; write"}},
		{"neither TLS nor proxy", base, []string{"1: public_url: is https, but neither tls nor trusted_proxies is set; set"}},
		{"half a certificate", base + "tls: {cert_file: a}\n", []string{"5: tls.cert_file: stands without tls.key_file; set both"}},
		{"two certificates", base + "tls: {cert_file: a, key_file: b, acme: {agree: true}}\n", []string{"5: tls.acme: stands beside tls.cert_file, and only one can be served; keep one"}},
		{"redirect", base + "trusted_proxies: [\"::1\"]\ntls: {redirect_listen: \"80\"}\n", []string{"6: tls.redirect_listen: \"80\" is no address with a port; write", "6: tls.redirect_listen: has no effect without a certificate"}},
		{"not agreed", base + "tls: {acme: {email: a@b}}\n", []string{"5: tls.acme.agree: is not true; read"}},
		{"TLS for http", strings.Replace(base, "https://r.example.com", "http://localhost", 1) + "tls: {cert_file: a, key_file: b}\n", []string{"5: tls: stands beside a public_url without https; write"}},
		{"listen", proxied + "listen: localhost\n", []string{"6: listen: \"localhost\" is no address with a port; write"}},
		{"proxies", base + "trusted_proxies: [nginx]\n", []string{"5: trusted_proxies[0]: \"nginx\" is neither an address nor a network; write"}},
		{"rehearsed too often", proxied + "rehearsal: {accounts: [canary], every: 10s}\n", []string{"6: rehearsal.every: 10s is not between 5m and 72h; use"}},
		{"rehearsed too rarely", proxied + "rehearsal: {accounts: [canary], every: 73h}\n", []string{"6: rehearsal.every: 73h is not between 5m and 72h; use"}},
		{"canaries", proxied + "rehearsal: {accounts: [canary, \" \", Canary]}\n", []string{"6: rehearsal.accounts[1]: \" \" is no login; write", "6: rehearsal.accounts[2]: stands there twice; keep"}},
		{"alarm for nothing", proxied + "rehearsal: {alarm: [ops]}\n", []string{"6: rehearsal.alarm: has no effect without rehearsal.accounts; remove", "6: rehearsal.alarm[0]: \"ops\" is no address; write"}},
		{"alarm in Latin", proxied + "rehearsal: {accounts: [c], language: la}\n", []string{"6: rehearsal.language: "}},
		{"a rule called rehearsal", proxied + "policy: {rules: [{name: rehearsal}]}\n", []string{"6: policy.rules[0].name: \"rehearsal\" is what rehearsals are recorded as; give"}},
		{"targets", proxied + `policy:
  retry_targets: 25h
  rules:
    - {name: x, match: {directories: [b]}, targets: [{by: email}, {directory: erp}, {directory: b}, {directory: a}, {directory: a}]}
    - {name: y, deny: true, targets: [{directory: b, by: phone}]}
password: {history: 25}
`, []string{
			"10: policy.rules[1].targets[0].by: \"phone\" is not possible here; use one of login, email"}},
		{"targets, readable", strings.Replace(proxied, "type: local}", "type: local}, {name: b, type: local}", 1) + `policy:
  retry_targets: 25h
  rules:
    - {name: x, match: {directories: [b]}, targets: [{by: email}, {directory: erp}, {directory: b}, {directory: a}, {directory: a}]}
    - {name: y, deny: true, targets: [{directory: b}]}
password: {history: 25}
`, []string{
			"7: policy.retry_targets: 25h is more than 24h, and as long a password lies in the store; use",
			"9: policy.rules[0].targets[0].directory: is missing; name",
			"9: policy.rules[0].targets[1].directory: there is no directory \"erp\"; use",
			"9: policy.rules[0].targets[2].directory: \"b\" is the person's own directory, which gets the password anyway; name",
			"9: policy.rules[0].targets[4].directory: \"a\" is a target twice; keep one",
			"10: policy.rules[1].targets: has no effect beside deny: true; keep one",
			"11: password.history: 25 is not between 0 and 24; each"}},
		{"target of itself", proxied + "policy: {rules: [{name: x, targets: [{directory: a}]}]}\n", []string{"6: policy.rules[0].targets[0].directory: \"a\" is the person's own directory"}},
		{"reply at once", proxied + "reply_moment: 0\n", []string{"6: reply_moment: 0s is not between 20ms and 5s; use"}},
		{"negative time", proxied + "reply_moment: -1s\n", []string{"6: reply_moment: \"-1s\" is less than nothing; write"}},
		{"no help desk", proxied + "organisation: {help_desk: \" \"}\n", []string{"6: organisation.help_desk: is missing: every page and message says whom to ask"}},
		{"short colour", proxied + "organisation: {help_desk: x, accent: \"#abc\"}\n", []string{"6: organisation.accent: \"#abc\" is no colour; write"}},
		{"listen, a number", proxied + "listen: 18080\n", []string{"6: listen: wants text, not a number; write it as \"127.0.0.1:8080\""}},
		{"hasty rule", proxied + "policy: {rules: [{name: a, limits: {applying: 59s, verifying: 1s, verified: 59s}}], unknown: {limits: {applying: 45s}}}\n", []string{
			"6: policy.rules[0].limits.verifying: 1s is less than 1m: nobody", "6: policy.rules[0].limits.verified: 59s is less than 1m: nobody",
			"6: policy.rules[0].limits.applying: 59s is less than 1m: the directory is given 45s", "6: policy.unknown.limits.applying: 45s is less than 1m"}},
		{"endless total", proxied + "limits: {wrong_account_total: {every: 0}, destination_total: {burst: -1}}\n", []string{"6: limits.wrong_account_total.every: is 0", "6: limits.destination_total.burst: -1 is less"}},
		{"no colour", proxied + "organisation: {help_desk: x, accent: teal}\n", []string{"6: organisation.accent: \"teal\" is no colour; write"}},
		{"return_to", proxied + "organisation: {help_desk: x, return_to: [\"http://login.example.com/\", \"/x\"]}\n", []string{"6: organisation.return_to[0]: is not encrypted; use https", "6: organisation.return_to[1]: is no address of a page; write"}},
		{"logo", proxied + "organisation: {help_desk: x, logo_file: a.gif}\n", []string{"6: organisation.logo_file: is neither SVG nor PNG; use"}},
		{"two stores", proxied + "store: {sqlite: a, postgres_dsn_env: B}\n", []string{"6: store.sqlite: stands beside a PostgreSQL connection"}},
		{"short passwords", proxied + "password: {min_length: 7}\n", []string{"6: password.min_length: 7 is less than 8; use 15"}},
		{"short with one method", proxied + "password: {min_length: 8}\npolicy: {rules: [{name: a, require: {methods: 1}}]}\n", []string{"6: password.min_length: 8 is less than 15, and a rule under policy.rules is content with one method; use 15"}},
		{"max", proxied + "password: {max_length: 64}\n", []string{"6: password.max_length: 64 is not between 128 and 1024; use 256"}},
		{"guesses", proxied + "password: {min_guesses: 99}\n", []string{"6: password.min_guesses: 99 is not between 0 and 16; it is a power"}},
		{"banned word", proxied + "password: {banned_words: [ab]}\n", []string{"6: password.banned_words[0]: has fewer than 4 letters"}},
		{"endless limit", proxied + "limits: {destination: {every: 0}}\n", []string{"6: limits.destination.every: is 0, which would allow everything; set"}},
		{"negative limit", proxied + "limits: {destination: {burst: -1}}\n", []string{"6: limits.destination.burst: -1 is less than nothing; use 0"}},
		{"decoys", proxied + "policy: {disclose: person}\n", []string{"6: policy.disclose: is person, and policy.decoys has nothing to draw from; list"}},
		{"decoys without effect", proxied + "policy: {decoys: [[totp]]}\n", []string{"6: policy.decoys: has no effect without policy.disclose: person; remove"}},
		{"rule", proxied + `policy:
  rules:
    - {require: {allow: [smoke], methods: 9}}
    - {name: x, match: {directories: [hr]}, stage: test}
    - {name: x, stage: pilot, testers: [ada]}
    - {name: y, deny: true, require: {at_least: mighty}}
    - {name: z, require: {methods: 2, any_of: [[]]}, limits: {wrong: -1}}
`, []string{
			"11: policy.rules[3].require.at_least: policy: strength \"mighty\" is none of"}},
		{"rule, readable", proxied + `policy:
  rules:
    - {require: {allow: [smoke], methods: 9}}
    - {name: x, match: {directories: [hr]}, stage: test}
    - {name: x, stage: pilot, testers: [ada]}
    - {name: y, deny: true, require: {at_least: strong}}
    - {name: z, require: {methods: 2, any_of: [[]]}, limits: {wrong: -1}}
  tests: [{enrolled: [totp]}]
`, []string{
			"8: policy.rules[0].name: is missing; name the rule",
			"8: policy.rules[0].require.methods: 9 is not between 1 and 5; use 2",
			"8: policy.rules[0].require.allow[0]: \"smoke\" is not switched on under methods; add",
			"9: policy.rules[1].match.directories[0]: there is no directory \"hr\"; use",
			"9: policy.rules[1].stage: is test, and testers is empty; list",
			"10: policy.rules[2].name: \"x\" is the name of another rule too; give",
			"10: policy.rules[2].testers: has no effect without stage: test; remove",
			"11: policy.rules[3].require: has no effect beside deny: true; keep one",
			"12: policy.rules[4].require.methods: stands beside any_of, which says it all; keep one",
			"12: policy.rules[4].require.any_of[0]: is empty; name",
			"12: policy.rules[4].limits.wrong: -1 is not between 1 and 100; leave",
			"13: policy.tests[0].expect: is missing; use one of"}},
		{"pilot", proxied + `policy:
  rules:
    - {name: a, stage: pilot}
    - {name: b, stage: pilot, pilot_percent: 101}
    - {name: c, pilot_percent: 5}
    - {name: d, stage: pilot, pilot_percent: 100}
`, []string{
			"8: policy.rules[0].stage: is pilot, and there is neither pilot_groups nor pilot_percent; list",
			"9: policy.rules[1].pilot_percent: 101 is not between 0 and 100; use",
			"10: policy.rules[2].pilot_percent: has no effect without stage: pilot; remove"}},
		{"alias", proxied + "log: &a {level: info}\n", []string{"6: log: wants settings below it, not an anchor or alias, which this file does not use; write"}},
		{"merge", proxied + "log: {<<: {level: info}}\n", []string{"6: log: a setting's name must be plain text, not an anchor or alias"}},
		{"syntax", proxied + "log: {level: info\n", []string{"6: "}},
		{"tab", proxied + "log:\n\tlevel: info\n", []string{"7: "}},
		{"two documents", proxied + "---\nlisten: :80\n", []string{"7: a second document begins"}},
		{"not UTF-8", "a: b\nc: \xff\n", []string{"2: the file is not UTF-8"}},
		{"a list", "- a\n", []string{"1: wants settings below it, not a list"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("p.yaml", []byte(told(c.text)), testKinds())
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want faults", err)
			}
			if len(faults) != len(c.want) {
				t.Fatalf("got %d faults, want %d:\n%v", len(faults), len(c.want), err)
			}
			for i, f := range faults {
				if !strings.HasPrefix(f.String(), "p.yaml:"+c.want[i]) {
					t.Errorf("got  %s\nwant p.yaml:%s…", f, c.want[i])
				}
				if f.Fix == "" {
					t.Errorf("%s: nothing says what mends it", f)
				}
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the fault shows a secret: %v", err)
			}
		})
	}
}

func TestOpenersFaultHasItsPlace(t *testing.T) {
	c, err := Read("postern.yaml", []byte(good), testKinds())
	if err != nil {
		t.Fatal(err)
	}
	s := c.Directories[0]
	_, err = openLDAP(s.Name, s.Decode, directory.Env{})
	if got, want := fmt.Sprint(s.Fault(err)), "postern.yaml:7: directories[0].urls: missing; write urls: [ldaps://ldap.example.com], with what is true of yours"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEveryFaultOfAnOpenerIsMended: by its own words, by the setting's example, or by the reference.
func TestEveryFaultOfAnOpenerIsMended(t *testing.T) {
	c, err := Read("postern.yaml", []byte(good), testKinds())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"ldap: urls: \"x\" is no address: write ldaps://host": "postern.yaml:7: directories[0].urls: \"x\" is no address; write ldaps://host",
		"bind_password_env: is wrong":                         "directories[0].bind_password_env: is wrong; correct bind_password_env; \"postern config docs\" says what it may be",
		"out of luck":                                         "directories[0]: out of luck; correct the settings of directories[0]; \"postern config docs\" explains each",
	} {
		if got := fmt.Sprint(c.Directories[0].Fault(errors.New(text))); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	p := c.Policy.Policy()
	if p.BuiltIn || p.Rules[1].PilotPercent != 0 || !(Policy{}).Policy().BuiltIn {
		t.Error("rules that nobody wrote are not told from others")
	}
	if got := (Policy{Rules: []Rule{{PilotPercent: 7}}}).Policy().Rules[0].PilotPercent; got != 7 {
		t.Errorf("pilot_percent: got %d, want 7", got)
	}
}

func TestSecrets(t *testing.T) {
	file := t.TempDir() + "/s"
	if err := os.WriteFile(file, []byte(" p w \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("POSTERN_TEST", "x")
	for _, c := range []struct{ file, env, want, err string }{
		{file, "", " p w ", ""},
		{"", "POSTERN_TEST", "x", ""},
		{file, "POSTERN_TEST", "", "dsn_file and dsn_env are both set"},
		{"", "", "", "neither dsn_file nor dsn_env is set"},
		{"", "POSTERN_NONE", "", "environment variable POSTERN_NONE is not set"},
		{file + "x", "", "", "dsn_file: open"},
		{os.DevNull, "", "", "is empty"},
	} {
		got, err := LoadSecret("dsn", c.file, c.env)
		if got.Reveal() != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q, %q: got %q, %v; want %q, %q", c.file, c.env, got.Reveal(), err, c.want, c.err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{good, base, "", "a: &x [*x]", "? a\n: b", "a: !!binary x", "{a: {b: [c, {d: }]}}", "- - -", "policy: {rules: [{name: |\n x\n}]}", "directories:\n- name: a\n  type: ldap\n  urls: >-\n    x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Read("p.yaml", text, testKinds())
		var faults Faults
		if err == nil {
			if c.PublicURL == "" || len(c.Directories) == 0 {
				t.Fatal("a file without the necessary was accepted")
			}
			return
		}
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("got %v, want faults", err)
		}
		last := 1 + strings.Count(string(text), "\n") + strings.Count(string(text), "\r")
		for _, one := range faults {
			if one.Line < 1 || one.Line > last || one.Text == "" {
				t.Fatalf("got %+v in a file of %d lines", one, last)
			}
		}
	})
}
