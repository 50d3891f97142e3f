package portal

import (
	"io"
	"net/http"

	"postern/app"
	"postern/password"
	"postern/recovery"
	"postern/secret"
	"postern/web/edge"
)

// strength tells a verified person how long what they are typing would withstand guessing, as a
// sentence, and nothing while a rule of the checklist is unmet: praise for what will be refused
// misleads. Nothing is kept. The password's rules, which count, are checked when it is saved.
func (p *Portal) strength(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	flow, err := p.app.Look(r.Context(), p.visitor(r), edge.Token(r))
	if err != nil {
		return err
	}
	if flow.State != recovery.Verified {
		return edge.Refuse(app.ProblemOrder, "a password can be chosen only once verified")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	typed := secret.New(form.Get("password"))
	if _, unmet := shownRules(flow.Words, flow.Rules).Check(typed); len(unmet) > 0 {
		return nil
	}
	_, err = io.WriteString(w, p.texts.Text(p.language(r), password.Strength(typed, flow.Words).Key(), nil))
	return err
}
