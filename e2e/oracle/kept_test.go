package oracle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/account"
	"postern/audit"
	"postern/internal/testenv"
	"postern/store/sqlstore"
)

// kept is what there is to change: records, enrolments, passwords and messages.
type kept struct {
	records   map[string]int // by kind
	enrolled  string
	directory string
	messages  int
}

// keep reads it, once nothing waits to be sent any more.
func (w *world) keep(t *testing.T) kept {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Settings{Path: w.serve.Dir + "/postern.db"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	testenv.WaitFor(t, "the outbox", 20*time.Second, func() error {
		n, _, err := s.Outbox(t.Context())
		if err == nil && n > 0 {
			err = fmt.Errorf("%d messages wait", n)
		}
		return err
	})
	out := kept{records: map[string]int{}, enrolled: enrolled(t, s), directory: w.entries(t)}
	for _, r := range records(t, s) {
		out.records[r.Kind]++
	}
	all, err := w.serve.Inbox().All()
	if err != nil {
		t.Fatal(err)
	}
	out.messages = len(all)
	return out
}

func records(t *testing.T, s *sqlstore.Store) []audit.Record {
	t.Helper()
	for { // until no record got its place between the two
		before, _, err1 := s.Head(t.Context())
		placed, err2 := s.Records(t.Context(), 0, 1<<20)
		waiting, err3 := s.Pending(t.Context(), 1<<20)
		after, _, err4 := s.Head(t.Context())
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		if before == after {
			return append(placed, waiting...)
		}
	}
}

// enrolled writes down every enrolment to the byte.
func enrolled(t *testing.T, s *sqlstore.Store) string {
	t.Helper()
	all, err := s.Enrolled(t.Context(), account.Ref{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, h := range all {
		rows, err := s.Enrollments(t.Context(), h.Who, h.Factor)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			fmt.Fprintf(&b, "%s %s %s %d %v %x\n", r.Who, r.Factor, r.ID, r.Version, r.Used, sha256.Sum256(r.Data))
		}
	}
	return b.String()
}

// entries writes down everybody's password and what belongs to it.
func (w *world) entries(t *testing.T) string {
	t.Helper()
	c, err := w.slapd.AdminConn()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	found, err := c.Search(goldap.NewSearchRequest(testenv.SlapdBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases,
		0, 0, false, "(objectClass=*)", []string{"*", "userPassword", "pwdChangedTime", "pwdHistory", "pwdAccountLockedTime", "pwdReset"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range found.Entries {
		for _, a := range e.Attributes {
			slices.Sort(a.Values)
			fmt.Fprintf(&b, "%s %s %q\n", e.DN, a.Name, a.Values)
		}
	}
	return b.String()
}

// since reports what changed besides the records that were expected.
func (k kept) since(t *testing.T, before kept, expected ...string) {
	t.Helper()
	want := map[string]int{}
	for _, kind := range expected {
		want[kind]++
	}
	for kind := range audit.Kinds {
		if got := k.records[kind] - before.records[kind]; got != want[kind] {
			t.Errorf("records of %s: got %d more, want %d", kind, got, want[kind])
		}
	}
	if k.enrolled != before.enrolled {
		t.Errorf("enrolments changed: %s", differ(before.enrolled, k.enrolled))
	}
	if k.directory != before.directory {
		t.Errorf("the directory changed: %s", differ(before.directory, k.directory))
	}
	if k.messages != before.messages {
		t.Errorf("%d messages were sent", k.messages-before.messages)
	}
}
