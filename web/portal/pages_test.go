package portal

import (
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"postern/app"
)

// visit walks through every page in one language and hands each to see.
func visit(t *testing.T, language string, see func(name, body string)) {
	t.Helper()
	f := newFake()
	m := newPortal(t, f)
	var b *browser
	anew := func(who string) {
		b = newBrowser(t, m, language)
		b.post("/reset", "identifier", who)
	}
	page := func(name string, status int) { see(name, b.want(status).body) }

	b = newBrowser(t, m, language)
	b.get("/")
	page("start", 200)
	b.post("/reset", "identifier", "")
	page("start with an error", http.StatusBadRequest)
	anew("lock")
	page("methods", 200)
	b.post("/reset/ask", "method", "m9")
	page("methods with an error", http.StatusBadRequest)
	for _, id := range []string{"m1", "m2", "m3"} {
		b.post("/reset/ask", "method", id)
		page("question "+id, 200)
		b.post("/reset/answer", "method", id, "code", "000000")
		page("question with an error "+id, http.StatusUnauthorized)
	}
	b.post("/reset/answer", "method", "m3", "code", fakeCode)
	page("methods, one proven", 200)
	b.get("/reset/help")
	page("help", 200)
	b.post("/reset/ask", "method", "m2")
	page("second question", 200)
	b.post("/reset/answer", "method", "m2", "code", fakeCode)
	page("password", 200)
	b.post("/reset/password", "password", "lovelace")
	page("password with errors", http.StatusUnprocessableEntity)
	b.post("/reset/password", "password", goodPassword)
	page("receipt", 200)
	anew("lock")
	b.prove().post("/reset/unlock")
	page("receipt of unlocking", 200)
	visitUnlocking(t, language, see)
	visitEndings(t, language, see)
	visitRest(m, f, newBrowser(t, m, language), see)
}

// visitUnlocking walks through the pages of those who only want to be unlocked.
func visitUnlocking(t *testing.T, language string, see func(name, body string)) {
	t.Helper()
	f := newFake()
	f.lock = app.Lock{Since: f.now.Add(-time.Hour), Until: f.now.Add(time.Hour)}
	m := newPortal(t, f)
	b := newBrowser(t, m, language)
	see("unlock, start", b.get("/unlock").want(200).body)
	see("unlock, start with an error", b.post("/unlock", "identifier", "").want(http.StatusBadRequest).body)
	see("locked", b.post("/unlock", "identifier", "lock").prove().body)
	f.locks = true
	see("locked, with an error", b.post("/reset/unlock").want(http.StatusUnprocessableEntity).body)
	f.locks = false
	see("unlocked", b.post("/reset/unlock").want(200).body)
	see("password of somebody locked", newBrowser(t, m, language).post("/reset", "identifier", "lock").prove().body)
	see("not locked", newBrowser(t, m, language).post("/unlock", "identifier", "ada").prove().body)
	f.stale = true
	see("not locked, and expired", newBrowser(t, m, language).post("/unlock", "identifier", "ada").prove().body)
}

