package e2e

import (
	"strconv"
	"testing"

	"postern/internal/testenv"
)

// tab presses Tab until the focus is on an element that matches, and fails the test where the focus
// cannot be seen on the way.
func (v *visit) tab(css string) {
	v.t.Helper()
	const most = 40
	for range most {
		v.seesFocus()
		if testenv.Evaluate[bool](v.Page, "document.activeElement.matches("+strconv.Quote(css)+")") {
			return
		}
		v.Press("\t")
	}
	v.t.Fatalf("%d times Tab does not lead to %s\n%s", most, css, v.Text("body"))
}

// focus says what has the focus and how that is seen.
type focus struct {
	What    string
	Visible bool
	Style   string
	Width   float64
	Inside  bool
}

// seesFocus fails the test if something has the focus and nobody sees it.
func (v *visit) seesFocus() {
	v.t.Helper()
	f := testenv.Evaluate[focus](v.Page, `(() => {
		const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
		return { What: e === document.body ? "" : e.outerHTML.slice(0, 200), Visible: e.matches(":focus-visible"),
			Style: style.outlineStyle, Width: parseFloat(style.outlineWidth),
			Inside: box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight };
	})()`)
	if f.What != "" && (!f.Visible || f.Style == "none" || f.Width < 2 || !f.Inside) {
		v.t.Errorf("the focus is not seen: %+v", f)
	}
}

// TestKeyboard goes the whole way without a mouse, with a mistake and its mending.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	tr := try(t)
	v := arrive(t, tr.Portal, testenv.Visitor{})
	v.Go(tr.SignIn)
	v.tab(`main a[href^="` + tr.Portal + `"]`)
	v.Enter()
	v.sees("start.title")
	v.tab("#identifier")
	v.Press("ada")
	v.Enter()
	v.sees("methods.title")
	v.tab(v.row("totp"))
	v.Enter()
	v.tab("#code")
	v.Press("000000")
	v.Enter()
	v.tab(".summary") // the problem has the focus at first
	v.tab(".summary a")
	v.Press("\r")
	v.Await(`document.activeElement.id === "code"`)
	v.seesFocus()
	v.Press(tr.app("ada"))
	v.Enter()
	v.sees("methods.title_second")
	v.tab(v.row("email_code"))
	v.Enter()
	v.tab("#code")
	v.Press(tr.mail("ada"))
	v.Enter()
	v.sees("password.title")
	v.tab("#password")
	v.Press(newPassword)
	v.tab("[data-show]")
	v.Press(" ")
	v.Await(`document.querySelector("#password").type === "text"`)
	v.tab(`form[action="/reset/password"] .button`)
	v.Enter()
	v.sees("receipt.title")
	v.tab("main a.button")
	v.Enter()
	if got := v.Address().String(); got != tr.SignIn {
		t.Errorf("\"Sign in\" leads to %s, want %s", got, tr.SignIn)
	}
	tr.opens("ada", newPassword)
	v.quiet(tr.SignIn)
}
