package console

import (
	"net/http"

	"postern/app"
	"postern/secret"
	"postern/web/edge"
	"postern/web/page"
)

// enterPage is where a link that "postern console" printed leads. Opening it uses nothing up.
type enterPage struct {
	page.Frame
	Token string
}

func (c *Console) invitation(w http.ResponseWriter, r *http.Request) error {
	c.texts.KeepLanguage(w, r)
	return c.page.Render(w, http.StatusOK, "enter", enterPage{Token: r.PathValue("token"),
		Frame: c.frame(r, "console.enter.title", r.URL.EscapedPath())})
}

// enter uses the link up and begins a session.
func (c *Console) enter(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	s, err := c.app.EnterConsole(r.Context(), c.visitor(r), secret.New(form.Get("token")))
	if err != nil {
		return err
	}
	edge.SetConsoleToken(w, s.Token)
	http.Redirect(w, r, directories, http.StatusSeeOther)
	return nil
}

// leave ends the session.
func (c *Console) leave(w http.ResponseWriter, r *http.Request) error {
	if err := c.app.LeaveConsole(r.Context(), c.visitor(r), edge.ConsoleToken(r)); err != nil {
		return err
	}
	edge.ClearConsoleToken(w)
	http.Redirect(w, r, "/admin/left", http.StatusSeeOther)
	return nil
}

// left says that it has ended. It is the same for everybody.
func (c *Console) left(w http.ResponseWriter, r *http.Request) error {
	c.texts.KeepLanguage(w, r)
	return c.page.Render(w, http.StatusOK, "left", struct{ page.Frame }{c.frame(r, "console.left.title", "/admin/left")})
}

func (c *Console) visitor(r *http.Request) app.Visitor {
	v := edge.VisitorOf(r)
	v.Language = c.texts.Language(r)
	return v
}
