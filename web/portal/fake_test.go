package portal

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"postern/account"
	"postern/app"
	"postern/method"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

// The methods of the tests: one of each sort.
const (
	fakeKey  policy.Factor = "fake_key"
	fakeApp  policy.Factor = "fake_app"
	fakeMail policy.Factor = "fake_mail"
)

const fakeCode = "123456" // the right one

const codeField = `<div class="field"><label for="code">{{t "method.ID.label"}}</label>
<input id="code" name="code" type="text" class="code" inputmode="numeric" autocomplete="one-time-code" required{{if .Error}} aria-invalid="true" aria-describedby="error"{{else}} autofocus{{end}}></div>`

const keyPart = `<div data-passkey="get"><input type="hidden" name="credential" value=""><noscript><p class="wrong">{{t "method.ID.label"}}</p></noscript></div>`

// fakeKinds are methods with assets of their own.
func fakeKinds() []method.Kind {
	kind := func(id policy.Factor, traits policy.Traits, part string, script bool) method.Kind {
		page := []byte(strings.ReplaceAll(part, "ID", string(id)))
		files := fstest.MapFS{
			"challenge.html": {Data: page},
			"enroll.html":    {Data: page},
			"icon.svg":       {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><path d="M2 2h9"/></svg>`)},
		}
		if script {
			files["script.js"] = &fstest.MapFile{Data: []byte("void 0;\n")}
		}
		for _, l := range []string{"en", "de"} {
			texts := map[string]string{}
			for _, key := range []string{"name", "about", "title", "hint", "label", "submit", "enroll.title", "enroll.hint", "enroll.submit"} {
				texts[key] = string(id) + " " + key + " (" + l + ")"
			}
			b, err := json.Marshal(texts)
			if err != nil {
				panic(err)
			}
			files["text/"+l+".json"] = &fstest.MapFile{Data: b}
		}
		return method.Kind{ID: id, Traits: traits, Assets: files}
	}
	return []method.Kind{
		kind(fakeKey, policy.Traits{Strength: policy.PhishingResistant, Verifies: true, Enrolled: true}, keyPart, true),
		kind(fakeApp, policy.Traits{Strength: policy.Strong, Enrolled: true}, codeField, false),
		kind(fakeMail, policy.Traits{Strength: policy.Weak, Issued: true, Enrolled: true}, codeField, false),
	}
}

// fake is the use cases over the real machine, in memory: "ada" can recover, "lock" is locked,
// everybody else is nobody.
type fake struct {
	mu      sync.Mutex
	now     time.Time
	flows   map[string]recovery.Recovery
	login   map[string]string
	factors []policy.Factor
	public  map[policy.Factor]string
	rules   password.Rules
	down    error           // returned by everything that asks a directory
	locks   bool            // the directory refuses to unlock
	tickets map[string]bool // open; true: asked
	invited policy.Factor   // what the tickets are for
	lock    app.Lock        // of "lock"
	stale   bool            // passwords have expired
	begun   []app.Visitor
}

func newFake() *fake {
	return &fake{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), flows: map[string]recovery.Recovery{},
		login: map[string]string{}, factors: []policy.Factor{fakeKey, fakeApp, fakeMail},
		public: map[policy.Factor]string{}, tickets: map[string]bool{"ticket": false}, invited: fakeApp,
		rules: password.Rules{Min: 15, Own: []string{"lovelace"}, Banned: []string{"northwind"},
			Directory: password.Directory{History: 10, Enforced: true}}}
}

func (f *fake) Begin(_ context.Context, v app.Visitor, identifier string, want policy.Action) (app.Started, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun = append(f.begun, v)
	switch {
	case identifier == "":
		return app.Started{}, &app.Refusal{Problem: app.ProblemMalformed, Key: "problem.identifier"}
	case identifier == "limited":
		return app.Started{}, &app.Refusal{Problem: app.ProblemLimited, Key: "problem.too_many", Retry: time.Minute}
	case f.down != nil:
		return app.Started{}, f.down
	}
	d := policy.Decision{Offer: f.factors, Limits: policy.DefaultLimits(), Plan: policy.Plan{AtLeast: policy.Strong,
		Ways: []policy.Way{{f.factors[0]}, {f.factors[1], f.factors[2]}}}, Actions: []policy.Action{policy.Reset, policy.Unlock}}
	if want == policy.Unlock {
		d.Actions = []policy.Action{policy.Unlock}
	}
	who := account.Ref{}
	if identifier == "ada" || identifier == "lock" {
		d.Allowed, d.Usable, who = true, f.factors, account.Ref{Directory: "d", ID: identifier}
	}
	token := "token" + strconv.Itoa(len(f.flows))
	r, _ := recovery.Begin(recovery.ID("R"+strconv.Itoa(len(f.flows))), who, d, f.now)
	r.Locked = identifier == "lock"
	f.flows[token], f.login[token] = r, identifier
	return app.Started{Token: secret.New(token), Flow: f.flow(token)}, nil
}

func (f *fake) flow(token string) app.Flow {
	r := f.flows[token]
	out := app.Flow{ID: r.ID, View: r.View()}
	hints := map[policy.Factor]string{}
	if len(r.Proofs) > 0 {
		hints = map[policy.Factor]string{f.factors[1]: "Ada’s telephone", f.factors[2]: "a••••@posteo.example"}
	}
	for i, m := range out.View.Methods {
		out.Methods = append(out.Methods, app.FlowMethod{ID: "m" + strconv.Itoa(i+1), Factor: m.Factor, Answered: m.Answered, Hint: hints[m.Factor]})
	}
	if r.Plan.Met(r.Proofs) {
		out.Login, out.Words, out.Rules = f.login[token], f.rules.Own, f.rules.Lines()
		out.Stale = f.stale
		if r.Locked {
			out.Lock = &f.lock
		}
	}
	return out
}

// step applies in and returns what app would.
func (f *fake) step(token secret.Text, in recovery.Input) (app.Flow, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := token.Reveal()
	before, ok := f.flows[t]
	if !ok {
		return app.Flow{}, &app.Refusal{Problem: app.ProblemNone, Key: "problem.no_recovery"}
	}
	after, event, err := recovery.Step(before, in, f.now)
	present := f.flow(t)
	switch {
	case errors.Is(err, recovery.ErrFinished):
		return present, &app.Refusal{Problem: app.ProblemClosed, Key: "problem.closed", Flow: &present}
	case errors.Is(err, recovery.ErrNotOffered):
		return present, &app.Refusal{Problem: app.ProblemMethod, Key: "problem.method", Flow: &present}
	case err != nil:
		return present, &app.Refusal{Problem: app.ProblemOrder, Key: "problem.order", Flow: &present}
	}
	f.flows[t] = after
	present = f.flow(t)
	switch event.Kind {
	case "recovery.answer_refused":
		return present, &app.Refusal{Problem: app.ProblemAnswer, Key: "problem.answer", Flow: &present}
	case "recovery.refused", "recovery.expired":
		return present, &app.Refusal{Problem: app.ProblemClosed, Key: "problem.closed", Flow: &present}
	}
	return present, nil
}

func (f *fake) Look(_ context.Context, _ app.Visitor, token secret.Text) (app.Flow, error) {
	flow, err := f.step(token, recovery.Elapsed{})
	if r, ok := errors.AsType[*app.Refusal](err); ok && r.Flow != nil {
		return *r.Flow, nil
	}
	return flow, err
}

func (f *fake) factor(id string) policy.Factor {
	i, err := strconv.Atoi(strings.TrimPrefix(id, "m"))
	if err != nil || i < 1 || i > len(f.factors) {
		return "none"
	}
	return f.factors[i-1]
}

func (f *fake) Ask(_ context.Context, _ app.Visitor, token secret.Text, id string) (app.Flow, error) {
	factor := f.factor(id)
	return f.step(token, recovery.Challenged{Factor: factor, Expires: f.now.Add(10 * time.Minute), Once: factor == f.factors[0],
		Public: json.RawMessage(f.public[factor])})
}

func (f *fake) Answer(ctx context.Context, v app.Visitor, token secret.Text, id string, ans method.Answer) (app.Flow, error) {
	if ans.Code.Empty() && ans.Credential == nil {
		flow, err := f.Look(ctx, v, token)
		if err != nil {
			return flow, err
		}
		return flow, &app.Refusal{Problem: app.ProblemMalformed, Key: "problem.malformed", Flow: &flow}
	}
	right := ans.Code.Equal(secret.New(fakeCode)) || string(ans.Credential) == `{"right":true}`
	return f.step(token, recovery.Answered{Factor: f.factor(id), Right: right})
}

func (f *fake) SetPassword(_ context.Context, _ app.Visitor, token, to secret.Text) (app.Flow, error) {
	if to.Reveal() == "taken by history, sorry" {
		flow := f.flow(token.Reveal())
		return flow, &app.Refusal{Problem: app.ProblemPassword, Key: "problem.directory_refused", Flow: &flow,
			Violations: []password.Violation{{Rule: "directory_in_history"}}}
	}
	if _, bad := f.rules.Check(to); len(bad) > 0 {
		flow := f.flow(token.Reveal())
		return flow, &app.Refusal{Problem: app.ProblemPassword, Key: "problem.password", Flow: &flow, Violations: bad}
	}
	return f.apply(token, policy.Reset, "password_set")
}

func (f *fake) Unlock(_ context.Context, _ app.Visitor, token secret.Text) (app.Flow, error) {
	if f.locks {
		flow := f.flow(token.Reveal())
		return flow, &app.Refusal{Problem: app.ProblemPassword, Key: "problem.directory_refused_unlock", Flow: &flow,
			Violations: []password.Violation{{Rule: "directory_directory_rule"}}}
	}
	return f.apply(token, policy.Unlock, "unlocked")
}

func (f *fake) apply(token secret.Text, action policy.Action, change string) (app.Flow, error) {
	flow, err := f.step(token, recovery.Submitted{Action: action})
	if err != nil {
		return flow, err
	}
	if f.down != nil {
		key := map[policy.Action]string{policy.Reset: "problem.unsettled", policy.Unlock: "problem.unsettled_unlock"}[action]
		return flow, &app.Refusal{Problem: app.ProblemUnsettled, Key: key, Flow: &flow}
	}
	return f.step(token, recovery.Settled{Outcome: recovery.Applied, Receipt: fakeReceipt(change)})
}

func fakeReceipt(change string) []recovery.Line {
	detail := map[string]string{"password_set": "checked"}[change]
	return []recovery.Line{{Target: "Northwind directory", Change: change, Result: recovery.OK, Detail: detail},
		{Target: "notice", Change: "notice_queued", Result: recovery.Queued, Detail: "a••••@posteo.example"}}
}

func (f *fake) Abandon(_ context.Context, _ app.Visitor, token secret.Text) error {
	_, err := f.step(token, recovery.Abandoned{})
	return err
}

func (f *fake) ChangePassword(_ context.Context, _ app.Visitor, r app.ChangeRequest) (app.Flow, error) {
	if r.Identifier == "" || r.Old.Empty() {
		return app.Flow{}, &app.Refusal{Problem: app.ProblemMalformed, Key: "problem.identifier"}
	}
	if r.Identifier != "ada" || !r.Old.Equal(secret.New("old")) {
		return app.Flow{}, &app.Refusal{Problem: app.ProblemAnswer, Key: "problem.old_password"}
	}
	if _, bad := f.rules.Check(r.New); len(bad) > 0 {
		return app.Flow{}, &app.Refusal{Problem: app.ProblemPassword, Key: "problem.password", Violations: bad}
	}
	return app.Flow{ID: "C1", View: recovery.View{State: recovery.Done, Receipt: fakeReceipt("password_set")}}, nil
}

// PasswordRules are the rules without a person and their directory.
func (f *fake) PasswordRules() []password.Line {
	return password.Rules{Min: f.rules.Min, Banned: f.rules.Banned}.Lines()
}

func (f *fake) LookInvitation(_ context.Context, _ app.Visitor, token secret.Text) (app.Enrolling, error) {
	asked, ok := f.tickets[token.Reveal()]
	if !ok {
		return app.Enrolling{}, &app.Refusal{Problem: app.ProblemTicket, Key: "problem.no_invitation"}
	}
	e := app.Enrolling{Factor: f.invited, Login: "ada", Name: "Ada Lovelace"}
	if asked {
		e.Public = []byte(f.public["enroll"])
		if len(e.Public) == 0 {
			e.Public = []byte("{}")
		}
	}
	return e, nil
}

func (f *fake) AskInvitation(ctx context.Context, v app.Visitor, token secret.Text) (app.Enrolling, error) {
	if _, ok := f.tickets[token.Reveal()]; ok {
		f.tickets[token.Reveal()] = true
	}
	return f.LookInvitation(ctx, v, token)
}

func (f *fake) AnswerInvitation(ctx context.Context, v app.Visitor, token secret.Text, ans method.Answer) (app.Enrolling, error) {
	e, err := f.LookInvitation(ctx, v, token)
	switch {
	case err != nil:
		return e, err
	case ans.Code.Empty() && ans.Credential == nil:
		return app.Enrolling{}, &app.Refusal{Problem: app.ProblemMalformed, Key: "problem.malformed"}
	case !ans.Code.Equal(secret.New(fakeCode)):
		return app.Enrolling{}, &app.Refusal{Problem: app.ProblemAnswer, Key: "problem.answer"}
	}
	delete(f.tickets, token.Reveal())
	e.Done = true
	return e, nil
}
