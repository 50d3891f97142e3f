package portal

import (
	"net/http"
	"strings"

	"postern/app"
	"postern/recovery"
	"postern/web/page"
)

// receiptPage says what was done where, line by line.
type receiptPage struct {
	page.Frame
	Lead      string // text key
	Lines     []receiptLine
	SignIn    string
	Reference string
}

// receiptLine is what was done at one place with one result.
type receiptLine struct {
	Target string
	Result recovery.Result
	Icon   string
	Texts  []string
}

// Text joins what was done there.
func (l receiptLine) Text() string { return strings.Join(l.Texts, ". ") }

var resultIcons = map[recovery.Result]string{
	recovery.OK: "tick", recovery.Failed: "cross", recovery.Unknown: "question", recovery.Queued: "clock",
}

// ending is how a receipt ends.
type ending struct {
	signIn string
	self   string // where a change of language leads
	known  bool   // the old password was: nobody was locked out
}

func (p *Portal) receipt(w http.ResponseWriter, r *http.Request, flow app.Flow, e ending) error {
	title, lead := receiptKeys(flow.Receipt)
	if title == "receipt.title" && e.known {
		title = "receipt.title_change"
	}
	d := receiptPage{Frame: p.frame(r, title, e.self), Lead: lead, SignIn: e.signIn, Reference: string(flow.ID)}
	d.Lines = p.receiptLines(d.Language, flow.Receipt)
	return p.page.Render(w, http.StatusOK, "receipt", d)
}

// receiptKeys choose the words that fit what was done, and never "done" for what is not.
func receiptKeys(lines []recovery.Line) (title, lead string) {
	set, partly := false, false
	for _, l := range lines {
		set = set || l.Change == "password_set"
		partly = partly || l.Change == "password_set" && l.Result == recovery.Queued || l.Result == recovery.Failed || l.Result == recovery.Unknown || l.Detail == "still_locked"
	}
	switch {
	case partly:
		return "receipt.title_partly", "receipt.lead_partly"
	case set:
		return "receipt.title", "receipt.lead"
	}
	return "receipt.title_unlock", "receipt.lead_unlock"
}

// receiptLines puts neighbouring lines of one place and result together.
func (p *Portal) receiptLines(language string, lines []recovery.Line) []receiptLine {
	var out []receiptLine
	for _, l := range lines {
		text := p.receiptText(language, l)
		target := l.Target
		if key := "receipt.target." + l.Target; p.texts.Has(key) {
			target = p.texts.Text(language, key, nil)
		}
		if n := len(out); n > 0 && out[n-1].Target == target && out[n-1].Result == l.Result {
			out[n-1].Texts = append(out[n-1].Texts, text)
			continue
		}
		out = append(out, receiptLine{Target: target, Result: l.Result, Icon: resultIcons[l.Result], Texts: []string{text}})
	}
	return out
}

// receiptText says one line: by its detail where that is a closed word, else with it filled in. What a
// further directory refused is said with the reason.
func (p *Portal) receiptText(language string, l recovery.Line) string {
	key := "receipt." + l.Change + "." + string(l.Result)
	if by := key + "." + l.Detail; l.Detail != "" && p.texts.Has(by) {
		key = by
	}
	text := p.texts.Text(language, key, map[string]any{"to": l.Detail})
	if why := "password.violation." + "directory_" + l.Detail; l.Change == "password_set" && l.Result == recovery.Failed && p.texts.Has(why) {
		text += ". " + strings.TrimSuffix(p.texts.Text(language, why, nil), ".")
	}
	return text
}
