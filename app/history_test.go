package app_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/password"
	"postern/policy"
	"postern/recovery"
	"postern/secret"
)

func keeping(n int) func(*app.Settings) {
	return func(s *app.Settings) { s.Password.History = n }
}

// tries takes alice through a recovery to the end and tries the passwords one after the other.
func (w *world) tries(words ...string) []string {
	w.t.Helper()
	w.pass(time.Minute) // for another code
	s := w.verified("alice")
	var out []string
	for _, word := range words {
		_, before := w.dir.password("1")
		f, err := w.SetPassword(w.t.Context(), visitor, s.Token, secret.New(word))
		_, after := w.dir.password("1")
		var no *app.Refusal
		switch {
		case err == nil && f.State == recovery.Done:
			out = append(out, "set")
		case errors.As(err, &no) && len(no.Violations) == 1:
			out = append(out, fmt.Sprint(no.Violations[0].Rule, no.Violations[0].Params["n"]))
			if no.Flow.State != recovery.Verified || after != before {
				w.t.Errorf("the grant is spent, or the directory was asked: %s", no.Flow.State)
			}
		default:
			w.t.Fatalf("got %s, %v", f.State, err)
		}
	}
	return out
}

func (w *world) former(who account.Ref) []app.HistoryRow {
	w.t.Helper()
	rows, err := w.store.History(w.t.Context(), who, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

var aliceRef = account.Ref{Directory: "people", ID: "1"}

const (
	first1  = "the first passphrase, für sure"
	second2 = "the second passphrase of hers"
	third3  = "and a third one after all that"
)

func TestFormerPasswords(t *testing.T) {
	w := newWorld(t, keeping(2))
	steps := []struct{ words, want []string }{
		{[]string{first1}, []string{"set"}},
		{[]string{first1, strings.Replace(first1, "ü", "u\u0308", 1), second2}, []string{"history2", "history2", "set"}},
		{[]string{first1, second2, third3}, []string{"history2", "history2", "set"}},
		{[]string{third3, first1}, []string{"history2", "set"}}, // three ago
	}
	for i, s := range steps {
		if got := w.tries(s.words...); fmt.Sprint(got) != fmt.Sprint(s.want) {
			t.Errorf("reset %d: got %v, want %v", i+1, got, s.want)
		}
	}
	rows := w.former(aliceRef)
	if len(rows) != 2 {
		t.Errorf("%d are kept, want 2", len(rows))
	}
	for _, r := range rows {
		if strings.Contains(string(r.Data), "argon2id") {
			t.Error("the hash is not sealed")
		}
	}
	if got := fmt.Sprint(w.PasswordRules()); !strings.Contains(got, "{history map[n:2] false}") {
		t.Errorf("the rule is not shown: %s", got)
	}
	// A change of a known password is compared as well.
	w.pass(time.Second)
	ask := func(to string) error {
		_, err := w.ChangePassword(t.Context(), visitor, app.ChangeRequest{Identifier: "alice", Old: secret.New(first1), New: secret.New(to)})
		return err
	}
	if r := w.refused(ask(third3), app.ProblemPassword); r.Violations[0].Rule != password.RuleHistory {
		t.Errorf("got %+v", r.Violations)
	}
	if err := ask(second2); err != nil || w.former(aliceRef)[0].ID == rows[0].ID {
		t.Errorf("a change: %v, and it is not kept", err)
	}
}

// TestComparingIsMetered: each comparison with former passwords costs a hashing for each of them, so
// one recovery may have so many refused, and only one at a time.
func TestComparingIsMetered(t *testing.T) {
	w := newWorld(t, keeping(2))
	if got := w.tries(first1); got[0] != "set" {
		t.Fatal(got)
	}
	w.pass(time.Minute)
	s := w.verified("alice")
	limit := policy.DefaultLimits().Rejected
	beside := 0
	w.faults.before = func(c app.Change) {
		if c.Recovery == nil || c.Recovery.State != recovery.Verified || beside > 0 {
			return
		}
		beside++ // the grant is about to be given back
		w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(first1))), app.ProblemOrder)
	}
	for range limit - 1 {
		r := w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(first1))), app.ProblemPassword)
		if r.Key != "problem.password" || len(r.Violations) != 1 || r.Violations[0].Rule != password.RuleHistory || r.Flow.State != recovery.Verified {
			t.Fatalf("got %+v", r)
		}
	}
	w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(first1))), app.ProblemClosed)
	w.refused(second(w.SetPassword(t.Context(), visitor, s.Token, secret.New(second2))), app.ProblemClosed)
	if got := w.fields("recovery.rejected", "detail"); len(got) != limit || got[0] != "former_password" || beside != 1 {
		t.Errorf("recorded %d times %v, want %d times; %d beside", len(got), got, limit, beside)
	}
	if _, n := w.dir.password("1"); n != 1 {
		t.Errorf("%d writes, want the first alone", n)
	}
}

