package portal

import (
	"net/http"
	"slices"

	"postern/app"
	"postern/policy"
	"postern/recovery"
	"postern/web/edge"
	"postern/web/page"
)

// shown is how a flow's page is to be shown.
type shown struct {
	problem  *edge.Problem // tells why the last step did not work; nil: nothing to tell
	problems []page.Problem
	methods  bool // the list, although a question is open
}

// reset shows the page that fits the state.
func (p *Portal) reset(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	flow, err := p.app.Look(r.Context(), p.visitor(r), edge.Token(r))
	if err != nil {
		return err
	}
	return p.show(w, r, flow, shown{methods: r.URL.Query().Get("show") == "methods"})
}

// show renders flow's page.
func (p *Portal) show(w http.ResponseWriter, r *http.Request, flow app.Flow, s shown) error {
	switch {
	case flow.State == recovery.Verifying && flow.Open != nil && !s.methods:
		return p.question(w, r, flow, s)
	case flow.State == recovery.Verifying:
		return p.methods(w, r, flow, s)
	case flow.State == recovery.Verified && !slices.Contains(flow.Can, policy.Reset):
		return p.locked(w, r, flow, s)
	case flow.State == recovery.Verified:
		return p.password(w, r, flow, s)
	case flow.State == recovery.Applying:
		title := "working.title"
		if flow.Action == policy.Unlock {
			title = "working.title_unlock"
		}
		return p.write(w, s, "working", workingPage{p.frame(r, title, "/reset")})
	case flow.State == recovery.Done:
		return p.receipt(w, r, flow, ending{signIn: p.back(r), self: "/reset"})
	}
	return p.over(w, r, flow)
}

// workingPage says that the directory was asked.
type workingPage struct{ page.Frame }

// write renders a flow's page with the status of its problem, if it has one.
func (p *Portal) write(w http.ResponseWriter, s shown, name string, data page.Data) error {
	if s.problem != nil {
		return p.render(w, *s.problem, name, data)
	}
	return p.page.Render(w, http.StatusOK, name, data)
}

// place is where a person can mend what did not work.
type place struct {
	field  string
	method string // the flow's method that was answered
}

// step ends a POST: to the page of the new state, or to the page of the present one with what did
// not work.
func (p *Portal) step(w http.ResponseWriter, r *http.Request, err error, at place) error {
	if err == nil {
		http.Redirect(w, r, "/reset", http.StatusSeeOther)
		return nil
	}
	problem, ok := p.correctable(err, app.ProblemAnswer, app.ProblemMalformed, app.ProblemOrder, app.ProblemMethod,
		app.ProblemPassword, app.ProblemPending, app.ProblemClosed, app.ProblemUnsettled)
	if !ok || problem.Refusal.Flow == nil {
		return err
	}
	flow := *problem.Refusal.Flow
	if flow.State.Final() || problem.Name == app.ProblemUnsettled {
		http.Redirect(w, r, "/reset", http.StatusSeeOther)
		return nil
	}
	if problem.Name == app.ProblemOrder || problem.Name == app.ProblemMethod {
		at.field = ""
	}
	return p.show(w, r, flow, shown{problem: &problem, problems: p.problems(r, flow, problem, at)})
}
