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
	checklist
	Login   string
	Field   secretField
	Suggest suggestions
	Clock   *page.Clock
	Unlock  bool
	Lock    lockTimes
}

// secretField is a password field, for the template "secret".
type secretField struct{ ID, Label, Complete, Problem, Described string }

// checklist is what a new password must be, for the template "rules". Words are the person's own,
// where it is known who it is.
type checklist struct {
	Rules []ruleLine
	Words []string
}

type ruleLine struct {
	password.Line
	Text string
}

func (p *Portal) checklist(language string, lines []password.Line, words []string) checklist {
	c := checklist{Words: append([]string{}, words...)}
	for _, l := range lines {
		c.Rules = append(c.Rules, ruleLine{l, p.texts.Text(language, "password.rule."+l.Rule, l.Params)})
	}
	return c
}

// newPassword is the field for one, tied to the checklist.
func (p *Portal) newPassword(f page.Frame, c checklist) secretField {
	s := secretField{ID: "password", Label: p.texts.Text(f.Language, "password.new", nil),
		Complete: "new-password", Problem: f.On("password")}
	if len(c.Rules) > 0 {
		s.Described = "rules"
	}
	return s
}

func (p *Portal) password(w http.ResponseWriter, r *http.Request, flow app.Flow, s shown) error {
	d := passwordPage{Frame: p.frame(r, "password.title", "/reset"), Login: flow.Login,
		Unlock: flow.Locked && slices.Contains(flow.Can, policy.Unlock), Lock: newLockTimes(flow.Lock),
		Clock: page.NewClock("password.left", "clock.over", flow.Deadline, p.now())}
	d.Problems = s.problems
	d.checklist = p.checklist(d.Language, flow.Rules, flow.Words)
	d.Field = p.newPassword(d.Frame, d.checklist)
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
