package console

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/policy"
	"postern/secret"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// fake is the use cases in memory: the link "link" is good once, and ada is the one person.
type fake struct {
	mu         sync.Mutex
	used       bool
	open       map[string]bool // sessions by token
	renewed    string          // what OperatorOf gives back; empty: the same token
	down       error           // of looking at a person
	shown      []string        // what was looked at, by whom
	rehearsals []app.Rehearsal
}

func newFake() *fake { return &fake{open: map[string]bool{}} }

func refused() error { return &app.Refusal{Problem: app.ProblemSession, Key: "problem.no_session"} }

func (f *fake) EnterConsole(_ context.Context, _ app.Visitor, link secret.Text) (app.Session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if link.Reveal() != "link" || f.used {
		return app.Session{}, refused()
	}
	f.used, f.open["session"] = true, true
	return app.Session{Operator: app.Operator{Name: "console:root"}, Token: secret.New("session"), Ends: noon.Add(8 * time.Hour)}, nil
}

func (f *fake) OperatorOf(_ context.Context, token secret.Text) (app.Session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open[token.Reveal()] {
		return app.Session{}, refused()
	}
	if f.renewed != "" {
		token = secret.New(f.renewed)
	}
	return app.Session{Operator: app.Operator{Name: "console:root"}, Token: token, Ends: noon.Add(8 * time.Hour)}, nil
}

func (f *fake) LeaveConsole(_ context.Context, _ app.Visitor, token secret.Text) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open[token.Reveal()] {
		return refused()
	}
	f.open[token.Reveal()] = false
	return nil
}

func (f *fake) Person(_ context.Context, op app.Operator, login string) (app.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.down != nil:
		return app.Person{}, f.down
	case login != "ada":
		return app.Person{}, fmt.Errorf("app: %q %w", login, app.ErrNobody)
	}
	f.shown = append(f.shown, op.Name+" "+login)
	return app.Person{Account: account.Account{Ref: account.Ref{Directory: "staff", ID: "7"}, Login: "ada", Name: "Ada <Byron>", Locked: true},
		Rule: "staff", Decision: policy.Decision{Why: policy.NotEnrolled}}, nil
}

func (f *fake) LastRehearsals(context.Context) ([]app.Rehearsal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rehearsals, nil
}

// staff is a directory that finds what the test says.
type staff struct {
	mu    sync.Mutex
	asked int
	found []directory.Finding
}

func (s *staff) Check(context.Context) []directory.Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.found
}

func (s *staff) Examine(_ context.Context, id string) ([]directory.Finding, error) {
	return []directory.Finding{{Severity: directory.Fault, Text: "the service may not reset " + id, Fix: "dsacls 'CN=x' /G 'svc:CA;Reset Password'"}}, nil
}

func (s *staff) Find(context.Context, string) (account.Account, error) {
	return account.Account{}, directory.ErrNotFound
}

func (s *staff) Get(context.Context, string) (account.Account, error) {
	return account.Account{}, directory.ErrNotFound
}

func (s *staff) SetPassword(context.Context, string, secret.Text) error {
	return errors.New("nothing is ever set here")
}
