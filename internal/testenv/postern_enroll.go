package testenv

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Enroll enrols a method for somebody by the command line, with parameters such as "secret=…".
func (p *Postern) Enroll(login, method string, params ...string) {
	p.t.Helper()
	if out, err := p.Run(append([]string{"people", "enroll", login, method}, params...)...); err != nil {
		p.t.Fatalf("testenv: enrol %s for %s: %v\n%s", method, login, err, out)
	}
}

var (
	enrollLink   = regexp.MustCompile(`/enroll/(\S+)`)
	enrollPublic = regexp.MustCompile(`data-public="([^"]*)"`)
)

// EnrollByLink enrols a method that needs a browser: it makes the one-time link, opens it, and
// sends as credential what answer makes of the question. The program must be serving.
func (p *Postern) EnrollByLink(login, method string, answer func(public []byte) (credential []byte)) {
	p.t.Helper()
	out, err := p.Run("people", "enroll", login, method)
	link := enrollLink.FindStringSubmatch(out)
	if err != nil || link == nil {
		p.t.Fatalf("testenv: link to enrol %s for %s: %v\n%s", method, login, err, out)
	}
	c := p.Caller()
	defer c.Client.CloseIdleConnections()
	form := func(path string, values url.Values, cookie string) Reply {
		p.t.Helper()
		r, err := c.Send(context.Background(), http.MethodPost, path, values.Encode(),
			http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": {cookie}})
		if err != nil || r.Status != http.StatusSeeOther {
			p.t.Fatalf("testenv: %s for %s: %v, %s", path, login, err, r)
		}
		return r
	}
	begun := form("/enroll/begin", url.Values{"token": {link[1]}}, "")
	cookie, _, _ := strings.Cut(begun.Header.Get("Set-Cookie"), ";")
	page, err := c.Send(context.Background(), http.MethodGet, "/enroll", "", http.Header{"Cookie": {cookie}})
	public := enrollPublic.FindSubmatch(page.Body)
	if err != nil || public == nil {
		p.t.Fatalf("testenv: /enroll for %s: %v, %s", login, err, page)
	}
	credential := answer([]byte(html.UnescapeString(string(public[1]))))
	form("/enroll/answer", url.Values{"credential": {string(credential)}}, cookie)
}
