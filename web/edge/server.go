package edge

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// NewServer returns a server for h with limits on time and size. The caller sets Addr or brings a
// listener, and TLSConfig.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  15 * time.Second,
		WriteTimeout:                 60 * time.Second,
		IdleTimeout:                  120 * time.Second,
		MaxHeaderBytes:               16 << 10,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is refused like everything unknown
	}
}

// Split is all faces behind one listener: what programs and monitors call goes to the API, what is
// below /admin to the console, all the rest to the portal. Each checks the Host for itself.
func Split(api, console, portal http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case forPrograms(path):
			api.ServeHTTP(w, r)
		case path == "/admin" || strings.HasPrefix(path, "/admin/"):
			console.ServeHTTP(w, r)
		default:
			portal.ServeHTTP(w, r)
		}
	})
}

func forPrograms(path string) bool {
	return path == "/api" || strings.HasPrefix(path, "/api/") || path == "/healthz" || path == "/readyz"
}

// Redirect sends browsers that came over plain HTTP to the same page of publicURL. It answers GET
// and HEAD of pages alone: a program that calls the API over plain HTTP has already given its
// token away and must notice.
func Redirect(publicURL string) (http.Handler, error) {
	m, err := NewPortal(Settings{PublicURL: publicURL})
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Type", "text/plain; charset=utf-8")
		switch {
		case !m.oursPlain(r):
			w.WriteHeader(http.StatusMisdirectedRequest)
		case forPrograms(r.URL.Path) || !strings.HasPrefix(r.URL.Path, "/"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "This is served over HTTPS only.\n")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
		default:
			to := url.URL{Scheme: m.public.Scheme, Host: m.host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
			h.Set("Location", to.String())
			w.WriteHeader(http.StatusMovedPermanently)
		}
	}), nil
}

// oursPlain is ours for a listener without TLS, whose port is another one.
func (m *Mux) oursPlain(r *http.Request) bool {
	u := url.URL{Host: strings.ToLower(r.Host)}
	return u.Hostname() == strings.ToLower(m.public.Hostname())
}
