package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// TestTry goes from a forgotten password to signing in with a new one, as a program.
func TestTry(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	p := start(t, "try", "--json", "--listen", "localhost:0")
	r := decode[ready](t, p.first)
	if len(r.People) != 6 || r.API != r.Portal+"/api/v1" || !strings.HasPrefix(r.Portal, "http://localhost:") {
		t.Fatalf("got %+v", r)
	}
	ada, dan, eve := r.People[0], r.People[3], r.People[4]
	if status, body := signIn(t, r, ada.Login, ada.Password); status != http.StatusOK {
		t.Errorf("ada's first password: got %d, %s", status, body)
	}
	for _, c := range [][2]string{{ada.Login, "wrong"}, {dan.Login, dan.Password}, {eve.Login, eve.Password}, {"nobody", "x"}, {"", ""}} {
		if status, body := signIn(t, r, c[0], c[1]); status != http.StatusUnauthorized {
			t.Errorf("%v: got %d, %s; want 401", c, status, body)
		}
	}
	const fresh = "an entirely new sentence for ada"
	resetByAPI(t, r, ada, fresh)
	if status, body := signIn(t, r, ada.Login, fresh); status != http.StatusOK {
		t.Errorf("the new password: got %d, %s", status, body)
	}
	if status, _ := signIn(t, r, ada.Login, ada.Password); status != http.StatusUnauthorized {
		t.Errorf("the old password: got %d, want 401", status)
	}
	if code, said := p.stop(), untimely.ReplaceAllString(p.errors.String(), ""); code != exitOK || said != "" {
		t.Errorf("got exit code %d, %s", code, said)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// untimely is what is told of a machine that is too busy for the moment of a reply.
var untimely = regexp.MustCompile(`(?m)^.*a reply could not leave at its fixed moment.*\n`)

func signIn(t *testing.T, r ready, login, password string) (int, string) {
	t.Helper()
	return call(t, http.MethodPost, r.SignIn, "", `{"login":"`+login+`","password":"`+password+`"}`)
}

// TestFirstPasswordIsChangedWithoutASession: whoever was given a password cannot sign in with it, and
// changes it on the portal's page.
func TestFirstPasswordIsChangedWithoutASession(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, "try", "--json", "--listen", "localhost:0")
	r := decode[ready](t, p.first)
	fay := r.People[5]
	if status, body := signIn(t, r, fay.Login, fay.Password); status != http.StatusUnauthorized {
		t.Fatalf("the first password: got %d, %s; want that it is not enough", status, body)
	}
	change := func(old, to string) (*http.Response, string) {
		return browse(t, http.MethodPost, r.Portal+"/change", url.Values{"identifier": {fay.Login}, "current": {old}, "password": {to}}.Encode())
	}
	const own = "an entirely new sentence for fay"
	if res, body := change("wrong", own); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("with a wrong one: got %d, %s", res.StatusCode, body)
	}
	if res, body := change(fay.Password, fay.Password+" "+own); res.StatusCode != http.StatusOK || !strings.Contains(body, "geändert und geprüft") {
		t.Fatalf("change: got %d, %s", res.StatusCode, body)
	}
	if status, body := signIn(t, r, fay.Login, fay.Password+" "+own); status != http.StatusOK {
		t.Errorf("the password of their own: got %d, %s", status, body)
	}
	if res, _ := change(fay.Password, own); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("with the first one once more: got %d", res.StatusCode)
	}
}

// TestUnlockKeepsThePassword: dan is locked out and knows his password.
func TestUnlockKeepsThePassword(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, "try", "--json", "--listen", "localhost:0")
	r := decode[ready](t, p.first)
	dan := r.People[3]
	recoverByAPI(t, r, dan, "unlock", "unlock", "")
	if status, body := signIn(t, r, dan.Login, dan.Password); status != http.StatusOK {
		t.Errorf("the password that he knew: got %d, %s", status, body)
	}
}

// resetByAPI proves two methods and sets a password.
func resetByAPI(t *testing.T, r ready, who samplePerson, password string) {
	t.Helper()
	recoverByAPI(t, r, who, "reset", "password", `{"password":"`+password+`"}`)
}

