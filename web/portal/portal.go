// Package portal is the pages on which people get back into their accounts: one file each, with
// the form that each one takes.
//
// It holds no rule: app decides, and what app refuses is shown with app's own words. It renders
// through web/page and is reached through web/edge, which set headers, limits and origins. It
// knows no method, directory or store.
//
// It guards three things. A GET does nothing for whoever follows a link: links show a page with a
// button. (Looking at a recovery whose time is up does write down that it has ended, as the sweep
// would a moment later, and ?lang= keeps a language in a cookie.) Every page is
// the same for somebody and nobody until something was proven, because all of them are drawn from
// the flow alone. And where a person is sent in the end is one of the addresses that the
// configuration allows, checked when it comes in and again when it is used.
package portal

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"postern/app"
	"postern/method"
	"postern/password"
	"postern/policy"
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

// App is what the portal asks of package app.
type App interface {
	Begin(ctx context.Context, v app.Visitor, identifier string, want policy.Action) (app.Started, error)
	Look(ctx context.Context, v app.Visitor, token secret.Text) (app.Flow, error)
	Ask(ctx context.Context, v app.Visitor, token secret.Text, methodID string) (app.Flow, error)
	Answer(ctx context.Context, v app.Visitor, token secret.Text, methodID string, ans method.Answer) (app.Flow, error)
	SetPassword(ctx context.Context, v app.Visitor, token secret.Text, to secret.Text) (app.Flow, error)
	Unlock(ctx context.Context, v app.Visitor, token secret.Text) (app.Flow, error)
	Abandon(ctx context.Context, v app.Visitor, token secret.Text) error
	ChangePassword(ctx context.Context, v app.Visitor, r app.ChangeRequest) (app.Flow, error)
	PasswordRules() []password.Line
	LookInvitation(ctx context.Context, v app.Visitor, token secret.Text) (app.Enrolling, error)
	AskInvitation(ctx context.Context, v app.Visitor, token secret.Text) (app.Enrolling, error)
	AnswerInvitation(ctx context.Context, v app.Visitor, token secret.Text, ans method.Answer) (app.Enrolling, error)
}

// Settings are what a Portal is made of.
type Settings struct {
	App     App
	Page    *page.Renderer // made with Pages
	Methods []method.Kind
	// SignIn is where "Sign in" leads when nobody said otherwise; empty: the button is left out.
	SignIn string
	// ReturnTo are the addresses that return_to may begin with: a scheme, a host and, if need be,
	// a path that is met up to a "/".
	ReturnTo []string
	Now      func() time.Time
}

// Portal is the pages.
type Portal struct {
	app     App
	page    *page.Renderer
	texts   *page.Texts
	traits  policy.Methods
	signIn  string
	returns returns
	now     func() time.Time
}

// New checks the settings.
func New(s Settings) (*Portal, error) {
	p := &Portal{app: s.App, page: s.Page, texts: s.Page.Texts(), traits: policy.Methods{},
		signIn: s.SignIn, now: s.Now}
	if p.now == nil {
		p.now = time.Now
	}
	for _, k := range s.Methods {
		p.traits[k.ID] = k.Traits
	}
	var err error
	if p.returns, err = newReturns(s.ReturnTo); err != nil {
		return nil, err
	}
	if s.SignIn != "" {
		if _, err := newReturns([]string{s.SignIn}); err != nil {
			return nil, fmt.Errorf("portal: sign-in address: %w", err)
		}
	}
	return p, nil
}

// Register adds every page to m.
func (p *Portal) Register(m *edge.Mux) {
	m.Get("/{$}", edge.Anyone, p.start)
	m.PostFixed("/reset", edge.Anyone, p.begin)
	m.Get("/unlock", edge.Anyone, p.unlockStart)
	m.PostFixed("/unlock", edge.Anyone, p.unlockBegin)
	m.Get("/reset", edge.Bearer, p.reset)
	m.Post("/reset/ask", edge.Bearer, p.ask)
	m.Post("/reset/answer", edge.Bearer, p.answer)
	m.Post("/reset/password", edge.Bearer, p.setPassword)
	m.Post("/reset/strength", edge.Bearer, p.strength)
	m.Post("/reset/unlock", edge.Bearer, p.unlock)
	m.Post("/reset/cancel", edge.Bearer, p.cancel)
	m.Get("/reset/help", edge.Anyone, p.help)
	m.Get("/change", edge.Anyone, p.changePage)
	m.PostFixed("/change", edge.Anyone, p.change)

	m.Get("/enroll/{token}", edge.Anyone, p.invitation)
	m.Post("/enroll/begin", edge.Anyone, p.enrollBegin)
	m.Get("/enroll", edge.Invited, p.enroll)
	m.Post("/enroll/ask", edge.Invited, p.enrollAsk)
	m.Post("/enroll/answer", edge.Invited, p.enrollAnswer)
	m.Get("/enroll/done", edge.Anyone, p.enrolled)

	m.Get("/.well-known/change-password", edge.Anyone, wellKnown)
	m.Get("/robots.txt", edge.Anyone, robots)
	m.Get(page.StaticPrefix+"{file}", edge.Anyone, p.static)
}

// visitor is who asks, with the language that the page is in, so that messages are in it too.
func (p *Portal) visitor(r *http.Request) app.Visitor {
	v := edge.VisitorOf(r)
	v.Language = p.language(r)
	return v
}

// frame is what the layout needs. title is a text key.
func (p *Portal) frame(r *http.Request, title, self string) page.Frame {
	l := p.language(r)
	return page.Frame{Language: l, Title: p.texts.Text(l, title, nil), Self: self}
}
