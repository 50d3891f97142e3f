package directorytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/directory"
)

// Refusal is an answer of a server, as it would be written down, and the error that a directory
// makes of it.
type Refusal struct {
	Said string
	Err  error
}

// Golden compares what becomes of refusals (the reason, the text for operators, what the person
// reads) with testdata/refusals.golden, which is written anew with POSTERN_GOLDEN=write.
func Golden(t *testing.T, all []Refusal) {
	t.Helper()
	texts := Texts(t)
	var b strings.Builder
	for _, one := range all {
		var r *directory.Rejected
		if !errors.As(one.Err, &r) || r.Operator == "" {
			t.Errorf("%s: got %v, want a refusal with a text for operators", one.Said, one.Err)
			continue
		}
		text, ok := texts["password.violation.directory_"+string(r.Reason)].(string)
		if !ok {
			t.Errorf("%s: people have no text for %s", one.Said, r.Reason)
		}
		fmt.Fprintf(&b, "%s\n    reason    %s\n    operator  %s\n    person    %s\n", one.Said, r.Reason, r.Operator, text)
	}
	Compare(t, b.String())
}

// Compare compares a text with testdata/refusals.golden, which is written anew with
// POSTERN_GOLDEN=write.
func Compare(t *testing.T, got string) {
	t.Helper()
	file := filepath.Join("testdata", "refusals.golden")
	if os.Getenv("POSTERN_GOLDEN") == "write" {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (make it with POSTERN_GOLDEN=write)", err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

// Texts are those that people are shown, in English.
func Texts(t *testing.T) map[string]any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "web", "page", "text", "en.json"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]any{}
	if err := json.Unmarshal(b, &texts); err != nil {
		t.Fatal(err)
	}
	return texts
}
