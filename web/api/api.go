// Package api is the recovery for programs: JSON under /api/v1, described by openapi.yaml, and
// the health of the process.
//
// It holds no rule: each handler reads a request, calls the use case of the same name and writes
// what came back. It does not decide who may do what, keeps nothing but the last health report,
// and tells errors only through web/edge. It guards against reading too much into a request by
// reading nothing that openapi.yaml does not name.
package api

import (
	"context"
	"embed"
	"errors"
	"net/http"

	"postern/app"
	"postern/directory"
	"postern/method"
	"postern/policy"
	"postern/secret"
	"postern/web/edge"
)

// App is what the API asks of app.App.
type App interface {
	Begin(ctx context.Context, v app.Visitor, identifier string, want policy.Action) (app.Started, error)
	Look(ctx context.Context, v app.Visitor, token secret.Text) (app.Flow, error)
	Ask(ctx context.Context, v app.Visitor, token secret.Text, methodID string) (app.Flow, error)
	Answer(ctx context.Context, v app.Visitor, token secret.Text, methodID string, a method.Answer) (app.Flow, error)
	SetPassword(ctx context.Context, v app.Visitor, token secret.Text, to secret.Text) (app.Flow, error)
	Unlock(ctx context.Context, v app.Visitor, token secret.Text) (app.Flow, error)
	Abandon(ctx context.Context, v app.Visitor, token secret.Text) error
	ChangePassword(ctx context.Context, v app.Visitor, r app.ChangeRequest) (app.Flow, error)
	Ready(ctx context.Context) []app.Readiness
}

//go:embed openapi.yaml
var files embed.FS

// face is the API of one App.
type face struct {
	app   App
	texts app.Texts
	ready readiness
}

// New returns the API. It tells errors itself, so s.RenderError is not used.
func New(s edge.Settings, a App, t app.Texts) (*edge.Mux, error) {
	if a == nil || t == nil {
		return nil, errors.New("api: needs an app and its texts")
	}
	description, err := files.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	f := &face{app: a, texts: t, ready: newReadiness(a, s.Now)}
	s.RenderError = f.problem
	m, err := edge.NewAPI(s)
	if err != nil {
		return nil, err
	}
	m.PostFixed("/api/v1/recoveries", edge.Anyone, f.begin)
	m.Get("/api/v1/recovery", edge.Bearer, f.look)
	m.Post("/api/v1/recovery/challenge", edge.Bearer, f.challenge)
	m.Post("/api/v1/recovery/answer", edge.Bearer, f.answer)
	m.Post("/api/v1/recovery/password", edge.Bearer, f.password)
	m.Post("/api/v1/recovery/unlock", edge.Bearer, f.unlock)
	m.Delete("/api/v1/recovery", edge.Bearer, f.abandon)
	m.PostFixed("/api/v1/change", edge.Anyone, f.change)
	m.Get("/api/v1/openapi.yaml", edge.Anyone, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/yaml; charset=utf-8") // RFC 9512
		_, err := w.Write(description)
		return err
	})
	m.Get("/healthz", edge.Probe, func(w http.ResponseWriter, _ *http.Request) error {
		return edge.WriteJSON(w, http.StatusOK, health{Status: directory.Good})
	})
	m.Get("/readyz", edge.Probe, f.readyz)
	return m, nil
}
