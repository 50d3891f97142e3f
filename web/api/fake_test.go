package api_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"postern/app"
	"postern/directory"
	"postern/method"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
	"postern/web/api"
)

var _ api.App = (*fake)(nil)

// The people of fake, and what is right for them.
const (
	alice     = "alice"
	rightTOTP = "111111"
	rightMail = "222222"
)

// fake is an app of one person with an authenticator app and mail: a small state machine that
// counts what it changed. Everybody else gets a decoy.
type fake struct {
	mu       sync.Mutex
	now      time.Time
	flows    map[string]*fakeFlow
	password map[string]string
	changed  int // every change of anything
	called   int
	begin    error // what Begin fails with
	panics   bool
	ready    []app.Readiness
	asked    int    // of Ready
	during   func() // called by Ready
	last     app.Visitor
	lock     *app.Lock // of alice, once verified
}

type fakeFlow struct {
	who    string // empty: a decoy
	state  recovery.State
	open   policy.Factor
	proven []policy.Factor
	wrong  int
	want   policy.Action
}

func newFake() *fake {
	return &fake{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), flows: map[string]*fakeFlow{},
		password: map[string]string{alice: "the old one"}, ready: []app.Readiness{of("store", directory.Good)}}
}

var offered = []app.FlowMethod{
	{ID: "m1", Factor: "totp", Strength: policy.Strong},
	{ID: "m2", Factor: "email_code", Strength: policy.Weak, Hint: "a••••@example.com"},
}

func (f *fake) view(s *fakeFlow) app.Flow {
	out := app.Flow{ID: "r1"}
	out.State, out.AtLeast, out.Left = s.state, policy.Strong, 2-len(s.proven)
	for _, m := range offered {
		m.Answered = slices.Contains(s.proven, m.Factor)
		if m.Answered && m.Factor == "totp" {
			out.AtLeast = policy.Weak
		}
		out.Methods = append(out.Methods, m)
	}
	if !s.state.Final() {
		out.Deadline = f.now.Add(20 * time.Minute)
	}
	if s.open != "" {
		out.Open = &recovery.Asked{Factor: s.open, Expires: f.now.Add(5 * time.Minute)}
		if s.open == "totp" {
			out.Open.Public = json.RawMessage(`{"digits":6}`)
		}
	}
	switch s.state {
	case recovery.Verified:
		out.Can, out.Lock = []policy.Action{policy.Reset, policy.Unlock}, f.lock
		if s.want == policy.Unlock {
			out.Can = []policy.Action{policy.Unlock}
		}
		out.Rules = []password.Line{{Rule: password.RuleLength, Params: map[string]any{"n": 15}, Live: true}, {Rule: password.RuleCommon}}
	case recovery.Done:
		out.Receipt = []recovery.Line{{Target: "staff", Change: "password_set", Result: recovery.OK},
			{Target: "erp", Change: "password_set", Result: recovery.Failed, Detail: "in_history"},
			{Target: "shop", Change: "no_account", Result: recovery.OK},
			{Target: "notice", Change: "notice_queued", Result: recovery.Queued, Detail: "a••••@example.com"}}
	}
	return out
}

func (f *fake) refuse(problem string, s *fakeFlow) error {
	r := &app.Refusal{Problem: problem, Key: "problem." + problem}
	if s != nil {
		view := f.view(s)
		r.Flow = &view
	}
	return r
}

// enter locks, counts the call and finds the flow.
func (f *fake) enter(v app.Visitor, token secret.Text) (*fakeFlow, error) {
	f.called++
	f.last = v
	if f.panics {
		panic("a bug in app, with " + token.String())
	}
	s := f.flows[token.Reveal()]
	if s == nil {
		return nil, f.refuse(app.ProblemNone, nil)
	}
	return s, nil
}

func (f *fake) Begin(_ context.Context, v app.Visitor, identifier string, want policy.Action) (app.Started, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called, f.last = f.called+1, v
	if f.begin != nil {
		return app.Started{}, f.begin
	}
	s := &fakeFlow{state: recovery.Verifying, want: want}
	if identifier == alice {
		s.who = alice
	}
	token := rand.Text()
	f.flows[token] = s
	f.changed++
	return app.Started{Token: secret.New(token), Flow: f.view(s)}, nil
}

func (f *fake) Look(_ context.Context, v app.Visitor, token secret.Text) (app.Flow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.enter(v, token)
	if err != nil {
		return app.Flow{}, err
	}
	return f.view(s), nil
}

func (f *fake) find(id string) policy.Factor {
	for _, m := range offered {
		if m.ID == id {
			return m.Factor
		}
	}
	return ""
}

func (f *fake) Ask(_ context.Context, v app.Visitor, token secret.Text, id string) (app.Flow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.enter(v, token)
	switch {
	case err != nil:
		return app.Flow{}, err
	case s.state.Final():
		return app.Flow{}, f.refuse(app.ProblemClosed, s)
	case s.state != recovery.Verifying:
		return app.Flow{}, f.refuse(app.ProblemOrder, s)
	case f.find(id) == "":
		return app.Flow{}, f.refuse(app.ProblemMethod, s)
	}
	s.open = f.find(id)
	f.changed++
	return f.view(s), nil
}

