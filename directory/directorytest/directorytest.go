// Package directorytest is the suite that every directory passes: what package directory
// promises, tried on the real thing.
//
// It brings no fake directory, but for Hasty, a server that none of the real ones here is. A Driver
// prepares the real one, and says aloud what cannot be tried there and why; nothing is left out
// silently.
package directorytest

import (
	"errors"
	"strings"
	"testing"

	"postern/account"
	"postern/directory"
	"postern/secret"
)

// Person is somebody whom a Driver adds.
type Person struct {
	Login    string
	Name     string
	Emails   []string
	Password string
	Disabled bool
	Locked   bool
}

// Driver prepares a directory and looks at it by other means than the code under test.
type Driver struct {
	Directory directory.Directory
	// Name is the directory's configured name.
	Name string
	// Add adds a person.
	Add func(t *testing.T, p Person)
	// Rename gives a person another login.
	Rename func(t *testing.T, from, to string)
	// SignsIn tells whether the password works, as another program would try it.
	SignsIn func(t *testing.T, login, password string) bool
	// Stop makes the directory unreachable, and Start ends that.
	Stop, Start func(t *testing.T)
	// LoseAnswer lets the next write through and loses its answer.
	LoseAnswer func(t *testing.T)
	// HalveAnswer lets the next write through and loses the second half of its answer; Cut cuts all
	// idle connections; Slow keeps answers back until the func that it returns is called. nil: that
	// cannot be done.
	HalveAnswer func(t *testing.T)
	Cut         func(t *testing.T)
	Slow        func(t *testing.T) (end func())
	// Asked counts the requests that were sent and the connections that were opened since the start;
	// nil: that cannot be seen. More is what something costs besides what it should, by its name in
	// costs.
	Asked func() (requests, connections int)
	More  map[string]int
	// Resets is how many resets at once the directory bears in a test; 0: it is not tried.
	Resets int
	// Refused is a password that the directory refuses, for the reason; "" with NoRefusal saying
	// why there is none.
	Refused   string
	Reason    directory.Reason
	NoRefusal string
	// MustChange makes somebody change their password at the next sign-in; nil: that cannot be done.
	MustChange func(t *testing.T, login string)
	// LockAfter is how many wrong passwords lock an account.
	LockAfter int
	// Spaces tells whether a login may hold them.
	Spaces bool
	// NoLogin are characters that no login can hold there.
	NoLogin string
}

// Passwords that must reach the directory as they are.
var passwords = []string{
	"correct horse battery staple",
	"  spaces at both edges  ",
	`quotes " ' and \ back and $ dollar`,
	"Grüße aus Köln ☕ 密码",
	"*)(uid=*))(|(uid=*",
	strings.Repeat("0123456789abcdef", 8), // 128 characters
}

// nobodys are handles that must find nobody, whoever there is.
var nobodys = []string{
	"", "*", "al*", "st-find*", "*)(uid=*", "st-find)(uid=*", `\2a`, `st\2dfind`, "st-find\x00", "\x00", "st-find\n",
	"(", ")", "|", "&(uid=*)", "\xff\xfe", "nobody at all", "nobody@example.test", strings.Repeat("x", 10_000),
	"st-fіnd", // a Cyrillic і
	"ѕt-find", // a Cyrillic ѕ
	"st-fınd", // a dotless ı
	"ſt-find", // a long s
	"st-fínd", // an accent
	"st-find ", " st-find", "st\u00adfind", "st-find\u200b",
}

// Run proves the promises of package directory.
func Run(t *testing.T, d Driver) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Driver)
	}{
		{"Find", find}, {"Nobody", nobody}, {"Ambiguous", ambiguous}, {"Rename", rename}, {"SpecialHandles", specialHandles},
		{"SetPassword", setPassword}, {"EmptyPassword", emptyPassword}, {"UnknownID", unknownID}, {"Refused", refused},
		{"Disabled", disabled}, {"LockedByFailures", lockedByFailures}, {"Unlock", unlock}, {"ResetUnlocks", resetUnlocks},
		{"Costs", costs}, {"Outage", outage}, {"LostAnswer", lostAnswer},
		{"Change", change}, {"ChangeWithoutOld", changeWithoutOld}, {"ChangeRefused", changeRefused}, {"ChangeMust", changeMust},
		{"ChangeOutage", changeOutage},
		{"HalfAnswer", halfAnswer}, {"CutBefore", cutBefore}, {"Slow", slow}, {"RenameBetween", renameBetween}, {"AtOnce", atOnce},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, d) })
	}
}

