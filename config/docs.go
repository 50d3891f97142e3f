package config

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"postern/policy"
)

// width is where the reference's comments are broken.
const width = 100

// Docs writes the reference: an example file in which every setting stands below its doc tag.
// What has a default or an example stands as it would be written, all else as a comment. The
// result is a file that Read accepts.
func Docs(w io.Writer, kinds Kinds) error {
	p := &printer{}
	p.comment(0, `postern.yaml, with every setting. Made by "postern config docs". A setting that is left out has the value shown here, unless it, or the list that it stands in, is marked as an example; lines that begin with "# name:" are settings without a value. Secrets never stand in this file: settings that end in _file or _env say where they are. Lengths of time are written 200ms, 30s, 15m, 24h.`)
	c := example()
	v, usual := reflect.ValueOf(c), reflect.ValueOf(Default())
	for _, f := range fieldsOf(v.Type()) {
		p.line(0, "")
		p.comment(0, f.doc)
		switch f.key {
		case "directories":
			p.directories(kinds)
		case "methods":
			p.methods(kinds)
		case "notify":
			p.senders(kinds)
		default:
			p.setting(0, f, v.FieldByIndex(f.index), usual.FieldByIndex(f.index))
		}
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// example returns the defaults with what an administrator must say filled in.
func example() Config {
	c := Default()
	c.PublicURL = "https://reset.example.com"
	c.TrustedProxies = []string{"127.0.0.1"}
	c.Organisation.Name = "Example Ltd"
	c.Organisation.HelpDesk = "+44 20 7946 0000"
	c.Organisation.SignInURL = "https://login.example.com/"
	c.Organisation.ReturnTo = []string{"https://login.example.com/"}
	strict := Requirement{AtLeast: policy.PhishingResistant, Passkey: true}
	usual := Requirement{Methods: 2, AtLeast: policy.Strong, Passkey: true}
	c.Policy.Rules = []Rule{
		{Name: "administrators", Match: Match{Groups: []string{"Domain Admins"}}, Stage: policy.On, Require: &strict},
		{Name: "everybody", Stage: policy.On, Require: &usual},
	}
	c.Policy.Unknown.Require = &usual
	return c
}

type printer struct {
	b     strings.Builder
	quiet bool // no comments: the settings were explained before
	off   bool // everything as a comment
}

func (p *printer) line(indent int, s string) {
	if p.off && s != "" {
		s = "# " + s
	}
	p.b.WriteString(strings.TrimRight(strings.Repeat("  ", indent)+s, " ") + "\n")
}

func (p *printer) comment(indent int, doc string) {
	if p.quiet || doc == "" {
		return
	}
	room := width - 2*indent - 2
	row := ""
	for _, word := range strings.Fields(doc) {
		if row != "" && len(row)+1+len(word) > room {
			p.line(indent, "# "+row)
			row = ""
		}
		row = strings.TrimPrefix(row+" "+word, " ")
	}
	p.line(indent, "# "+row)
}

// structure prints the settings of v; those that are not as in usual are examples.
func (p *printer) structure(indent int, v, usual reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		doc := f.doc
		if len(f.oneof) > 0 {
			doc += " One of " + strings.Join(f.oneof, ", ") + "."
		}
		p.comment(indent, doc)
		p.setting(indent, f, v.FieldByIndex(f.index), usual.FieldByIndex(f.index))
	}
}

func (p *printer) setting(indent int, f field, v, usual reflect.Value) {
	remark := ""
	if !p.quiet && !reflect.DeepEqual(v.Interface(), usual.Interface()) {
		remark = p.remark("an example")
	}
	head := ""
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			if !p.quiet {
				p.line(indent, "# "+f.key+":")
			}
			return
		}
		v = v.Elem()
		if usual.IsNil() {
			usual, head = v, remark
		} else {
			usual = usual.Elem()
		}
	}
	switch {
	case v.IsZero() && f.example != "":
		p.line(indent, f.key+": "+f.example+p.remark("an example"))
	case v.IsZero() && v.Kind() != reflect.Struct:
		if !p.quiet {
			p.line(indent, "# "+f.key+": "+placeholder(v))
		}
	case p.quiet && v.IsZero():
	case v.Kind() == reflect.Struct && !scalar(v):
		p.nested(indent, f, v, usual, head)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		p.list(indent, f, v, remark)
	default:
		p.line(indent, f.key+": "+flow(v)+remark)
	}
}

