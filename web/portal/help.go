package portal

import (
	"net/http"

	"postern/recovery"
	"postern/web/edge"
	"postern/web/page"
)

// helpPage leads to people. Its reference names the recovery to the help desk and gives no access.
type helpPage struct {
	page.Frame
	Reference string
	Back      string // where the one button leads
	BackText  string // text key
}

func (p *Portal) help(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	d := helpPage{Frame: p.frame(r, "help.title", "/reset/help"), Back: "/",
		BackText: "error.start"}
	if token := edge.Token(r); !token.Empty() {
		if flow, err := p.app.Look(r.Context(), p.visitor(r), token); err == nil {
			d.Reference = string(flow.ID)
			switch {
			case flow.State == recovery.Verifying:
				d.Back, d.BackText = "/reset?show=methods", "help.back"
			case !flow.State.Final():
				d.Back, d.BackText = "/reset", "error.back"
			}
		}
	}
	return p.page.Render(w, http.StatusOK, "help", d)
}