func (d Driver) person(t *testing.T, p Person) account.Account {
	t.Helper()
	if p.Password == "" {
		p.Password = "the first password"
	}
	d.Add(t, p)
	return d.must(t, p.Login)
}

func (d Driver) must(t *testing.T, handle string) account.Account {
	t.Helper()
	a, err := d.Directory.Find(t.Context(), handle)
	if err != nil {
		t.Fatalf("find %q: %v", handle, err)
	}
	return a
}

func (d Driver) authenticate(t *testing.T, id, password string) error {
	t.Helper()
	a, ok := directory.As[directory.Authenticator](d.Directory)
	if !ok {
		t.Fatal("the directory cannot try passwords")
	}
	return a.Authenticate(t.Context(), id, secret.New(password))
}

func is(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func find(t *testing.T, d Driver) {
	d.Add(t, Person{Login: "st-find", Name: "Stella Find", Emails: []string{"stella@example.test", "find@example.test"}, Password: "the first password"})
	var first account.Account
	for i, handle := range []string{"st-find", "ST-Find", "stella@example.test", "Stella@EXAMPLE.test", "find@example.test"} {
		a := d.must(t, handle)
		if i == 0 {
			first = a
		}
		if a.Ref != first.Ref || a.Ref.Directory != d.Name || a.Ref.ID == "" {
			t.Errorf("%q: got %v, want %v", handle, a.Ref, first.Ref)
		}
	}
	if first.Login != "st-find" || first.Name != "Stella Find" || first.Disabled || first.Locked || first.Created.IsZero() {
		t.Errorf("got %+v", first)
	}
	if n := first.Notices(); len(n) != 2 {
		t.Errorf("addresses: got %v, want two", n)
	}
	again, err := d.Directory.Get(t.Context(), first.Ref.ID)
	if err != nil || again.Ref != first.Ref || again.Login != first.Login {
		t.Errorf("by identifier: got %v and %v", again, err)
	}
}

func nobody(t *testing.T, d Driver) {
	d.must(t, "st-find")
	for _, handle := range nobodys {
		if a, err := d.Directory.Find(t.Context(), handle); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%.40q: got %v and %v, want nobody", handle, a, err)
		}
	}
}

func ambiguous(t *testing.T, d Driver) {
	d.person(t, Person{Login: "st-twin1", Emails: []string{"twins@example.test"}})
	d.person(t, Person{Login: "st-twin2", Emails: []string{"twins@example.test"}})
	_, err := d.Directory.Find(t.Context(), "twins@example.test")
	is(t, "an address of two people", err, directory.ErrAmbiguous)
	d.person(t, Person{Login: "st-twin3", Emails: []string{"twins@example.test"}})
	_, err = d.Directory.Find(t.Context(), "twins@example.test")
	is(t, "an address of three people", err, directory.ErrAmbiguous)
	d.person(t, Person{Login: "st-other", Emails: []string{"st-twin1"}})
	_, err = d.Directory.Find(t.Context(), "st-twin1")
	is(t, "the login of one who is the address of another", err, directory.ErrAmbiguous)
}

func rename(t *testing.T, d Driver) {
	a := d.person(t, Person{Login: "st-maiden"})
	d.Rename(t, "st-maiden", "st-married")
	b, err := d.Directory.Get(t.Context(), a.Ref.ID)
	if err != nil || b.Ref != a.Ref || b.Login != "st-married" {
		t.Errorf("by identifier: got %v and %v", b, err)
	}
	_, err = d.Directory.Find(t.Context(), "st-maiden")
	is(t, "the former login", err, directory.ErrNotFound)
	is(t, "set by the former identifier", d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("password after renaming")), nil)
	if !d.SignsIn(t, "st-married", "password after renaming") {
		t.Error("the new password does not work")
	}
	c := d.person(t, Person{Login: "st-maiden"})
	if c.Ref == a.Ref {
		t.Error("the one who got the login later got the identifier too")
	}
}