func (p *printer) remark(s string) string {
	if p.quiet {
		return ""
	}
	return "  # " + s
}

// nested prints a struct; its head is a comment too where all of it is.
func (p *printer) nested(indent int, f field, v, usual reflect.Value, remark string) {
	inner := &printer{quiet: p.quiet, off: p.off}
	inner.structure(indent+1, v, usual)
	head := f.key + ":"
	if !inner.live() {
		head = "# " + head
	}
	p.line(indent, head+remark)
	p.b.WriteString(inner.b.String())
}

// live reports whether any line is no comment.
func (p *printer) live() bool {
	for l := range strings.Lines(p.b.String()) {
		if s := strings.TrimSpace(l); s != "" && !strings.HasPrefix(s, "#") {
			return true
		}
	}
	return false
}

// list prints a list of structs; only its first entry is explained.
func (p *printer) list(indent int, f field, v reflect.Value, remark string) {
	p.line(indent, f.key+":"+remark)
	for i := range v.Len() {
		inner := &printer{quiet: p.quiet || i > 0, off: p.off}
		inner.structure(indent+2, v.Index(i), v.Index(i))
		p.line(indent+1, "-")
		p.b.WriteString(inner.b.String())
	}
}

func (p *printer) directories(kinds Kinds) {
	p.line(0, "directories:"+p.remark("an example: one of each type; keep those that you have"))
	for _, k := range kinds.Directories {
		p.line(1, "-")
		p.comment(2, "Its name in the audit log; must not change later.")
		p.line(2, "name: "+k.ID+p.remark("an example"))
		p.comment(2, "What people call it.")
		p.line(2, "title: Company account"+p.remark("an example"))
		p.line(2, "type: "+k.ID)
		p.structure(2, reflect.ValueOf(Routing{}), reflect.ValueOf(Routing{}))
		p.settings(2, k.Settings)
	}
}

func (p *printer) methods(kinds Kinds) {
	p.line(0, "methods:"+p.remark("an example: all that there are; keep those that you want"))
	for _, k := range kinds.Methods {
		p.line(1, string(k.ID)+":")
		p.settings(2, k.Settings)
	}
}

func (p *printer) senders(kinds Kinds) {
	p.line(0, "notify:"+p.remark("an example"))
	for i, k := range kinds.Senders {
		p.off = i > 0
		if p.off {
			p.line(1, "or, instead of the one above:")
		}
		p.line(1, "- type: "+k.ID)
		p.settings(2, k.Settings)
	}
	p.off = false
}

func (p *printer) settings(indent int, settings func() any) {
	if settings == nil {
		return
	}
	v := reflect.ValueOf(settings())
	if v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		p.structure(indent, v.Elem(), v.Elem())
	}
}

// scalar reports whether a struct is written as one value.
func scalar(v reflect.Value) bool {
	_, ok := v.Interface().(encoding.TextMarshaler)
	return ok
}

func placeholder(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Slice:
		return "[]"
	case reflect.Map:
		return "{}"
	case reflect.String:
		return `""`
	}
	return flow(v)
}

// flow writes v on one line.
func flow(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return span(d)
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if b, err := m.MarshalText(); err == nil {
			return quote(string(b))
		}
	}
	switch v.Kind() {
	case reflect.String:
		return quote(v.String())
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = flow(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		var parts []string
		for _, k := range v.MapKeys() {
			parts = append(parts, quote(k.String())+": "+flow(v.MapIndex(k)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v.Interface())
}

// span writes 24h instead of 24h0m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quote quotes what YAML could take for something else than text.
func quote(s string) string {
	plain := s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == ' ' || r == '/' || r == '.' || r == '-')
	}) < 0 && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z' || s[0] == '/') && s[len(s)-1] != ' ' && s != "true" && s != "false" && s != "null" &&
		s != "on" && s != "off" && s != "yes" && s != "no"
	if plain {
		return s
	}
	return strconv.Quote(s)
}
