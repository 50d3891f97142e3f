package main

import (
	"embed"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/directory"
	"postern/notify/file"
	"postern/secret"
	"postern/web/edge"
	"postern/web/page"
)

//go:embed sample/*.html
var sampleFiles embed.FS

// company is the sample company of "postern try": a sign-in page that asks the same directory, the
// sample people with what they have, and the mailbox. It stands for what Postern is put beside;
// nothing of it is part of the product.
type company struct {
	local    directory.Directory
	people   []samplePerson
	mailbox  func() ([]mail, error)
	invite   func(r *http.Request, login string) (link string, err error)
	portal   string // with return_to
	self     string
	renderer *page.Renderer
	now      func() time.Time
}

// mail is one message as the mailbox shows it.
type mail struct{ file.Entry }

// Lines returns the lines of the text that are not empty, for the page.
func (m mail) Lines() []string {
	return strings.FieldsFunc(m.Text, func(r rune) bool { return r == '\n' || r == '\r' })
}

// readMail returns what the sender wrote, newest first. It is never nil, so that programs always
// read a list.
func readMail(path string) ([]mail, error) {
	entries, err := file.Read(path)
	out := make([]mail, 0, len(entries))
	for _, one := range slices.Backward(entries) {
		out = append(out, mail{one})
	}
	return out, err
}

// companyName is what the sample company is called.
const companyName = "Fernhill Ltd"

// handler returns the pages, and the same for programs where they ask for it.
func (c *company) handler(s edge.Settings) (http.Handler, error) {
	pages, err := fs.Sub(sampleFiles, "sample")
	if err != nil {
		return nil, err
	}
	texts, err := page.NewTexts(nil)
	if err != nil {
		return nil, err
	}
	brand := page.Brand{Name: companyName, Accent: "#1d4f91", HelpDesk: "help@fernhill.example"}
	if c.renderer, err = page.New(page.Settings{Texts: texts, Brand: brand, Pages: pages}); err != nil {
		return nil, err
	}
	people, err := edge.NewPortal(s)
	if err != nil {
		return nil, err
	}
	people.Get("/{$}", edge.Anyone, func(w http.ResponseWriter, r *http.Request) error {
		return c.signInPage(w, r, http.StatusOK, "")
	})
	people.Post("/{$}", edge.Anyone, c.signIn)
	people.Post("/passkey", edge.Anyone, c.passkey)
	people.Get("/mail", edge.Anyone, c.mailPage)
	people.Get(page.StaticPrefix+"{name}", edge.Anyone, c.static)

	programs, err := edge.NewAPI(s)
	if err != nil {
		return nil, err
	}
	programs.Post("/{$}", edge.Anyone, c.signInJSON)
	programs.Get("/mail", edge.Anyone, c.mailJSON)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		html := strings.Contains(r.Header.Get("Accept"), "text/html")
		if kind == "application/json" || r.URL.Path == "/mail" && !html {
			programs.ServeHTTP(w, r)
			return
		}
		people.ServeHTTP(w, r)
	}), nil
}

// signInData is what the sign-in page shows.
type signInData struct {
	page.Frame
	Login   string
	Portal  string
	Mailbox string
	People  []shownPerson
}

// shownPerson is a sample person with the present code of their app.
type shownPerson struct {
	samplePerson
	Code    string
	Seconds int
}

// frame is what the layout needs. The company speaks English alone.
func (c *company) frame(title, self string) page.Frame {
	return page.Frame{Language: "en", Title: title, Self: self}
}

func (c *company) signInPage(w http.ResponseWriter, r *http.Request, status int, login string) error {
	d := signInData{Frame: c.frame("Sign in", "/"), Login: login, Portal: c.portal, Mailbox: "/mail"}
	if status != http.StatusOK {
		d.Problems = []page.Problem{{Field: "login", Text: "That user name and password do not fit together, or the account cannot sign in."}}
	}
	for _, p := range c.people {
		shown := shownPerson{samplePerson: p, Seconds: 30 - int(c.now().Unix()%30)}
		if p.Secret != "" {
			var err error
			if shown.Code, err = totp.GenerateCode(p.Secret, c.now()); err != nil {
				return err
			}
		}
		d.People = append(d.People, shown)
	}
	return c.renderer.Render(w, status, "sign_in", d)
}

// right reports whether the directory lets login in with that password.
func (c *company) right(r *http.Request, login string, password secret.Text) (bool, error) {
	who, err := c.local.Find(r.Context(), login)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	door, ok := directory.As[directory.Authenticator](c.local)
	if !ok {
		return false, directory.ErrUnsupported
	}
	switch err := door.Authenticate(r.Context(), who.Ref.ID, password); {
	case err == nil:
		return true, nil
	case errors.Is(err, directory.ErrWrongPassword), errors.Is(err, directory.ErrLocked),
		errors.Is(err, directory.ErrDisabled), errors.Is(err, directory.ErrMustChange):
		return false, nil
	default:
		return false, err
	}
}

func (c *company) signIn(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	ok, err := c.right(r, form.Get("login"), secret.New(form.Get("password")))
	if err != nil {
		return err
	}
	if !ok {
		return c.signInPage(w, r, http.StatusUnauthorized, form.Get("login"))
	}
	title := "You are signed in as " + form.Get("login")
	return c.renderer.Render(w, http.StatusOK, "signed_in", struct{ page.Frame }{c.frame(title, "/")})
}

func (c *company) signInJSON(w http.ResponseWriter, r *http.Request) error {
	var login string
	var password secret.Text
	if err := edge.ReadJSON(r, edge.Members{"login": &login, "password": &password}, nil); err != nil {
		return err
	}
	ok, err := c.right(r, login, password)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if !ok {
		status = http.StatusUnauthorized
	}
	return edge.WriteJSON(w, status, map[string]bool{"signed_in": ok})
}

// passkey makes the link that an administrator would send.
func (c *company) passkey(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	for _, p := range c.people {
		if p.Login != form.Get("login") || !p.Passkey {
			continue
		}
		link, err := c.invite(r, p.Login)
		if err != nil {
			return err
		}
		return c.renderer.Render(w, http.StatusOK, "passkey", struct {
			page.Frame
			Login, Link string
		}{c.frame("A link for "+p.Login, "/"), p.Login, link})
	}
	return edge.Refuse(edge.ProblemRoute, "no such sample person")
}

func (c *company) mailPage(w http.ResponseWriter, r *http.Request) error {
	all, err := c.mailbox()
	if err != nil {
		return err
	}
	return c.renderer.Render(w, http.StatusOK, "mailbox", struct {
		page.Frame
		Messages []mail
	}{c.frame("Mailbox", "/mail"), all})
}

func (c *company) mailJSON(w http.ResponseWriter, _ *http.Request) error {
	all, err := c.mailbox()
	if err != nil {
		return err
	}
	return edge.WriteJSON(w, http.StatusOK, all)
}

func (c *company) static(w http.ResponseWriter, r *http.Request) error {
	f, ok := c.renderer.Static().File(r.PathValue("name"))
	if !ok {
		return edge.Refuse(edge.ProblemRoute, "there is nothing here")
	}
	w.Header().Set("Content-Type", f.Type)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(f.Content)
	return err
}
