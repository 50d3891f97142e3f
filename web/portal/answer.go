package portal

import (
	"encoding/json"
	"html/template"
	"net/http"

	"postern/app"
	"postern/method"
	"postern/policy"
	"postern/secret"
	"postern/web/edge"
	"postern/web/page"
)

// questionPage is a method's own page.
type questionPage struct {
	page.Frame
	ID     string
	Hint   string // text key
	Target string // masked, where the code goes; empty as long as nothing was proven
	Public string // JSON, for the method's script
	Part   template.HTML
	Submit string // text key
	Clock  *page.Clock
	Resend bool
	Second bool
}

func (p *Portal) question(w http.ResponseWriter, r *http.Request, flow app.Flow, s shown) error {
	f := flow.Open.Factor
	d := questionPage{Frame: p.frame(r, methodKey(f, "title"), "/reset"), Hint: methodKey(f, "hint"),
		Public: string(flow.Open.Public), Submit: methodKey(f, "submit"), Second: answered(flow),
		Resend: p.traits[f].Issued, Clock: p.questionClock(flow)}
	d.Problems, d.Method = s.problems, f
	for _, m := range flow.Methods {
		if m.Factor == f {
			d.ID, d.Target = m.ID, p.target(m)
		}
	}
	var err error
	if d.Part, err = p.page.Challenge(d.Language, f, flow.Open.Public, d.On("code")); err != nil {
		return err
	}
	return p.write(w, s, "question", d)
}

// questionClock counts the time for an answer, and says whether there can be more.
func (p *Portal) questionClock(flow app.Flow) *page.Clock {
	left, over := "question.left", "question.over"
	if !flow.Deadline.After(flow.Open.Expires) {
		left, over = "question.left_last", "clock.over"
	}
	return page.NewClock(left, over, flow.Open.Expires, p.now())
}

// target returns where m's code goes, masked. Of a method that sends nothing the hint is what its
// owner calls it, which the list does without.
func (p *Portal) target(m app.FlowMethod) string {
	if !p.traits[m.Factor].Issued {
		return ""
	}
	return m.Hint
}

// answer judges what was typed, or what the passkey said.
func (p *Portal) answer(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	ans, err := readAnswer(form.Get("code"), form.Get("credential"))
	if err != nil {
		return err
	}
	_, err = p.app.Answer(r.Context(), p.visitor(r), edge.Token(r), form.Get("method"), ans)
	return p.step(w, r, err, place{field: "code", method: form.Get("method")})
}

// readAnswer reads a method's fields. No credential at all is for the method to judge.
func readAnswer(code, credential string) (method.Answer, error) {
	a := method.Answer{Code: secret.New(code)}
	if credential != "" {
		if !json.Valid([]byte(credential)) || credential[0] != '{' {
			return a, edge.Refuse(edge.ProblemRequest, "the credential is not a JSON object")
		}
		a.Credential = json.RawMessage(credential)
	}
	return a, nil
}

// verifying are the texts of the same problems for methods without a code.
var verifying = map[string]string{
	"problem.answer":    "problem.answer_verifying",
	"problem.malformed": "problem.malformed_verifying",
}

// verifyingAlone are these texts for a page on which there is no other way to choose.
var verifyingAlone = map[string]string{
	"problem.answer":    "problem.answer_verifying_enroll",
	"problem.malformed": "problem.malformed_verifying_enroll",
}

// problems says what did not work, and lists a password's violations one by one.
func (p *Portal) problems(r *http.Request, flow app.Flow, problem edge.Problem, at place) []page.Problem {
	if problem.Name == app.ProblemPassword && at.field != "" {
		return p.violations(r, problem, at.field)
	}
	var f policy.Factor
	for _, m := range flow.Methods {
		if m.ID == at.method {
			f = m.Factor
		}
	}
	if flow.Open == nil || flow.Open.Factor != f {
		at.field = "" // the question is closed: there is no field any more
	}
	if key := verifying[problem.Key]; key != "" && p.traits[f].Verifies {
		problem.Key, at.field = key, ""
	}
	return []page.Problem{{Field: at.field, Text: p.say(r, problem)}}
}

// violations are the problems of a password: each reason, or the refusal itself when none came.
func (p *Portal) violations(r *http.Request, problem edge.Problem, field string) []page.Problem {
	var out []page.Problem
	for _, v := range problem.Refusal.Violations {
		key := "password.violation." + v.Rule
		if !p.texts.Has(key) {
			continue
		}
		out = append(out, page.Problem{Field: field, Text: p.texts.Text(p.language(r), key, v.Params)})
	}
	if len(out) == 0 {
		out = []page.Problem{{Field: field, Text: p.say(r, problem)}}
	}
	return out
}
