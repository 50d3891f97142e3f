package portal

import (
	"net/http"

	"postern/app"
	"postern/password"
	"postern/secret"
	"postern/web/edge"
	"postern/web/page"
)

// changePage changes a password that is known.
type changePage struct {
	page.Frame
	checklist
	Identifier   string
	ReturnTo     string
	Current, New secretField
	Suggest      suggestions
}

func (p *Portal) changePage(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	return p.page.Render(w, http.StatusOK, "change", p.changeForm(r, "", r.URL.Query().Get("return_to"), nil))
}

func (p *Portal) changeForm(r *http.Request, identifier, returnTo string, problems []page.Problem) changePage {
	d := changePage{Frame: p.frame(r, "change.title", "/change"), Identifier: identifier, ReturnTo: p.returns.allow(returnTo)}
	d.Problems = problems
	d.Current = secretField{ID: "current", Label: p.texts.Text(d.Language, "change.current", nil),
		Complete: "current-password", Problem: d.On("current")}
	// Whose words they are is known only when it is saved, and so is what the directory asks for.
	lines := append(p.app.PasswordRules(), password.Line{Rule: password.RuleOwn})
	d.checklist = p.checklist(d.Language, lines, nil)
	d.New = p.newPassword(d.Frame, d.checklist)
	d.Suggest = suggest("password", nil, lines)
	return d
}

// change sets the new password and shows the receipt at once: there is no flow to come back to.
func (p *Portal) change(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	flow, err := p.app.ChangePassword(r.Context(), p.visitor(r), app.ChangeRequest{Identifier: form.Get("identifier"),
		Old: secret.New(form.Get("current")), New: secret.New(form.Get("password"))})
	if err == nil {
		signIn := p.returns.allow(form.Get("return_to"))
		if signIn == "" {
			signIn = p.signIn
		}
		return p.receipt(w, r, flow, ending{signIn: signIn, self: "/change", known: true})
	}
	problem, ok := p.correctable(err, app.ProblemAnswer, app.ProblemMalformed, app.ProblemPassword, app.ProblemLimited)
	if !ok {
		return err
	}
	var problems []page.Problem
	switch problem.Name {
	case app.ProblemPassword:
		problems = p.violations(r, problem, "password")
	case app.ProblemAnswer:
		problems = []page.Problem{{Field: "current", Text: p.say(r, problem)}}
	case app.ProblemMalformed:
		problems = p.missing(r, form.Get("identifier"), form.Get("current"))
	default:
		problems = []page.Problem{{Text: p.say(r, problem)}}
	}
	return p.render(w, problem, "change", p.changeForm(r, form.Get("identifier"), form.Get("return_to"), problems))
}

// missing says which of the fields that must be filled in are not.
func (p *Portal) missing(r *http.Request, identifier, current string) []page.Problem {
	var out []page.Problem
	if identifier == "" || current != "" {
		out = append(out, page.Problem{Field: "identifier", Text: p.texts.Text(p.language(r), "start.missing", nil)})
	}
	if current == "" {
		out = append(out, page.Problem{Field: "current", Text: p.texts.Text(p.language(r), "change.missing_current", nil)})
	}
	return out
}
