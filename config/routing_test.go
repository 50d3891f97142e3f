package config

import (
	"reflect"
	"strings"
	"testing"

	"postern/policy"
)

const twoDirectories = `public_url: https://r.example.com
directories:
  - {name: a, type: local, domains: [example.com, "CORP"]}
  - {name: b, type: ldap, lookup: fallback}
  - {name: c, type: ldap, lookup: never}
methods: {totp: , email_code: , passkey: }
notify: [{type: file}]
trusted_proxies: [::1]
organisation: {help_desk: ext. 4357}
`

func TestRoutingIsRead(t *testing.T) {
	c, err := Read("postern.yaml", []byte(twoDirectories), testKinds())
	if err != nil {
		t.Fatal(err)
	}
	want := []Routing{{Domains: []string{"example.com", "CORP"}}, {Lookup: "fallback"}, {Lookup: "never"}}
	for i, d := range c.Directories {
		if !reflect.DeepEqual(d.Routing, want[i]) {
			t.Errorf("%s: got %+v, want %+v", d.Name, d.Routing, want[i])
		}
		if err := d.Decode(new(struct{})); d.Type == "local" && err != nil {
			t.Errorf("%s: what is no setting of its type is left to it: %v", d.Name, err)
		}
	}
}

func TestBadRouting(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		want           []string
	}{
		{"no such lookup", "lookup: fallback", "lookup: sometimes", []string{"4: directories[1].lookup: \"sometimes\" is not possible here; use one of always, fallback, never"}},
		{"no list", "[example.com, \"CORP\"]", "example.com", []string{"3: directories[0].domains: wants a list, not text"}},
		{"domains for nobody", "lookup: never", "lookup: never, domains: [example.org]", []string{"5: directories[2].domains: has no effect with lookup: never; keep"}},
		{"no domain", "[example.com, \"CORP\"]", `["@example.com", 'CORP\', "a b", ""]`, []string{
			"3: directories[0].domains[0]: \"@example.com\" is no domain; write", "3: directories[0].domains[1]: \"CORP\\\\\" is no domain; write",
			"3: directories[0].domains[2]: \"a b\" is no domain; write", "3: directories[0].domains[3]: \"\" is no domain; write"}},
		{"twice", "\"CORP\"", "Example.COM", []string{"3: directories[0].domains[1]: \"Example.COM\" stands there twice; keep"}},
		{"nobody is looked up", "domains: [example.com, \"CORP\"]}\n  - {name: b, type: ldap, lookup: fallback}", "lookup: never}",
			[]string{"2: directories: nobody is looked up in any of them"}},
	} {
		text := strings.Replace(twoDirectories, c.from, c.to, 1)
		if text == twoDirectories {
			t.Fatalf("%s: %q is not there", c.name, c.from)
		}
		_, err := Read("postern.yaml", []byte(text), testKinds())
		if err == nil {
			t.Errorf("%s: was accepted", c.name)
			continue
		}
		got := strings.Split(strings.TrimSpace(err.Error()), "\n")
		for i, w := range c.want {
			if len(got) != len(c.want) || !strings.Contains(got[i], w) {
				t.Errorf("%s: got\n%s\nwant %v", c.name, err, c.want)
				break
			}
		}
	}
}

// TestTargetByLoginHasOneSource: the same login in two directories is two people, of whom one must
// not set the other's password in a target.
func TestTargetByLoginHasOneSource(t *testing.T) {
	const at = "policy.rules[0].targets[0].by: "
	staff := "{name: staff, match: {directories: [a]}, targets: [{directory: c}]}"
	for _, c := range []struct{ name, rules, want string }{
		{"two sources", "{name: all, targets: [{directory: c, by: login}]}", at + `is login, and rule "all" is for a and b: the same login can be two people there, and one would set the other's password in c; give the rule match.directories`},
		{"by default, listed", "{name: all, match: {directories: [b, a]}, targets: [{directory: c}]}", at + `is login, and rule "all" is for a and b:`},
		{"of the privileged", "{name: g, match: {privileged: true}, targets: [{directory: c}]}", at + `is login, and rule "g" is for a and b:`},
		{"two rules", staff + ", {name: rest, match: {directories: [b]}, targets: [{directory: c}]}",
			`policy.rules[1].targets[0].by: is login, and so it is in rule "staff" for a, and rule "rest" is for b: the same login can be two people there`},
		{"two rules of one", staff + ", {name: more, match: {directories: [a]}, targets: [{directory: c}]}", ""},
		{"one source", staff, ""},
		{"the other one is the target", "{name: all, targets: [{directory: b}]}", ""},
		{"by address", "{name: all, targets: [{directory: c, by: email}]}", ""},
		{"two rules, one by address", staff + ", {name: rest, targets: [{directory: c, by: email}]}", ""},
		{"never looked up", "{name: all, match: {directories: [a, c]}, targets: [{directory: b}]}", ""},
	} {
		_, err := Read("postern.yaml", []byte(twoDirectories+"policy: {rules: ["+c.rules+"]}\n"), testKinds())
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: got %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "postern.yaml:") != 1):
			t.Errorf("%s: got %v\nwant %s", c.name, err, c.want)
		}
	}
}

func TestUnlockIsMapped(t *testing.T) {
	c, err := Read("postern.yaml", []byte(twoDirectories+`policy:
  rules:
    - {name: guarded, match: {privileged: true}}
    - {name: all, unlock: {methods: 1, at_least: strong}}
  unknown: {unlock: {methods: 1, at_least: strong}}
  tests:
    - {privileged: true, want: unlock, enrolled: [totp], expect: nothing_possible}
`), testKinds())
	if err != nil {
		t.Fatal(err)
	}
	p := c.Policy.Policy()
	one := &policy.Requirement{Methods: 1, AtLeast: policy.Strong}
	if !p.Rules[0].Match.Privileged || p.Rules[0].Unlock != nil || !reflect.DeepEqual(p.Rules[1].Unlock, one) || !reflect.DeepEqual(p.Unknown.Unlock, one) {
		t.Errorf("got %+v and %+v", p.Rules, p.Unknown)
	}
	if got := p.Tests[0]; !got.Privileged || got.Want != policy.Unlock {
		t.Errorf("got %+v", got)
	}
	for setting, want := range map[string]string{
		"{name: all, deny: true, unlock: {methods: 1}}": "policy.rules[0].unlock: has no effect beside deny: true",
		"{name: all, unlock: {methods: 7}}":             "policy.rules[0].unlock.methods: 7 is not between 1 and 5",
		"{name: all, unlock: {allow: [pigeon]}}":        "policy.rules[0].unlock.allow[0]: \"pigeon\" is not switched on",
	} {
		_, err := Read("postern.yaml", []byte(twoDirectories+"policy: {rules: ["+setting+"]}\n"), testKinds())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", setting, err, want)
		}
	}
}

// TestPrivilegedByDefault: without rules nobody's easier way to unlock is one for those whom the
// directory guards.
func TestPrivilegedByDefault(t *testing.T) {
	p := Policy{Unknown: Unknown{Unlock: &Requirement{Methods: 1}}}.Policy()
	if got := p.Rules[0]; got.Unlock != nil || !got.Match.Privileged {
		t.Errorf("got %+v", got)
	}
	if got := p.Rules[1]; got.Unlock == nil || got.Unlock.Methods != 1 {
		t.Errorf("everybody: got %+v", got)
	}
}
