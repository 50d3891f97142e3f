package console

import (
	"errors"
	"net/http"
	"strings"

	"postern/app"
	"postern/directory"
	"postern/web/edge"
	"postern/web/page"
)

// personCard is what was seen of one person.
type personCard struct {
	Login string
	Rows  []row
}

// person looks at one person. It answers with the page itself: the login stands in no address.
func (c *Console) person(w http.ResponseWriter, r *http.Request, s app.Session) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	login := strings.TrimSpace(form.Get("login"))
	if len(login) > 256 {
		return edge.Refuse(edge.ProblemRequest, "the login is too long")
	}
	seen, status, key, err := c.examine(r, s, login)
	if err != nil {
		return err
	}
	d, err := c.directoriesPage(r, s)
	if err != nil {
		return err
	}
	d.Login, d.Person = login, seen
	if key != "" {
		d.Problems = []page.Problem{{Field: "login", Text: c.texts.Text(d.Language, key, nil)}}
	}
	return c.page.Render(w, status, "directories", d)
}

// examine returns what is shown of login, or the status and the key of the text that says why not.
func (c *Console) examine(r *http.Request, s app.Session, login string) (seen *personCard, status int, key string, err error) {
	if login == "" {
		return nil, http.StatusBadRequest, "console.person.missing", nil
	}
	section, err := c.doctor.Examine(r.Context(), c.app, s.Operator, login)
	switch {
	case err == nil:
		all := newRows("p", section)
		return &personCard{Login: login, Rows: append(all.Bad, all.Fine...)}, http.StatusOK, "", nil
	case errors.Is(err, app.ErrSeveral):
		return nil, http.StatusNotFound, "console.person.several", nil
	case errors.Is(err, app.ErrNobody):
		return nil, http.StatusNotFound, "console.person.unknown", nil
	case errors.Is(err, directory.ErrUnavailable):
		return nil, http.StatusServiceUnavailable, "console.person.unavailable", nil
	}
	return nil, 0, "", err
}
