package secret

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"testing"
)

// canary must appear in no output below.
const canary = "correct horse battery staple"

func TestNothingPrintsIt(t *testing.T) {
	v := New(canary)
	holder := struct{ Password Text }{v}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s"} {
		fmt.Fprintf(&out, verb+verb+verb, v, &v, holder)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v, "p", &v, "h", holder)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, "p", &v, "h", holder)
	if err := json.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	if err := xml.NewEncoder(&out).EncodeElement(v, xml.StartElement{Name: xml.Name{Local: "p"}}); err != nil {
		t.Fatal(err)
	}
	if err := template.Must(template.New("").Parse(`{{.Password}} {{.}}`)).Execute(&out, holder); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), canary) || strings.Contains(out.String(), fmt.Sprintf("%x", canary)) {
		t.Fatalf("the secret was printed:\n%s", out.String())
	}
}

func TestKeepsBytesExactly(t *testing.T) {
	for _, s := range []string{"", " a ", "é", "e\u0301", "\t\n", "\U0001F510"} {
		var v struct{ P Text }
		b, err := json.Marshal(map[string]string{"P": s})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		if got := v.P.Reveal(); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
		if v.P.Empty() != (s == "") {
			t.Errorf("%q: Empty is %v", s, v.P.Empty())
		}
	}
}

func TestEqual(t *testing.T) {
	if !New("a").Equal(New("a")) || New("a").Equal(New("b")) || New("a").Equal(New("aa")) {
		t.Error("Equal does not compare by value")
	}
}
