package config

import (
	"encoding"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// decoder walks the syntax tree and the Go value side by side, so that it can go on after a
// fault: a library's decoder stops at the first.
type decoder struct {
	file   string
	kinds  Kinds
	lines  map[string]int
	faults Faults
}

// reader is a value that reads its own node.
type reader interface {
	read(d *decoder, n ast.Node, path string)
}

// entry is one key of a mapping.
type entry struct {
	key   string
	line  int
	value ast.Node
}

func (d *decoder) fault(line int, path, text, fix string) {
	d.faults = append(d.faults, Fault{File: d.file, Line: line, Setting: path, Text: text, Fix: fix})
}

// line returns where n stands; 1 where the parser does not say.
func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	return max(1, n.GetToken().Position.Line)
}

// entries returns the keys of n, each once; what is no mapping is a fault, and nothing is an
// empty one.
func (d *decoder) entries(n ast.Node, path string) []entry {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		d.fault(line(n), path, "wants settings below it, not "+describe(n), "write \"key: value\" lines, indented")
		return nil
	}
	var out []entry
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			d.fault(line(v.Key), path, "a setting's name must be plain text, not "+describe(v.Key), "write it without sigils")
			continue
		}
		at := slices.IndexFunc(out, func(e entry) bool { return e.key == key.Value })
		if at >= 0 {
			d.fault(line(v.Key), join(path, key.Value), fmt.Sprintf("stands twice, first in line %d", out[at].line), "keep one")
			continue
		}
		d.lines[join(path, key.Value)] = line(v.Key)
		out = append(out, entry{key: key.Value, line: line(v.Key), value: v.Value})
	}
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value reads n into v.
func (d *decoder) value(n ast.Node, path string, f field, v reflect.Value) {
	if r, ok := v.Addr().Interface().(reader); ok {
		r.read(d, n, path)
		return
	}
	if _, null := n.(*ast.NullNode); null || n == nil {
		return // "key:" with nothing keeps the default
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d.duration(n, path, v)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, ok := d.text(n, path); ok {
			if err := u.UnmarshalText([]byte(s)); err != nil {
				d.fault(line(n), path, err.Error(), "see \"postern config docs\" for what it may be")
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		d.value(n, path, f, fresh.Elem())
		v.Set(fresh)
	case reflect.Struct:
		d.structure(d.entries(n, path), line(n), path, v)
	case reflect.Slice:
		d.list(n, path, f, v)
	case reflect.Map:
		d.mapping(n, path, v)
	default:
		d.scalar(n, path, f, v)
	}
}

// structure reads entries into the fields of v. at is the line to blame where there is no other.
func (d *decoder) structure(entries []entry, at int, path string, v reflect.Value) {
	fields := fieldsOf(v.Type())
	for _, e := range entries {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key })
		if i < 0 {
			text, fix := unknown(e.key, fields)
			d.fault(e.line, join(path, e.key), text, fix)
			continue
		}
		d.value(e.value, join(path, e.key), fields[i], v.FieldByIndex(fields[i].index))
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.key, "env")
		if !ok {
			continue
		}
		if i := slices.IndexFunc(entries, func(o entry) bool { return o.key == base+"file" }); i >= 0 {
			d.fault(max(at, e.line, entries[i].line), join(path, e.key), fmt.Sprintf("stands beside %s, which says the same", join(path, base+"file")), "keep one")
		}
	}
}

func (d *decoder) list(n ast.Node, path string, f field, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fault(line(n), path, "wants a list, not "+describe(n), "write [a, b] or one \"- a\" line each")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = line(item)
		d.value(item, at, f, out.Index(i))
	}
	v.Set(out)
}

func (d *decoder) mapping(n ast.Node, path string, v reflect.Value) {
	out := reflect.MakeMap(v.Type())
	for _, e := range d.entries(n, path) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(e.value, join(path, e.key), field{}, item)
		out.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), item)
	}
	v.Set(out)
}

func (d *decoder) duration(n ast.Node, path string, v reflect.Value) {
	const fix = "write a number with its unit: 200ms, 30s, 15m, 24h"
	if i, ok := n.(*ast.IntegerNode); ok && fmt.Sprint(i.Value) == "0" {
		v.SetInt(0)
		return
	}
	s, ok := n.(*ast.StringNode)
	if !ok {
		d.fault(line(n), path, "wants a length of time, not "+describe(n), fix)
		return
	}
	span, err := time.ParseDuration(s.Value)
	if err != nil {
		d.fault(line(n), path, fmt.Sprintf("%q is no length of time", s.Value), fix)
		return
	}
	if span < 0 {
		d.fault(line(n), path, fmt.Sprintf("%q is less than nothing", s.Value), fix)
		return
	}
	v.SetInt(int64(span))
}

// text returns the text that n is.
func (d *decoder) text(n ast.Node, path string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		if n.Value != nil {
			return n.Value.Value, true
		}
	}
	d.fault(line(n), path, "wants text, not "+describe(n), "put it in quotes")
	return "", false
}

func (d *decoder) scalar(n ast.Node, path string, f field, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if _, number := n.(*ast.IntegerNode); number && f.form != "" {
			d.fault(line(n), path, "wants text, not a number", fmt.Sprintf("write it as %q", f.form))
			return
		}
		s, ok := d.text(n, path)
		if !ok {
			return
		}
		if len(f.oneof) > 0 && s != "" && !slices.Contains(f.oneof, s) {
			d.fault(line(n), path, fmt.Sprintf("%q is not possible here", s), "use one of "+strings.Join(f.oneof, ", "))
			return
		}
		if f.path && s != "" && !filepath.IsAbs(s) {
			s = filepath.Join(filepath.Dir(d.file), s)
		}
		v.SetString(s)
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
			return
		}
		d.fault(line(n), path, "wants true or false, not "+describe(n), "write true or false, without quotes")
	default:
		d.number(n, path, v)
	}
}

func (d *decoder) number(n ast.Node, path string, v reflect.Value) {
	raw := ""
	switch n := n.(type) {
	case *ast.IntegerNode:
		raw = fmt.Sprint(n.Value)
	case *ast.FloatNode:
		raw = strconv.FormatFloat(n.Value, 'g', -1, 64)
	default:
		d.fault(line(n), path, "wants a number, not "+describe(n), "write digits, without quotes")
		return
	}
	var err error
	switch {
	case v.CanInt():
		var i int64
		if i, err = strconv.ParseInt(raw, 10, v.Type().Bits()); err == nil {
			v.SetInt(i)
		}
	case v.CanUint():
		var u uint64
		if u, err = strconv.ParseUint(raw, 10, v.Type().Bits()); err == nil {
			v.SetUint(u)
		}
	case v.CanFloat():
		var x float64
		if x, err = strconv.ParseFloat(raw, 64); err == nil {
			v.SetFloat(x)
		}
	default:
		err = fmt.Errorf("the setting has no such type")
	}
	if err != nil {
		d.fault(line(n), path, fmt.Sprintf("%s does not fit", raw), "use a whole number that is not so large")
	}
}

// describe says what n is, in words of the file and without its value, which may be a secret.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "settings"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor or alias, which this file does not use"
	case *ast.TagNode:
		return "a tagged value, which this file does not use"
	}
	return "something else"
}
