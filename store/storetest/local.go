package storetest

import (
	"errors"
	"time"

	"postern/directory"
)

func local(id, login string, emails ...string) directory.LocalAccount {
	return directory.LocalAccount{ID: id, Login: login, LoginKey: login, Name: "Änne Ö", Emails: emails,
		Phones: []string{"+49 30 1"}, Groups: []string{"Staff", `a "quoted", one`}, Password: "$argon2id$…",
		Created: t0, Changed: t0.Add(time.Second)}
}

func (s *suite) put(a directory.LocalAccount) {
	s.Helper()
	if err := s.LocalPut(s.Context(), a); err != nil {
		s.Fatalf("LocalPut %s: %v", a.ID, err)
	}
}

func (s *suite) find(key string, want ...string) {
	s.Helper()
	got, err := s.LocalFind(s.Context(), key)
	if err != nil {
		s.Fatal(err)
	}
	var ids []string
	for _, a := range got {
		ids = append(ids, a.ID)
	}
	s.same("find "+key, ids, want)
}

func (s *suite) localAccounts() {
	if _, err := s.LocalGet(s.Context(), "1"); !errors.Is(err, directory.ErrNotFound) {
		s.Errorf("unknown account: got %v, want ErrNotFound", err)
	}
	want := local("1", "alice", "Alice@Example.com", "alice@example.com", "shared@example.com")
	want.Disabled, want.MustChange, want.Failures, want.LockedAt = true, true, 4, t0
	s.put(want)
	s.put(local("2", "bob", "shared@example.com"))
	s.put(local("3", "carol"))
	want.Version = 1
	got, err := s.LocalGet(s.Context(), "1")
	if err != nil {
		s.Fatal(err)
	}
	s.same("stored", got, want)
	s.find("alice", "1")
	s.find("alice@example.com", "1")
	s.find("shared@example.com", "1", "2")
	s.find("nobody")
	s.find("")

	want.Emails, want.Login, want.LoginKey, want.Disabled, want.MustChange, want.LockedAt = []string{"new@example.com"}, "Alicia", "alicia", false, false, time.Time{}
	s.put(want)
	want.Version = 2
	if got, err = s.LocalGet(s.Context(), "1"); err != nil {
		s.Fatal(err)
	}
	s.same("replaced", got, want)
	s.find("alice")
	s.find("alice@example.com")
	s.find("new@example.com", "1")
	s.find("alicia", "1")
}

func (s *suite) localVersions() {
	stale := func(what string, a directory.LocalAccount) {
		s.Helper()
		if err := s.LocalPut(s.Context(), a); !errors.Is(err, directory.ErrStale) {
			s.Errorf("%s: got %v, want ErrStale", what, err)
		}
	}
	a, b := local("1", "alice", "a@example.com"), local("2", "bob")
	a.Version = 1
	stale("nothing to replace", a)
	a.Version = 0
	s.put(a)
	stale("is there already", a)
	stale("login is taken", local("9", "alice"))
	s.put(b)
	b.Version, b.LoginKey = 1, "alice"
	stale("login is taken by another", b)
	a.Version, a.Emails = 2, nil
	stale("of the future", a)
	s.find("a@example.com", "1") // nothing of a refused row is there
	a.Version = 1
	s.put(a)
	stale("of the past", a)
	ok, refused := s.tally(together(8, func(int) error {
		c := a
		c.Version = 2
		return s.LocalPut(s.Context(), c)
	}), directory.ErrStale)
	if ok != 1 || refused != 7 {
		s.Errorf("of 8 at once %d won and %d were stale, want 1 and 7", ok, refused)
	}
}

func (s *suite) localList() {
	for _, login := range []string{"c", "a", "d", "b"} {
		s.put(local("id-"+login, login))
	}
	for _, tt := range []struct {
		after string
		limit int
		want  []string
	}{{"", 10, []string{"a", "b", "c", "d"}}, {"", 2, []string{"a", "b"}}, {"b", 1, []string{"c"}}, {"d", 5, nil}} {
		got, err := s.LocalList(s.Context(), tt.after, tt.limit)
		if err != nil {
			s.Fatal(err)
		}
		var logins []string
		for _, a := range got {
			logins = append(logins, a.Login)
		}
		s.same("after "+tt.after, logins, tt.want)
	}
}
