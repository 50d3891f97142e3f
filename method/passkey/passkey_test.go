package passkey

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"

	"postern/method"
	"postern/method/methodtest"
)

func suite(settings func(*Settings), alg int) methodtest.Case {
	return methodtest.Case{
		Kind: Kind,
		Settings: func(into any) {
			if settings != nil {
				settings(into.(*Settings))
			}
		},
		Device: func(t *testing.T) methodtest.Device { return methodtest.NewAuthenticator(t, alg) },
	}
}

func TestMethod(t *testing.T) {
	for name, alg := range map[string]int{"ES256": methodtest.ES256, "EdDSA": methodtest.EdDSA, "RS256": methodtest.RS256} {
		t.Run(name, func(t *testing.T) { methodtest.Run(t, suite(nil, alg)) })
	}
}

// alice is somebody with one key, and her question.
func alice(t *testing.T) (method.Method, *methodtest.Authenticator, method.Person, method.Question) {
	t.Helper()
	m, d := suite(nil, methodtest.ES256).Open(t), methodtest.NewAuthenticator(t, methodtest.ES256)
	p := methodtest.Enroll(t, m, methodtest.Person("alice"), d)
	return m, d, p, methodtest.Ask(t, m, p)
}

// TestFaults changes one thing at a time: WebAuthn Level 3 section 7.2.
func TestFaults(t *testing.T) {
	for name, tweak := range map[string]func(*methodtest.Ceremony){
		"type":                  func(c *methodtest.Ceremony) { c.Type = "webauthn.create" },
		"challenge":             func(c *methodtest.Ceremony) { c.Challenge = strings.Repeat("A", len(c.Challenge)) },
		"no challenge":          func(c *methodtest.Ceremony) { c.Challenge = "" },
		"origin":                func(c *methodtest.Ceremony) { c.Origin = "https://reset.example.net" },
		"subdomain":             func(c *methodtest.Ceremony) { c.Origin = "https://evil.reset.example.com" },
		"parent":                func(c *methodtest.Ceremony) { c.Origin = "https://example.com" },
		"port":                  func(c *methodtest.Ceremony) { c.Origin = "https://reset.example.com:8443" },
		"scheme":                func(c *methodtest.Ceremony) { c.Origin = "http://reset.example.com" },
		"opaque origin":         func(c *methodtest.Ceremony) { c.Origin = "android:apk-key-hash:AAAA" },
		"cross origin":          func(c *methodtest.Ceremony) { c.CrossOrigin = true },
		"top origin":            func(c *methodtest.Ceremony) { c.CrossOrigin, c.TopOrigin = true, "https://reset.example.com" },
		"relying party":         func(c *methodtest.Ceremony) { c.RPID = "example.com" },
		"not present":           func(c *methodtest.Ceremony) { c.Flags &^= methodtest.Present },
		"not verified":          func(c *methodtest.Ceremony) { c.Flags &^= methodtest.Verified },
		"eligible changed":      func(c *methodtest.Ceremony) { c.Flags &^= methodtest.Eligible | methodtest.BackedUp },
		"backed up, unable":     func(c *methodtest.Ceremony) { c.Flags &^= methodtest.Eligible },
		"another's handle":      func(c *methodtest.Ceremony) { c.Handle = make([]byte, 64) },
		"another identifier":    func(c *methodtest.Ceremony) { c.ID = make([]byte, 32) },
		"no signature":          func(c *methodtest.Ceremony) { c.Spoil = func([]byte) []byte { return nil } },
		"short signature":       func(c *methodtest.Ceremony) { c.Spoil = func(s []byte) []byte { return s[:len(s)-1] } },
		"signature with a tail": func(c *methodtest.Ceremony) { c.Spoil = func(s []byte) []byte { return append(s, 0) } },
		"signature bit": func(c *methodtest.Ceremony) {
			c.Spoil = func(s []byte) []byte { s[len(s)-1] ^= 1; return s }
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, d, p, q := alice(t)
			if j := methodtest.Judge(t, m, p, q, d.Assert(t, q, tweak)); j.Right || j.Update != nil || j.Note != "" {
				t.Fatalf("got %+v, want plainly wrong", j)
			}
			if j := methodtest.Judge(t, m, p, q, d.Assert(t, q, nil)); !j.Right {
				t.Fatal("the same without the fault: got wrong")
			}
		})
	}
}

