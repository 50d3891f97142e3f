package portal

import (
	"net/http"
	"slices"

	"postern/web/page"
)

const languageCookie = "__Host-postern-lang"

// language returns the language of the page: the one that was just chosen, the one that was
// chosen before, or the best of what the browser accepts.
func (p *Portal) language(r *http.Request) string {
	if l, ok := p.chosen(r); ok {
		return l
	}
	if c := r.CookiesNamed(languageCookie); len(c) == 1 && p.exists(c[0].Value) {
		return c[0].Value
	}
	accept := r.Header.Get("Accept-Language")
	if len(accept) > 256 {
		accept = ""
	}
	return p.texts.Match(accept)
}

// chosen returns the language that r asks for by ?lang=.
func (p *Portal) chosen(r *http.Request) (string, bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "", false
	}
	l := r.URL.Query().Get("lang")
	return l, p.exists(l)
}

func (p *Portal) exists(code string) bool {
	return slices.ContainsFunc(p.texts.Languages(), func(l page.Language) bool { return l.Code == code })
}

// keepLanguage remembers a choice for as long as the browser runs.
func (p *Portal) keepLanguage(w http.ResponseWriter, r *http.Request) {
	if l, ok := p.chosen(r); ok {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: l, Path: "/", Secure: true,
			HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
}