func specialHandles(t *testing.T, d Driver) {
	logins := []string{`st*(1)`, `st(2)`, `st\2a`, `st,b+c="d";<e>`, `#st=x`, `st-jürgen`, `st-用户`, `st'"--`}
	if d.Spaces {
		logins = append(logins, "st with spaces", `st, cn=x`)
	}
	ids := map[string]string{}
	for _, login := range logins {
		if strings.ContainsAny(login, d.NoLogin) {
			t.Logf("not applicable: the directory has no login %q", login)
			continue
		}
		a := d.person(t, Person{Login: login})
		if a.Login != login || ids[a.Ref.ID] != "" {
			t.Errorf("%q: got %q, who is %q too", login, a.Login, ids[a.Ref.ID])
		}
		ids[a.Ref.ID] = login
		is(t, login, d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("a password for one of them")), nil)
		if !d.SignsIn(t, login, "a password for one of them") {
			t.Errorf("%q: the new password does not work", login)
		}
	}
}

func setPassword(t *testing.T, d Driver) {
	a := d.person(t, Person{Login: "st-reset", Password: "the first password"})
	is(t, "the first one", d.authenticate(t, a.Ref.ID, "the first password"), nil)
	old := "the first password"
	for _, p := range passwords {
		is(t, "set "+p, d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New(p)), nil)
		if !d.SignsIn(t, "st-reset", p) {
			t.Errorf("%q does not work", p)
		}
		is(t, "try "+p, d.authenticate(t, a.Ref.ID, p), nil)
		if d.SignsIn(t, "st-reset", old) {
			t.Errorf("%q still works", old)
		}
		is(t, "try the old one", d.authenticate(t, a.Ref.ID, old), directory.ErrWrongPassword)
		old = p
	}
	for _, near := range []string{"  spaces at both edges", "spaces at both edges"} {
		is(t, "set", d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New("  edges of "+near+"  ")), nil)
		is(t, "a trimmed one", d.authenticate(t, a.Ref.ID, strings.TrimSpace("  edges of "+near+"  ")), directory.ErrWrongPassword)
		is(t, "the whole one", d.authenticate(t, a.Ref.ID, "  edges of "+near+"  "), nil)
	}
}

func emptyPassword(t *testing.T, d Driver) {
	a := d.person(t, Person{Login: "st-empty", Password: "the first password"})
	is(t, "try the empty one", d.authenticate(t, a.Ref.ID, ""), directory.ErrWrongPassword)
	is(t, "try the empty one for nobody", d.authenticate(t, "no such identifier", ""), directory.ErrWrongPassword)
	var r *directory.Rejected
	if err := d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.Text{}); !errors.As(err, &r) {
		t.Errorf("set the empty one: got %v, want a refusal", err)
	}
	if !d.SignsIn(t, "st-empty", "the first password") {
		t.Error("the refusal changed the password")
	}
}

func unknownID(t *testing.T, d Driver) {
	for _, id := range []string{"", "no such identifier", "00000000-0000-0000-0000-000000000000", "*", ")(uid=*", "\x00"} {
		_, err := d.Directory.Get(t.Context(), id)
		is(t, "get "+id, err, directory.ErrNotFound)
		is(t, "set "+id, d.Directory.SetPassword(t.Context(), id, secret.New("a password for nobody")), directory.ErrNotFound)
		is(t, "try "+id, d.authenticate(t, id, "a password for nobody"), directory.ErrWrongPassword)
		if u, ok := directory.As[directory.Unlocker](d.Directory); ok {
			is(t, "unlock "+id, u.Unlock(t.Context(), id), directory.ErrNotFound)
		}
		if r, ok := directory.As[directory.RuleReader](d.Directory); ok {
			_, err := r.Rules(t.Context(), id)
			is(t, "rules for "+id, err, directory.ErrNotFound)
		}
	}
}

func refused(t *testing.T, d Driver) {
	if d.Refused == "" {
		if d.NoRefusal == "" {
			t.Fatal("the driver has neither a password that is refused nor a reason why none is")
		}
		t.Log("not applicable: " + d.NoRefusal)
		return
	}
	a := d.person(t, Person{Login: "st-refused", Password: "the first password"})
	err := d.Directory.SetPassword(t.Context(), a.Ref.ID, secret.New(d.Refused))
	var r *directory.Rejected
	if !errors.As(err, &r) || r.Reason != d.Reason || r.Operator == "" {
		t.Errorf("got %v, want the reason %s and a text for operators", err, d.Reason)
	}
	if err != nil && strings.Contains(err.Error(), d.Refused) {
		t.Errorf("the error quotes the password: %v", err)
	}
	if !d.SignsIn(t, "st-refused", "the first password") {
		t.Error("the refusal changed the password")
	}
}
