package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"postern/config"
)

// localConfig is a small file with the built-in directory, in a data folder.
func localConfig(data string, port int, more string) string {
	return fmt.Sprintf(`public_url: http://localhost:%d
listen: localhost:%d
data: %s
audit: {origin: localhost/postern-try}
organisation: {help_desk: ext. 4357}
directories: [{name: local, type: local}]
methods: {passkey: , totp: , email_code: }
notify: [{type: file, file: %s/mailbox.jsonl}]
policy: {quarantine: 0}
%s`, port, port, data, data, more)
}

// example is the committed reference.
const example = "../../docs/operate/postern.yaml"

func TestReferenceIsCommittedAndReadable(t *testing.T) {
	code, out, errors := command(t, "config", "docs")
	if code != exitOK || errors != "" {
		t.Fatalf("got %d, %q", code, errors)
	}
	committed, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != out {
		t.Errorf("%s is not what \"postern config docs\" prints: run \"go run ./cmd/postern config docs > docs/operate/postern.yaml\"", example)
	}
	conf, err := config.Read("postern.yaml", committed, kinds())
	if err != nil {
		t.Fatal(err)
	}
	if len(conf.Directories) != len(kinds().Directories) || len(conf.Methods) != len(kinds().Methods) {
		t.Errorf("the example lacks a directory or a method: %d, %d", len(conf.Directories), len(conf.Methods))
	}
}

func TestEverySettingOfAKindIsDocumented(t *testing.T) {
	k := kinds()
	all := map[string]func() any{}
	for _, d := range k.Directories {
		all["directory "+d.ID] = d.Settings
	}
	for _, m := range k.Methods {
		all["method "+string(m.ID)] = m.Settings
	}
	for _, s := range k.Senders {
		all["notify "+s.ID] = s.Settings
	}
	for name, settings := range all {
		if settings == nil {
			t.Errorf("%s: tells no settings", name)
			continue
		}
		v := reflect.TypeOf(settings())
		if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
			t.Errorf("%s: got settings of type %s, want a pointer to a struct", name, v)
			continue
		}
		documented(t, name, v.Elem())
	}
}

func documented(t *testing.T, at string, s reflect.Type) {
	t.Helper()
	for i := range s.NumField() {
		f := s.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || key == "-" {
			continue
		}
		if f.Anonymous && key == "" { // its fields count as the outer one's
			documented(t, at, f.Type)
			continue
		}
		if f.Tag.Get("doc") == "" || key == "" {
			t.Errorf("%s: %s has no doc or yaml tag", at, f.Name)
		}
		if f.Type.Kind() == reflect.Struct {
			documented(t, at+"."+key, f.Type)
		}
	}
}
