package portal

import (
	"net/http"

	"postern/web/edge"
)

// unlock spends the grant on ending a lock-out; the password stays.
func (p *Portal) unlock(w http.ResponseWriter, r *http.Request) error {
	_, err := p.app.Unlock(r.Context(), p.visitor(r), edge.Token(r))
	return p.step(w, r, err, place{})
}
