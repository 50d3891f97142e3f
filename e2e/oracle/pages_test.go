package oracle

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"postern/method"
)

// browse is one visitor's way through the pages.
type browse struct {
	talk
	cookie string
}

func (b *browse) send(step, verb, path string, form url.Values) {
	b.t.Helper()
	head := b.head.Clone()
	if b.cookie != "" {
		head.Set("Cookie", b.cookie)
	}
	body := ""
	if verb == http.MethodPost {
		head.Set("Content-Type", "application/x-www-form-urlencoded")
		head.Set("Origin", b.w.serve.URL)
		head.Set("Sec-Fetch-Site", "same-origin")
		body = form.Encode()
	}
	reply, err := b.w.caller.Send(b.t.Context(), verb, path, body, head)
	for _, c := range reply.Header["Set-Cookie"] {
		if pair, _, _ := strings.Cut(c, ";"); strings.HasPrefix(pair, "__Host-postern-recovery=") {
			b.cookie = pair
		}
	}
	b.note(step, reply, err)
}

func (b *browse) get(path string) { b.t.Helper(); b.send("GET "+path, http.MethodGet, path, nil) }

// post sends a form and opens the page that it leads to.
func (b *browse) post(path string, fields ...string) {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	b.send("POST "+path, http.MethodPost, path, form)
	if to := b.last.Header.Get("Location"); to != "" {
		b.get(to)
	}
}

var (
	row    = regexp.MustCompile(`name="method" value="(m[0-9]+)"><button class="row">`)
	public = regexp.MustCompile(`data-public="([^"]*)"`)
)

// assert answers with a passkey that nobody enrolled.
func (b *browse) assert(id string) {
	b.t.Helper()
	found := public.FindSubmatch(b.last.Body)
	if found == nil {
		b.t.Fatalf("no question on the page:\n%s", b.last)
	}
	asked := json.RawMessage(html.UnescapeString(string(found[1])))
	credential := b.w.stranger(b.t).Assert(b.t, method.Question{Public: asked}, nil).Credential
	b.post("/reset/answer", "method", id, "credential", string(credential))
}

// visit is everything that somebody who cannot prove anything can try on the pages.
func (b *browse) visit(identifier string) {
	b.get("/")
	b.post("/reset", "identifier", identifier)
	var ids []string
	for _, m := range row.FindAllSubmatch(b.last.Body, -1) {
		ids = append(ids, string(m[1]))
	}
	if len(ids) != 3 {
		b.t.Fatalf("methods on the page: got %v, want 3\n%s", ids, b.last)
	}
	b.early(ids[1])
	for i, id := range ids {
		b.post("/reset/ask", "method", id)
		b.get("/reset?show=methods")
		if i == 0 { // the passkey stands first
			b.get("/reset")
			b.assert(id)
			continue
		}
		b.post("/reset/answer", "method", id, "code", "no digits")
		b.post("/reset/answer", "method", id, "code", wrong)
	}
	for range 4 {
		b.post("/reset/answer", "method", ids[2], "code", wrong)
	}
	b.early(ids[2])
	b.get("/reset/help")
	b.post("/reset", "identifier", identifier)
	b.post("/reset/cancel")
	b.early(ids[1])
	b.get("/change")
}

// early tries what is not possible yet, or not any more.
func (b *browse) early(id string) {
	b.post("/reset/answer", "method", id, "code", wrong)
	b.post("/reset/password", "password", "a long enough sentence")
	b.post("/reset/unlock")
	b.post("/reset/strength", "password", "a long enough sentence")
	b.post("/reset/ask", "method", "m9")
	b.get("/reset")
}

// TestPages compares what browsers are told.
func TestPages(t *testing.T) {
	w := newWorld(t, soon, "")
	w.passkey(t)
	for _, language := range []string{"en", "de"} {
		compare(t, func(identifier string) *talk {
			b := &browse{talk: talk{t: t, w: w, head: http.Header{"Accept-Language": {language}}}}
			b.visit(identifier)
			if language == "de" && !strings.Contains(string(b.last.Body), `lang="de"`) {
				t.Fatalf("the page is not in German:\n%s", b.last)
			}
			return &b.talk
		})
	}
	compare(t, func(identifier string) *talk {
		b := &browse{talk: talk{t: t, w: w, head: http.Header{}}}
		b.post("/change", "identifier", identifier, "current", "not the one", "password", "a long enough sentence")
		return &b.talk
	})
}
