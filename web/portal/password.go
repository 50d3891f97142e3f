package portal

import (
	"net/http"
	"slices"

	"postern/app"
	"postern/password"
	"postern/policy"
	"postern/secret"
	"postern/web/edge"
	"postern/web/page"
)

// passwordPage lets a verified person choose a new password.
type passwordPage struct {
	page.Frame
	Login   string
	Field   secretField
	Rules   []ruleLine
	Words   []string
	Suggest suggestions
	Clock   *page.Clock
	Unlock  bool
}

// secretField is a password field, for the template "secret".
type secretField struct{ ID, Label, Complete, Problem, Described string }

type ruleLine struct {
	password.Line
	Text string
}

func (p *Portal) password(w http.ResponseWriter, r *http.Request, flow app.Flow, s shown) error {
	d := passwordPage{Frame: p.frame(r, "password.title", "/reset"), Login: flow.Login, Words: flow.Words,
		Unlock: flow.Locked && slices.Contains(flow.Can, policy.Unlock),
		Clock:  page.NewClock("password.left", "password.over", flow.Deadline, p.now())}
	d.Problems = s.problems
	d.Field = secretField{ID: "password", Label: p.texts.Text(d.Language, "password.new", nil),
		Complete: "new-password", Problem: d.On("password")}
	for _, l := range flow.Rules {
		d.Rules = append(d.Rules, ruleLine{l, p.texts.Text(d.Language, "password.rule."+l.Rule, l.Params)})
		d.Field.Described = "rules"
	}
	d.Suggest = suggest("password", flow.Words, flow.Rules)
	return p.write(w, s, "password", d)
}

// setPassword spends the grant on a new password.
func (p *Portal) setPassword(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	_, err = p.app.SetPassword(r.Context(), p.visitor(r), edge.Token(r), secret.New(form.Get("password")))
	return p.step(w, r, err, place{field: "password"})
}
