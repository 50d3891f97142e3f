package page

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"postern/method"
	"postern/web/edge"
)

//go:embed text/*.json
var ownTexts embed.FS

// Source is a folder with text/<language>.json: flat objects of key to text, or of key to an
// object with the plural forms of CLDR ("one", "other" …), chosen by the parameter n. Parameters
// stand in braces: "{n} characters or more".
type Source struct {
	Prefix string // goes before each of its keys
	Files  fs.FS
}

// Texts is the catalogue of everything that people read. It implements app.Texts.
type Texts struct {
	languages []Language
	matcher   language.Matcher
	localizer map[string]*i18n.Localizer
	params    map[string]map[string][]string // by language and key
}

// Language is one that pages exist in.
type Language struct{ Code, Name string } // "de", "Deutsch"

// defaultLanguage is used where nothing fits, and for texts that another language lacks.
const defaultLanguage = "en"

// NewTexts reads the catalogue: what pages and messages need, the edge's problems, each method's
// own texts under "method.<id>.", and more.
func NewTexts(methods []method.Kind, more ...Source) (*Texts, error) {
	t := &Texts{localizer: map[string]*i18n.Localizer{}, params: map[string]map[string][]string{}}
	bundle := i18n.NewBundle(language.Make(defaultLanguage))
	sources := append([]Source{{Files: ownTexts}, {Files: edge.Texts}}, more...)
	for _, k := range methods {
		if k.Assets != nil {
			sources = append(sources, Source{Prefix: "method." + string(k.ID) + ".", Files: k.Assets})
		}
	}
	for _, s := range sources {
		if err := t.read(bundle, s); err != nil {
			return nil, err
		}
	}
	tags := []language.Tag{language.Make(defaultLanguage)}
	for code := range t.params {
		if code != defaultLanguage {
			tags = append(tags, language.Make(code))
		}
	}
	slices.SortFunc(tags[1:], func(a, b language.Tag) int { return strings.Compare(a.String(), b.String()) })
	t.matcher = language.NewMatcher(tags)
	for _, tag := range tags {
		code := tag.String()
		t.languages = append(t.languages, Language{Code: code, Name: display.Self.Name(tag)})
		t.localizer[code] = i18n.NewLocalizer(bundle, code)
	}
	return t, nil
}

// read adds one source. The languages that exist are those of the first source.
func (t *Texts) read(bundle *i18n.Bundle, s Source) error {
	names, err := fs.Glob(s.Files, "text/*.json")
	if err != nil {
		return err
	}
	first := len(t.params) == 0
	for _, name := range names {
		tag, err := language.Parse(strings.TrimSuffix(path.Base(name), ".json"))
		if err != nil {
			return fmt.Errorf("page: texts %s%s: %w", s.Prefix, name, err)
		}
		code := tag.String()
		if first {
			t.params[code] = map[string][]string{}
		}
		if t.params[code] == nil {
			continue
		}
		if err := t.readFile(bundle, tag, s, name); err != nil {
			return fmt.Errorf("page: texts %s%s: %w", s.Prefix, name, err)
		}
	}
	return nil
}

func (t *Texts) readFile(bundle *i18n.Bundle, tag language.Tag, s Source, name string) error {
	b, err := fs.ReadFile(s.Files, name)
	if err != nil {
		return err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	for key, value := range raw {
		m := &i18n.Message{ID: s.Prefix + key}
		if value[0] == '"' {
			err = json.Unmarshal(value, &m.Other)
		} else {
			err = readForms(value, m)
		}
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		if _, twice := t.params[tag.String()][m.ID]; twice {
			return fmt.Errorf("key %q is there twice", m.ID)
		}
		if t.params[tag.String()][m.ID], err = params(m); err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		if err := bundle.AddMessages(tag, m); err != nil {
			return err
		}
	}
	return nil
}

func readForms(value json.RawMessage, m *i18n.Message) error {
	var forms map[string]string
	if err := json.Unmarshal(value, &forms); err != nil {
		return err
	}
	into := map[string]*string{"zero": &m.Zero, "one": &m.One, "two": &m.Two, "few": &m.Few, "many": &m.Many, "other": &m.Other}
	for form, text := range forms {
		if into[form] == nil {
			return fmt.Errorf("%q is no plural form", form)
		}
		*into[form] = text
	}
	return nil
}

var param = regexp.MustCompile(`\{([a-z_]+)\}`)

// params returns the names of the parameters of m, which its plural forms share.
func params(m *i18n.Message) ([]string, error) {
	if strings.TrimSpace(m.Other) == "" {
		return nil, errors.New("is empty")
	}
	names := []string{}
	for _, text := range []string{m.Zero, m.One, m.Two, m.Few, m.Many, m.Other} {
		if strings.ContainsAny(param.ReplaceAllString(text, ""), "{}") {
			return nil, errors.New("parameters are written {name}, in small letters")
		}
		for _, found := range param.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(names, found[1]) {
				names = append(names, found[1])
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// Languages returns the languages that pages exist in, the default first.
func (t *Texts) Languages() []Language { return t.languages }

// Has reports whether there is a text for key.
func (t *Texts) Has(key string) bool {
	_, ok := t.params[defaultLanguage][key]
	return ok
}

// Match returns the code of the language that fits best. Each preference is a code or an
// Accept-Language list; earlier ones weigh more, and what cannot be read is passed over.
func (t *Texts) Match(preferences ...string) string {
	for _, p := range preferences {
		tags, _, err := language.ParseAcceptLanguage(p)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, confidence := t.matcher.Match(tags...); confidence > language.No {
			return t.languages[i].Code
		}
	}
	return defaultLanguage
}

// Text returns the key's text in the language that fits best, with {params} filled in; n chooses
// the plural form. A key without a text comes back itself: tests keep that from happening.
func (t *Texts) Text(code, key string, params map[string]any) string {
	l := t.localizer[code]
	if l == nil {
		l = t.localizer[t.Match(code)]
	}
	// The error says that a language lacks the text; the default language's comes with it.
	text, _ := l.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: params,
		PluralCount: count(params["n"]), TemplateParser: parser{}})
	if text == "" {
		return key
	}
	return text
}

// count returns n as go-i18n takes it, or nil.
func count(n any) any {
	switch n := n.(type) {
	case int, int8, int16, int32, int64, string:
		return n
	case float64: // from JSON
		return int64(n)
	}
	return nil
}
