package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/testenv"
)

// TestPages walks over every page in every language, on the smallest screen, and looks at each in
// light and in dark.
func TestPages(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			tr := try(t)
			w := &walk{visit: arrive(t, tr.Portal, testenv.Visitor{Width: 320, Height: 640, Language: language}),
				tr: tr, language: language, axe: axe(t)}
			w.recovery()
			w.refusals()
			w.changing()
			w.enrolling()
			w.operating()
			w.company()
			w.quiet(tr.SignIn)
			if w.seen < 40 {
				t.Errorf("%d pages were looked at: some are left out", w.seen)
			}
		})
	}
}

// TestPlantedFaults: what looks at pages finds what is wrong with them.
func TestPlantedFaults(t *testing.T) {
	t.Parallel()
	tr := try(t)
	w := &walk{visit: arrive(t, tr.Portal, testenv.Visitor{Width: 320, Height: 640}), axe: axe(t)}
	w.Go(tr.Portal + "/")
	if f, v := w.faults(), w.violations(); len(f)+len(v)+len(w.Complaints()) != 0 {
		t.Errorf("at first: got %v, %v, %v", f, v, w.Complaints())
	}
	testenv.Evaluate[bool](w.Page, `(() => {
		const add = (html) => document.querySelector("main").insertAdjacentHTML("beforeend", html);
		add("<button>x</button><h1>Again</h1><img src=/favicon.ico><p class=pale>pale</p>");
		add("<p class=wide>wide</p><script>alert(1)</script>");
		document.querySelector(".pale").style.color = "#bbb";
		document.querySelector(".wide").style.width = "400px";
		const script = document.createElement("script");
		script.src = "http://elsewhere.invalid/x.js";
		document.head.append(script);
		return true;
	})()`)
	found := fmt.Sprint(w.faults(), w.violations())
	for _, want := range []string{"pixels wide on a screen", "not one heading", "pixels high", "color-contrast", "image-alt"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q is not found in %s", want, found)
		}
	}
	if got := w.Complaints(); len(got) == 0 || !strings.Contains(got[0], "elsewhere.invalid") {
		t.Errorf("a script from elsewhere: got the complaints %q", got)
	}
}

// walk is a visit that looks at every page.
type walk struct {
	*visit
	tr       *trial
	language string
	axe      string
	seen     int
}

// axe returns the script that knows the rules of accessibility.
func axe(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../bin/axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("axe-core is missing: run make setup: %v", err)
	}
	return string(b)
}

// recovery goes through a recovery of dan, who is locked, with every turn on the way.
func (w *walk) recovery() {
	w.Go(w.portal + "/")
	w.look("start")
	testenv.Evaluate[bool](w.Page, "document.forms[0].noValidate = true")
	w.Follow("main form .button")
	w.look("start-empty")
	w.begin("dan")
	w.look("methods")
	w.Follow("main .more a")
	w.sees("help.title")
	w.look("help")
	w.Follow("main a.button")
	w.choose("passkey")
	w.look("passkey")
	w.Follow("main .more a")
	w.choose("totp")
	w.look("totp")
	w.answer("000000")
	w.look("totp-wrong")
	w.answer(w.tr.app("dan"))
	w.sees("methods.title_second")
	w.look("methods-second")
	w.choose("email_code")
	w.look("email-code")
	w.answer(w.tr.mail("dan"))
	w.sees("password.title")
	w.look("password")
	w.Type("#password", "lindqvist lindqvist")
	w.state("own_word", "unmet")
	w.look("password-typed")
	w.save()
	w.look("password-refused")
	w.Click(".suggest summary")
	w.look("password-suggestion")
	w.Click("[data-use]")
	w.Await(`!document.querySelector("[data-strength]").hidden`)
	w.look("password-good")
	w.save()
	w.sees("receipt.title")
	w.look("receipt")
}

// refusals are the pages on which a recovery ends without success.
func (w *walk) refusals() {
	w.begin("cleo")
	w.Follow(`form[action="/reset/cancel"] button`)
	w.sees("start.title")
	w.begin("ada")
	w.choose("totp")
	for range 10 {
		if w.Has("#code") {
			w.answer("000000")
		} else if w.Has(".rows") {
			w.choose("totp")
		}
	}
	w.sees("over.refused.title")
	w.look("refused")
	w.status(w.Go(w.portal+"/nothing/here"), http.StatusNotFound)
	w.sees("error.title_missing")
	w.look("not-found")
	other := arrive(w.t, w.portal, testenv.Visitor{Width: 320, Height: 640, Language: w.language})
	if got := other.Go(w.portal + "/reset"); got < 400 {
		w.t.Errorf("a recovery out of nothing: got %d", got)
	}
	w.beside(other, "no-recovery")
}

// beside looks at a page of another visitor.
func (w *walk) beside(v *visit, name string) {
	mine := w.visit
	w.visit = v
	w.look(name)
	w.visit = mine
}

