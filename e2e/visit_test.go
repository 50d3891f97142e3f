package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"postern/internal/testenv"
)

// newPassword is one that every rule takes.
const newPassword = "quarry lantern 58 mistral"

// visit is somebody on the portal's pages.
type visit struct {
	*testenv.Page
	t      *testing.T
	portal string
	words  map[string]string // of the language
}

// arrive opens a window and says what the pages are expected to say in it.
func arrive(t *testing.T, portal string, who testenv.Visitor) *visit {
	t.Helper()
	v := &visit{Page: browser.Page(t, who), t: t, portal: portal, words: map[string]string{}}
	language := "en"
	if strings.HasPrefix(who.Language, "de") {
		language = "de"
	}
	v.read("../web/page/text/"+language+".json", "")
	for _, m := range []string{"totp", "passkey", "email_code"} {
		v.read("../method/"+strings.ReplaceAll(m, "_", "")+"/assets/text/"+language+".json", "method."+m+".")
	}
	return v
}

// read reads the plain texts of one catalogue.
func (v *visit) read(path, prefix string) {
	v.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		v.t.Fatal(err)
	}
	var texts map[string]any
	if err := json.Unmarshal(b, &texts); err != nil {
		v.t.Fatalf("%s: %v", path, err)
	}
	for key, text := range texts {
		if s, ok := text.(string); ok {
			v.words[prefix+key] = s
		}
	}
}

// text returns the text of a key.
func (v *visit) text(key string) string {
	v.t.Helper()
	s, ok := v.words[key]
	if !ok {
		v.t.Fatalf("there is no plain text %q", key)
	}
	return s
}

// sees fails the test unless the page's heading is the text of that key.
func (v *visit) sees(key string) {
	v.t.Helper()
	if got, want := v.Text("h1"), v.text(key); got != want {
		v.t.Fatalf("got the page %q, want %q (%s)\n%s", got, want, key, v.Text("body"))
	}
}

// reads fails the test unless an element says the text of that key.
func (v *visit) reads(css, key string) {
	v.t.Helper()
	if got, want := v.Text(css), v.text(key); !strings.Contains(got, want) {
		v.t.Errorf("%s: got %q, want %q in it", css, got, want)
	}
}

// status fails the test unless a step led to a page with that status.
func (v *visit) status(got, want int) {
	v.t.Helper()
	if got != want {
		v.t.Errorf("got status %d, want %d\n%s", got, want, v.Text("body"))
	}
}

// begin says who it is, on the first page.
func (v *visit) begin(login string) {
	v.t.Helper()
	v.Go(v.portal + "/")
	v.sees("start.title")
	v.Type("#identifier", login)
	v.status(v.Follow("main form .button"), http.StatusOK)
	v.sees("methods.title")
}

// row returns where a method is on the list.
func (v *visit) row(method string) string {
	v.t.Helper()
	names := testenv.Evaluate[[]string](v.Page, `[...document.querySelectorAll(".rows b")].map(e => e.innerText)`)
	for i, n := range names {
		if n == v.text("method."+method+".name") {
			return fmt.Sprintf(".rows li:nth-child(%d) button", i+1)
		}
	}
	v.t.Fatalf("%s is not on the list: %q", method, names)
	return ""
}

// choose picks a method from the list.
func (v *visit) choose(method string) {
	v.t.Helper()
	v.status(v.Follow(v.row(method)), http.StatusOK)
	v.sees("method." + method + ".title")
}

// answer types a code and returns the status of what comes.
func (v *visit) answer(code string) int {
	v.t.Helper()
	v.Type("#code", code)
	return v.Follow(`form[action="/reset/answer"] .button`)
}

// prove goes from the list to the password with the app's code and a mailed one.
func (v *visit) prove(tr *trial, login string) {
	v.t.Helper()
	v.choose("totp")
	v.status(v.answer(tr.app(login)), http.StatusOK)
	v.sees("methods.title_second")
	v.choose("email_code")
	v.status(v.answer(tr.mail(login)), http.StatusOK)
	v.sees("password.title")
}

// save saves a password that was typed and returns the status of what comes.
func (v *visit) save() int {
	v.t.Helper()
	return v.Follow(`form[action="/reset/password"] .button`)
}

// quiet fails the test if the browser found something wrong on the way, or if anything was fetched
// from elsewhere than from these origins.
func (v *visit) quiet(origins ...string) {
	v.t.Helper()
	for _, c := range v.Complaints() {
		v.t.Errorf("the browser complains: %s", c)
	}
	all := v.Requests()
	if len(all) == 0 {
		v.t.Error("no request was seen: the listening is broken")
	}
	for _, r := range all {
		own := false
		for _, o := range append(origins, v.portal) {
			own = own || strings.HasPrefix(r, strings.TrimSuffix(o, "/")+"/")
		}
		if !own {
			v.t.Errorf("something was fetched from elsewhere: %s", r)
		}
	}
}