// TestAccepted is what must not be refused.
func TestAccepted(t *testing.T) {
	for name, tweak := range map[string]func(*methodtest.Ceremony){
		"no handle":            func(c *methodtest.Ceremony) { c.Handle = nil },
		"no longer backed up":  func(c *methodtest.Ceremony) { c.Flags &^= methodtest.BackedUp },
		"more client data":     func(c *methodtest.Ceremony) { c.Extra = "of a later edition" },
		"explicit default":     func(c *methodtest.Ceremony) { c.Origin = "https://reset.example.com:443" },
		"counter jumps onward": func(c *methodtest.Ceremony) { c.Count += 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			m, d, p, q := alice(t)
			if j := methodtest.Judge(t, m, p, q, d.Assert(t, q, tweak)); !j.Right {
				t.Fatalf("got %+v, want right", j)
			}
		})
	}
}

// TestCounter: WebAuthn Level 3 section 6.1.1.
func TestCounter(t *testing.T) {
	m, d, p, _ := alice(t)
	for _, c := range []struct {
		count uint32
		right bool
		note  string
	}{
		{5, true, ""}, {5, false, "clone_signal"}, {4, false, "clone_signal"}, {0, false, "clone_signal"}, {6, true, ""},
	} {
		q := methodtest.Ask(t, m, p)
		j := methodtest.Judge(t, m, p, q, d.Assert(t, q, func(x *methodtest.Ceremony) { x.Count = c.count }))
		if j.Right != c.right || j.Note != c.note || (j.Update != nil) != c.right {
			t.Fatalf("count %d: got right %v, note %q; want %v, %q", c.count, j.Right, j.Note, c.right, c.note)
		}
		p = methodtest.Apply(p, j)
	}
	d.Counts, d.Count = false, 0
	still := methodtest.NewAuthenticator(t, methodtest.ES256)
	still.Counts = false
	p = methodtest.Enroll(t, m, methodtest.Person("bob"), still)
	for range 2 {
		q := methodtest.Ask(t, m, p)
		j := methodtest.Judge(t, m, p, q, still.Assert(t, q, nil))
		if !j.Right {
			t.Fatal("a device that does not count: got wrong")
		}
		p = methodtest.Apply(p, j)
	}
}

