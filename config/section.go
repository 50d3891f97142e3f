package config

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Section is the part of the file that one directory, method or sender reads itself.
type Section struct {
	Name  string // of a directory, chosen by the administrator
	Title string // what people call the directory
	Type  string // the Kind's ID
	Routing

	file    string
	path    string
	line    int
	entries []entry // those that the Kind reads
	fields  []field // those that it knows
}

// Routing is who is looked up in a directory.
type Routing struct {
	Domains []string `yaml:"domains" form:"example.com" doc:"Domains whose people are here: what is typed as name@domain or DOMAIN\\name with one of these is looked up only in the directories that list it, DOMAIN\\name also as name alone. In any case of letters. What has no domain, or one that no directory lists, is looked up in all."`
	Lookup  string   `yaml:"lookup" oneof:"always fallback never" doc:"When people are looked up here. always: each time; whoever is then in two directories is nobody. fallback: each time as well, but it counts only when none of those knows them, and no fallback before this one. never: nobody recovers here; it is only a target of other directories' people (policy.rules[].targets). Default: always."`
}

// Decode fills into, a pointer to the Kind's settings with their defaults; what the file does not
// say stays. The error is Faults.
func (s Section) Decode(into any) error {
	d := &decoder{file: s.file, lines: map[string]int{}}
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("config: %s: cannot read settings into a %T", s.path, into)
	}
	d.structure(s.entries, s.line, s.path, v.Elem())
	if len(d.faults) > 0 {
		return d.faults.sorted()
	}
	return nil
}

// Fault turns what the Kind's Open said into faults with their place, one for each joined error.
func (s Section) Fault(err error) error {
	if faults, ok := err.(Faults); ok {
		return faults
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var out Faults
		for _, one := range joined.Unwrap() {
			if faults, ok := s.Fault(one).(Faults); ok {
				out = append(out, faults...)
			}
		}
		return out
	}
	return Faults{s.place(err)}
}

// place finds the setting that err begins with, and its line.
func (s Section) place(err error) Fault {
	f := Fault{File: s.file, Line: s.line, Setting: s.path, Text: strings.TrimPrefix(err.Error(), s.Type+": ")}
	f.Text, f.Fix = Advice(f.Text)
	known := fmt.Sprintf("correct the settings of %s; \"postern config docs\" explains each", s.path)
	for _, one := range s.fields {
		text, ok := strings.CutPrefix(f.Text, one.key+": ")
		if !ok {
			continue
		}
		f.Setting, f.Text = join(s.path, one.key), text
		known = fmt.Sprintf("correct %s; \"postern config docs\" says what it may be", one.key)
		if one.example != "" {
			known = fmt.Sprintf("write %s: %s, with what is true of yours", one.key, one.example)
		}
		if i := slices.IndexFunc(s.entries, func(e entry) bool { return e.key == one.key }); i >= 0 {
			f.Line = s.entries[i].line
		}
		break
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Fix = "put the file there, or name the right one; relative paths start from this file's folder"
	case errors.Is(err, fs.ErrPermission):
		f.Fix = "let the user who runs Postern read it"
	case f.Fix == "":
		f.Fix = known
	}
	return f
}

// against reports what a Kind that has such settings will not accept.
func (s *Section) against(d *decoder, settings func() any) {
	var into any = &struct{}{}
	if settings != nil {
		into = settings()
	}
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		d.fault(s.line, s.path, fmt.Sprintf("the settings of %s cannot be read", s.Type), "report this")
		return
	}
	s.fields = fieldsOf(v.Elem().Type())
	d.structure(s.entries, s.line, s.path, v.Elem())
}

// Directories are the directories' sections, in their order.
type Directories []Section

// Methods are the methods' sections, in their order. Type is the method's ID.
type Methods []Section

// Senders are the senders' sections.
type Senders []Section

// nameForm is what a directory may be called: it stands in the audit log and in references.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

