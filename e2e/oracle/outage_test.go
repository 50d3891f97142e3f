package oracle

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"postern/internal/testenv"
)

// TestOutage compares what is told while the directory is late, while it does not answer, and while
// it is not there.
func TestOutage(t *testing.T) {
	w := newWorld(t, "")
	w.passkey(t)
	begin := func(identifier string) *talk {
		k := &talk{t: t, w: w, head: http.Header{}}
		k.begin(identifier)
		return k
	}
	for _, c := range []struct {
		name   string
		flow   flow
		status int
	}{
		{"slow", slow, http.StatusCreated},
		{"silent", silent, http.StatusServiceUnavailable},
		{"gone", gone, http.StatusServiceUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			running := map[string]*talk{} // begun while all was well
			for _, who := range kinds {
				running[who.identifier] = begin(who.identifier)
			}
			w.valve.set(c.flow)
			compare(t, func(identifier string) *talk {
				k := begin(identifier)
				if k.last.Status != c.status {
					t.Fatalf("%s: got %s, want %d", identifier, k.last, c.status)
				}
				return k
			})
			compare(t, func(identifier string) *talk {
				k := running[identifier]
				k.order()
				k.assertions()
				return k
			})
			compare(t, func(identifier string) *talk {
				b := &browse{talk: talk{t: t, w: w, head: http.Header{}}}
				b.post("/reset", "identifier", identifier)
				return &b.talk
			})
			w.valve.set(well)
			w.mend(t)
		})
	}
}

// mend waits until the program asks the directory again.
func (w *world) mend(t *testing.T) {
	t.Helper()
	testenv.WaitFor(t, "the directory to be asked again", 30*time.Second, func() error {
		_, reply, err := w.caller.Begin(t.Context(), "mallory", nil)
		if err == nil && reply.Status != http.StatusCreated {
			err = errors.New(reply.String())
		}
		return err
	})
}
