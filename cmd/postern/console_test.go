package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"postern/doctor"
)

// visitor is a browser without script. Its jar sends Secure cookies to localhost, as browsers do.
type visitor struct {
	t      *testing.T
	site   string
	client *http.Client
}

// overLocalhost makes the jar believe that localhost is reached over TLS.
type overLocalhost struct{ *cookiejar.Jar }

func secure(u *url.URL) *url.URL {
	s := *u
	s.Scheme = "https"
	return &s
}
func (o overLocalhost) SetCookies(u *url.URL, c []*http.Cookie) { o.Jar.SetCookies(secure(u), c) }
func (o overLocalhost) Cookies(u *url.URL) []*http.Cookie       { return o.Jar.Cookies(secure(u)) }

func newVisitor(t *testing.T, site string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, site, &http.Client{Jar: overLocalhost{jar}}}
}

// do gets a page, or posts a form, and returns status and body of where it leads.
func (v *visitor) do(method, at string, form url.Values) (int, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, at, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", v.site)
	}
	res, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

var enterLink = regexp.MustCompile(`http://localhost:\d+/admin/enter/([A-Z2-7]+)`)

// TestConsole: a link from the command line lets one browser in, once, and what it looks at is
// recorded under the name of who made the link.
func TestConsole(t *testing.T) {
	data, port := t.TempDir(), freePort(t)
	conf := write(t, "postern.yaml", localConfig(data, port, ""))
	for _, args := range [][]string{{"keys", "init"}, {"people", "add", "ada", "--name", "Ada Byron", "--email", "ada@example.com"}} {
		if code, _, errors := commandWith(t, "a long first password\n", append(args, "--config", conf)...); code != exitOK {
			t.Fatal(errors)
		}
	}
	start(t, "serve", "--config", conf)
	site := fmt.Sprintf("http://localhost:%d", port)
	stranger := newVisitor(t, site)
	if status, body := stranger.do("GET", site+"/admin/", nil); status != http.StatusUnauthorized || !strings.Contains(body, "<code>postern console</code>") {
		t.Errorf("a stranger: got %d, %s", status, body)
	}
	code, out, errors := command(t, "console", "--config", conf)
	link := enterLink.FindStringSubmatch(out)
	if code != exitOK || link == nil || !strings.Contains(out, "works once, until 20") {
		t.Fatalf("got %d, %s%s", code, out, errors)
	}
	v := newVisitor(t, site)
	if status, body := v.do("GET", link[0], nil); status != http.StatusOK || !strings.Contains(body, `action="/admin/enter"`) {
		t.Errorf("the link: got %d, %s", status, body)
	}
	token := url.Values{"token": {link[1]}}
	if status, body := v.do("POST", site+"/admin/enter", token); status != http.StatusOK || !strings.Contains(body, "Signed in as <bdi>console:") {
		t.Fatalf("entering: got %d, %s", status, body)
	}
	if status, _ := stranger.do("POST", site+"/admin/enter", token); status != http.StatusUnauthorized {
		t.Errorf("entering again: got %d", status)
	}
	if status, body := v.do("POST", site+"/admin/directories/check", nil); status != http.StatusOK || !strings.Contains(body, "the built-in directory answers") {
		t.Errorf("checking: got %d, %s", status, body)
	}
	if status, body := v.do("POST", site+"/admin/directories/person", url.Values{"login": {"ada"}}); status != http.StatusOK || !strings.Contains(body, "Ada Byron") || !strings.Contains(body, "too little is enrolled") {
		t.Errorf("a person: got %d, %s", status, body)
	}
	if status, _ := v.do("POST", site+"/admin/leave", nil); status != http.StatusOK {
		t.Errorf("leaving: got %d", status)
	}
	if status, _ := v.do("GET", site+"/admin/directories", nil); status != http.StatusUnauthorized {
		t.Errorf("after leaving: got %d", status)
	}
	_, log, _ := command(t, "audit", "tail", "-n", "100", "--config", conf)
	for _, want := range []string{"operator.invited actor=\"cli:", "operator.signed_in actor=\"console:", "person.shown actor=\"console:", "operator.signed_out actor=\"console:"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, link[1]) {
		t.Error("the link stands in the audit log")
	}
}

// TestCheckLooksAtAPerson, prints JSON, and changes no file unless it has to open the store.
func TestCheckLooksAtAPerson(t *testing.T) {
	data := t.TempDir()
	conf := write(t, "postern.yaml", localConfig(data, 8480, ""))
	for _, args := range [][]string{{"keys", "init"}, {"people", "add", "ada", "--name", "Ada Byron", "--email", "ada@example.com"}} {
		if code, _, errors := commandWith(t, "a long first password\n", append(args, "--config", conf)...); code != exitOK {
			t.Fatal(errors)
		}
	}
	code, out, errors := command(t, "check", "--config", conf, "--person", "ada")
	for _, want := range []string{"ok       person ada: the account is local/", "ok       person ada: it may sign in", "ok       person ada: rule everybody holds",
		"warning  person ada: could not recover now: too little is enrolled", "fix: postern people enroll ada METHOD", "ok       directory local: the built-in directory answers"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("got %d, %s%s, want %q", code, out, errors, want)
		}
	}
	code, out, _ = command(t, "check", "--config", conf, "--person", "nobody")
	if want := `error    person nobody: "nobody" names no account`; code != exitFailure || !strings.Contains(out, want) {
		t.Errorf("got %d, %s, want %q", code, out, want)
	}
	code, out, _ = command(t, "check", "--config", conf, "--json", "--person", "ada")
	var r struct {
		Errors, Warnings int
		doctor.Report
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK || strings.Count(out, "\n") != 1 {
		t.Fatalf("got %d, %v: %s", code, err, out)
	}
	var names []string
	warnings := 0
	for _, s := range r.Sections {
		names = append(names, s.Name)
		for _, f := range s.Findings {
			if f.Severity == "warning" {
				warnings++
			}
			if (f.Fix == "") != (f.Severity == "ok") {
				t.Errorf("%s: %+v", s.Name, f)
			}
		}
	}
	if got := strings.Join(names, ","); got != "file,keys,store,settings,directory local,directories,notify email,policy,pages,person ada,end" || r.Warnings != warnings || r.Errors != 0 {
		t.Errorf("got the sections %s, %d errors, %d warnings where there are %d", got, r.Errors, r.Warnings, warnings)
	}
	if r.Began.IsZero() || r.Ended.Before(r.Began) {
		t.Errorf("from %v to %v", r.Began, r.Ended)
	}
	broken := write(t, "postern.yaml", strings.Replace(localConfig(t.TempDir(), 8480, ""), "ext. 4357", "ext. 4357, logo_file: /nowhere/x.svg", 1))
	code, out, _ = command(t, "check", "--config", broken, "--person", "ada")
	if want := "error    person ada: cannot be looked at\n         fix: mend the errors above first"; code != exitFailure || !strings.Contains(out, want) {
		t.Errorf("got %d, %s, want %q", code, out, want)
	}
}
