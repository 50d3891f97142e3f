package portal

import (
	"strings"
	"testing"
)

func TestReturnTo(t *testing.T) {
	rs, err := newReturns([]string{"https://intranet.example.com/app", "https://www.example.com", "http://localhost:8080/"})
	if err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{
		"https://intranet.example.com/app":                     "https://intranet.example.com/app",
		"https://intranet.example.com/app/mail?x=1#top":        "https://intranet.example.com/app/mail?x=1#top",
		"HTTPS://Intranet.Example.COM/app":                     "https://intranet.example.com/app",
		"https://intranet.example.com:443/app/":                "https://intranet.example.com/app/",
		"https://www.example.com":                              "https://www.example.com/",
		"https://www.example.com/any/where":                    "https://www.example.com/any/where",
		"http://localhost:8080/x":                              "http://localhost:8080/x",
		"https://intranet.example.com/":                        "",
		"https://intranet.example.com/application":             "",
		"https://intranet.example.com/APP":                     "",
		"https://intranet.example.com/app/../admin":            "",
		"https://intranet.example.com/app/..":                  "",
		"https://intranet.example.com/app/%2e%2e/admin":        "",
		"https://intranet.example.com/app/%2e%2e%2fx":          "",
		"https://intranet.example.com/app%2fx":                 "",
		"https://intranet.example.com/app//x":                  "",
		"http://www.example.com/":                              "", // another scheme
		"https://www.example.com:8443/":                        "",
		"https://www.example.com./":                            "",
		"https://www.example.com:/":                            "",
		"https://www.example.com.evil.test/":                   "",
		"https://evil.test/www.example.com":                    "",
		"https://evilwww.example.com/":                         "",
		"https://sub.www.example.com/":                         "",
		"https://example.com/":                                 "",
		"https://www.example.com@evil.test/":                   "",
		"https://evil.test@www.example.com/":                   "",
		"https://user:pass@www.example.com/":                   "",
		"https://www.example.com\\@evil.test/":                 "",
		"https:\\\\www.example.com\\":                          "",
		"https:/\\www.example.com/":                            "",
		"\\\\www.example.com":                                  "",
		"//evil.test/":                                         "",
		"//www.example.com/":                                   "",
		"///www.example.com/":                                  "",
		"/app":                                                 "",
		"app":                                                  "",
		"":                                                     "",
		"https:www.example.com":                                "",
		"https:///www.example.com/":                            "",
		"javascript:alert(1)":                                  "",
		"JaVaScRiPt:alert(1)":                                  "",
		"java\tscript:alert(1)":                                "",
		"javascript://www.example.com/%0aalert(1)":             "",
		"data:text/html,x":                                     "",
		" https://www.example.com/":                            "",
		"https://www.example.com/ ":                            "",
		"https://www.example.com/\nSet-Cookie:x":               "",
		"https://www.example.com/%00":                          "",
		"https://www.example.com/%5cevil":                      "",
		"https://www.example.com%2eevil.test/":                 "",
		"https://www.exämple.com/":                             "",
		"https://www.example.com\u3002evil.test/":              "",
		"ftp://www.example.com/":                               "",
		"https://[::1]/":                                       "",
		"https://www.example.com/" + strings.Repeat("a", 2048): "",
	} {
		if got := rs.allow(raw); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
	if got := returns(nil).allow("https://www.example.com/"); got != "" {
		t.Errorf("an empty list allows %q", got)
	}
}

func TestBadAllowListIsRefused(t *testing.T) {
	for _, entry := range []string{"", "/", "www.example.com", "https://", "https://a@b/", "https://a/?x", "https://a/#x", "javascript:x",
		"https://a/../b", "https://*.example.com\\"} {
		if _, err := newReturns([]string{entry}); err == nil {
			t.Errorf("%q was taken", entry)
		}
	}
}

// TestReturnToIsCheckedAgain: a cookie is the visitor's to change.
func TestReturnToIsCheckedAgain(t *testing.T) {
	b := newBrowser(t, newPortal(t, newFake()), "en")
	b.get("/?return_to=https://evil.test/").want(200, `name="return_to" value=""`).never("evil.test")
	b.post("/reset", "identifier", "ada", "return_to", "https://evil.test/").prove()
	if got := b.cookies[returnCookie]; got != "" {
		t.Errorf("kept %q", got)
	}
	b.cookies[returnCookie] = "https%3A%2F%2Fevil.test%2F"
	b.post("/reset/password", "password", goodPassword).want(200, `href="https://www.northwind.example/"`).never("evil.test")
	b.get("/change?return_to=javascript:alert(1)").want(200).never("javascript:")
	b.get("/?identifier=ada").want(200).never(`value="ada"`)
}
