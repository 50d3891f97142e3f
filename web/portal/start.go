package portal

import (
	"net/http"

	"postern/app"
	"postern/policy"
	"postern/web/edge"
	"postern/web/page"
)

// startPage asks what the person signs in with.
type startPage struct {
	page.Frame
	Lead       string // text key
	Action     string // where the form goes
	Identifier string
	ReturnTo   string
	Unlock     bool // they know their password
}

// start shows the first page. A name that a link might bring along is not filled in.
func (p *Portal) start(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	return p.page.Render(w, http.StatusOK, "start", p.startForm(r, policy.Reset, "", r.URL.Query().Get("return_to")))
}

// unlockStart is the first page of somebody who knows their password and is locked out.
func (p *Portal) unlockStart(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	return p.page.Render(w, http.StatusOK, "start", p.startForm(r, policy.Unlock, "", r.URL.Query().Get("return_to")))
}

// startForm is the first page of whoever wants that.
func (p *Portal) startForm(r *http.Request, want policy.Action, identifier, returnTo string) startPage {
	d := startPage{Lead: "start.lead", Action: "/reset", Identifier: identifier, ReturnTo: p.returns.allow(returnTo)}
	if want == policy.Unlock {
		d.Frame, d.Lead, d.Action, d.Unlock = p.frame(r, "unlock.title", "/unlock"), "unlock.lead", "/unlock", true
		return d
	}
	d.Frame = p.frame(r, "start.title", "/")
	return d
}

// begin starts a recovery for whoever was named, or for nobody: the reply is the same.
func (p *Portal) begin(w http.ResponseWriter, r *http.Request) error {
	return p.beginFor(w, r, policy.Reset)
}

// unlockBegin starts one that can only unlock.
func (p *Portal) unlockBegin(w http.ResponseWriter, r *http.Request) error {
	return p.beginFor(w, r, policy.Unlock)
}

func (p *Portal) beginFor(w http.ResponseWriter, r *http.Request, want policy.Action) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	again := p.startForm(r, want, form.Get("identifier"), form.Get("return_to"))
	started, err := p.app.Begin(r.Context(), p.visitor(r), form.Get("identifier"), want)
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
