package oracle

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"postern/internal/testenv"
	"postern/method"
)

// talk is one visitor's conversation with the program, written down.
type talk struct {
	t    *testing.T
	w    *world
	head http.Header // of every request
	open testenv.Recovery
	last testenv.Reply
	said []string
	step []string
}

// note writes a reply down.
func (k *talk) note(step string, r testenv.Reply, err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatalf("%s: %v", step, err)
	}
	k.last = r
	k.step, k.said = append(k.step, step), append(k.said, told(k.t, r))
}

func (k *talk) begin(identifier string) {
	k.t.Helper()
	r, reply, err := k.w.caller.Begin(k.t.Context(), identifier, k.head)
	k.open = r
	k.note("begin", reply, err)
}

func (k *talk) do(step, call string, body any) {
	k.t.Helper()
	reply, err := k.w.caller.Do(k.t.Context(), k.open, call, body)
	k.note(step, reply, err)
}

func (k *talk) ask(kind string) {
	k.t.Helper()
	k.do("ask "+kind, "challenge", map[string]string{"method": k.open.Method(kind)})
}

func (k *talk) answer(kind, code string) {
	k.t.Helper()
	k.do("answer "+kind+" "+code, "answer", map[string]string{"method": k.open.Method(kind), "code": code})
}

// assert answers with a passkey that nobody enrolled.
func (k *talk) assert() {
	k.t.Helper()
	var f struct {
		Open *struct{ Public json.RawMessage }
	}
	public := json.RawMessage(`{"challenge":"AAAA","rpId":"localhost"}`)
	if err := json.Unmarshal(k.last.Body, &f); err == nil && f.Open != nil && k.last.Status == http.StatusOK {
		public = f.Open.Public
	}
	credential := k.w.stranger(k.t).Assert(k.t, method.Question{Public: public}, nil).Credential
	k.do("assert", "answer", map[string]any{"method": k.open.Method("passkey"), "credential": credential})
}

func (k *talk) look() { k.t.Helper(); k.do("look", "", nil) }

func (k *talk) leave() {
	k.t.Helper()
	head := k.head.Clone()
	head.Set("Authorization", "Bearer "+k.open.Token)
	reply, err := k.w.caller.Send(k.t.Context(), http.MethodDelete, "/api/v1/recovery", "", head)
	k.note("leave", reply, err)
}

// wrong is no code: six digits are right once in a million tries.
const wrong = "000000"

// visit is everything that somebody who cannot prove anything can try through the API.
func (k *talk) visit(identifier string) {
	k.begin(identifier)
	k.order()
	k.assertions()
	k.begin(identifier)
	k.ask("totp")
	for range 6 {
		k.answer("totp", wrong)
	}
	k.order()
	k.begin(identifier)
	for range 13 {
		k.ask("email_code")
	}
	k.order()
	k.begin(identifier)
	k.leave()
	k.order()
	for range 20 { // beyond what one account may start
		k.begin(identifier)
	}
	k.ask("email_code")
	k.answer("email_code", wrong)
}

// order tries what is not possible yet, or not any more.
func (k *talk) order() {
	k.look()
	k.answer("totp", wrong)
	k.answer("email_code", wrong)
	k.assert()
	k.do("ask nothing", "challenge", map[string]string{"method": "m9"})
	k.do("ask in no form", "challenge", `{"method":1}`)
	k.do("password", "password", map[string]string{"password": "a long enough sentence"})
	k.do("unlock", "unlock", nil)
}

// assertions tries every method, wrongly.
func (k *talk) assertions() {
	for _, kind := range []string{"passkey", "totp", "email_code"} {
		k.ask(kind)
		k.look()
		if kind == "passkey" {
			k.assert()
			k.ask(kind)
			k.answer(kind, wrong)
			continue
		}
		k.answer("passkey", wrong) // of another method than is open
		k.answer(kind, "no digits")
		k.answer(kind, wrong)
	}
	k.look()
}

// TestAPI compares what programs are told.
func TestAPI(t *testing.T) {
	w := newWorld(t, soon, "")
	w.passkey(t)
	for _, language := range []string{"en", "de"} {
		compare(t, func(identifier string) *talk {
			k := &talk{t: t, w: w, head: http.Header{"Accept-Language": {language}}}
			k.visit(identifier)
			return k
		})
	}
	// One wrong present password each: more would lock the accounts that there are.
	compare(t, func(identifier string) *talk {
		k := &talk{t: t, w: w}
		reply, err := w.caller.Send(t.Context(), http.MethodPost, "/api/v1/change",
			fmt.Sprintf(`{"identifier":%q,"old_password":"not the one","new_password":"a long enough sentence"}`, identifier), nil)
		k.note("change", reply, err)
		return k
	})
}

// compare has the same conversation about everybody and reports where one differs from the first.
func compare(t *testing.T, talk func(identifier string) *talk) {
	t.Helper()
	first := talk(kinds[0].identifier)
	for _, who := range kinds[1:] {
		other := talk(who.identifier)
		if len(other.said) != len(first.said) {
			t.Errorf("%s: %d replies, for %s %d", who.name, len(other.said), kinds[0].name, len(first.said))
			continue
		}
		for i, said := range other.said {
			if said != first.said[i] {
				t.Errorf("%s can be told from %s by reply %d (%s): %s", who.name, kinds[0].name, i+1, first.step[i], differ(first.said[i], said))
				break
			}
		}
	}
}
