package app_test

import (
	"errors"
	"strings"
	"testing"

	"postern/account"
	"postern/app"
	"postern/directory"
)

// TestPersonInTargets: an operator sees whose account a target would write to, or why not.
func TestPersonInTargets(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*people)
		id      string
		guarded bool
		err     error
	}{
		{"theirs", func(*people) {}, "7", false, nil},
		{"nobody's", func(p *people) { clear(p.accounts) }, "", false, nil},
		{"guarded", func(p *people) { a := p.accounts["7"]; a.Privileged = true; p.accounts["7"] = a }, "7", true, nil},
		{"down", func(p *people) { p.down = directory.ErrUnavailable }, "", false, directory.ErrUnavailable},
	} {
		second := &people{accounts: map[string]account.Account{"7": {Ref: account.Ref{ID: "7"}, Login: "alice"}}, words: map[string]string{}, writes: map[string]int{}}
		c.change(second)
		w := newWorld(t, withERP(&erp{people: second}))
		p, err := w.Person(t.Context(), operator, "alice")
		if err != nil || len(p.Targets) != 1 {
			t.Fatalf("%s: got %+v, %v", c.name, p.Targets, err)
		}
		if got := p.Targets[0]; got.Account.Ref.ID != c.id || got.Guarded != c.guarded || !errors.Is(got.Err, c.err) {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

// TestNobodySaysWhere: operators are told whether nobody has a login or several have.
func TestNobodySaysWhere(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Person(t.Context(), operator, "nobody"); !errors.Is(err, app.ErrNobody) || errors.Is(err, app.ErrSeveral) {
		t.Errorf("nobody: got %v", err)
	}
	w.dir.accounts["twin"] = account.Account{Ref: account.Ref{ID: "twin"}, Login: "alice"}
	if _, err := w.Person(t.Context(), operator, "alice"); !errors.Is(err, app.ErrSeveral) || !errors.Is(err, app.ErrNobody) || !strings.Contains(err.Error(), "several in ") {
		t.Errorf("several: got %v", err)
	}
}