// TestOnlyWhatWasSetIsFormer: what the directory refused, or never answered, may be tried again.
func TestOnlyWhatWasSetIsFormer(t *testing.T) {
	w := newWorld(t, keeping(5))
	w.pass(time.Minute)
	s := w.verified("alice")
	for _, no := range []error{&directory.Rejected{Reason: directory.TooWeak}, directory.ErrUnavailable} {
		w.dir.refuse = func(string) error { return no }
		if _, err := w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)); err == nil {
			t.Fatal("the directory's no is lost")
		}
	}
	w.dir.refuse = nil
	if rows := w.former(aliceRef); len(rows) != 0 {
		t.Errorf("%d are kept", len(rows))
	}
	w.ok(w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)))
	if rows := w.former(aliceRef); len(rows) != 1 {
		t.Errorf("%d are kept, want the one that was set", len(rows))
	}
}

func TestNoHistoryUnlessAskedFor(t *testing.T) {
	w := newWorld(t)
	if got := w.tries(first1); got[0] != "set" {
		t.Error(got)
	}
	if got := w.tries(first1); got[0] != "set" || len(w.former(aliceRef)) != 0 {
		t.Errorf("got %v, and %d are kept", got, len(w.former(aliceRef)))
	}
}

// TestNamesakeHasNoHistory: an account that was made later, with an identifier that was given out
// again, inherits no former password.
func TestNamesakeHasNoHistory(t *testing.T) {
	w := newWorld(t, keeping(5))
	if got := w.tries(first1); got[0] != "set" {
		t.Fatal(got)
	}
	w.pass(time.Hour)
	a := w.dir.accounts["1"]
	a.Created = w.now()
	w.dir.accounts["1"] = a
	w.pass(time.Hour)
	rows, err := w.store.Enrollments(t.Context(), aliceRef, "")
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d enrolments, %v", len(rows), err)
	}
	for _, r := range rows {
		if err := w.Unenroll(t.Context(), app.Operator{Name: "cli:test"}, "alice", r.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.enroll("alice")
	w.pass(48 * time.Hour)
	if got := w.tries(first1); got[0] != "set" {
		t.Errorf("got %v", got)
	}
}

// TestSwappedHistory: a hash that was moved to another person opens for nobody, and then nothing is
// set: fail closed.
func TestSwappedHistory(t *testing.T) {
	w := newWorld(t, keeping(5))
	if got := w.tries(first1); got[0] != "set" {
		t.Fatal(got)
	}
	row := w.former(aliceRef)[0]
	row.ID, row.Who.ID, row.Keep = "moved", "6", 5
	rec, err := w.store.Pending(t.Context(), 1)
	if err != nil || len(rec) == 0 {
		t.Fatalf("no record to commit with: %v", err)
	}
	rec[0].ID = "moved"
	if err := w.store.Commit(t.Context(), app.Change{Audit: rec, History: []app.HistoryRow{row}}); err != nil {
		t.Fatal(err)
	}
	s := w.verified("bert")
	if _, err := w.SetPassword(t.Context(), visitor, s.Token, secret.New(fresh)); err == nil {
		t.Error("a password was set without being compared")
	}
	if _, n := w.dir.password("6"); n != 0 {
		t.Errorf("%d writes", n)
	}
}
