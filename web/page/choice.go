package page

import (
	"net/http"
	"slices"
)

const languageCookie = "__Host-postern-lang"

// Language returns the language of a page for r: the one that was just chosen, the one that was
// chosen before, or the best of what the browser accepts.
func (t *Texts) Language(r *http.Request) string {
	if l, ok := t.chosen(r); ok {
		return l
	}
	if c := r.CookiesNamed(languageCookie); len(c) == 1 && t.exists(c[0].Value) {
		return c[0].Value
	}
	accept := r.Header.Get("Accept-Language")
	if len(accept) > 256 {
		accept = ""
	}
	return t.Match(accept)
}

// KeepLanguage remembers a choice for as long as the browser runs.
func (t *Texts) KeepLanguage(w http.ResponseWriter, r *http.Request) {
	if l, ok := t.chosen(r); ok {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: l, Path: "/", Secure: true,
			HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
}

// chosen returns the language that r asks for by ?lang=.
func (t *Texts) chosen(r *http.Request) (string, bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "", false
	}
	l := r.URL.Query().Get("lang")
	return l, t.exists(l)
}

func (t *Texts) exists(code string) bool {
	return slices.ContainsFunc(t.languages, func(l Language) bool { return l.Code == code })
}
