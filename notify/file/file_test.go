package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/notify"
	"postern/notify/notifytest"
)

func opened(t *testing.T) (*Sender, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	s, err := New(Settings{File: path, Channel: "email"})
	if err != nil {
		t.Fatal(err)
	}
	return s, path
}

func read(t *testing.T, path string) []Entry {
	t.Helper()
	out, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSender(t *testing.T) {
	s, path := opened(t)
	notifytest.Run(t, notifytest.Case{Sender: s, Arrived: func(t *testing.T) []notifytest.Got {
		var out []notifytest.Got
		for _, e := range read(t, path) {
			out = append(out, notifytest.Got{To: e.To, Subject: e.Subject, Text: e.Text})
		}
		return out
	}})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode: got %v, %v; want 0600", info.Mode().Perm(), err)
	}
	if got, want := read(t, path)[0].At, notifytest.Message().At; !got.Equal(want) {
		t.Errorf("at: got %v, want %v", got, want)
	}
}

// TestCutShort: a line that a crash cut short spoils neither the ones before nor the next.
func TestCutShort(t *testing.T) {
	s, path := opened(t)
	for range 2 {
		if err := s.Send(t.Context(), notifytest.Message()); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := len(read(t, path)); got != 1 {
		t.Errorf("after the crash: got %d messages, want 1", got)
	}
	if err := s.Send(t.Context(), notifytest.Message()); err != nil {
		t.Fatal(err)
	}
	if got := len(read(t, path)); got != 2 {
		t.Errorf("after the next: got %d messages, want 2", got)
	}
}

// TestTogether: messages that are sent at once share a write, and each is there when its Send
// returns.
func TestTogether(t *testing.T) {
	s, path := opened(t)
	const all = 50
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			m := notifytest.Message()
			m.To = fmt.Sprintf("u%d@example.test", i)
			if err := s.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
			got, err := Read(path)
			if err != nil || !slices.ContainsFunc(got, func(e Entry) bool { return e.To == m.To }) {
				t.Errorf("%s is not there: %v", m.To, err)
			}
		})
	}
	wg.Wait()
	if got := len(read(t, path)); got != all {
		t.Errorf("got %d messages, want %d", got, all)
	}
	s.path = filepath.Join(t.TempDir(), "missing", "messages.jsonl")
	for range 3 {
		wg.Go(func() {
			if err := s.Send(t.Context(), notifytest.Message()); err == nil {
				t.Error("a write that failed: got no error")
			}
		})
	}
	wg.Wait()
}

func TestNoFile(t *testing.T) {
	s, path := opened(t)
	if got, err := Read(path); got != nil || err != nil {
		t.Errorf("before the first message: got %v, %v", got, err)
	}
	s.path = filepath.Join(t.TempDir(), "missing", "messages.jsonl")
	if err := s.Check(t.Context()); err == nil {
		t.Error("checking with no folder: got no error")
	}
	if err := s.Send(t.Context(), notifytest.Message()); err == nil || errors.Is(err, notify.ErrPermanent) {
		t.Errorf("sending with no folder: got %v, want an error that is worth a retry", err)
	}
	s.path = t.TempDir()
	if err := s.Check(t.Context()); err == nil {
		t.Error("checking with a folder for a file: got no error")
	}
}

func TestSettings(t *testing.T) {
	for _, s := range []Settings{{Channel: "email"}, {File: "x", Channel: "pigeon"}, {File: "x"}} {
		if _, err := New(s); err == nil {
			t.Errorf("%+v: got no error", s)
		}
	}
	s, err := Kind.Open(func(into any) error {
		into.(*Settings).File = "x"
		return nil
	})
	if err != nil || s.Channel() != notify.Email {
		t.Errorf("opened with defaults: got %v, %v", s, err)
	}
	unknown := errors.New("unknown setting")
	if _, err := Kind.Open(func(any) error { return unknown }); !errors.Is(err, unknown) {
		t.Errorf("settings that cannot be read: got %v", err)
	}
}

// FuzzRead: whatever stands in the file, reading it gives whole messages or none.
func FuzzRead(f *testing.F) {
	f.Add("{\"to\":\"a@example.com\"}\n{\"to\":")
	f.Add("\n\n{}\nnull\n[]\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "messages.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := Read(path)
		if err != nil || len(out) > strings.Count(text, "\n")+1 {
			t.Fatalf("got %d messages, %v", len(out), err)
		}
	})
}