// visitEndings walks to every way in which a recovery ends without success.
func visitEndings(t *testing.T, language string, see func(name, body string)) {
	t.Helper()
	f := newFake()
	m := newPortal(t, f)
	var b *browser
	anew := func(who string) {
		b = newBrowser(t, m, language)
		b.post("/reset", "identifier", who)
	}
	page := func(name string, status int) { see(name, b.want(status).body) }
	anew("mallory")
	for range 6 {
		b.post("/reset/ask", "method", "m2")
		b.post("/reset/answer", "method", "m2", "code", "000000")
	}
	page("refused", 200)
	anew("ada")
	token := b.cookies["__Host-postern-recovery"]
	b.post("/reset/cancel")
	b.cookies["__Host-postern-recovery"] = token
	b.get("/reset")
	page("cancelled", 200)
	anew("ada")
	f.now = f.now.Add(time.Hour)
	b.get("/reset")
	page("expired", 200)
	anew("ada")
	b.prove()
	f.down = http.ErrAbortHandler
	b.post("/reset/password", "password", goodPassword)
	page("working", 200)
	f.now = f.now.Add(time.Hour)
	b.get("/reset")
	page("unsettled", 200)
	f.down = nil
	anew("lock")
	b.prove()
	f.down = http.ErrAbortHandler
	b.post("/reset/unlock")
	page("working on unlocking", 200)
	f.now = f.now.Add(time.Hour)
	b.get("/reset")
	page("unsettled unlocking", 200)
	f.down = nil
	b = newBrowser(t, m, language)
	b.post("/reset", "identifier", "limited")
	page("limited", http.StatusTooManyRequests)
	f.down = &app.Refusal{Problem: app.ProblemUnavailable, Key: "problem.try_later", Retry: time.Minute}
	b.post("/reset", "identifier", "ada")
	page("try later", http.StatusServiceUnavailable)
}

func visitRest(m http.Handler, f *fake, b *browser, see func(name, body string)) {
	f.down = nil
	see("no recovery", b.get("/reset").body)
	see("not found", b.get("/nothing").body)
	see("help without a recovery", b.get("/reset/help").body)
	see("change", b.get("/change").body)
	see("change with errors", b.post("/change", "identifier", "ada", "current", "old", "password", "x").body)
	see("changed", b.post("/change", "identifier", "ada", "current", "old", "password", goodPassword).body)
	see("invitation", b.get("/enroll/ticket").body)
	see("enroll", b.post("/enroll/begin", "token", "ticket").body)
	see("enroll with an error", b.post("/enroll/answer", "code", "0").body)
	f.tickets["ticket"] = false
	see("enroll, not asked", b.get("/enroll").body)
	f.tickets["ticket"] = true
	see("enrolled", b.post("/enroll/answer", "code", fakeCode).body)
}

// TestEveryPage checks each page in each language and state as a reader of HTML would.
func TestEveryPage(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		titles := map[string]bool{}
		visit(t, language, func(name, body string) {
			t.Run(language+"/"+name, func(t *testing.T) {
				p := parse(t, body)
				p.check(language)
				titles[p.title] = true
			})
		})
		if len(titles) < 20 {
			t.Errorf("%s: %d titles; were all pages visited?", language, len(titles))
		}
	}
}

// TestEveryTemplateIsVisited keeps visit complete.
func TestEveryTemplateIsVisited(t *testing.T) {
	names, err := fs.Glob(Pages(), "*.html")
	if err != nil || len(names) != 14 {
		t.Errorf("there are %d templates, and visit knows 14: %v, %v", len(names), names, err)
	}
}

// document is a parsed page.
type document struct {
	t     *testing.T
	nodes []*html.Node
	ids   map[string]*html.Node
	title string
}

func parse(t *testing.T, body string) *document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{t: t, ids: map[string]*html.Node{}}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		d.nodes = append(d.nodes, n)
		if id := attr(n, "id"); id != "" {
			if d.ids[id] != nil {
				t.Errorf("two elements have the id %q", id)
			}
			d.ids[id] = n
		}
	}
	return d
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func text(n *html.Node) string {
	var s strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			s.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(s.String())
}

func (d *document) all(tag string) []*html.Node {
	var out []*html.Node
	for _, n := range d.nodes {
		if n.Data == tag {
			out = append(out, n)
		}
	}
	return out
}

