package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// TestMessageStaysOutOfLogs: neither what is said nor to whom gets into anything that is printed.
func TestMessageStaysOutOfLogs(t *testing.T) {
	m := Message{ID: "M1", Channel: Email, To: "ada@posteo.example", Subject: "Your code", Text: "Your code is 123456"}
	handlers := map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"JSON": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	}
	printed := map[string]string{}
	for name, handler := range handlers {
		var b bytes.Buffer
		log := slog.New(handler(&b))
		log.Info("a value", "message", m)
		log.Info("a pointer", "message", &m)
		printed[name] = b.String()
		if got := strings.Count(b.String(), "M1"); got != 2 {
			t.Errorf("%s: the message is named %d times, want 2: %s", name, got, b.String())
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		printed[verb] = fmt.Sprintf(verb, m)
	}
	for name, got := range printed {
		for _, never := range []string{"ada", "posteo", "123456", "Your code"} {
			if strings.Contains(got, never) {
				t.Errorf("%s: got %q in %q", name, never, got)
			}
		}
	}
}

// TestMessageIsStoredWhole: the outbox gets back what it put in.
func TestMessageIsStoredWhole(t *testing.T) {
	m := Message{ID: "M1", Channel: Email, To: "ada@posteo.example", Subject: "Your code", Text: "Your code is 123456"}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var got Message
	if err := json.Unmarshal(b, &got); err != nil || got != m {
		t.Errorf("got %#v %+v, %v, want all of it back", got, string(b), err)
	}
}
