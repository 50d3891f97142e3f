package portal

import (
	"testing"

	"postern/recovery"
	"postern/secret"
	"postern/web/page"
)

func TestReceiptLines(t *testing.T) {
	texts, err := page.NewTexts(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &Portal{texts: texts}
	lines := p.receiptLines("en", []recovery.Line{
		{Target: "Staff", Change: "password_set", Result: recovery.OK, Detail: "checked"},
		{Target: "Staff", Change: "unlocked", Result: recovery.OK},
		{Target: "Staff", Change: "sessions_ended", Result: recovery.Failed},
		{Target: "ERP", Change: "password_set", Result: recovery.Queued},
		{Target: "Wiki", Change: "password_set", Result: recovery.Failed, Detail: "in_history"},
		{Target: "Mail", Change: "password_set", Result: recovery.Failed, Detail: "disabled"},
		{Target: "Shop", Change: "no_account", Result: recovery.OK},
		{Target: "notice", Change: "notice_queued", Result: recovery.Queued, Detail: "a••••@a.example"},
		{Target: "notice", Change: "notice_queued", Result: recovery.Queued, Detail: "b••••@b.example"},
	})
	want := []struct{ target, icon, text string }{
		{"Staff", "tick", "Password changed and checked. Account unlocked"},
		{"Staff", "cross", "Not signed out elsewhere. Do that yourself, or ask the help desk"},
		{"ERP", "clock", "No answer. It gets your new password as soon as it answers; until then your old one holds there"},
		{"Wiki", "cross", "Password not changed. You have used it before. Choose one that is new"},
		{"Mail", "cross", "Password not changed, because your account there is switched off"},
		{"Shop", "tick", "You have no account there, so there was nothing to do"},
		{"A message about it", "clock", "On its way to a••••@a.example. On its way to b••••@b.example"},
	}
	if len(lines) != len(want) {
		t.Fatalf("got %d lines, want %d: %+v", len(lines), len(want), lines)
	}
	for i, w := range want {
		if l := lines[i]; l.Target != w.target || l.Icon != w.icon || l.Text() != w.text {
			t.Errorf("line %d: got %q %q %q, want %+v", i, l.Target, l.Icon, l.Text(), w)
		}
	}
}

// TestReceiptNeverSaysDoneForWhatIsNot: a line that failed, or that nobody can tell of, changes
// the page's title.
func TestReceiptNeverSaysDoneForWhatIsNot(t *testing.T) {
	set := recovery.Line{Target: "Staff", Change: "password_set", Result: recovery.OK, Detail: "checked"}
	for name, c := range map[string]struct {
		lines []recovery.Line
		want  string
	}{
		"all done":     {[]recovery.Line{set}, "receipt.title"},
		"unlocked":     {[]recovery.Line{{Change: "unlocked", Result: recovery.OK}}, "receipt.title_unlock"},
		"queued":       {[]recovery.Line{set, {Change: "notice_queued", Result: recovery.Queued}}, "receipt.title"},
		"target later": {[]recovery.Line{set, {Target: "ERP", Change: "password_set", Result: recovery.Queued}}, "receipt.title_partly"},
		"no account":   {[]recovery.Line{set, {Target: "ERP", Change: "no_account", Result: recovery.OK}}, "receipt.title"},
		"failed":       {[]recovery.Line{set, {Change: "sessions_ended", Result: recovery.Failed}}, "receipt.title_partly"},
		"unknown":      {[]recovery.Line{set, {Change: "unlocked", Result: recovery.Unknown}}, "receipt.title_partly"},
		"still locked": {[]recovery.Line{{Change: "password_set", Result: recovery.OK, Detail: "still_locked"}}, "receipt.title_partly"},
	} {
		if got, _ := receiptKeys(c.lines); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestSuggestionsFit(t *testing.T) {
	f := newFake()
	f.rules.Min, f.rules.Directory.Complex = 30, true
	s := suggest("password", f.rules.Own, f.rules.Lines())
	if len(s.Suggestions) != suggestedMany {
		t.Fatalf("got %d suggestions, want %d", len(s.Suggestions), suggestedMany)
	}
	seen := map[string]bool{}
	for _, one := range s.Suggestions {
		if _, bad := f.rules.Check(secret.New(one)); len(bad) > 0 || seen[one] {
			t.Errorf("%q is refused (%v) or comes twice", one, bad)
		}
		seen[one] = true
	}
}
