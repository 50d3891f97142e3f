package oracle

import (
	"net/http"
	"testing"
)

// TestOutage compares what is told while the directory is late, while it does not answer, and while
// it is not there.
func TestOutage(t *testing.T) {
	w := newWorld(t, soon, "")
	w.passkey(t)
	begin := func(identifier string) *talk {
		k := &talk{t: t, w: w, head: http.Header{}}
		k.begin(identifier)
		return k
	}
	cases := []struct {
		name   string
		flow   flow
		status int
	}{
		{"slow", slow, http.StatusCreated},
		{"silent", silent, http.StatusServiceUnavailable},
		{"gone", gone, http.StatusServiceUnavailable},
	}
	running := map[string]*talk{} // begun while all was well
	for _, c := range cases {
		for _, who := range kinds {
			running[c.name+who.identifier] = begin(who.identifier)
		}
	}
	for _, c := range cases {
		w.valve.set(c.flow)
		compare(t, func(identifier string) *talk {
			k := begin(identifier)
			if k.last.Status != c.status {
				t.Fatalf("%s, %s: got %s, want %d", c.name, identifier, k.last, c.status)
			}
			return k
		})
		compare(t, func(identifier string) *talk {
			k := running[c.name+identifier]
			k.order()
			k.assertions()
			return k
		})
		compare(t, func(identifier string) *talk {
			b := &browse{talk: talk{t: t, w: w, head: http.Header{}}}
			b.post("/reset", "identifier", identifier)
			return &b.talk
		})
	}
}
