package page

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"postern/method"
)

func settings(t *testing.T, files fstest.MapFS, kinds ...method.Kind) Settings {
	t.Helper()
	return Settings{Texts: mustTexts(t, kinds), Brand: Brand{Name: "Northwind <Traders>", HelpDesk: "ext. 4357"}, Pages: files, Methods: kinds}
}

const onePage = `{{template "top" .}}<h1>{{.Title}}</h1>{{template "bottom" .}}`

func TestRender(t *testing.T) {
	r, err := New(settings(t, fstest.MapFS{"one.html": {Data: []byte(onePage)}, "bad.html": {Data: []byte(`<p>{{.Nothing}}`)}}))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	data := Frame{Language: "de", Title: "A & B", Self: "/x", Problems: []Problem{{Text: "P"}}}
	if err := r.Render(w, http.StatusTeapot, "one", data); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	for _, want := range []string{`<html lang="de"`, `<title>Fehler: A &amp; B · Northwind &lt;Traders&gt;</title>`,
		`<h1>A &amp; B</h1>`, `href="/x?lang=en"`, `ext. 4357`, `role="alert"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if w.Code != http.StatusTeapot || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("got %d, %v", w.Code, w.Header())
	}
	w = httptest.NewRecorder()
	if err := r.Render(w, http.StatusOK, "bad", data); err == nil || w.Body.Len() > 0 || len(w.Header()) > 0 {
		t.Errorf("a page that fails: got %v and %q, want an error and not a byte", err, w.Body)
	}
	if err := r.Render(w, http.StatusOK, "one", Frame{Language: "xx"}); err == nil {
		t.Error("an unknown language was rendered")
	}
}

func TestPagesAreCheckedAtStart(t *testing.T) {
	for name, content := range map[string]string{"syntax": `{{if}}`, "unknown function": `{{nothing}}`} {
		if _, err := New(settings(t, fstest.MapFS{"one.html": {Data: []byte(content)}})); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestStatic(t *testing.T) {
	r, err := New(settings(t, fstest.MapFS{"one.html": {Data: []byte(onePage)}}))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`^/static/[a-z]+\.[0-9a-f]{16}\.(css|js|svg)$`)
	for _, name := range []string{"style.css", "page.js", "favicon.svg"} {
		url, err := r.Static().URL(name)
		if err != nil || !named.MatchString(url) {
			t.Fatalf("%s: got %q, %v", name, url, err)
		}
		f, ok := r.Static().File(strings.TrimPrefix(url, StaticPrefix))
		if !ok || len(f.Content) == 0 || f.Type == "" {
			t.Errorf("%s: got %+v", url, f)
		}
		if external := regexp.MustCompile(`(?i)(url\(|@import|https?://)[^\s]*`).FindString(
			strings.ReplaceAll(string(f.Content), "http://www.w3.org/2000/svg", "")); external != "" {
			t.Errorf("%s refers to %q", name, external)
		}
	}
	if _, ok := r.Static().File("style.css"); ok {
		t.Error("a file without its hash is served: it would be kept for ever")
	}
	css, _ := r.Static().URL("style.css")
	other := settings(t, fstest.MapFS{"one.html": {Data: []byte(onePage)}})
	other.Brand.Accent = "#7a1f5c"
	r2, err := New(other)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := r2.Static().URL("style.css"); again == css {
		t.Error("another accent has the same address: browsers would keep the old colour")
	}
}

func TestMethodAssets(t *testing.T) {
	kind := func(icon, challenge string) method.Kind {
		return method.Kind{ID: "m", Assets: fstest.MapFS{"icon.svg": {Data: []byte(icon)}, "challenge.html": {Data: []byte(challenge)},
			"script.js": {Data: []byte("void 0")}, "text/en.json": {Data: []byte(`{"name":"M"}`)}, "text/de.json": {Data: []byte(`{"name":"N"}`)}}}
	}
	pages := fstest.MapFS{"one.html": {Data: []byte(onePage)}}
	for _, icon := range []string{`<svg onload="x">`, `<svg style="x">`, `<svg ><script>`, `<svg ><use href="#a">`, `hello`, `<!DOCTYPE svg><svg >`} {
		if _, err := New(settings(t, pages, kind(icon, "x"))); err == nil {
			t.Errorf("icon %s: no error", icon)
		}
	}
	r, err := New(settings(t, pages, kind(`<svg viewBox="0 0 9 9"><path d="M0 0"/></svg>`, `{{t "method.m.name"}} {{.Public.x}} {{.Error}}`)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Challenge("de", "m", json.RawMessage(`{"x":"<b>"}`), "E&E")
	if want := "N &lt;b&gt; E&amp;E"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := r.Challenge("de", "m", json.RawMessage(`{`), ""); err == nil {
		t.Error("a public part that is no JSON was rendered")
	}
	if _, err := r.Enrollment("de", "m", nil, ""); err == nil {
		t.Error("a template that is not there was rendered")
	}
	if _, err := r.Challenge("de", "other", nil, ""); err == nil {
		t.Error("an unknown method was rendered")
	}
	w := httptest.NewRecorder()
	if err := r.Render(w, http.StatusOK, "one", Frame{Language: "en", Method: "m"}); err != nil ||
		!regexp.MustCompile(`<script src="/static/method-m\.[0-9a-f]+\.js" type="module">`).MatchString(w.Body.String()) {
		t.Errorf("the page does not load the method's script: %v", err)
	}
}
