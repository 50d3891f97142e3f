package edge

import (
	"fmt"
	"net/http"
	"testing"

	"postern/directory"
)

// TestStateOfAnAccountIsNeverTold: app answers these conditions itself. Should one get out all
// the same, it is told as every other mistake of the program, and not as what it is.
func TestStateOfAnAccountIsNeverTold(t *testing.T) {
	want := ProblemOf(fmt.Errorf("something else went wrong"))
	if want.Status != http.StatusInternalServerError {
		t.Fatalf("got %d for the unknown", want.Status)
	}
	for _, err := range []error{directory.ErrNotFound, directory.ErrWrongPassword, directory.ErrMustChange,
		directory.ErrLocked, directory.ErrDisabled, directory.ErrUnsupported} {
		got := ProblemOf(fmt.Errorf("app: doing something: %w", err))
		if got.Name != want.Name || got.Status != want.Status || got.Title != want.Title || got.Detail != want.Detail || got.Key != want.Key {
			t.Errorf("%v: got %+v, want %+v", err, got, want)
		}
	}
}
