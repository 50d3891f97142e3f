package portal

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"postern/app"
	"postern/web/edge"
	"postern/web/page"
)

// correctable returns err as a problem when it is one of those that the same page can show beside
// what was typed. All others go to the edge, which logs them and shows a page of their own.
func (p *Portal) correctable(err error, names ...string) (edge.Problem, bool) {
	problem := edge.ProblemOf(err)
	return problem, problem.Refusal != nil && slices.Contains(names, problem.Name)
}

// render shows a page that tells of a problem, with the problem's status.
func (p *Portal) render(w http.ResponseWriter, problem edge.Problem, name string, data page.Data) error {
	if problem.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((problem.Retry+time.Second-1)/time.Second)))
	}
	return p.page.Render(w, problem.Status, name, data)
}

// edgeKeys are the texts of app's problems for when the edge itself found them.
var edgeKeys = map[string]string{
	app.ProblemAnswer:      "problem.answer",
	app.ProblemOrder:       "problem.order",
	app.ProblemPassword:    "problem.password",
	app.ProblemClosed:      "problem.closed",
	app.ProblemNone:        "problem.no_recovery",
	app.ProblemMethod:      "problem.method",
	app.ProblemMalformed:   "problem.malformed",
	app.ProblemLimited:     "problem.too_many",
	app.ProblemUnavailable: "problem.try_later",
	app.ProblemPending:     "problem.pending",
	app.ProblemUnsettled:   "problem.unsettled",
	app.ProblemTicket:      "problem.no_invitation",
}

// say returns what a problem is in the reader's words.
func (p *Portal) say(r *http.Request, problem edge.Problem) string {
	key := problem.Key
	if !p.texts.Has(key) {
		key = edgeKeys[problem.Name]
	}
	if !p.texts.Has(key) {
		key = "problem.internal"
	}
	return p.texts.Text(p.language(r), key, problem.Params)
}

// errorPage says what went wrong where no form can be shown again.
type errorPage struct {
	page.Frame
	Text      string
	Back      string // where the one button leads
	BackText  string
	Reference string
}

// errorTitles name the problems whose page has a title of its own.
var errorTitles = map[string]string{
	edge.ProblemRoute:      "error.title_missing",
	app.ProblemNone:        "error.title_none",
	app.ProblemClosed:      "error.title_none",
	app.ProblemLimited:     "error.title_later",
	app.ProblemUnavailable: "error.title_later",
	edge.ProblemBusy:       "error.title_later",
	edge.ProblemInternal:   "error.title_internal",
	app.ProblemUnsettled:   "over.unsettled.title",
}

// RenderError shows any problem as a page, for edge.Settings.
func (p *Portal) RenderError(w http.ResponseWriter, r *http.Request, status int, problem edge.Problem) {
	title := errorTitles[problem.Name]
	if title == "" {
		title = "error.title"
	}
	d := errorPage{Frame: p.frame(r, title, "/"), Text: p.say(r, problem), Back: "/", BackText: "error.start",
		Reference: problem.Instance}
	if f := problem.Refusal; f != nil && f.Flow != nil && !f.Flow.State.Final() {
		d.Back, d.BackText, d.Self = "/reset", "error.back", "/reset"
	}
	if err := p.page.Render(w, status, "error", d); err != nil {
		edge.WriteProblem(w, problem)
	}
}
