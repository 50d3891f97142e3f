package edge

import (
	"net/http"
	"strings"

	"postern/secret"
)

// The cookies of portal and console. The prefix binds them to this host, to TLS and to the path / (RFC 6265bis
// section 4.1.3.2).
const (
	recoveryCookie = "__Host-postern-recovery"
	enrollCookie   = "__Host-postern-enroll"
	consoleCookie  = "__Host-postern-console"
)

// maxToken is longer than any token that app makes.
const maxToken = 256

// Token returns the recovery's token that r shows: a cookie's on the portal, Authorization's on
// the API. It is empty when there is none, or more than one.
func Token(r *http.Request) secret.Text { return shown(r, recoveryCookie) }

// EnrollToken returns the invitation's token that r shows.
func EnrollToken(r *http.Request) secret.Text { return shown(r, enrollCookie) }

// SetToken gives the browser a recovery's token for as long as it runs.
func SetToken(w http.ResponseWriter, t secret.Text) {
	http.SetCookie(w, cookie(recoveryCookie, t.Reveal(), http.SameSiteStrictMode))
}

// ClearToken takes it back.
func ClearToken(w http.ResponseWriter) {
	http.SetCookie(w, cleared(cookie(recoveryCookie, "", http.SameSiteStrictMode)))
}

// SetEnrollToken gives the browser an invitation's token. It is Lax, not Strict: the link in a
// message leads here from another site, and a Strict cookie would be missing on the next page.
func SetEnrollToken(w http.ResponseWriter, t secret.Text) {
	http.SetCookie(w, cookie(enrollCookie, t.Reveal(), http.SameSiteLaxMode))
}

// ClearEnrollToken takes it back.
func ClearEnrollToken(w http.ResponseWriter) {
	http.SetCookie(w, cleared(cookie(enrollCookie, "", http.SameSiteLaxMode)))
}

// ConsoleToken returns the token of the console's session that r shows.
func ConsoleToken(r *http.Request) secret.Text { return shown(r, consoleCookie) }

// SetConsoleToken gives the browser a session's token for as long as it runs.
func SetConsoleToken(w http.ResponseWriter, t secret.Text) {
	http.SetCookie(w, cookie(consoleCookie, t.Reveal(), http.SameSiteStrictMode))
}

// ClearConsoleToken takes it back.
func ClearConsoleToken(w http.ResponseWriter) {
	http.SetCookie(w, cleared(cookie(consoleCookie, "", http.SameSiteStrictMode)))
}

func cookie(name, value string, site http.SameSite) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: site}
}

func cleared(c *http.Cookie) *http.Cookie {
	c.MaxAge = -1
	return c
}

func shown(r *http.Request, name string) secret.Text {
	if c := callOf(r); c != nil && c.mux.face == api {
		return bearer(r)
	}
	found := r.CookiesNamed(name)
	if len(found) != 1 || !tokenLike(found[0].Value) {
		return secret.Text{}
	}
	return secret.New(found[0].Value)
}

// bearer reads Authorization (RFC 6750 section 2.1), once and nowhere else.
func bearer(r *http.Request) secret.Text {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return secret.Text{}
	}
	scheme, token, ok := strings.Cut(given[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || !tokenLike(token) {
		return secret.Text{}
	}
	return secret.New(token)
}

// tokenLike reports whether s has the form of a b64token.
func tokenLike(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-._~+/=", c))
	})
}
