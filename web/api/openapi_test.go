package api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"postern/web/edge"
)

// description is openapi.yaml, read once.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	b, err := os.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(b)
})

func TestDescriptionIsValid(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	w, _ := do(t, newAPI(t, newFake()), call{method: "GET", path: "/api/v1/openapi.yaml"})
	onDisk, err := os.ReadFile("openapi.yaml")
	if err != nil || !bytes.Equal(w.Body.Bytes(), onDisk) || w.Header().Get("Content-Type") != "application/yaml; charset=utf-8" {
		t.Errorf("the description that is served is another one (%v)", err)
	}
}

// TestRoutesAndDescriptionAgree compares both ways, access included.
func TestRoutesAndDescriptionAgree(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			who := "token"
			if op.Security != nil && len(*op.Security) == 0 {
				who = "open"
			}
			described = append(described, method+" "+path+" "+who)
		}
	}
	var routes []string
	for _, r := range newAPI(t, newFake()).Routes() {
		who := "open"
		if r.Access == edge.Bearer {
			who = "token"
		}
		routes = append(routes, r.Method+" "+r.Pattern+" "+who)
	}
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("described\n%s\nrouted\n%s", strings.Join(described, "\n"), strings.Join(routes, "\n"))
	}
}

// described fails t when w is not what openapi.yaml says of r. Requests to what does not exist
// have no description but that of problems.
func described(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	item := doc.Paths.Find(r.URL.Path)
	if item == nil || item.GetOperation(r.Method) == nil {
		item = doc.Paths.Find("/healthz") // any operation: its default is a problem
		if r.Method == http.MethodHead || w.Code < 400 {
			return
		}
		r = r.Clone(t.Context())
		r.Method = http.MethodGet
	}
	route := &routers.Route{Spec: doc, Path: r.URL.Path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
		Status:                 w.Code, Header: w.Header(),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	in.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(t.Context(), in); err != nil {
		t.Errorf("%s %s: %d is not as described: %v", r.Method, r.URL.Path, w.Code, err)
	}
	if w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json; charset=utf-8" && r.URL.Path != "/readyz" {
		t.Errorf("%s %s: %d has the content type %q", r.Method, r.URL.Path, w.Code, w.Header().Get("Content-Type"))
	}
}

// TestDescriptionNotices makes sure that the comparison above can fail.
func TestDescriptionNotices(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	item := doc.Paths.Find("/api/v1/recovery")
	for body, good := range map[string]bool{
		`{"state":"done","methods":[],"needs":{"methods":0,"at_least":"weak"},"open":null,"rules":[],"can":[],"lock":null,"expires_at":null,"receipt":[]}`:                  true,
		`{"state":"done","methods":[],"needs":{"methods":0,"at_least":"weak"},"open":null,"rules":[],"can":[],"lock":null,"expires_at":null,"receipt":[],"extra":1}`:        false,
		`{"state":"gone","methods":[],"needs":{"methods":0,"at_least":"weak"},"open":null,"rules":[],"can":[],"lock":null,"expires_at":null,"receipt":[]}`:                  false,
		`{"state":"done","methods":[],"needs":{"methods":0,"at_least":"weak"},"rules":[],"can":[],"lock":null,"expires_at":null,"receipt":[]}`:                              false,
		`{"state":"done","methods":null,"needs":{"methods":0,"at_least":"weak"},"open":null,"rules":[],"can":[],"lock":null,"expires_at":null,"receipt":[]}`:                false,
		`{"state":"done","methods":[],"needs":{"methods":0,"at_least":"weak"},"open":null,"rules":[],"can":[],"lock":null,"expires_at":null,"receipt":[],"token":"secret"}`: false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, public+"/api/v1/recovery", http.NoBody)
		in := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: &routers.Route{Spec: doc, PathItem: item,
				Method: r.Method, Operation: item.Get}},
			Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
		}
		in.SetBodyBytes([]byte(body))
		if err := openapi3filter.ValidateResponse(t.Context(), in); (err == nil) != good {
			t.Errorf("%s: got %v, want good=%v", body, err, good)
		}
	}
}
