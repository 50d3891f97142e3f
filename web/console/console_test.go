package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"postern/app"
	"postern/directory"
	"postern/directory/wrap"
	"postern/doctor"
	"postern/web/edge"
	"postern/web/edge/edgetest"
	"postern/web/page"
)

const site = "https://reset.northwind.example"

// browser is a visitor without script: it keeps cookies and sends forms.
type browser struct {
	t       *testing.T
	mux     *edge.Mux
	accept  string
	cookies map[string]string
	last    *http.Response
	body    string
}

func newConsole(t *testing.T, f *fake, d *staff) *edge.Mux {
	t.Helper()
	texts, err := page.NewTexts(nil)
	if err != nil {
		t.Fatal(err)
	}
	renderer, err := page.New(page.Settings{Texts: texts, Pages: Pages(), Brand: page.Brand{Name: "Northwind Traders", HelpDesk: "ext. 4357"}})
	if err != nil {
		t.Fatal(err)
	}
	c := New(Settings{App: f, Page: renderer, Doctor: doctor.New(doctor.Parts{ReplyMoment: time.Second,
		Directories: []app.NamedDirectory{{Name: "staff", Title: "Staff & guests", Directory: wrap.New(d, wrap.Options{})}}})})
	m, err := edge.NewConsole(edge.Settings{PublicURL: site, RenderError: c.RenderError, ReplyAt: -1})
	if err != nil {
		t.Fatal(err)
	}
	c.Register(m)
	return m
}

func newBrowser(t *testing.T, m *edge.Mux) *browser {
	return &browser{t: t, mux: m, accept: "en", cookies: map[string]string{}}
}

// entered is a browser that is signed in.
func entered(t *testing.T, m *edge.Mux) *browser {
	t.Helper()
	return newBrowser(t, m).post("/admin/enter", "token", "link").want(200, "Directories")
}

