package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

//go:embed asset
var assets embed.FS

//go:embed template
var templates embed.FS

// StaticPrefix is where pages expect the files of Renderer.Static.
const StaticPrefix = "/static/"

// Static is a set of small files in memory, under names that hold a hash of their content, so
// that browsers may keep them for ever.
type Static struct {
	files map[string]File   // by hashed name
	url   map[string]string // by plain name
}

// File is a static file.
type File struct {
	Content []byte
	Type    string
}

// types are what static files can be. The system's own table is not asked: it differs.
var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml; charset=utf-8",
	".png": "image/png",
}

// File returns the file with a hashed name.
func (s *Static) File(name string) (File, bool) {
	f, ok := s.files[name]
	return f, ok
}

// URL returns the address of a file by its plain name.
func (s *Static) URL(name string) (string, error) {
	if u, ok := s.url[name]; ok {
		return u, nil
	}
	return "", fmt.Errorf("no static file %q", name)
}

// newStatic makes the layout's files: one style sheet and one script made of their parts, and the
// pictures.
func newStatic(b Brand) (*Static, error) {
	s := &Static{files: map[string]File{}, url: map[string]string{}}
	tokens, err := joined("tokens.css")
	if err != nil {
		return nil, err
	}
	style, err := joined("portal.css")
	if err != nil {
		return nil, err
	}
	s.add("style.css", bytes.Join([][]byte{tokens, []byte(b.style()), style}, []byte("\n")))
	script, err := joined("field.js", "rules.js", "time.js", "moment.js")
	if err != nil {
		return nil, err
	}
	s.add("page.js", script)
	if style, err = joined("console.css"); err != nil {
		return nil, err
	}
	s.add("console.css", style)
	if script, err = joined("moment.js"); err != nil {
		return nil, err
	}
	s.add("console.js", script)
	icon, err := joined("favicon.svg")
	if err != nil {
		return nil, err
	}
	s.add("favicon.svg", bytes.ReplaceAll(icon, []byte(defaultAccent), []byte(b.Accent)))
	if b.HasLogo() {
		s.add(b.logoName(), b.Logo)
	}
	return s, nil
}

func joined(names ...string) ([]byte, error) {
	var out bytes.Buffer
	for _, name := range names {
		part, err := assets.ReadFile("asset/" + name)
		if err != nil {
			return nil, fmt.Errorf("page: %w", err)
		}
		out.Write(part)
	}
	return out.Bytes(), nil
}

// add keeps a file and returns its address.
func (s *Static) add(name string, content []byte) string {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext
	s.files[hashed] = File{Content: content, Type: types[ext]}
	s.url[name] = StaticPrefix + hashed
	return s.url[name]
}
