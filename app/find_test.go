package app_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/password"
	"postern/policy"
	"postern/secret"
)

// place is a directory that knows a few handles and remembers what it was asked.
type place struct {
	knows map[string]string // handle, in small letters → login, which is the identifier too
	down  bool
	asked []string
	words map[string]string // passwords that were set
	many  bool              // several people have every handle
}

func (p *place) Find(_ context.Context, handle string) (account.Account, error) {
	p.asked = append(p.asked, handle)
	if p.down {
		return account.Account{}, directory.ErrUnavailable
	}
	if p.many {
		return account.Account{}, directory.ErrAmbiguous
	}
	login, ok := p.knows[strings.ToLower(handle)]
	if !ok {
		return account.Account{}, directory.ErrNotFound
	}
	return p.Get(context.Background(), login)
}

func (p *place) Get(_ context.Context, id string) (account.Account, error) {
	return account.Account{Ref: account.Ref{ID: id}, Login: id, Groups: []string{"Staff"},
		Contacts: []account.Contact{{Kind: account.Email, Address: id + "@example.test"}}}, nil
}

func (p *place) SetPassword(_ context.Context, id string, to secret.Text) error {
	p.words[id] = to.Reveal()
	return nil
}

func (p *place) Rules(context.Context, string) (password.Directory, error) {
	return password.Directory{}, nil
}

func knowing(handles ...string) *place {
	p := &place{knows: map[string]string{}, words: map[string]string{}}
	for _, h := range handles {
		handle, login, ok := strings.Cut(h, "=")
		if !ok {
			login = handle
		}
		p.knows[handle] = login
	}
	return p
}

// several is a directory in which several people have every handle.
func several() *place {
	p := knowing()
	p.many = true
	return p
}