func (b *browser) send(r *http.Request) *browser {
	b.t.Helper()
	r.Header.Set("Accept-Language", b.accept)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.mux.ServeHTTP(w, r)
	b.last, b.body = w.Result(), w.Body.String()
	for _, c := range b.last.Cookies() {
		strict := c.SameSite == http.SameSiteStrictMode || c.Name == "__Host-postern-lang"
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || !strict {
			b.t.Errorf("cookie %v is not guarded", c)
		}
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return b
}

func (b *browser) get(path string) *browser {
	b.t.Helper()
	return b.send(httptest.NewRequest(http.MethodGet, site+path, nil))
}

// post sends a form and follows the redirect that may come.
func (b *browser) post(path string, pairs ...string) *browser {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, site+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", site)
	b.send(r)
	if b.last.StatusCode == http.StatusSeeOther {
		return b.get(b.last.Header.Get("Location"))
	}
	return b
}

func (b *browser) want(status int, texts ...string) *browser {
	b.t.Helper()
	if b.last.StatusCode != status {
		b.t.Fatalf("got status %d, want %d\n%s", b.last.StatusCode, status, b.body)
	}
	for _, text := range texts {
		if !strings.Contains(b.body, text) {
			b.t.Fatalf("the page lacks %q:\n%s", text, b.body)
		}
	}
	return b
}

func (b *browser) never(texts ...string) *browser {
	b.t.Helper()
	for _, text := range texts {
		if strings.Contains(b.body, text) {
			b.t.Fatalf("the page says %q:\n%s", text, b.body)
		}
	}
	return b
}

func TestGolden(t *testing.T) {
	f, d := newFake(), &staff{}
	edgetest.Golden(t, "testdata/routes.golden", edgetest.Anonymous(t, newConsole(t, f, d), site))
	if d.asked != 0 || f.used || len(f.shown) != 0 {
		t.Errorf("a stranger had %d looked at, the link used: %v, people shown: %v", d.asked, f.used, f.shown)
	}
}

// TestStrangersSeeOnePage: what there is and what there is not look alike, whatever they show.
func TestStrangersSeeOnePage(t *testing.T) {
	f := newFake()
	m := newConsole(t, f, &staff{})
	plain := newBrowser(t, m).get("/admin/directories").want(http.StatusUnauthorized, "postern console", "for administrators").body
	for _, token := range []string{"", "wrong", "session", "a b"} {
		for path, status := range map[string]int{"/admin": 401, "/admin/": 401, "/admin/directories": 401, "/admin/nothing": 404, "/admin/enter": 405} {
			b := newBrowser(t, m)
			if token != "" {
				b.cookies["__Host-postern-console"] = token
			}
			if got := b.get(path).want(status).body; got != plain {
				t.Errorf("%s with %q differs:\n%s", path, token, got)
			}
		}
		for _, path := range []string{"/admin/directories/check", "/admin/directories/person", "/admin/leave"} {
			b := newBrowser(t, m)
			if token != "" {
				b.cookies["__Host-postern-console"] = token
			}
			if got := b.post(path, "login", "ada").want(401).body; got != plain {
				t.Errorf("%s with %q differs:\n%s", path, token, got)
			}
		}
	}
	for _, link := range []string{"", "wrong", "link\x00", strings.Repeat("x", 5000)} {
		newBrowser(t, m).post("/admin/enter", "token", link).want(401, "postern console")
	}
	if len(f.shown) != 0 {
		t.Errorf("people were shown: %v", f.shown)
	}
}

func TestComingAndGoing(t *testing.T) {
	f := newFake()
	m := newConsole(t, f, &staff{})
	b := newBrowser(t, m).get("/admin/enter/link").want(200, "Sign in to the console", `value="link"`)
	if f.used || len(b.cookies) != 0 {
		t.Fatal("opening the link did something")
	}
	b.post("/admin/enter", "token", "link").want(200, "Directories", "console:root", `aria-current="page"`, "2026-11-22 20:00 UTC").never(`"link"`)
	newBrowser(t, m).post("/admin/enter", "token", "link").want(401)
	b.get("/admin/nothing").want(404, "There is nothing here", "/admin/directories")
	b.get("/admin/").want(303)
	f.renewed, f.open["fresh"] = "fresh", true
	b.get("/admin/directories").want(200)
	if got := b.cookies["__Host-postern-console"]; got != "fresh" {
		t.Errorf("the browser shows %q, want the renewed token", got)
	}
	b.post("/admin/leave").want(200, "signed out")
	if len(b.cookies) != 0 || f.open["fresh"] {
		t.Errorf("left with the cookies %v", b.cookies)
	}
	b.get("/admin/directories").want(401)
}

func TestOtherSitesCannotPost(t *testing.T) {
	f, d := newFake(), &staff{}
	b := entered(t, newConsole(t, f, d))
	for _, path := range []string{"/admin/enter", "/admin/leave", "/admin/directories/check", "/admin/directories/person"} {
		r := httptest.NewRequest(http.MethodPost, site+path, strings.NewReader("login=ada&token=link"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://elsewhere.example")
		b.send(r).want(http.StatusForbidden)
	}
	if d.asked != 0 || len(f.shown) != 0 || !f.open["session"] {
		t.Error("another site did something")
	}
}

func TestDirectories(t *testing.T) {
	f, d := newFake(), &staff{found: []directory.Finding{
		{Severity: directory.Good, Text: "ldaps://a: signs in"},
		{Severity: directory.Warning, Text: "the certificate ends <soon>", Fix: "renew it"},
		{Severity: directory.Fault, Text: "wrong base", Fix: "base: ou=people,dc=x"},
	}}
	b := entered(t, newConsole(t, f, d)).want(200, "The directories have not been checked since Postern started.", "Check now", "Staff &amp; guests", "Nothing yet.", "None. Name canary")
	if d.asked != 0 {
		t.Fatal("a look at the page asked the directory")
	}
	b.post("/admin/directories/check").want(200, "1 error.", "Check again", "ends &lt;soon&gt;", "renew it", `id="d0-2">base: ou=people,dc=x</pre>`, "Look up", "Looked at")
	if wrong, warn := strings.Index(b.body, "wrong base"), strings.Index(b.body, "ends &lt;soon"); wrong > warn {
		t.Error("the warning stands before the error")
	}
	if d.asked != 1 {
		t.Errorf("asked %d times, want 1", d.asked)
	}
	b.get("/admin/directories").want(200, "1 error.")
	if d.asked != 1 {
		t.Error("a look at the page asked the directory again")
	}
	d.found = nil
	b.post("/admin/directories/check").want(200, "Every directory would do.").never("wrong base")
	b.accept = "de"
	b.get("/admin/directories").want(200, "Alle Verzeichnisse sind in Ordnung.", `<html lang="de"`)
	b.get("/admin/directories?lang=en").want(200, "Every directory")
	b.get("/admin/directories").want(200, "Every directory")
}

func TestRehearsals(t *testing.T) {
	f := newFake()
	f.rehearsals = []app.Rehearsal{{Login: "canary", Directory: "staff", At: noon, Took: 1234 * time.Millisecond, OK: true},
		{Login: "canary2", At: noon, Steps: []app.RehearsalStep{{Name: "lookup"}, {Name: "reset", Err: "said no <here>", Fix: "give the right"}},
			Findings: []directory.Finding{{Severity: directory.Warning, Text: "no right seen", Fix: "dsacls x"}}}}
	entered(t, newConsole(t, f, &staff{})).want(200, "canary", "A complete reset worked", "1.234s", "A complete reset failed",
		"set a new password: said no &lt;here&gt;", "give the right", "no right seen", "2026-11-22 12:00 UTC").
		post("/admin/directories/check").want(200, "The directories would do, but a rehearsal failed.").never("Every directory would do")
}

func TestPerson(t *testing.T) {
	f := newFake()
	b := entered(t, newConsole(t, f, &staff{}))
	b.post("/admin/directories/person", "login", " ada ").want(200, "Ada &lt;Byron&gt;", "it is locked", "may not reset 7", "dsacls", `data-copy="p-`, "too little is enrolled", "postern people enroll ada METHOD")
	if got := strings.Join(f.shown, ","); got != "console:root ada" {
		t.Errorf("recorded as shown: %q", got)
	}
	if n := strings.Count(b.body, "data-copy"); n != 2 {
		t.Errorf("%d fixes can be copied, want the two that are commands", n)
	}
	b.post("/admin/directories/person", "login", "nobody").want(404, "No account has that name", `value="nobody"`, `href="#login"`)
	b.post("/admin/directories/person", "login", "  ").want(400, "Type what they sign in with")
	b.post("/admin/directories/person").want(400)
	b.post("/admin/directories/person", "login", `"><script>alert(1)</script>`).want(404).never("<script>alert")
	b.post("/admin/directories/person", "login", strings.Repeat("x", 257)).want(400).never("xxx")
	f.down = fmt.Errorf("app: look up: %w", directory.ErrUnavailable)
	b.post("/admin/directories/person", "login", "ada").want(503, "could not be asked")
	f.down = errors.New("dial tcp 10.0.0.7:636")
	b.post("/admin/directories/person", "login", "ada").want(500).never("10.0.0.7")
	if len(f.shown) != 1 {
		t.Errorf("shown: %v", f.shown)
	}
}

// TestPagesAreWhole: one heading of the first order, no inline script or style, every id once, and
// whatever refers to an element finds it.
func TestPagesAreWhole(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		f, d := newFake(), &staff{found: []directory.Finding{{Severity: directory.Warning, Text: "x", Fix: "y"}, {Severity: directory.Good, Text: "z"}}}
		f.rehearsals = []app.Rehearsal{{Login: "canary", At: noon, OK: true}}
		m := newConsole(t, f, d)
		b := newBrowser(t, m)
		b.accept = language
		pages := map[string]string{"denied": b.get("/admin").body, "enter": b.get("/admin/enter/link").body}
		b.post("/admin/enter", "token", "link")
		pages["check"] = b.post("/admin/directories/check").body
		pages["person"] = b.post("/admin/directories/person", "login", "ada").body
		pages["person, wrong"] = b.post("/admin/directories/person", "login", "x").body
		pages["nothing"] = b.get("/admin/nothing").body
		pages["left"] = b.post("/admin/leave").body
		for name, body := range pages {
			for _, fault := range faults(t, body) {
				t.Errorf("%s, %s: %s", language, name, fault)
			}
		}
	}
}

func faults(t *testing.T, body string) (out []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	ids, refs, headings := map[string]int{}, []string{}, 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "h1" {
			headings++
		}
		if n.Data == "style" || n.Data == "script" && n.FirstChild != nil {
			out = append(out, "inline "+n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				ids[a.Val]++
			case a.Key == "for", a.Key == "data-copy":
				refs = append(refs, a.Val)
			case a.Key == "aria-describedby":
				refs = append(refs, strings.Fields(a.Val)...)
			case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
				refs = append(refs, a.Val[1:])
			case a.Key == "style", strings.HasPrefix(a.Key, "on"):
				out = append(out, n.Data+" has "+a.Key)
			}
		}
	}
	if headings != 1 {
		out = append(out, fmt.Sprintf("%d headings of the first order", headings))
	}
	for id, n := range ids {
		if n != 1 {
			out = append(out, fmt.Sprintf("id %q stands %d times", id, n))
		}
	}
	for _, ref := range refs {
		if ids[ref] == 0 {
			out = append(out, "nothing has the id "+ref)
		}
	}
	return out
}
