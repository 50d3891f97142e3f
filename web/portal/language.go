package portal

import "net/http"

// language returns the language of the page.
func (p *Portal) language(r *http.Request) string { return p.texts.Language(r) }

// keepLanguage remembers a choice.
func (p *Portal) keepLanguage(w http.ResponseWriter, r *http.Request) { p.texts.KeepLanguage(w, r) }
