package portal

import (
	"net/http"

	"postern/app"
	"postern/policy"
	"postern/web/edge"
	"postern/web/page"
)

// methodsPage lists the ways to show who one is.
type methodsPage struct {
	page.Frame
	Lead   string // text key
	Alone  string // text key of the name of a way that is enough on its own
	Rows   []methodRow
	Second bool
	Clock  *page.Clock
}

type methodRow struct {
	app.FlowMethod
	Name, About string // text keys
	To          string // masked, where its code goes
}

func (p *Portal) methods(w http.ResponseWriter, r *http.Request, flow app.Flow, s shown) error {
	title, lead := "methods.title", "methods.lead"
	switch {
	case answered(flow):
		title, lead = "methods.title_second", "methods.lead_second"
	case flow.Left == 1:
		lead = "methods.lead_single"
	}
	d := methodsPage{Frame: p.frame(r, title, "/reset"), Lead: lead, Second: answered(flow),
		Clock: page.NewClock("methods.left", "clock.over", flow.Deadline, p.now())}
	d.Problems = s.problems
	if len(flow.Alone) > 0 && !d.Second {
		d.Alone = methodKey(flow.Alone[0], "name")
	}
	for _, m := range flow.Methods {
		d.Rows = append(d.Rows, methodRow{FlowMethod: m, Name: methodKey(m.Factor, "name"),
			About: methodKey(m.Factor, "about"), To: p.target(m)})
	}
	return p.write(w, s, "methods", d)
}

// ask poses a method's question.
func (p *Portal) ask(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	_, err = p.app.Ask(r.Context(), p.visitor(r), edge.Token(r), form.Get("method"))
	return p.step(w, r, err, place{})
}

// methodKey is the key of one of a method's own texts.
func methodKey(f policy.Factor, name string) string { return "method." + string(f) + "." + name }

// answered reports whether something was proven.
func answered(flow app.Flow) bool {
	for _, m := range flow.Methods {
		if m.Answered {
			return true
		}
	}
	return false
}
