package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestReferenceCanBeRead(t *testing.T) {
	var b strings.Builder
	if err := Docs(&b, testKinds()); err != nil {
		t.Fatal(err)
	}
	c, err := Read("postern.yaml", []byte(b.String()), testKinds())
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	d := Default()
	if c.Limits != d.Limits || c.Password.MinLength != d.Password.MinLength || c.Policy.Quarantine != 24*time.Hour {
		t.Errorf("the reference shows other values than the defaults: %+v", c)
	}
	if len(c.Directories) != 2 || len(c.Methods) != 3 || len(c.Notify) != 1 {
		t.Errorf("got %d directories, %d methods, %d senders", len(c.Directories), len(c.Methods), len(c.Notify))
	}
	for _, want := range []string{
		"\npublic_url: \"https://reset.example.com\"  # an example\n", "help_desk: \"+44 20 7946 0000\"  # an example\n", "  rules:  # an example\n", "\nlisten: \"127.0.0.1:8080\"\n", "\n  min_length: 15\n", "\n  # cert_file: \"\"\n", "urls: [ldaps://ldap.example.com]",
		"\nreply_moment: \"200ms\"\n", "\n    burst: 60\n", "# bind_password_file", "# - type: file", "host: mail.example.com",
	} {
		if want = strings.ReplaceAll(want, `"200ms"`, "200ms"); !strings.Contains(b.String(), want) {
			t.Errorf("the reference lacks %q:\n%s", want, b.String())
		}
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(of.Elem())
		case reflect.Struct:
			if seen[of] || of == reflect.TypeFor[Section]() {
				return
			}
			seen[of] = true
			for _, f := range fieldsOf(of) {
				if f.doc == "" {
					t.Errorf("%s: %s has no doc tag", of, f.key)
				}
				walk(f.kind)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
	if len(seen) < 12 {
		t.Errorf("only %d structs were looked at", len(seen))
	}
}

func TestPrintedConfigHoldsNoSecret(t *testing.T) {
	t.Setenv("POSTERN_TEST", "geheim")
	c, err := Read("p.yaml", []byte(told(base+"trusted_proxies: [::1]\nstore: {postgres_dsn_env: POSTERN_TEST}\n")), testKinds())
	if err != nil {
		t.Fatal(err)
	}
	dsn, err := LoadSecret("store.postgres_dsn", c.Store.PostgresDSNFile, c.Store.PostgresDSNEnv)
	if err != nil || dsn.Reveal() != "geheim" {
		t.Fatalf("got %q, %v", dsn.Reveal(), err)
	}
	for _, v := range []any{c, dsn} {
		if strings.Contains(fmt.Sprintf("%+v %#v", v, v), "geheim") {
			t.Errorf("%T was printed with the secret", v)
		}
	}
}
