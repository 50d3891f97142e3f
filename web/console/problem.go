package console

import (
	"net/http"
	"slices"

	"postern/app"
	"postern/web/edge"
	"postern/web/page"
)

// errorPage says what went wrong where no form can be shown again.
type errorPage struct {
	page.Frame
	Text      string
	Reference string
}

// RenderError shows any problem as a page, for edge.Settings. Without a session, what there is and
// what there is not look alike.
func (c *Console) RenderError(w http.ResponseWriter, r *http.Request, status int, problem edge.Problem) {
	var err error
	if c.stranger(r, problem) {
		err = c.page.Render(w, status, "denied", struct{ page.Frame }{c.frame(r, "console.denied.title", "/admin")})
	} else {
		title := "error.title"
		switch problem.Name {
		case edge.ProblemRoute:
			title = "error.title_missing"
		case edge.ProblemInternal:
			title = "error.title_internal"
		}
		err = c.page.Render(w, status, "error", errorPage{Frame: c.frame(r, title, directories),
			Text: c.say(r, problem), Reference: problem.Instance})
	}
	if err != nil {
		edge.WriteProblem(w, problem)
	}
}

// stranger reports whether the problem is that nobody is signed in, or would tell somebody who is
// not what there is.
func (c *Console) stranger(r *http.Request, problem edge.Problem) bool {
	if problem.Name == app.ProblemSession {
		return true
	}
	if !slices.Contains([]string{edge.ProblemRoute, edge.ProblemVerb}, problem.Name) {
		return false
	}
	_, err := c.app.OperatorOf(r.Context(), edge.ConsoleToken(r))
	return err != nil
}

// say returns what a problem is in the reader's words.
func (c *Console) say(r *http.Request, problem edge.Problem) string {
	key := problem.Key
	if !c.texts.Has(key) {
		key = "problem.internal"
	}
	return c.texts.Text(c.texts.Language(r), key, problem.Params)
}
