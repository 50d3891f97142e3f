package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxBytes bounds the file: nobody writes so much, and the parser's cost grows with it.
const maxBytes = 1 << 20

// Read reads and checks text, which stood in the file called name. The error is Faults: all of
// them, in the order of the file.
func Read(name string, text []byte, kinds Kinds) (Config, error) {
	c := Default()
	c.file = name
	d := &decoder{file: name, kinds: kinds, lines: map[string]int{}}
	body, err := parse(text)
	if err != nil {
		return Config{}, Faults{{File: name, Line: err.line, Text: err.text, Fix: "check indentation, quotes and colons around here"}}
	}
	d.structure(d.entries(body, ""), 1, "", reflect.ValueOf(&c).Elem())
	c.lines = maps.Clone(d.lines)
	c.settle()
	if len(d.faults) == 0 {
		// Contradictions are looked for in a file that can be read: else they are noise.
		d.faults = c.check()
	}
	if len(d.faults) > 0 {
		return Config{}, d.faults.sorted()
	}
	return c, nil
}

// syntax is why a text is no YAML.
type syntax struct {
	line int
	text string
}

// parse returns the file's one document; nil for an empty one.
func parse(text []byte) (body ast.Node, bad *syntax) {
	switch {
	case len(text) > maxBytes:
		return nil, &syntax{1, fmt.Sprintf("the file has more than %d bytes", maxBytes)}
	case !utf8.Valid(text):
		before := text
		for len(before) > 0 && !utf8.Valid(before) {
			before = before[:len(before)/2]
		}
		return nil, &syntax{1 + bytes.Count(before, []byte("\n")), "the file is not UTF-8"}
	}
	// The parser is a library that was made for speed; on a text that it did not foresee it must
	// not end the process that "postern check" was asked to protect.
	defer func() {
		if recover() != nil {
			body, bad = nil, &syntax{1, "the file is not YAML"}
		}
	}()
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, explain(err)
	}
	for _, doc := range file.Docs {
		if doc == nil || doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, &syntax{line(doc.Body), "a second document begins"}
		}
		body = doc.Body
	}
	return body, nil
}

// explain takes the line and the reason out of the parser's error, and leaves its excerpt of the
// file out: it could show a secret that somebody wrote there.
func explain(err error) *syntax {
	var placed interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &placed) && placed.GetToken() != nil && placed.GetToken().Position != nil {
		return &syntax{max(1, placed.GetToken().Position.Line), placed.GetMessage()}
	}
	return &syntax{1, "the file is not YAML"}
}
