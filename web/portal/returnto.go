package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// returns are the addresses that a person may be sent back to.
type returns []*url.URL

const returnCookie = "__Host-postern-return"

// newReturns reads the allow-list. What could not be meant as an address is refused.
func newReturns(allowed []string) (returns, error) {
	var out returns
	for _, a := range allowed {
		u, ok := webAddress(a)
		if !ok || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("portal: return_to %q must be a scheme, a host and perhaps a path, such as https://intranet.example.com/app", a)
		}
		out = append(out, u)
	}
	return out, nil
}

// allow returns raw as it may be used, or "" when nothing in the list allows it.
func (rs returns) allow(raw string) string {
	u, ok := webAddress(raw)
	if !ok {
		return ""
	}
	for _, a := range rs {
		if u.Scheme == a.Scheme && u.Host == a.Host && below(u.Path, a.Path) {
			return u.String()
		}
	}
	return ""
}

// below reports whether p is base or lies under it.
func below(p, base string) bool {
	base = strings.TrimSuffix(base, "/")
	return p == base || strings.HasPrefix(p, base+"/")
}

// webAddress parses an absolute web address of one meaning: what browsers read in another way
// than net/url does (a backslash, a control character, a space), user information, dot segments
// and escaped slashes are refused, not repaired. Scheme and host come back in small letters
// without the scheme's own port.
func webAddress(raw string) (*url.URL, bool) {
	if len(raw) > 2048 || strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' }) {
		return nil, false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.User != nil || u.Hostname() == "" {
		return nil, false
	}
	escaped := strings.ToLower(u.EscapedPath())
	if strings.Contains(escaped, "%2f") || strings.Contains(escaped, "%5c") || strings.Contains(escaped, "%00") {
		return nil, false
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if clean := path.Clean(u.Path); clean != u.Path && clean+"/" != u.Path {
		return nil, false
	}
	u.Host = strings.ToLower(u.Host)
	if strings.HasSuffix(u.Hostname(), ".") || strings.HasSuffix(u.Host, ":") {
		return nil, false
	}
	u.Host = strings.TrimSuffix(u.Host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	return u, true
}

// keepReturn remembers where to go in the end, for as long as the browser runs, or forgets it.
func (p *Portal) keepReturn(w http.ResponseWriter, raw string) {
	c := &http.Cookie{Name: returnCookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if to := p.returns.allow(raw); to != "" {
		c.Value = url.QueryEscape(to)
	} else {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// back returns where "Sign in" leads: what was kept if it is allowed, else the configured address.
func (p *Portal) back(r *http.Request) string {
	if kept := r.CookiesNamed(returnCookie); len(kept) == 1 {
		if raw, err := url.QueryUnescape(kept[0].Value); err == nil {
			if to := p.returns.allow(raw); to != "" {
				return to
			}
		}
	}
	return p.signIn
}
