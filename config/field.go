package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// field is one setting of a struct.
type field struct {
	key     string
	doc     string
	example string // what the reference shows where there is no default
	form    string // how a value is written, for who wrote something else
	oneof   []string
	path    bool // a relative path, which starts from the file's folder
	index   []int
	kind    reflect.Type
}

// fieldsOf returns the settings of t in their order; embedded and ",inline" structs count as
// their own fields.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || key == "-" {
			continue
		}
		if f.Type.Kind() == reflect.Struct && (options == "inline" || f.Anonymous && key == "") {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
			continue
		}
		if key == "" {
			key = strings.ToLower(f.Name)
		}
		out = append(out, field{
			key: key, doc: f.Tag.Get("doc"), example: f.Tag.Get("example"), form: f.Tag.Get("form"),
			oneof: strings.Fields(f.Tag.Get("oneof")),
			path:  f.Tag.Get("kind") == "path" || isPath(key),
			index: []int{i}, kind: f.Type,
		})
	}
	return out
}

// isPath reports whether the name says that the setting is a path.
func isPath(key string) bool {
	return key == "file" || key == "dir" || strings.HasSuffix(key, "_file") || strings.HasSuffix(key, "_dir")
}

// secretNames are settings that people expect and that would hold a secret.
var secretNames = []string{"password", "secret", "token", "api_key", "dsn", "passphrase", "bind_password", "client_secret", "private_key", "postgres_dsn", "postgres"}

// unknown says what is wrong with a key that no field has.
func unknown(key string, fields []field) (text, fix string) {
	has := func(k string) bool { return slices.ContainsFunc(fields, func(f field) bool { return f.key == k }) }
	if has(key+"_file") || has(key+"_env") {
		return "a secret does not stand in this file", fmt.Sprintf("use %s_file or %s_env", key, key)
	}
	if slices.Contains(secretNames, key) {
		fix := "use the settings that end in _file or _env"
		for _, f := range fields {
			if strings.HasSuffix(f.key, key+"_file") {
				fix = fmt.Sprintf("use %s or %s", f.key, strings.TrimSuffix(f.key, "file")+"env")
			}
		}
		return "is no setting, and a secret does not stand in this file", fix
	}
	best, least := "", 3
	for _, f := range fields {
		if n := distance(key, f.key); n < least {
			best, least = f.key, n
		}
	}
	if best != "" {
		return "is no setting", fmt.Sprintf("did you mean %s?", best)
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.key)
	}
	if len(names) == 0 {
		return "is no setting", "remove it: there are none here"
	}
	return "is no setting", "there are " + strings.Join(names, ", ")
}

// distance is Levenshtein's, for names of settings; long keys are no near miss of anything.
func distance(a, b string) int {
	if len(a) > 40 || len(b) > 40 {
		return 40
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
