package edge

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/secret"
)

type read struct {
	name string
	text secret.Text
	raw  json.RawMessage
}

func readJSON(body string) (read, error) {
	var out read
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	err := ReadJSON(r, Members{"name": &out.name}, Members{"text": &out.text, "raw": &out.raw})
	return out, err
}

func TestReadJSON(t *testing.T) {
	for body, want := range map[string]string{
		`{"name":"a"}`: "a||",
		` {"text":" \u00e4 \ud83d\ude00","name":"\u0061"} ` + "\n": "a| ä 😀|",
		`{"name":"","raw":{"a":[1,{"b":null}],"c":{"a":1}}}`:       `||{"a":[1,{"b":null}],"c":{"a":1}}`,
		`{"name":"a","text":"\u0000"}`:                             "a|\x00|",
		`{"name":"a","text":"\\ud800"}`:                            `a|\ud800|`,
	} {
		got, err := readJSON(body)
		if have := got.name + "|" + got.text.Reveal() + "|" + string(got.raw); err != nil || have != want {
			t.Errorf("%s: got %q, %v; want %q", body, have, err, want)
		}
	}
	for _, body := range []string{
		``, ` `, `null`, `1`, `"name"`, `[]`, `{}`, `{"name":"a"`, `{"name":"a"}}`, `{"name":"a"},`, `{"name":"a"}{"name":"b"}`,
		`{"name":"a",}`, `{name:"a"}`, `{'name':'a'}`, `{"name":"a"/**/}`, `{"Name":"a"}`, `{"name":"a","NAME":"b"}`,
		`{"name":"a","name":"a"}`, `{"name":"a","n\u0061me":"a"}`, `{"name":"a","x":1}`, `{"name":null}`, `{"name":true}`,
		`{"name":1}`, `{"name":["a"]}`, `{"name":{}}`, `{"name":"a","raw":[]}`, `{"name":"a","raw":null}`, `{"name":"a","raw":"{}"}`,
		`{"name":"a","raw":{"a":1,"b":{"c":1,"c":2}}}`, `{"name":"a","raw":{"a":[{"b":1,"b":2}]}}`,
		`{"name":"a","raw":` + strings.Repeat(`{"a":`, 20) + `1` + strings.Repeat(`}`, 20) + `}`,
		"{\"name\":\"\xff\"}", `{"name":"\ud800"}`, `{"name":"a","text":"\udc00\ud800"}`, `{"name":"a","text":"\ud800\u0041"}`,
		`{"name":"a","text":"\ud83dx\ude00"}`, `{"name":"\u0007"}`, `{"name":"` + strings.Repeat("a", 1025) + `"}`,
		"\ufeff" + `{"name":"a"}`,
	} {
		if got, err := readJSON(body); err == nil || ProblemOf(err).Status != 400 {
			t.Errorf("%s: got %q, %v; want a refusal", body, got.name, err)
		}
	}
}

// FuzzReadJSON: what is accepted means to encoding/json what it means here, has the one member
// that is required, and no byte of a secret was replaced.
func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{"name":"a","text":"\ud83d\ude00","raw":{"a":[1]}}`, `{"name":"a","name":"b"}`, `{"name":"\ud800"}`,
		`{"name":"a","raw":{"b":{"b":{}}}}`, `{"n\u0061me":"x"}`, `{"name":"a","text":"\\u"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := readJSON(body)
		if err != nil {
			if ProblemOf(err).Status != 400 {
				t.Errorf("%q: got %v, want a refusal", body, err)
			}
			return
		}
		var all map[string]any
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatalf("%q was accepted and is no object: %v", body, err)
		}
		if all["name"] != got.name {
			t.Errorf("%q: name is %q, want %v", body, got.name, all["name"])
		}
		if text, ok := all["text"]; ok && text != got.text.Reveal() {
			t.Errorf("%q: text is %q, want %v", body, got.text.Reveal(), text)
		}
		if !strings.ContainsRune(body, utf8.RuneError) && !strings.Contains(strings.ToLower(body), "fffd") &&
			strings.ContainsRune(got.name+got.text.Reveal(), utf8.RuneError) {
			t.Errorf("%q: a byte was replaced", body)
		}
		for name := range all {
			if name != "name" && name != "text" && name != "raw" {
				t.Errorf("%q: %q was let through", body, name)
			}
		}
	})
}

func TestForm(t *testing.T) {
	post := func(body string) (string, error) {
		r := httptest.NewRequest(http.MethodPost, "/?password=url", strings.NewReader(body))
		v, err := Form(r)
		return v.Get("password"), err
	}
	if got, err := post("password=a+b%26%C3%A4&x="); err != nil || got != "a b&ä" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := post(""); err != nil || got != "" {
		t.Errorf("empty form: got %q, %v: the query must not count", got, err)
	}
	for _, body := range []string{"password=a&password=b", "password=%ff", "password=%zz", "a;b=c"} {
		if _, err := post(body); err == nil || ProblemOf(err).Status != 400 {
			t.Errorf("%s: got %v, want a refusal", body, err)
		}
	}
}
