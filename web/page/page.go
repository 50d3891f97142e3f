// Package page is how pages look and speak: the layout, the style, the small scripts, the texts in
// every language, the organisation's name and colour, and a renderer that turns a page's data into
// bytes.
//
// It does not know what a page is about: web/portal brings its own templates and data. It does not
// set headers or cookies (web/edge does) and it reads no configuration.
//
// It guards three things. Every template is parsed at start and rendered to a buffer before the
// first byte leaves, so that nobody sees half a page. Nothing refers to another host, and there is
// no style or script within a page, so that the strictest content security policy holds. An accent
// colour that people could not read is refused with the ratio that was measured.
//
// What a method brings in its Assets is rendered here too. challenge.html and enroll.html are
// html/template with Ask as data and the function t. They stand inside a form that carries the
// method's identifier and has the question's public part as JSON in data-public, for script.js.
// When the last answer was not accepted, the element with the id "error" says so; the field they
// bring has the id "code".
package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"regexp"
	"strings"

	"postern/method"
	"postern/policy"
)

// Settings are what a Renderer is made of.
type Settings struct {
	Texts   *Texts
	Brand   Brand
	Methods []method.Kind
	// Pages holds *.html, each defining one page under its file name; it may use what the layout
	// defines: "top", "bottom", "errors", "icon" and the fields.
	Pages fs.FS
}

// Renderer renders pages. It never changes after New and may be used by many at once.
type Renderer struct {
	texts    *Texts
	brand    Brand
	static   *Static
	pages    map[string]*template.Template // by language
	fragment map[string]*template.Template // by language and method
	icons    map[policy.Factor]template.HTML
	scripts  map[policy.Factor]string // URL of a method's script
}

// Frame is what the layout needs of every page. A page's data embeds it.
type Frame struct {
	Language string // one of Texts.Languages
	Title    string // of the page; its one h1 says the same
	Self     string // where GET shows this page again, for the language switch
	Problems []Problem
	Method   policy.Factor // whose script the page needs; empty: none
}

// Problem is one line of the error summary. Field is the id of what to mend; empty: none.
type Problem struct{ Field, Text string }

// Failed reports whether the page tells of a problem, which its title then says first.
func (f Frame) Failed() bool { return len(f.Problems) > 0 }

