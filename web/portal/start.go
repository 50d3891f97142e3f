package portal

import (
	"net/http"

	"postern/app"
	"postern/web/edge"
	"postern/web/page"
)

// startPage asks what the person signs in with.
type startPage struct {
	page.Frame
	Identifier string
	ReturnTo   string
}

// start shows the first page. A name that a link might bring along is not filled in.
func (p *Portal) start(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	return p.page.Render(w, http.StatusOK, "start", startPage{Frame: p.frame(r, "start.title", "/"),
		ReturnTo: p.returns.allow(r.URL.Query().Get("return_to"))})
}

// begin starts a recovery for whoever was named, or for nobody: the reply is the same.
func (p *Portal) begin(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	again := startPage{Frame: p.frame(r, "start.title", "/"), Identifier: form.Get("identifier"),
		ReturnTo: p.returns.allow(form.Get("return_to"))}
	started, err := p.app.Begin(r.Context(), p.visitor(r), form.Get("identifier"))
	if err != nil {
		problem, ok := p.correctable(err, app.ProblemMalformed, app.ProblemLimited)
		if !ok {
			return err
		}
		again.Problems = []page.Problem{{Field: "identifier", Text: p.say(r, problem)}}
		return p.render(w, problem, "start", again)
	}
	edge.SetToken(w, started.Token)
	p.keepReturn(w, form.Get("return_to"))
	http.Redirect(w, r, "/reset", http.StatusSeeOther)
	return nil
}
