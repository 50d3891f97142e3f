package portal

import (
	"net/http"

	"postern/web/edge"
	"postern/web/page"
)

// helpPage leads to people. Its reference names the recovery to the help desk and gives no access.
type helpPage struct {
	page.Frame
	Reference string
	Back      string
}

func (p *Portal) help(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	d := helpPage{Frame: p.frame(r, "help.title", "/reset/help"), Back: "/"}
	if token := edge.Token(r); !token.Empty() {
		if flow, err := p.app.Look(r.Context(), p.visitor(r), token); err == nil {
			d.Reference, d.Back = string(flow.ID), "/reset?show=methods"
		}
	}
	return p.page.Render(w, http.StatusOK, "help", d)
}