func (d *document) check(language string) {
	t := d.t
	t.Helper()
	if got := attr(d.all("html")[0], "lang"); got != language {
		t.Errorf("lang is %q, want %q", got, language)
	}
	h1, title := d.all("h1"), d.all("title")
	if len(h1) != 1 || len(title) != 1 {
		t.Fatalf("%d h1 and %d titles, want one of each", len(h1), len(title))
	}
	d.title = text(title[0])
	if !strings.Contains(d.title, text(h1[0])) || !strings.Contains(d.title, "Northwind Traders") {
		t.Errorf("title %q does not name the page %q and the organisation", d.title, text(h1[0]))
	}
	wrong := slices.ContainsFunc(d.nodes, func(n *html.Node) bool { return attr(n, "class") == "summary" })
	if prefix := map[string]string{"en": "Error: ", "de": "Fehler: "}[language]; wrong != strings.HasPrefix(d.title, prefix) {
		t.Errorf("title %q, error summary %v", d.title, wrong)
	}
	primary := 0
	for _, n := range d.nodes {
		d.policy(n)
		d.references(n)
		if attr(n, "class") == "button" {
			primary++
		}
	}
	if rows := len(d.all("ul")); primary > 1 || primary == 0 && rows < 2 {
		t.Errorf("%d primary buttons, want one (or rows to choose from)", primary)
	}
	d.fields()
}

// policy checks what the content security policy would block, and that nothing leaves the site
// but the two addresses that are meant to.
func (d *document) policy(n *html.Node) {
	for _, a := range n.Attr {
		switch {
		case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
			d.t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
		case a.Key == "href" || a.Key == "src" || a.Key == "action":
			away := a.Val == "https://www.northwind.example/" && n.Data == "a"
			if !away && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") || strings.HasPrefix(a.Val, "//") {
				d.t.Errorf("<%s %s=%q> leaves the site", n.Data, a.Key, a.Val)
			}
		}
	}
	if n.Data == "style" || n.Data == "script" && (attr(n, "src") == "" || n.FirstChild != nil) {
		d.t.Errorf("<%s> within the page", n.Data)
	}
	if n.Data == "form" && attr(n, "method") != "post" {
		d.t.Errorf("a form without method=post: what is typed would be in the address")
	}
	if n.Type == html.ElementNode && (strings.Contains(text(n), "{") || strings.Contains(text(n), "[secret]")) && n.Data == "main" {
		d.t.Errorf("a parameter was not filled in: %s", text(n))
	}
}

// references checks that ids which are referred to exist.
func (d *document) references(n *html.Node) {
	for _, name := range []string{"for", "aria-labelledby", "aria-describedby", "aria-controls", "data-show", "data-into", "data-of", "data-checks"} {
		for id := range strings.FieldsSeq(attr(n, name)) {
			if d.ids[id] == nil {
				d.t.Errorf("<%s %s=%q>: there is no such id", n.Data, name, id)
			}
		}
	}
	if id, ok := strings.CutPrefix(attr(n, "href"), "#"); ok && d.ids[id] == nil {
		d.t.Errorf("<%s href=\"#%s\">: there is no such id", n.Data, id)
	}
}

// fields checks that everything that can be filled in or pressed has a name.
func (d *document) fields() {
	labelled := map[string]bool{}
	for _, l := range d.all("label") {
		labelled[attr(l, "for")] = text(l) != ""
	}
	for _, n := range d.all("input") {
		if attr(n, "type") == "hidden" {
			continue
		}
		if !labelled[attr(n, "id")] && attr(n, "aria-label") == "" {
			d.t.Errorf("the field %q has no label", attr(n, "name"))
		}
		if attr(n, "autocomplete") == "" {
			d.t.Errorf("the field %q does not say what it is for (WCAG 2.2 section 1.3.5)", attr(n, "name"))
		}
		if has(n, "onpaste") || attr(n, "type") == "password" && has(n, "maxlength") {
			d.t.Errorf("the field %q hinders a password manager", attr(n, "name"))
		}
		if attr(n, "type") == "password" && attr(n, "value") != "" {
			d.t.Errorf("the field %q repeats a password", attr(n, "name"))
		}
	}
	for _, n := range append(d.all("button"), d.all("a")...) {
		if text(n) == "" {
			d.t.Errorf("<%s> without a name", n.Data)
		}
	}
}