// recoverByAPI proves two methods and does the last step.
func recoverByAPI(t *testing.T, r ready, who samplePerson, action, last, payload string) {
	t.Helper()
	type flow struct {
		Token, State string
		Methods      []struct{ ID, Type string }
	}
	status, body := call(t, http.MethodPost, r.API+"/recoveries", "", `{"identifier":"`+who.Login+`","action":"`+action+`"}`)
	f := decode[flow](t, body)
	if status != http.StatusCreated || f.Token == "" {
		t.Fatalf("start: got %d, %s", status, body)
	}
	id := func(kind string) string {
		i := slices.IndexFunc(f.Methods, func(m struct{ ID, Type string }) bool { return m.Type == kind })
		if i < 0 {
			t.Fatalf("%s is not offered: %s", kind, body)
		}
		return f.Methods[i].ID
	}
	step := func(path, payload, state string) {
		t.Helper()
		status, body := call(t, http.MethodPost, r.API+"/recovery/"+path, f.Token, payload)
		if status != http.StatusOK || decode[flow](t, body).State != state {
			t.Fatalf("%s: got %d, %s; want state %s", path, status, body, state)
		}
	}
	key, err := url.Parse(who.URI)
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(key.Query().Get("secret"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	step("challenge", `{"method":"`+id("totp")+`"}`, "verifying")
	step("answer", `{"method":"`+id("totp")+`","code":"`+code+`"}`, "verifying")
	step("challenge", `{"method":"`+id("email_code")+`"}`, "verifying")
	step("answer", `{"method":"`+id("email_code")+`","code":"`+mailedCode(t, r, who.Email)+`"}`, "verified")
	step(last, payload, "done")
}

var digits = regexp.MustCompile(`\b\d{3} ?\d{3}\b`)

// mailedCode waits for the code that was sent to an address.
func mailedCode(t *testing.T, r ready, to string) string {
	t.Helper()
	type message struct {
		To, Subject, Text string
		At                time.Time
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		_, body := call(t, http.MethodGet, r.Mailbox, "", "")
		for _, m := range decode[[]message](t, body) {
			if found := digits.FindString(m.Text); m.To == to && found != "" && !m.At.IsZero() {
				return found
			}
		}
	}
	t.Fatalf("no code came for %s", to)
	return ""
}

func TestTryPages(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, "try", "--json", "--listen", "localhost:0")
	r := decode[ready](t, p.first)
	if got := mailCount(t, r); got != 0 {
		t.Errorf("got %d messages before anybody did anything", got)
	}
	page := func(method, at, form string) (*http.Response, string) { return browse(t, method, at, form) }
	res, body := page(http.MethodGet, r.SignIn, "")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, r.Portal+"/?return_to=") || !strings.Contains(body, "Forgot your password?") {
		t.Errorf("sign-in page: got %d, %s", res.StatusCode, body)
	}
	if strings.Contains(body, "hreflang") || !strings.Contains(body, `<html lang="en"`) {
		t.Errorf("the sample company speaks English alone: got %s", body)
	}
	if csp := res.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("sign-in page: got policy %q", csp)
	}
	if got := regexp.MustCompile(`<code>\d{6}</code>`).FindAllString(body, -1); len(got) != 2 {
		t.Errorf("got codes %v, want ada's and dan's", got)
	}
	if res, body = page(http.MethodPost, r.SignIn, "login=ada&password=no"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "do not fit together") {
		t.Errorf("wrong password: got %d, %s", res.StatusCode, body)
	}
	if res, body = page(http.MethodPost, r.SignIn, "login=ada&password="+url.QueryEscape(r.People[0].Password)); res.StatusCode != http.StatusOK || !strings.Contains(body, "signed in as ada") {
		t.Errorf("right password: got %d, %s", res.StatusCode, body)
	}
	res, body = page(http.MethodPost, r.SignIn+"passkey", "login=ben")
	link := regexp.MustCompile(regexp.QuoteMeta(r.Portal) + `/enroll/[A-Z2-7]+`).FindString(body)
	if res.StatusCode != http.StatusOK || link == "" {
		t.Fatalf("passkey link: got %d, %s", res.StatusCode, body)
	}
	if res, body = page(http.MethodGet, link, ""); res.StatusCode != http.StatusOK {
		t.Errorf("%s: got %d, %s", link, res.StatusCode, body)
	}
	if res, _ = page(http.MethodPost, r.SignIn+"passkey", "login=ada"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a passkey for ada: got %d, want 404", res.StatusCode)
	}
	if res, body = page(http.MethodGet, r.Mailbox, ""); res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Content-Type"), "text/html") {
		t.Errorf("mailbox: got %d, %s", res.StatusCode, body)
	}
	for _, at := range []string{r.Portal + "/", r.Portal + "/healthz", r.Portal + "/readyz", r.API + "/openapi.yaml"} {
		if res, body = page(http.MethodGet, at, ""); res.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d, %s", at, res.StatusCode, body)
		}
	}
}

// mailCount returns how many messages are in the mailbox.
func mailCount(t *testing.T, r ready) int {
	t.Helper()
	_, body := call(t, http.MethodGet, r.Mailbox, "", "")
	return len(decode[[]struct{ To string }](t, body))
}

// TestTryKeepsItsMail: what came in an earlier run stays with --data; only the beginning is quiet.
func TestTryKeepsItsMail(t *testing.T) {
	data := t.TempDir()
	p := start(t, "try", "--json", "--listen", "localhost:0", "--data", data)
	r := decode[ready](t, p.first)
	resetByAPI(t, r, r.People[0], "an entirely new sentence for ada")
	if code := p.stop(); code != exitOK {
		t.Fatalf("got %d", code)
	}
	p = start(t, "try", "--json", "--listen", "localhost:0", "--data", data)
	if got := mailCount(t, decode[ready](t, p.first)); got == 0 {
		t.Error("the code that was sent is gone")
	}
}

// browse asks for a page as a browser does, with a form's body where there is one.
func browse(t *testing.T, method, at, form string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml")
	req.Header.Set("Accept-Language", "de") // the portal speaks it
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

func TestTryTellsPeople(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, "try", "--listen", "localhost:0")
	if !strings.HasPrefix(p.first, "Portal") || !strings.Contains(p.first, "http://localhost:") {
		t.Errorf("got %q", p.first)
	}
}
