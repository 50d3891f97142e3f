package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"postern/app"
)

// TestUnlockAlone: whoever came to be unlocked can do nothing else, and reads how they are locked.
func TestUnlockAlone(t *testing.T) {
	since := time.Date(2026, 11, 22, 9, 30, 0, 0, time.FixedZone("CET", 3600))
	for _, c := range []struct {
		name string
		lock *app.Lock
		want string
	}{
		{"until somebody ends it", &app.Lock{Since: since}, `{"since":"2026-11-22T08:30:00Z","until":null}`},
		{"for a while", &app.Lock{Since: since, Until: since.Add(time.Hour)}, `{"since":"2026-11-22T08:30:00Z","until":"2026-11-22T09:30:00Z"}`},
		{"nobody knows", &app.Lock{}, `{"since":null,"until":null}`},
		{"not locked", nil, `null`},
	} {
		f := newFake()
		f.lock = c.lock
		h := newAPI(t, f)
		w, got := do(t, h, call{method: "POST", path: "/api/v1/recoveries", body: `{"identifier":"alice","action":"unlock"}`})
		if w.Code != http.StatusCreated || lockOf(t, w.Body.Bytes()) != "null" {
			t.Fatalf("%s: start: got %d %s", c.name, w.Code, w.Body)
		}
		for _, id := range []struct{ method, code string }{{"m1", rightTOTP}, {"m2", rightMail}} {
			do(t, h, call{method: "POST", path: "/api/v1/recovery/challenge", token: got.Token, body: `{"method":"` + id.method + `"}`})
			w, _ = do(t, h, call{method: "POST", path: "/api/v1/recovery/answer", token: got.Token,
				body: `{"method":"` + id.method + `","code":"` + id.code + `"}`})
		}
		if s := lockOf(t, w.Body.Bytes()); s != c.want {
			t.Errorf("%s: got lock %s, want %s", c.name, s, c.want)
		}
		_, now := do(t, h, call{method: "GET", path: "/api/v1/recovery", token: got.Token})
		if !slices.Equal(now.Can, []string{"unlock"}) {
			t.Errorf("%s: can %v, want unlock alone", c.name, now.Can)
		}
	}
}

// TestResetIsTheDefault: an action that is left out, and one that says so, are the same.
func TestResetIsTheDefault(t *testing.T) {
	for _, body := range []string{`{"identifier":"alice"}`, `{"identifier":"alice","action":"reset"}`} {
		f := newFake()
		w, _ := do(t, newAPI(t, f), call{method: "POST", path: "/api/v1/recoveries", body: body})
		for _, flow := range f.flows {
			if w.Code != http.StatusCreated || flow.want != "reset" {
				t.Errorf("%s: got %d, for %q", body, w.Code, flow.want)
			}
		}
	}
}

func lockOf(t *testing.T, body []byte) string {
	t.Helper()
	var flow struct{ Lock json.RawMessage }
	if err := json.Unmarshal(body, &flow); err != nil {
		t.Fatal(err)
	}
	return string(flow.Lock)
}