// TestRegistrationFaults: WebAuthn Level 3 section 7.1.
func TestRegistrationFaults(t *testing.T) {
	for name, tweak := range map[string]func(*methodtest.Ceremony){
		"type":              func(c *methodtest.Ceremony) { c.Type = "webauthn.get" },
		"challenge":         func(c *methodtest.Ceremony) { c.Challenge = strings.Repeat("A", len(c.Challenge)) },
		"origin":            func(c *methodtest.Ceremony) { c.Origin = "https://example.com" },
		"cross origin":      func(c *methodtest.Ceremony) { c.CrossOrigin = true },
		"relying party":     func(c *methodtest.Ceremony) { c.RPID = "example.com" },
		"not present":       func(c *methodtest.Ceremony) { c.Flags &^= methodtest.Present },
		"not verified":      func(c *methodtest.Ceremony) { c.Flags &^= methodtest.Verified },
		"backed up, unable": func(c *methodtest.Ceremony) { c.Flags &^= methodtest.Eligible },
		"long identifier":   func(c *methodtest.Ceremony) { c.ID = make([]byte, 1024) },
	} {
		t.Run(name, func(t *testing.T) {
			m := suite(nil, methodtest.ES256).Open(t).(*Method)
			d, p := methodtest.NewAuthenticator(t, methodtest.ES256), methodtest.Person("alice")
			q, err := m.Invite(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.Enroll(t.Context(), p, q.Private, d.Register(t, q, tweak))
			if !errors.Is(err, method.ErrRefused) && !errors.Is(err, method.ErrMalformed) {
				t.Fatalf("got %v, want ErrRefused", err)
			}
			if _, err := m.Enroll(t.Context(), p, q.Private, d.Register(t, q, nil)); err != nil {
				t.Fatalf("the same without the fault: %v", err)
			}
		})
	}
}

func TestRegistration(t *testing.T) {
	m := suite(nil, methodtest.ES256).Open(t).(*Method)
	d := methodtest.NewAuthenticator(t, methodtest.ES256)
	p := methodtest.Enroll(t, m, methodtest.Person("alice"), d)

	q, err := m.Invite(t.Context(), p, map[string]string{"label": "Blue key"})
	if err != nil {
		t.Fatal(err)
	}
	o := q.Public.(protocol.PublicKeyCredentialCreationOptions)
	if len(o.CredentialExcludeList) != 1 || string(o.CredentialExcludeList[0].CredentialID) != string(d.ID) {
		t.Errorf("excluded: got %v, want the key that is there", o.CredentialExcludeList)
	}
	if got := len(o.User.ID.(protocol.URLEncodedBase64)); got != 64 {
		t.Errorf("user handle: got %d bytes, want 64", got)
	}
	if o.AuthenticatorSelection.ResidentKey != "required" || o.AuthenticatorSelection.UserVerification != "required" || o.Attestation != "none" || o.Timeout != 300000 {
		t.Errorf("options: got %+v", o)
	}
	if _, err := m.Enroll(t.Context(), p, q.Private, d.Register(t, q, nil)); !errors.Is(err, method.ErrRefused) {
		t.Errorf("the same key again: got %v, want ErrRefused", err)
	}
	second := methodtest.NewAuthenticator(t, methodtest.EdDSA)
	e, err := m.Enroll(t.Context(), p, q.Private, second.Register(t, q, func(c *methodtest.Ceremony) { c.Format = "packed" }))
	if err != nil {
		t.Fatalf("a second key, with self attestation: %v", err)
	}
	if e.Label != "Blue key" || e.Found == "" || e.Found == p.Enrolled[0].Found {
		t.Errorf("second key: got label %q, found %q", e.Label, e.Found)
	}
	if string(second.Handle) != string(d.Handle) {
		t.Error("a person's keys have different user handles")
	}
	other := methodtest.NewAuthenticator(t, methodtest.ES256)
	methodtest.Enroll(t, m, methodtest.Person("bob"), other)
	if string(other.Handle) == string(d.Handle) {
		t.Error("two people have one user handle")
	}
	p.Enrolled = append(p.Enrolled, e)
	for _, d := range []*methodtest.Authenticator{d, second} {
		q := methodtest.Ask(t, m, p)
		if j := methodtest.Judge(t, m, p, q, d.Assert(t, q, nil)); !j.Right {
			t.Errorf("one of two keys: got wrong")
		}
	}
}

// TestNotOffered: a key may only be of a kind that was asked for.
func TestNotOffered(t *testing.T) {
	m := suite(nil, methodtest.ES256).Open(t).(*Method)
	d, p := methodtest.NewAuthenticator(t, methodtest.RS256), methodtest.Person("alice")
	d.Alg = -258 // RS384
	q, err := m.Invite(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Enroll(t.Context(), p, q.Private, d.Register(t, q, nil)); !errors.Is(err, method.ErrRefused) && !errors.Is(err, method.ErrMalformed) {
		t.Errorf("RS384: got %v, want ErrRefused", err)
	}
}

// TestQuestion: the options, and that nobody can be told from somebody (section 14.6.2).
func TestQuestion(t *testing.T) {
	m, _, p, q := alice(t)
	o := q.Public.(protocol.PublicKeyCredentialRequestOptions)
	if o.RelyingPartyID != "reset.example.com" || o.UserVerification != "required" || o.Timeout != 300000 || len(o.Challenge) < 16 {
		t.Errorf("options: got %+v", o)
	}
	if len(o.AllowedCredentials) != 0 || !q.Once {
		t.Errorf("got %d keys, once %v; want none, true", len(o.AllowedCredentials), q.Once)
	}
	if j := methodtest.Judge(t, m, p, q, methodtest.NewAuthenticator(t, methodtest.EdDSA).Assert(t, q, nil)); j.Right {
		t.Error("a key that is not enrolled: got right")
	}
}

func TestLists(t *testing.T) {
	c := suite(func(s *Settings) { s.DiscoverableOnly = false }, methodtest.ES256)
	m, d := c.Open(t).(*Method), methodtest.NewAuthenticator(t, methodtest.ES256)
	p := methodtest.Enroll(t, m, methodtest.Person("alice"), d)
	list := func(p method.Person) string {
		var out []string
		for _, k := range methodtest.Ask(t, m, p).Public.(protocol.PublicKeyCredentialRequestOptions).AllowedCredentials {
			if len(k.Transport) != 0 {
				t.Errorf("a key has transports %v", k.Transport)
			}
			out = append(out, k.CredentialID.String())
		}
		if len(out) != listed {
			t.Errorf("got %d keys, want %d", len(out), listed)
		}
		return strings.Join(out, " ")
	}
	real, fake, other := list(p), list(methodtest.Decoy("ghost")), list(methodtest.Decoy("spectre"))
	if !strings.Contains(real, methodtest.B64.EncodeToString(d.ID)) {
		t.Error("alice's list lacks her key")
	}
	if again := list(methodtest.Decoy("ghost")); again != fake || list(p) != real {
		t.Error("asked twice: got different lists")
	}
	if fake == other {
		t.Error("two decoys have one list")
	}
	q := methodtest.Ask(t, m, p)
	if j := methodtest.Judge(t, m, p, q, d.Assert(t, q, func(c *methodtest.Ceremony) { c.Handle = nil })); !j.Right {
		t.Error("a listed key without a handle: got wrong")
	}
	options, err := m.Invite(t.Context(), p, nil)
	if err != nil || options.Public.(protocol.PublicKeyCredentialCreationOptions).AuthenticatorSelection.ResidentKey != "preferred" {
		t.Errorf("invitation: got %+v, %v; want a preferred resident key", options.Public, err)
	}
}

func TestOpen(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://reset.example.com": true, "https://reset.example.com:8443": true, "http://localhost:8080": true,
		"http://reset.example.com": false, "https://192.0.2.1": false, "https://[::1]:8443": false, "": false, "reset.example.com": false,
	} {
		env := methodtest.Env()
		env.PublicURL = url
		_, err := Kind.Open(func(any) error { return nil }, env)
		if (err == nil) != ok {
			t.Errorf("%q: got %v, want ok %v", url, err, ok)
		}
		if err != nil && !strings.Contains(err.Error(), "public_url") {
			t.Errorf("%q: %v does not name the setting", url, err)
		}
	}
	refused := errors.New("unknown setting")
	if _, err := Kind.Open(func(any) error { return refused }, methodtest.Env()); !errors.Is(err, refused) {
		t.Errorf("settings that cannot be read: got %v", err)
	}
}

// FuzzJudge: whatever comes, it is malformed or wrong, and nothing else happens.
func FuzzJudge(f *testing.F) {
	c := suite(nil, methodtest.ES256)
	var m method.Method
	var p method.Person
	var q method.Question
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"","signature":""}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m == nil {
			m = c.Open(t)
			p = methodtest.Person("alice")
			q = methodtest.Ask(t, m, p)
		}
		j, err := m.Judge(t.Context(), p, q.Private, method.Answer{Credential: json.RawMessage(raw)})
		if j.Right || j.Update != nil || (err != nil && !errors.Is(err, method.ErrMalformed)) {
			t.Fatalf("got %+v, %v", j, err)
		}
		_, err = m.(method.Enroller).Enroll(t.Context(), p, q.Private, method.Answer{Credential: json.RawMessage(raw)})
		if err == nil {
			t.Fatal("enrolled")
		}
	})
}
