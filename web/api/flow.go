package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"postern/app"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
	"postern/web/edge"
)

// flow is a recovery as openapi.yaml describes it. Every member is always there.
type flow struct {
	State   recovery.State  `json:"state"`
	Methods []flowMethod    `json:"methods"`
	Needs   needs           `json:"needs"`
	Open    *open           `json:"open"`
	Rules   []rule          `json:"rules"`
	Can     []policy.Action `json:"can"`
	Lock    *lock           `json:"lock"`
	Expires *time.Time      `json:"expires_at"` // null when final
	Receipt []recovery.Line `json:"receipt"`
}

// lock is a lock-out; null where the directory does not say.
type lock struct {
	Since *time.Time `json:"since"`
	Until *time.Time `json:"until"`
}

type flowMethod struct {
	ID       string          `json:"id"`
	Type     policy.Factor   `json:"type"`
	Label    string          `json:"label"`
	Hint     string          `json:"hint"`
	Strength policy.Strength `json:"strength"`
	Answered bool            `json:"answered"`
}

type needs struct {
	Methods int             `json:"methods"`
	AtLeast policy.Strength `json:"at_least"`
}

type open struct {
	Method  string          `json:"method"`
	Expires time.Time       `json:"expires_at"`
	Public  json.RawMessage `json:"public"`
}

type rule struct {
	Rule    string         `json:"rule"`
	Message string         `json:"message"`
	Params  map[string]any `json:"params"`
	Live    bool           `json:"live"`
}

type violation struct {
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// begun is a flow and its token, which is shown this once.
type begun struct {
	flow
	Token string `json:"token"`
}

func (f *face) flow(v app.Visitor, from app.Flow) flow {
	out := flow{
		State:   from.State,
		Methods: make([]flowMethod, 0, len(from.Methods)),
		Needs:   needs{Methods: from.Left, AtLeast: from.AtLeast},
		Rules:   make([]rule, 0, len(from.Rules)),
		Can:     append([]policy.Action{}, from.Can...),
		Receipt: append([]recovery.Line{}, from.Receipt...),
	}
	out.Expires = moment(from.Deadline)
	if l := from.Lock; l != nil {
		out.Lock = &lock{Since: moment(l.Since), Until: moment(l.Until)}
	}
	for _, m := range from.Methods {
		out.Methods = append(out.Methods, flowMethod{ID: m.ID, Type: m.Factor, Hint: m.Hint,
			Strength: m.Strength, Answered: m.Answered,
			Label: f.text(v, "method."+string(m.Factor)+".name", nil, string(m.Factor))})
	}
	for _, l := range from.Rules {
		out.Rules = append(out.Rules, rule{Rule: l.Rule, Params: params(l.Params), Live: l.Live,
			Message: f.text(v, "password.rule."+l.Rule, l.Params, l.Rule)})
	}
	out.Open = asked(from)
	return out
}

// moment is t in UTC, or null.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// asked is the open question, by the identifier that its method has in this flow.
func asked(from app.Flow) *open {
	if from.Open == nil {
		return nil
	}
	out := &open{Expires: from.Open.Expires.UTC(), Public: from.Open.Public}
	if len(out.Public) == 0 {
		out.Public = json.RawMessage("{}")
	}
	for _, m := range from.Methods {
		if m.Factor == from.Open.Factor {
			out.Method = m.ID
		}
	}
	return out
}

func params(p map[string]any) map[string]any {
	if p == nil {
		return map[string]any{}
	}
	return maps.Clone(p)
}

// text returns the text of key in the visitor's language, or instead when there is none.
func (f *face) text(v app.Visitor, key string, params map[string]any, instead string) string {
	if s := f.texts.Text(v.Language, key, params); s != "" && s != key {
		return s
	}
	return instead
}

func (f *face) violations(v app.Visitor, from []password.Violation) []violation {
	out := make([]violation, 0, len(from))
	for _, x := range from {
		out = append(out, violation{Rule: x.Rule, Message: f.text(v, "password.violation."+x.Rule, x.Params, x.Rule)})
	}
	return out
}

// problem is edge.Settings.RenderError: the edge's problem with a detail in the caller's language,
// the violations of a password and, where there is one, the present flow.
func (f *face) problem(w http.ResponseWriter, r *http.Request, _ int, p edge.Problem) {
	v := edge.VisitorOf(r)
	if p.Detail == "" {
		p.Detail = f.text(v, p.Key, p.Params, "")
	}
	p.Extra = map[string]any{}
	if p.Name == app.ProblemPassword {
		p.Extra["violations"] = []violation{}
	}
	if p.Refusal != nil && len(p.Refusal.Violations) > 0 {
		p.Extra["violations"] = f.violations(v, p.Refusal.Violations)
	}
	if p.Refusal != nil && p.Refusal.Flow != nil {
		p.Extra["flow"] = f.flow(v, *p.Refusal.Flow)
	}
	edge.WriteProblem(w, p)
}

// write answers with the flow.
func (f *face) write(w http.ResponseWriter, r *http.Request, from app.Flow) error {
	return edge.WriteJSON(w, http.StatusOK, f.flow(edge.VisitorOf(r), from))
}

// begun answers a start. The token is in the body because a program has no cookies.
func (f *face) begun(w http.ResponseWriter, r *http.Request, s app.Started) error {
	w.Header().Set("Location", "/api/v1/recovery")
	return edge.WriteJSON(w, http.StatusCreated, begun{flow: f.flow(edge.VisitorOf(r), s.Flow), Token: reveal(s.Token)})
}

// reveal is the one place where the API gives a secret away: to the one who just started.
func reveal(t secret.Text) string { return t.Reveal() }