// changing changes a known password.
func (w *walk) changing() {
	w.Go(w.portal + "/change")
	w.look("change")
	w.Type("#password", "short")
	w.state("length", "unmet")
	w.look("change-typed")
	w.Go(w.portal + "/change")
	fill := func(current string) {
		w.Type("#current", current)
		w.Type("#password", newPassword)
		w.Follow("main form .button")
	}
	w.Type("#identifier", "cleo")
	fill("this is not it")
	w.look("change-wrong")
	fill(w.tr.person("cleo").Password)
	w.sees("receipt.title_change")
	w.look("changed")
}

// enrolling makes a passkey and resets with it up to the password.
func (w *walk) enrolling() {
	device := w.Authenticator()
	link := w.invited(w.tr)
	w.look("enroll")
	device.Recognise(false)
	w.Click(makePasskey)
	w.Await(`!document.querySelector(".passkey [role=alert]").hidden`)
	w.look("enroll-cancelled")
	device.Recognise(true)
	w.Follow(makePasskey)
	w.sees("enrolled.title")
	w.look("enrolled")
	w.Go(link)
	w.sees("invitation.title")
	w.look("invitation")
	w.Follow("main form .button")
	w.look("invitation-used")
}

// company are the pages of the sample company. They are in English alone.
func (w *walk) company() {
	defer func(language string) { w.language = language }(w.language)
	w.language = "en"
	w.Go(w.tr.SignIn)
	w.look("sign-in")
	w.Type("#login", "ada")
	w.Type("#password", "this is not it")
	w.Follow("main form .button")
	w.look("sign-in-wrong")
	w.Type("#password", w.tr.person("ada").Password)
	w.Follow("main form .button")
	w.look("signed-in")
	w.Go(w.tr.SignIn)
	w.Follow(`input[value="ben"] + button`)
	w.look("passkey-link")
	w.Go(w.tr.Mailbox)
	w.look("mailbox")
}

// look judges the page that is open.
func (w *walk) look(name string) {
	w.t.Helper()
	w.seen++
	for _, fault := range w.faults() {
		w.t.Errorf("%s: %s", name, fault)
	}
	if got := testenv.Evaluate[string](w.Page, "document.documentElement.lang"); got != w.language {
		w.t.Errorf("%s: the page says that it is in %q, want %s", name, got, w.language)
	}
	for _, dark := range []bool{false, true} {
		w.Dark(dark)
		for _, v := range w.violations() {
			w.t.Errorf("%s, dark %v: %s", name, dark, v)
		}
	}
	if *shots != "" {
		w.shoot(name)
	}
	w.Dark(false)
}

// faults returns what is wrong with the open page on a small screen.
func (w *walk) faults() []string {
	w.t.Helper()
	return testenv.Evaluate[[]string](w.Page, listFaults)
}

const listFaults = `(() => {
	const out = [], say = (e, text) => out.push(text + ": " + e.outerHTML.slice(0, 160));
	const wide = document.scrollingElement.scrollWidth;
	if (wide > innerWidth) {
		out.push("it is " + wide + " pixels wide on a screen of " + innerWidth);
		for (const e of document.body.querySelectorAll("*"))
			if (e.getBoundingClientRect().right > innerWidth + 1 && e.children.length === 0) say(e, "too wide");
	}
	if (document.querySelectorAll("h1").length !== 1) out.push("it has not one heading of the first order");
	for (const e of document.querySelectorAll("button, .button, summary, .row, .quiet, nav a, input:not([type=hidden])")) {
		if (!e.checkVisibility() || e.matches(".visually-hidden")) continue;
		const box = e.getBoundingClientRect();
		if (box.height < 44) say(e, "only " + box.height + " pixels high");
		if (box.width < 24) say(e, "only " + box.width + " pixels wide");
	}
	return out;
})()`

// violation is a rule of accessibility that a page breaks.
type violation struct {
	ID, Help string
	Nodes    []struct {
		HTML           string `json:"html"`
		FailureSummary string `json:"failureSummary"`
	}
}

func (v violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", v.ID, v.Help)
	for _, n := range v.Nodes {
		fmt.Fprintf(&b, "\n  %s\n  %s", n.HTML, n.FailureSummary)
	}
	return b.String()
}

// violations returns the rules that the open page breaks, or that a person would have to judge.
func (w *walk) violations() []violation {
	w.t.Helper()
	found := testenv.Isolated[string](w.Page, w.axe, `axe.run(document, { runOnly: { type: "tag",
		values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } })
		.then(r => JSON.stringify({ checked: r.passes.length, found: r.violations.concat(r.incomplete) }))`)
	var r struct {
		Checked int
		Found   []violation
	}
	if err := json.Unmarshal([]byte(found), &r); err != nil {
		w.t.Fatalf("axe: %v: %s", err, found)
	}
	if r.Checked < 10 {
		w.t.Errorf("axe found only %d rules to check: it does not work", r.Checked)
	}
	return r.Found
}

// shoot keeps pictures of the open page.
func (w *walk) shoot(name string) {
	w.t.Helper()
	keep := func(kind string) {
		file := filepath.Join(*shots, fmt.Sprintf("%s-%02d-%s-%s.png", w.language, w.seen, name, kind))
		if err := os.WriteFile(file, w.Screenshot(true), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	keep("small-dark")
	w.Dark(false)
	keep("small-light")
	w.Resize(1280, 800)
	keep("large-light")
	w.Dark(true)
	keep("large-dark")
	w.Resize(320, 640)
}
