package portal

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/web/edge"
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

func newPortal(t *testing.T, f *fake) *edge.Mux {
	t.Helper()
	kinds := fakeKinds()
	texts, err := page.NewTexts(kinds)
	if err != nil {
		t.Fatal(err)
	}
	renderer, err := page.New(page.Settings{Texts: texts, Methods: kinds, Pages: Pages(),
		Brand: page.Brand{Name: "Northwind Traders", HelpDesk: "ext. 4357"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Settings{App: f, Page: renderer, Methods: kinds, SignIn: "https://www.northwind.example/",
		ReturnTo: []string{"https://intranet.northwind.example/app"}, Now: func() time.Time { return f.now }})
	if err != nil {
		t.Fatal(err)
	}
	m, err := edge.NewPortal(edge.Settings{PublicURL: site, RenderError: p.RenderError, ReplyAt: -1})
	if err != nil {
		t.Fatal(err)
	}
	p.Register(m)
	return m
}

func newBrowser(t *testing.T, m *edge.Mux, accept string) *browser {
	return &browser{t: t, mux: m, accept: accept, cookies: map[string]string{}}
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
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.SameSite < http.SameSiteLaxMode {
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

// post sends a form and follows the redirect that should come.
func (b *browser) post(path string, pairs ...string) *browser {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, site+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", site)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	b.send(r)
	if b.last.StatusCode == http.StatusSeeOther {
		return b.get(b.last.Header.Get("Location"))
	}
	return b
}

// want checks the status and that the page says each of texts.
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

// never checks that the page says none of texts.
func (b *browser) never(texts ...string) *browser {
	b.t.Helper()
	for _, text := range texts {
		if strings.Contains(b.body, text) {
			b.t.Fatalf("the page says %q:\n%s", text, b.body)
		}
	}
	return b
}

// prove answers two methods of a recovery that has begun.
func (b *browser) prove() *browser {
	b.t.Helper()
	for _, id := range []string{"m2", "m3"} {
		b.post("/reset/ask", "method", id).want(http.StatusOK, `name="code"`)
		b.post("/reset/answer", "method", id, "code", fakeCode).want(http.StatusOK)
	}
	return b
}
