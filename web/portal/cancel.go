package portal

import (
	"net/http"

	"postern/app"
	"postern/web/edge"
)

// cancel ends the recovery, takes the browser's token back and begins anew. What is over already
// needs no ending.
func (p *Portal) cancel(w http.ResponseWriter, r *http.Request) error {
	err := p.app.Abandon(r.Context(), p.visitor(r), edge.Token(r))
	if _, harmless := p.correctable(err, app.ProblemClosed, app.ProblemNone); err != nil && !harmless {
		return p.step(w, r, err, place{})
	}
	edge.ClearToken(w)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}