func (f *fake) Answer(_ context.Context, v app.Visitor, token secret.Text, id string, a method.Answer) (app.Flow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.enter(v, token)
	switch {
	case err != nil:
		return app.Flow{}, err
	case s.state.Final():
		return app.Flow{}, f.refuse(app.ProblemClosed, s)
	case f.find(id) == "":
		return app.Flow{}, f.refuse(app.ProblemMethod, s)
	case s.state != recovery.Verifying || s.open != f.find(id):
		return app.Flow{}, f.refuse(app.ProblemOrder, s)
	case a.Credential != nil:
		return app.Flow{}, f.refuse(app.ProblemMalformed, s)
	}
	f.changed++
	right := map[policy.Factor]string{"totp": rightTOTP, "email_code": rightMail}[s.open]
	if s.who == "" || a.Code.Reveal() != right {
		if s.wrong++; s.wrong == 5 {
			s.state, s.open = recovery.Refused, ""
			return app.Flow{}, f.refuse(app.ProblemClosed, s)
		}
		return app.Flow{}, f.refuse(app.ProblemAnswer, s)
	}
	s.proven, s.open = append(s.proven, s.open), ""
	if len(s.proven) == 2 {
		s.state = recovery.Verified
	}
	return f.view(s), nil
}

func (f *fake) SetPassword(_ context.Context, v app.Visitor, token secret.Text, to secret.Text) (app.Flow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.enter(v, token)
	switch {
	case err != nil:
		return app.Flow{}, err
	case s.state.Final():
		return app.Flow{}, f.refuse(app.ProblemClosed, s)
	case s.state != recovery.Verified:
		return app.Flow{}, f.refuse(app.ProblemOrder, s)
	}
	if bad := judged(to); bad != nil {
		view := f.view(s)
		return app.Flow{}, &app.Refusal{Problem: app.ProblemPassword, Key: "problem.password", Violations: bad, Flow: &view}
	}
	f.changed++
	f.password[s.who], s.state = to.Reveal(), recovery.Done
	return f.view(s), nil
}

func judged(to secret.Text) []password.Violation {
	var bad []password.Violation
	if len([]rune(to.Reveal())) < 15 {
		bad = append(bad, password.Violation{Rule: password.RuleLength, Params: map[string]any{"n": 15}})
	}
	if slices.Contains([]rune(to.Reveal()), 0) {
		bad = append(bad, password.Violation{Rule: password.RuleCharacter})
	}
	return bad
}

func (f *fake) Unlock(_ context.Context, v app.Visitor, token secret.Text) (app.Flow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.enter(v, token)
	switch {
	case err != nil:
		return app.Flow{}, err
	case s.state != recovery.Verified:
		return app.Flow{}, f.refuse(app.ProblemOrder, s)
	}
	f.changed++
	s.state = recovery.Done
	return f.view(s), nil
}

func (f *fake) Abandon(_ context.Context, v app.Visitor, token secret.Text) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.enter(v, token)
	switch {
	case err != nil:
		return err
	case s.state.Final():
		return f.refuse(app.ProblemClosed, s)
	}
	f.changed++
	s.state, s.open = recovery.Cancelled, ""
	return nil
}

func (f *fake) ChangePassword(_ context.Context, v app.Visitor, r app.ChangeRequest) (app.Flow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called, f.last = f.called+1, v
	if was, ok := f.password[r.Identifier]; !ok || !secret.New(was).Equal(r.Old) {
		return app.Flow{}, f.refuse(app.ProblemAnswer, nil)
	}
	if bad := judged(r.New); bad != nil {
		return app.Flow{}, &app.Refusal{Problem: app.ProblemPassword, Key: "problem.password", Violations: bad}
	}
	f.changed++
	f.password[r.Identifier] = r.New.Reveal()
	return f.view(&fakeFlow{who: r.Identifier, state: recovery.Done}), nil
}

func (f *fake) Ready(ctx context.Context) []app.Readiness {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.during != nil {
		f.during()
	}
	if err := ctx.Err(); err != nil {
		return []app.Readiness{of("store", directory.Fault)}
	}
	return f.ready
}

// texts has a text for some keys in two languages.
type texts struct{}

func (texts) Text(language, key string, _ map[string]any) string {
	have := map[string]map[string]string{
		"en": {"method.totp.name": "Authenticator app", "method.email_code.name": "E-mail",
			"password.rule.length": "15 characters or more", "password.violation.length": "Too short.",
			"password.violation.character": "There is a character in it that cannot be typed."},
		"de": {"method.totp.name": "Authenticator-App", "method.email_code.name": "E-Mail"},
	}
	if s, ok := have[language][key]; ok {
		return s
	}
	if s, ok := have["en"][key]; ok {
		return s
	}
	return key
}
