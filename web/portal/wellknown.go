package portal

import (
	"io"
	"net/http"

	"postern/web/edge"
)

// wellKnown leads password managers to where a password is changed (W3C "A Well-Known URL for
// Changing Passwords"). Every other well-known address is 404, which they check first.
func wellKnown(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/change", http.StatusFound)
	return nil
}

// robots keeps search engines out (RFC 9309).
func robots(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := io.WriteString(w, "User-agent: *\nDisallow: /\n")
	return err
}

// static serves what pages refer to. The name holds a hash of the content, so browsers may keep
// it for ever; any other name is no file.
func (p *Portal) static(w http.ResponseWriter, r *http.Request) error {
	f, ok := p.page.Static().File(r.PathValue("file"))
	if !ok {
		return edge.Refuse(edge.ProblemRoute, "there is nothing here")
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.Type)
	h.Del("Vary")
	_, err := w.Write(f.Content)
	return err
}
