package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
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
		"\npublic_url: \"https://reset.example.com\"\n", "\n  # cert_file: \"\"\n", "urls: [ldaps://ldap.example.com]",
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
	c, err := Read("p.yaml", []byte(base+"trusted_proxies: [::1]\nstore: {postgres_dsn_env: POSTERN_TEST}\n"), testKinds())
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

func TestContrast(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.478}, {"#ffffff", "#ffffff", 1}} {
		if got, ok := contrast(c.a, c.b); !ok || got < c.want-0.01 || got > c.want+0.01 {
			t.Errorf("%s on %s: got %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestGroundIsThePages(t *testing.T) {
	style, err := os.ReadFile("../web/page/asset/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`--ground:\s*` + ground + `;`).Match(style) {
		t.Errorf("tokens.css has another ground than %s", ground)
	}
}
