package account

import (
	"slices"
	"testing"
)

func TestMask(t *testing.T) {
	for _, c := range []struct {
		kind          Kind
		address, want string
	}{
		{Email, "ada@example.test", "a••••@example.test"},
		{Email, "a@example.test", "a••••@example.test"},
		{Email, "Émile@example.test", "É••••@example.test"},
		{Email, "@example.test", "••••"},
		{Email, "no address", "••••"},
		{Email, "", "••••"},
		{Phone, "+44 7700 900142", "•••• 42"},
		{Phone, "12345", "••••"},
		{"pigeon", "loft 7", "••••"},
	} {
		if got := (Contact{Kind: c.kind, Address: c.address}).Mask(); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.kind, c.address, got, c.want)
		}
	}
}

func TestOwnWords(t *testing.T) {
	a := Account{Login: "ada@work.test", Name: "Ada Mary-Lou O'Neil Li", Contacts: []Contact{
		{Email, "ada.lovelace@home.test"}, {Phone, "+44 7700 900142"}}}
	got := a.OwnWords()
	for _, w := range []string{"ada@work.test", "ada", "mary", "lou", "neil", "ada.lovelace", "lovelace"} {
		if !slices.Contains(got, w) {
			t.Errorf("%q is missing in %q", w, got)
		}
	}
	for _, w := range []string{"li", "o", "home", "", "Ada"} {
		if slices.Contains(got, w) {
			t.Errorf("%q is in %q", w, got)
		}
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != len(a.OwnWords()) {
		t.Errorf("a word stands twice in %q", got)
	}
}

func TestNotices(t *testing.T) {
	a := Account{Contacts: []Contact{{Email, "a@x.test"}, {Phone, "+4477"}, {Email, "b@x.test"}}}
	if got := a.Notices(); len(got) != 2 || got[0].Address != "a@x.test" || got[1].Address != "b@x.test" {
		t.Errorf("got %v", got)
	}
}

func TestRef(t *testing.T) {
	if !(Ref{}).Zero() || (Ref{}).String() != "nobody" {
		t.Error("the zero Ref is somebody")
	}
	r := Ref{Directory: "staff", ID: "7"}
	if r.Zero() || r.String() != "staff/7" {
		t.Errorf("got %q", r)
	}
}
