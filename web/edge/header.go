package edge

import (
	"net/http"
	"net/url"
	"strings"
)

// What pages may load and do: their own files only, no inline script or style, no frames.
const portalPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"

// An API reply that is opened as a page can do nothing at all.
const apiPolicy = "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; sandbox"

// Of what browsers offer, only passkeys are used.
const permissions = "publickey-credentials-get=(self), publickey-credentials-create=(self), clipboard-write=(self), " +
	"accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), " +
	"gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), " +
	"payment=(), picture-in-picture=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()"

// headers returns what every reply carries, whatever became of the request.
func headers(f face, hsts bool) http.Header {
	h := http.Header{}
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", permissions)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	switch f {
	case portal, console:
		h.Set("Content-Security-Policy", portalPolicy)
		// Not no-referrer: with it browsers send "Origin: null" on some posts.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Vary", "Accept-Language, Cookie")
	case api:
		h.Set("Content-Security-Policy", apiPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Vary", "Accept-Language, Authorization")
	}
	if hsts {
		// RFC 6797: two years.
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
	return h
}

// hostOf returns u's host as browsers send it: lower case, without the scheme's own port.
func hostOf(u *url.URL) string {
	return plainHost(u.Scheme, u.Host)
}

func plainHost(scheme, host string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

// ours reports whether r is for this instance. For a request target in absolute form (RFC 9112
// section 3.2.2) net/http has put the target's host in place of the header.
func (m *Mux) ours(r *http.Request) bool { return plainHost(m.public.Scheme, r.Host) == m.host }

// sameOrigin refuses requests that a browser made on another site's behalf (a foreign Origin
// or Sec-Fetch-Site). Beyond http.CrossOriginProtection, an Origin that is given must be ours to
// the scheme. Requests with neither header come from no browser of the last years.
func (m *Mux) sameOrigin(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return nil
	}
	if err := m.origin.Check(r); err != nil {
		return Refuse(ProblemOrigin, "the request comes from another site")
	}
	if got := r.Header.Values("Origin"); len(got) > 1 || len(got) == 1 && got[0] != m.public.Scheme+"://"+m.host {
		return Refuse(ProblemOrigin, "the request comes from another site")
	}
	return nil
}