// TestRouting: who is looked up where, as what, and who is then found. Places that are not named in
// asked must not have been asked.
func TestRouting(t *testing.T) {
	const none = "nobody"
	type dirs = []app.NamedDirectory
	at := func(name string, p *place, l app.Lookup, domains ...string) app.NamedDirectory {
		return app.NamedDirectory{Name: name, Domains: domains, Lookup: l, Directory: p}
	}
	down := func(p *place) *place {
		p.down = true
		return p
	}
	for _, c := range []struct {
		name, handle string
		places       dirs
		found        string // directory/identifier, none, or "" for cannot tell
		asked        map[string]string
	}{
		{"no domain: all", "ann", dirs{at("a", knowing(), ""), at("b", knowing("ann"), app.LookupAlways)}, "b/ann", map[string]string{"a": "ann", "b": "ann"}},
		{"in two", "ann", dirs{at("a", knowing("ann"), ""), at("b", knowing("ann"), "")}, none, map[string]string{"a": "ann", "b": "ann"}},
		{"in three", "ann", dirs{at("a", knowing("ann"), ""), at("b", knowing("ann"), ""), at("c", knowing("ann"), "")}, none, map[string]string{"a": "ann", "b": "ann", "c": "ann"}},
		{"listed domain", "ann@b.test", dirs{at("a", knowing("ann@b.test"), "", "a.test"), at("b", knowing("ann@b.test"), "", "b.test")}, "b/ann@b.test", map[string]string{"b": "ann@b.test"}},
		{"in any case", "Ann@B.TEST", dirs{at("a", knowing("ann@b.test"), ""), at("b", knowing("ann@b.test"), "", "b.Test")}, "b/ann@b.test", map[string]string{"b": "Ann@B.TEST"}},
		{"in any form", "ann@bu\u0308ro.test", dirs{at("a", knowing(), ""), at("b", knowing(), "", "B\u00fcro.test")}, none, map[string]string{"b": "ann@b\u00fcro.test"}},
		{"listed, and nobody there", "ann@b.test", dirs{at("a", knowing("ann@b.test"), ""), at("b", knowing(), "", "b.test")}, none, map[string]string{"b": "ann@b.test"}},
		{"a domain that nobody lists", "ann@c.test", dirs{at("a", knowing("ann@c.test"), "", "a.test"), at("b", knowing(), "", "b.test")}, "a/ann@c.test", map[string]string{"a": "ann@c.test", "b": "ann@c.test"}},
		{"a longer domain is another", "ann@x.b.test", dirs{at("a", knowing(), ""), at("b", knowing(), "", "b.test")}, none, map[string]string{"a": "ann@x.b.test", "b": "ann@x.b.test"}},
		{"the last @ counts", "ann@a.test@b.test", dirs{at("a", knowing(), "", "a.test"), at("b", knowing(), "", "b.test")}, none, map[string]string{"b": "ann@a.test@b.test"}},
		{"no name before it", "@b.test", dirs{at("a", knowing(), ""), at("b", knowing(), "", "b.test")}, none, map[string]string{"a": "@b.test", "b": "@b.test"}},
		{"domain and backslash", `CORP\ann`, dirs{at("a", knowing("ann"), ""), at("b", knowing("ann"), "", "corp")}, "b/ann", map[string]string{"b": `CORP\ann ann`}},
		{"as typed as well", `CORP\ann`, dirs{at("a", knowing(), ""), at("b", knowing(`corp\ann=ann`), "", "Corp")}, "b/ann", map[string]string{"b": `CORP\ann ann`}},
		{"both name one", `CORP\ann`, dirs{at("b", knowing(`corp\ann=ann`, "ann"), "", "Corp")}, "b/ann", map[string]string{"b": `CORP\ann ann`}},
		{"both name another", `CORP\ann`, dirs{at("b", knowing(`corp\ann=bea`, "ann"), "", "Corp")}, none, map[string]string{"b": `CORP\ann ann`}},
		{"a backslash that nobody lists", `CORP\ann`, dirs{at("a", knowing("ann"), ""), at("b", knowing("ann"), "", "other")}, none, map[string]string{"a": `CORP\ann`, "b": `CORP\ann`}},
		{"two backslashes", `CORP\x\ann`, dirs{at("b", knowing("ann", `x\ann`), "", "corp")}, none, map[string]string{"b": `CORP\x\ann`}},
		{"nothing behind it", `CORP\`, dirs{at("b", knowing(), "", "corp")}, none, map[string]string{"b": `CORP\`}},
		{"two list it", "ann@b.test", dirs{at("a", knowing("ann@b.test"), "", "b.test"), at("b", knowing("ann@b.test"), "", "b.test")}, none, map[string]string{"a": "ann@b.test", "b": "ann@b.test"}},

		{"fallback, not needed", "ann", dirs{at("f", knowing("ann"), app.LookupFallback), at("a", knowing("ann"), "")}, "a/ann", map[string]string{"a": "ann", "f": "ann"}},
		{"fallback, needed", "ann", dirs{at("a", knowing(), ""), at("f", knowing("ann"), app.LookupFallback)}, "f/ann", map[string]string{"a": "ann", "f": "ann"}},
		{"fallbacks in order", "ann", dirs{at("f", knowing(), app.LookupFallback), at("g", knowing("ann"), app.LookupFallback), at("h", knowing("ann"), app.LookupFallback)}, "g/ann", map[string]string{"f": "ann", "g": "ann", "h": "ann"}},
		{"in two, whatever the fallback knows", "ann", dirs{at("a", knowing("ann"), ""), at("b", knowing("ann"), ""), at("f", knowing("ann"), app.LookupFallback)}, none, map[string]string{"a": "ann", "b": "ann", "f": "ann"}},
		{"several in one", "ann", dirs{at("a", several(), ""), at("b", knowing(), "")}, none, map[string]string{"a": "ann", "b": "ann"}},
		{"several in one, one in another", "ann", dirs{at("a", several(), ""), at("b", knowing("ann"), "")}, none, map[string]string{"a": "ann", "b": "ann"}},
		{"several, whatever the fallback knows", "ann", dirs{at("a", several(), ""), at("f", knowing("ann"), app.LookupFallback)}, none, map[string]string{"a": "ann", "f": "ann"}},
		{"several in a fallback, whatever the next knows", "ann", dirs{at("f", several(), app.LookupFallback), at("g", knowing("ann"), app.LookupFallback), at("a", knowing(), "")}, none, map[string]string{"f": "ann", "g": "ann", "a": "ann"}},
		{"several in a fallback, not needed", "ann", dirs{at("f", several(), app.LookupFallback), at("a", knowing("ann"), "")}, "a/ann", map[string]string{"f": "ann", "a": "ann"}},
		{"both name another, whatever the fallback knows", `CORP\ann`, dirs{at("b", knowing(`corp\ann=bea`, "ann"), "", "corp"), at("f", knowing("ann"), app.LookupFallback, "corp")}, none, map[string]string{"b": `CORP\ann ann`, "f": `CORP\ann ann`}},
		{"only a target", "ann", dirs{at("a", knowing(), ""), at("t", knowing("ann"), app.LookupNever, "x.test")}, none, map[string]string{"a": "ann"}},
		{"only a target's domain", "ann@x.test", dirs{at("a", knowing("ann@x.test"), ""), at("t", knowing("ann@x.test"), app.LookupNever, "x.test")}, "a/ann@x.test", map[string]string{"a": "ann@x.test"}},

		{"down", "ann", dirs{at("a", knowing("ann"), ""), at("b", down(knowing()), "")}, "", map[string]string{"a": "ann", "b": "ann"}},
		{"down, and would not be asked", "ann@a.test", dirs{at("a", knowing("ann@a.test"), "", "a.test"), at("b", down(knowing()), "")}, "a/ann@a.test", map[string]string{"a": "ann@a.test"}},
		{"fallback down, not needed", "ann", dirs{at("a", knowing("ann"), ""), at("f", down(knowing()), app.LookupFallback)}, "", map[string]string{"a": "ann", "f": "ann"}},
		{"fallback down, needed", "bea", dirs{at("a", knowing("ann"), ""), at("f", down(knowing()), app.LookupFallback)}, "", map[string]string{"a": "bea", "f": "bea"}},
		{"first fallback down", "ann", dirs{at("f", down(knowing()), app.LookupFallback), at("g", knowing("ann"), app.LookupFallback)}, "", map[string]string{"f": "ann"}},
		{"target down", "ann", dirs{at("a", knowing("ann"), ""), at("t", down(knowing()), app.LookupNever)}, "a/ann", map[string]string{"a": "ann"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.Directories = c.places
			_, err := w.Begin(t.Context(), visitor, c.handle, policy.Reset)
			if c.found == "" {
				w.refused(err, app.ProblemUnavailable)
			} else if err != nil {
				t.Fatal(err)
			} else if got := w.fields("recovery.started", "subject")[0]; got != strings.TrimPrefix(c.found, none) {
				t.Errorf("found %q, want %q", got, c.found)
			}
			got := map[string]string{}
			for _, d := range c.places {
				if p := d.Directory.(*place); len(p.asked) > 0 {
					got[d.Name] = strings.Join(p.asked, " ")
				}
			}
			if !reflect.DeepEqual(got, c.asked) {
				t.Errorf("asked %v, want %v", got, c.asked)
			}
		})
	}
}

// TestSameIdentifierInTwoDirectories: who somebody is, is the directory and the identifier; neither
// what is enrolled nor a password passes from one to the other.
func TestSameIdentifierInTwoDirectories(t *testing.T) {
	one, two := knowing("ann=1"), knowing("ben=1")
	w := newWorld(t)
	w.Directories = []app.NamedDirectory{{Name: "one", Directory: one}, {Name: "two", Directory: two}}
	w.enroll("ann")
	w.pass(48 * w.Policy.Quarantine)
	w.start("ben")
	if got := w.fields("recovery.started", "why"); len(got) != 1 || got[0] != string(policy.NotEnrolled) {
		t.Errorf("ben, who has ann's identifier elsewhere: got %v, want too little enrolled", got)
	}
	p, err := w.Person(t.Context(), app.Operator{Name: "cli:test"}, "ben")
	if err != nil || len(p.Enrolled) != 0 || p.Account.Ref != (account.Ref{Directory: "two", ID: "1"}) {
		t.Errorf("got %+v and %v", p, err)
	}
	s := w.verified("ann")
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
	if one.words["1"] != fresh || len(two.words) != 0 {
		t.Errorf("written: %v and %v, want ann's directory alone", one.words, two.words)
	}
}
