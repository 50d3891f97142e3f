package portal

import (
	"html/template"
	"net/http"

	"postern/app"
	"postern/secret"
	"postern/web/edge"
	"postern/web/page"
)

// invitationPage is where a one-time link leads. Opening it changes nothing, so that a mail
// scanner that follows the link uses nothing up.
type invitationPage struct {
	page.Frame
	Token string
}

func (p *Portal) invitation(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	return p.page.Render(w, http.StatusOK, "invitation", invitationPage{Token: r.PathValue("token"),
		Frame: p.frame(r, "invitation.title", r.URL.EscapedPath())})
}

// enrollBegin moves the token from the form into a cookie, so that no later address holds it.
func (p *Portal) enrollBegin(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	token := secret.New(form.Get("token"))
	if _, err := p.app.AskInvitation(r.Context(), p.visitor(r), token); err != nil {
		return err
	}
	edge.SetEnrollToken(w, token)
	http.Redirect(w, r, "/enroll", http.StatusSeeOther)
	return nil
}

// enrollPage asks for what makes the enrolment.
type enrollPage struct {
	page.Frame
	Hint   string // text key
	Login  string
	Public string
	Part   template.HTML
	Submit string // text key
	Asked  bool
}

func (p *Portal) enroll(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	e, err := p.app.LookInvitation(r.Context(), p.visitor(r), edge.EnrollToken(r))
	if err != nil {
		return err
	}
	return p.showEnroll(w, r, e, shown{})
}

func (p *Portal) showEnroll(w http.ResponseWriter, r *http.Request, e app.Enrolling, s shown) error {
	f := e.Factor
	d := enrollPage{Frame: p.frame(r, methodKey(f, "enroll.title"), "/enroll"), Hint: methodKey(f, "enroll.hint"),
		Login: e.Login, Submit: methodKey(f, "enroll.submit"), Asked: len(e.Public) > 0}
	d.Problems, d.Method = s.problems, f
	if d.Asked {
		d.Public = string(e.Public)
		var err error
		if d.Part, err = p.page.Enrollment(d.Language, f, e.Public, d.On("code")); err != nil {
			return err
		}
	}
	return p.write(w, s, "enroll", d)
}

// enrollAsk poses the question again.
func (p *Portal) enrollAsk(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.app.AskInvitation(r.Context(), p.visitor(r), edge.EnrollToken(r)); err != nil {
		return err
	}
	http.Redirect(w, r, "/enroll", http.StatusSeeOther)
	return nil
}

// enrollAnswer makes the enrolment.
func (p *Portal) enrollAnswer(w http.ResponseWriter, r *http.Request) error {
	form, err := edge.Form(r)
	if err != nil {
		return err
	}
	ans, err := readAnswer(form.Get("code"), form.Get("credential"))
	if err != nil {
		return err
	}
	_, err = p.app.AnswerInvitation(r.Context(), p.visitor(r), edge.EnrollToken(r), ans)
	if err == nil {
		edge.ClearEnrollToken(w)
		http.Redirect(w, r, "/enroll/done", http.StatusSeeOther)
		return nil
	}
	problem, ok := p.correctable(err, app.ProblemAnswer, app.ProblemMalformed)
	if !ok {
		return err
	}
	e, err := p.app.LookInvitation(r.Context(), p.visitor(r), edge.EnrollToken(r))
	if err != nil {
		return err
	}
	if key := verifyingAlone[problem.Key]; key != "" && p.traits[e.Factor].Verifies {
		problem.Key = key
		return p.showEnroll(w, r, e, shown{problem: &problem, problems: []page.Problem{{Text: p.say(r, problem)}}})
	}
	return p.showEnroll(w, r, e, shown{problem: &problem, problems: []page.Problem{{Field: "code", Text: p.say(r, problem)}}})
}

// enrolledPage ends an enrolment. It is the same for everybody.
type enrolledPage struct {
	page.Frame
	SignIn string
}

func (p *Portal) enrolled(w http.ResponseWriter, r *http.Request) error {
	p.keepLanguage(w, r)
	return p.page.Render(w, http.StatusOK, "enrolled", enrolledPage{p.frame(r, "enrolled.title", "/enroll/done"), p.signIn})
}