func (s *Directories) read(d *decoder, n ast.Node, path string) {
	for i, item := range d.items(n, path) {
		one := d.section(item, fmt.Sprintf("%s[%d]", path, i), "name", "title")
		d.route(&one)
		switch {
		case one.Name == "":
			d.fault(one.line, one.path+".name", "is missing", "give the directory a name such as \"staff\"; it stands in the audit log and must not change later")
		case !nameForm.MatchString(one.Name):
			d.fault(one.line, one.path+".name", "is not of the form of a name", "use up to 31 lower-case letters, digits and hyphens, a letter or digit first")
		case slices.ContainsFunc(*s, func(o Section) bool { return o.Name == one.Name }):
			d.fault(one.line, one.path+".name", fmt.Sprintf("%q is the name of another directory too", one.Name), "give each its own")
		}
		if one.Title == "" {
			one.Title = one.Name
		}
		var ids []string
		known := false
		for _, k := range d.kinds.Directories {
			ids = append(ids, k.ID)
			if k.ID == one.Type {
				one.against(d, k.Settings)
				known = true
			}
		}
		d.known(one, known, ids)
		*s = append(*s, one)
	}
}

func (s *Senders) read(d *decoder, n ast.Node, path string) {
	for i, item := range d.items(n, path) {
		one := d.section(item, fmt.Sprintf("%s[%d]", path, i))
		var ids []string
		known := false
		for _, k := range d.kinds.Senders {
			ids = append(ids, k.ID)
			if k.ID == one.Type {
				one.against(d, k.Settings)
				known = true
			}
		}
		d.known(one, known, ids)
		*s = append(*s, one)
	}
}

func (s *Methods) read(d *decoder, n ast.Node, path string) {
	var ids []string
	for _, k := range d.kinds.Methods {
		ids = append(ids, string(k.ID))
	}
	for _, e := range d.entries(n, path) {
		one := Section{Type: e.key, file: d.file, path: join(path, e.key), line: e.line}
		one.entries = d.entries(e.value, one.path)
		i := slices.Index(ids, e.key)
		if i < 0 {
			d.fault(e.line, one.path, "is no method", "there are "+strings.Join(ids, ", "))
			continue
		}
		one.against(d, d.kinds.Methods[i].Settings)
		*s = append(*s, one)
	}
}

// items returns the entries of a list.
func (d *decoder) items(n ast.Node, path string) []ast.Node {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		return n.Values
	}
	d.fault(line(n), path, "wants a list, not "+describe(n), "begin each entry with \"- \"")
	return nil
}

// section takes the common keys out of one entry: type and the given ones.
func (d *decoder) section(n ast.Node, path string, common ...string) Section {
	s := Section{file: d.file, path: path, line: line(n)}
	d.lines[path] = s.line
	into := map[string]*string{"type": &s.Type}
	for _, c := range common {
		into[c] = map[string]*string{"name": &s.Name, "title": &s.Title}[c]
	}
	for _, e := range d.entries(n, path) {
		if to, ok := into[e.key]; ok {
			*to, _ = d.text(e.value, join(path, e.key))
			continue
		}
		s.entries = append(s.entries, e)
	}
	return s
}

// route takes what says who is looked up out of a directory's entry.
func (d *decoder) route(s *Section) {
	v := reflect.ValueOf(&s.Routing).Elem()
	var mine []entry
	s.entries = slices.DeleteFunc(s.entries, func(e entry) bool {
		own := slices.ContainsFunc(fieldsOf(v.Type()), func(f field) bool { return f.key == e.key })
		if own {
			mine = append(mine, e)
		}
		return own
	})
	d.structure(mine, s.line, s.path, v)
}

// known reports a type that no Kind has.
func (d *decoder) known(s Section, known bool, ids []string) {
	switch {
	case known:
	case s.Type == "":
		d.fault(s.line, s.path+".type", "is missing", "there are "+strings.Join(ids, ", "))
	default:
		d.fault(s.line, s.path+".type", fmt.Sprintf("there is no type %q", s.Type), "there are "+strings.Join(ids, ", "))
	}
}
