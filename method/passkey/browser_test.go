package passkey

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"postern/method"
	"postern/method/methodtest"
)

// site is the smallest page around the method's own part, under a policy as strict as the portal's.
type site struct {
	t        *testing.T
	server   *httptest.Server
	question method.Question
	part     string
	old      bool // a browser that cannot read and write options as JSON itself
	answers  chan method.Answer
}

func newSite(t *testing.T) *site {
	s := &site{t: t, answers: make(chan method.Answer, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /script.js", func(w http.ResponseWriter, _ *http.Request) {
		raw, err := fs.ReadFile(Kind.Assets, "script.js")
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(raw)
	})
	mux.HandleFunc("GET /old.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		if s.old {
			_, _ = fmt.Fprint(w, `delete PublicKeyCredential.parseCreationOptionsFromJSON;
delete PublicKeyCredential.parseRequestOptionsFromJSON; delete PublicKeyCredential.prototype.toJSON;
if (PublicKeyCredential.parseRequestOptionsFromJSON || PublicKeyCredential.prototype.toJSON) throw "still there";`)
		}
	})
	mux.HandleFunc("GET /", s.page)
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		s.answers <- method.Answer{Credential: json.RawMessage(r.PostFormValue("credential"))}
		_, _ = fmt.Fprint(w, "<!doctype html><title>Done</title><p id=done>Done")
	})
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	return s
}

// url is the server's address by the one name that browsers take for safe without TLS.
func (s *site) url() string { return strings.Replace(s.server.URL, "127.0.0.1", "localhost", 1) }

func (s *site) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; form-action 'self'")
	public, err := json.Marshal(s.question.Public)
	if err != nil {
		s.t.Error(err)
	}
	page := template.Must(template.New("").Funcs(template.FuncMap{"t": func(key string) string { return key }}).
		ParseFS(Kind.Assets, s.part))
	template.Must(page.New("page").Parse(`<!doctype html><title>Page</title><script src="/old.js"></script><script src="/script.js" type="module"></script>
<form method="post" action="/" data-public="{{.Public}}">{{template "` + s.part + `" .Ask}}<button id="go">Go</button></form>`))
	if err := page.ExecuteTemplate(w, "page", map[string]any{"Public": string(public), "Ask": map[string]any{"Error": ""}}); err != nil {
		s.t.Error(err)
	}
}

// browser starts Chromium with a device that verifies its owner.
func browser(t *testing.T) (context.Context, webauthn.AuthenticatorID) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("chromium is needed (Debian package chromium): %v", err)
	}
	limited, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // ends a hang; on a busy machine the start alone takes long
	t.Cleanup(cancel)
	allocator, cancel := chromedp.NewExecAllocator(limited, chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatalf("virtual devices: %v", err)
	}
	made, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		t.Fatalf("making a virtual device: %v", err)
	}
	return ctx, made.AuthenticatorID
}

// TestBrowser makes a passkey in a real browser and proves with it, with our script under our policy.
func TestBrowser(t *testing.T) {
	s := newSite(t)
	env := methodtest.Env()
	env.PublicURL = s.url()
	m, err := Kind.Open(func(any) error { return nil }, env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, device := browser(t)
	submit := func() {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.Navigate(s.url()), chromedp.Click(chromedp.CSS("#go"))); err != nil {
			t.Fatal(err)
		}
	}
	done := func() method.Answer {
		t.Helper()
		submit()
		if err := chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS("#done"))); err != nil {
			t.Fatal(err)
		}
		return <-s.answers
	}

	for login, old := range map[string]bool{"alice": false, "bob": true} {
		s.part, s.old = "enroll.html", old
		p := methodtest.Person(login)
		if s.question, err = m.(method.Enroller).Invite(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
		e, err := m.(method.Enroller).Enroll(t.Context(), p, s.question.Private, done())
		if err != nil {
			t.Fatalf("old %v: enrolling what the browser made: %v", old, err)
		}
		p.Enrolled, s.part = []method.Enrollment{e}, "challenge.html"
		s.question = methodtest.Ask(t, m, p)
		if j := methodtest.Judge(t, m, p, s.question, done()); !j.Right {
			t.Fatalf("old %v: what the browser answered: got %+v, want right", old, j)
		}
		if _, err := chromedp.Call(ctx, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: device}); err != nil {
			t.Fatal(err)
		}
	}

	// A device that cannot verify its owner: the page says so and stays.
	if _, err := chromedp.Call(ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: device}); err != nil {
		t.Fatal(err)
	}
	submit()
	if err := chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(`[role="alert"]`))); err != nil {
		t.Fatal(err)
	}
	said, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(`[role="alert"]`)))
	if err != nil || said != "method.passkey.cancelled" {
		t.Errorf("the page says %q, %v; want the text for a cancelled try", said, err)
	}
	if len(s.answers) != 0 {
		t.Error("an answer was sent")
	}
}