// On returns what is wrong with a field, or "".
func (f Frame) On(field string) string {
	var texts []string
	for _, p := range f.Problems {
		if p.Field == field {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, " ")
}

// Ask is what a method's own template sees.
type Ask struct {
	Public map[string]any // the question's public part
	Error  string         // what was wrong with the last answer; empty: nothing
}

// New parses all templates. An error names the file.
func New(s Settings) (*Renderer, error) {
	brand, err := s.Brand.ready()
	if err != nil {
		return nil, err
	}
	static, err := newStatic(brand)
	if err != nil {
		return nil, err
	}
	r := &Renderer{texts: s.Texts, brand: brand, static: static, pages: map[string]*template.Template{},
		fragment: map[string]*template.Template{}, icons: map[policy.Factor]template.HTML{},
		scripts: map[policy.Factor]string{}}
	for _, k := range s.Methods {
		if err := r.assets(k); err != nil {
			return nil, fmt.Errorf("page: assets of method %s: %w", k.ID, err)
		}
	}
	for _, l := range s.Texts.Languages() {
		layout, err := template.New("").Funcs(r.functions(l.Code)).ParseFS(templates, "template/*.html")
		if err != nil {
			return nil, fmt.Errorf("page: layout: %w", err)
		}
		if r.pages[l.Code], err = layout.ParseFS(s.Pages, "*.html"); err != nil {
			return nil, fmt.Errorf("page: pages: %w", err)
		}
		for _, k := range s.Methods {
			if err := r.parseMethod(l.Code, k); err != nil {
				return nil, fmt.Errorf("page: pages of method %s: %w", k.ID, err)
			}
		}
	}
	return r, nil
}

// Texts returns the catalogue.
func (r *Renderer) Texts() *Texts { return r.texts }

// Brand returns the organisation as pages show it.
func (r *Renderer) Brand() Brand { return r.brand }

// Static returns the files that pages refer to, to be served below StaticPrefix.
func (r *Renderer) Static() *Static { return r.static }

// Render writes a page. name is the template's file name without ".html".
func (r *Renderer) Render(w http.ResponseWriter, status int, name string, data Data) error {
	set := r.pages[data.frame().Language]
	if set == nil {
		return fmt.Errorf("page: no language %q", data.frame().Language)
	}
	var b bytes.Buffer
	if err := set.ExecuteTemplate(&b, name+".html", data); err != nil {
		return fmt.Errorf("page: rendering %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", data.frame().Language)
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}

// Data is what a page is made of: any struct that embeds a Frame.
type Data interface{ frame() Frame }

func (f Frame) frame() Frame { return f }

// Challenge renders a method's own part of the page that asks for its answer.
func (r *Renderer) Challenge(language string, f policy.Factor, public json.RawMessage, problem string) (template.HTML, error) {
	return r.part(language, f, "challenge.html", public, problem)
}

// Enrollment renders a method's own part of the page that enrols it.
func (r *Renderer) Enrollment(language string, f policy.Factor, public json.RawMessage, problem string) (template.HTML, error) {
	return r.part(language, f, "enroll.html", public, problem)
}

var errNoPart = errors.New("the method has no such template")

func (r *Renderer) part(language string, f policy.Factor, name string, public json.RawMessage, problem string) (template.HTML, error) {
	ask := Ask{Error: problem}
	if len(public) > 0 && !bytes.Equal(public, []byte("null")) {
		if err := json.Unmarshal(public, &ask.Public); err != nil {
			return "", fmt.Errorf("page: public part of a question of method %s: %w", f, err)
		}
	}
	set := r.fragment[language+" "+string(f)]
	if set == nil || set.Lookup(name) == nil {
		return "", fmt.Errorf("page: %s of method %s: %w", name, f, errNoPart)
	}
	var b strings.Builder
	if err := set.ExecuteTemplate(&b, name, ask); err != nil {
		return "", fmt.Errorf("page: rendering %s of method %s: %w", name, f, err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // html/template wrote it
}

// unsafeIcon matches what an inlined picture must not hold under the content security policy.
var unsafeIcon = regexp.MustCompile(`(?i)<(script|style|foreignobject|image|use)\b|\s(on[a-z]+|class|style|href|xlink:href)\s*=|<!|<\?`)

// assets keeps a method's icon and script.
func (r *Renderer) assets(k method.Kind) error {
	r.icons[k.ID] = ""
	if k.Assets == nil {
		return nil
	}
	icon, err := fs.ReadFile(k.Assets, "icon.svg")
	switch {
	case err == nil && (!bytes.HasPrefix(icon, []byte("<svg ")) || unsafeIcon.Match(icon)):
		return errors.New("icon.svg must be a plain <svg> without script, style or reference")
	case err == nil:
		r.icons[k.ID] = picture(icon)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	script, err := fs.ReadFile(k.Assets, "script.js")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.scripts[k.ID] = r.static.add("method-"+string(k.ID)+".js", script)
	return nil
}

// picture makes an icon that is of the layout's size and silent for screen readers.
func picture(icon []byte) template.HTML {
	attributes := ` class="icon" focusable="false"`
	if !bytes.Contains(icon, []byte(`aria-hidden="true"`)) {
		attributes += ` aria-hidden="true"`
	}
	return template.HTML("<svg" + attributes + string(icon[len("<svg"):])) //nolint:gosec // assets checked it
}

func (r *Renderer) parseMethod(language string, k method.Kind) error {
	if k.Assets == nil {
		return nil
	}
	names, err := fs.Glob(k.Assets, "*.html")
	if err != nil || len(names) == 0 {
		return err
	}
	set, err := template.New("").Funcs(r.functions(language)).ParseFS(k.Assets, "*.html")
	if err != nil {
		return err
	}
	r.fragment[language+" "+string(k.ID)] = set
	return nil
}
