// Package console is the pages of operators below /admin/: one file each, with the form that each
// one takes.
//
// It holds no rule and asks no directory: app says who is signed in and shows people, doctor
// looks. It is reached through a Mux of its own (web/edge, NewConsole) and rendered through
// web/page with templates of its own.
//
// It guards three things. Every page but the one that signs in belongs to a session, which app
// judges before anything is done, and whoever has none gets the same plain page wherever they
// look. A GET does nothing: a link that signs in leads to a page with a button, and looking again
// is a button too. And what is shown of a person was recorded before it is shown.
package console

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"time"

	"postern/app"
	"postern/doctor"
	"postern/secret"
	"postern/web/edge"
	"postern/web/page"
)

//go:embed pages/*.html
var files embed.FS

// Pages returns the templates, for page.Settings.
func Pages() fs.FS {
	sub, err := fs.Sub(files, "pages")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return sub
}

// App is what the console asks of package app.
type App interface {
	EnterConsole(ctx context.Context, v app.Visitor, link secret.Text) (app.Session, error)
	OperatorOf(ctx context.Context, session secret.Text) (app.Session, error)
	LeaveConsole(ctx context.Context, v app.Visitor, session secret.Text) error
	Person(ctx context.Context, op app.Operator, login string) (app.Person, error)
	LastRehearsals(ctx context.Context) ([]app.Rehearsal, error)
}

// Settings are what a Console is made of.
type Settings struct {
	App    App
	Page   *page.Renderer // made with Pages
	Doctor *doctor.Doctor
}

// Console is the pages.
type Console struct {
	app    App
	page   *page.Renderer
	texts  *page.Texts
	doctor *doctor.Doctor
}

// New returns the pages.
func New(s Settings) *Console {
	return &Console{app: s.App, page: s.Page, texts: s.Page.Texts(), doctor: s.Doctor}
}

// Register adds every page to m.
func (c *Console) Register(m *edge.Mux) {
	m.Get("/admin/enter/{token}", edge.Anyone, c.invitation)
	m.Post("/admin/enter", edge.Anyone, c.enter)
	m.Post("/admin/leave", edge.Operators, c.leave)
	m.Get("/admin/left", edge.Anyone, c.left)
	m.Get("/admin", edge.Operators, c.signedIn(c.first))
	m.Get("/admin/{$}", edge.Operators, c.signedIn(c.first))
	m.Get(directories, edge.Operators, c.signedIn(c.directories))
	m.Post("/admin/directories/check", edge.Operators, c.signedIn(c.check))
	m.Post("/admin/directories/person", edge.Operators, c.signedIn(c.person))
}

// signedIn gives h the session, and the browser the token to show from now on.
func (c *Console) signedIn(h func(http.ResponseWriter, *http.Request, app.Session) error) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		shown := edge.ConsoleToken(r)
		s, err := c.app.OperatorOf(r.Context(), shown)
		if err != nil {
			return err
		}
		if s.Token.Reveal() != shown.Reveal() {
			edge.SetConsoleToken(w, s.Token)
		}
		return h(w, r, s)
	}
}

// first leads to the first page that there is.
func (c *Console) first(w http.ResponseWriter, r *http.Request, _ app.Session) error {
	http.Redirect(w, r, directories, http.StatusSeeOther)
	return nil
}

// frame is what the layout needs. title is a text key.
func (c *Console) frame(r *http.Request, title, self string) page.Frame {
	l := c.texts.Language(r)
	return page.Frame{Language: l, Title: c.texts.Text(l, title, nil), Self: self}
}

// rail is what every page of a session shows beside its own content.
type rail struct {
	Operator string
	Here     string // the page's address
	Ends     moment
}

func (c *Console) rail(s app.Session, here string) rail {
	return rail{Operator: s.Operator.Name, Here: here, Ends: moment{s.Ends}}
}

// moment is a point in time as pages write it; a script adds what it is in the reader's own zone.
type moment struct{ time.Time }

// Machine is for the attribute datetime.
func (m moment) Machine() string { return m.UTC().Format(time.RFC3339) }

// Text is for people.
func (m moment) Text() string { return m.UTC().Format("2006-01-02 15:04 UTC") }
