package portal

import (
	"net/http"

	"postern/app"
	"postern/policy"
	"postern/recovery"
	"postern/web/page"
)

// overPage says how a recovery ended that did not succeed.
type overPage struct {
	page.Frame
	Lead, Next string // text keys
	SignIn     string // only where trying to sign in is what to do next
	Reference  string
}

func (p *Portal) over(w http.ResponseWriter, r *http.Request, flow app.Flow) error {
	prefix := "over." + string(flow.State)
	if flow.State == recovery.Unsettled && flow.Action == policy.Unlock {
		prefix += "_unlock"
	}
	d := overPage{Frame: p.frame(r, prefix+".title", "/reset"), Lead: prefix + ".lead", Next: prefix + ".next",
		Reference: string(flow.ID)}
	if flow.State == recovery.Unsettled {
		d.SignIn = p.back(r)
	}
	return p.page.Render(w, http.StatusOK, "over", d)
}
