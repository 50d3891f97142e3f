package totp

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	libtotp "github.com/pquerna/otp/totp"

	"postern/method"
	"postern/method/methodtest"
	"postern/secret"
)

// app is an authenticator app.
type app struct{ secret string }

func (a *app) Confirm(t *testing.T, p method.Person, q method.Question) method.Answer {
	if in, ok := q.Public.(invitation); ok {
		a.secret = in.Secret
	}
	return a.Answer(t, p, q)
}

func (a *app) Answer(t *testing.T, p method.Person, _ method.Question) method.Answer {
	return method.Answer{Code: secret.New(a.at(t, p.Now))}
}

func (a *app) at(t *testing.T, now time.Time) string {
	t.Helper()
	code, err := libtotp.GenerateCode(a.secret, now)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (a *app) Wrong(t *testing.T, p method.Person, q method.Question) method.Answer {
	if a.secret == "" {
		return method.Answer{Code: secret.New("000000")}
	}
	code := []byte(a.at(t, p.Now))
	code[0] = '0' + (code[0]-'0'+5)%10
	return method.Answer{Code: secret.New(string(code))}
}

func suite(settings func(*Settings)) methodtest.Case {
	return methodtest.Case{
		Kind: Kind,
		Settings: func(into any) {
			if settings != nil {
				settings(into.(*Settings))
			}
		},
		Device: func(*testing.T) methodtest.Device { return &app{} },
	}
}

func TestMethod(t *testing.T) { methodtest.Run(t, suite(nil)) }

// TestHOTPVectors: RFC 4226 appendix D.
func TestHOTPVectors(t *testing.T) {
	k := token{Secret: []byte("12345678901234567890"), Algorithm: "SHA1", Digits: 6}
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got, err := k.code(int64(i)); err != nil || got != want {
			t.Errorf("count %d: got %s, %v; want %s", i, got, err, want)
		}
	}
}

// TestTOTPVectors: RFC 6238 appendix B, with the seeds of its errata.
func TestTOTPVectors(t *testing.T) {
	seed := strings.Repeat("1234567890", 7)
	keys := map[string]int{"SHA1": 20, "SHA256": 32, "SHA512": 64}
	for _, v := range []struct {
		at   int64
		want map[string]string
	}{
		{59, map[string]string{"SHA1": "94287082", "SHA256": "46119246", "SHA512": "90693936"}},
		{1111111109, map[string]string{"SHA1": "07081804", "SHA256": "68084774", "SHA512": "25091201"}},
		{1111111111, map[string]string{"SHA1": "14050471", "SHA256": "67062674", "SHA512": "99943326"}},
		{1234567890, map[string]string{"SHA1": "89005924", "SHA256": "91819424", "SHA512": "93441116"}},
		{2000000000, map[string]string{"SHA1": "69279037", "SHA256": "90698825", "SHA512": "38618901"}},
		{20000000000, map[string]string{"SHA1": "65353130", "SHA256": "77737706", "SHA512": "47863826"}},
	} {
		for name, n := range keys {
			k := token{Secret: []byte(seed[:n]), Algorithm: name, Digits: 8}
			if got, err := k.code(stepAt(time.Unix(v.at, 0))); err != nil || got != v.want[name] {
				t.Errorf("%s at %d: got %s, %v; want %s", name, v.at, got, err, v.want[name])
			}
		}
	}
}

// enrolled is alice with an app, under the given settings.
func enrolled(t *testing.T, settings func(*Settings)) (*Method, *app, method.Person) {
	t.Helper()
	m, a := suite(settings).Open(t).(*Method), &app{}
	return m, a, methodtest.Enroll(t, m, methodtest.Person("alice"), a)
}

func judge(t *testing.T, m *Method, p method.Person, code string) method.Judgement {
	t.Helper()
	return methodtest.Judge(t, m, p, methodtest.Ask(t, m, p), method.Answer{Code: secret.New(code)})
}

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		past, future int
		right        map[int]bool
	}{
		{1, 0, map[int]bool{-1: true, 0: true}},
		{0, 0, map[int]bool{0: true}},
		{1, 1, map[int]bool{-1: true, 0: true, 1: true}},
	} {
		m, a, p := enrolled(t, func(s *Settings) { s.SkewPast, s.SkewFuture = c.past, c.future })
		for step := -3; step <= 3; step++ {
			code := a.at(t, p.Now.Add(time.Duration(step)*period*time.Second))
			if got := judge(t, m, p, code).Right; got != c.right[step] {
				t.Errorf("%d past, %d future, step %+d: got right %v, want %v", c.past, c.future, step, got, c.right[step])
			}
		}
	}
}

// TestNeverBack: once a step was taken, neither it nor an earlier one is, also when the clock goes back.
func TestNeverBack(t *testing.T) {
	m, a, p := enrolled(t, nil)
	now, before := a.at(t, p.Now), a.at(t, p.Now.Add(-period*time.Second))
	p = methodtest.Apply(p, judge(t, m, p, now))
	for name, code := range map[string]string{"the same": now, "the one before": before} {
		if j := judge(t, m, p, code); j.Right || j.Note != "used" {
			t.Errorf("%s: got %+v, want used", name, j)
		}
	}
	back := p
	back.Now = p.Now.Add(-time.Hour)
	if j := judge(t, m, back, a.at(t, back.Now)); j.Right || j.Note != "used" {
		t.Errorf("an hour back: got %+v, want used", j)
	}
	p.Now = p.Now.Add(period * time.Second)
	if !judge(t, m, p, a.at(t, p.Now)).Right {
		t.Error("the next code: got wrong")
	}
}

// TestConfirmationCounts: the code that confirmed the enrolment is used.
func TestConfirmationCounts(t *testing.T) {
	m, a, p := enrolled(t, nil)
	p.Now = methodtest.Start
	if j := judge(t, m, p, a.at(t, p.Now)); j.Right {
		t.Error("the code that confirmed the enrolment: got right")
	}
}

func TestSeveralApps(t *testing.T) {
	m, first, p := enrolled(t, nil)
	p.Now = methodtest.Start
	second := &app{}
	p = methodtest.Enroll(t, m, p, second)
	for i, a := range []*app{first, second} {
		j := judge(t, m, p, a.at(t, p.Now))
		if !j.Right || j.Update.ID != p.Enrolled[i].ID {
			t.Errorf("app %d: got right %v", i, j.Right)
		}
	}
	used := methodtest.Apply(p, judge(t, m, p, first.at(t, p.Now)))
	if !judge(t, m, used, second.at(t, p.Now)).Right {
		t.Error("the second app after the first was used: got wrong")
	}
}

func TestTyped(t *testing.T) {
	m, a, p := enrolled(t, nil)
	code := a.at(t, p.Now)
	for typed, want := range map[string]bool{
		code[:3] + " " + code[3:]: true, code[:3] + "-" + code[3:] + "\n": true,
		code + "1": false, code[:5]: false, "abcdef": false, "١٢٣٤٥٦": false,
	} {
		if got := judge(t, m, p, typed).Right; got != want {
			t.Errorf("%q: got right %v, want %v", typed, got, want)
		}
	}
}

func TestInvitation(t *testing.T) {
	m := suite(nil).Open(t).(*Method)
	seen := map[string]bool{}
	for range 100 {
		q, err := m.Invite(t.Context(), methodtest.Person("alice"), nil)
		if err != nil {
			t.Fatal(err)
		}
		in := q.Public.(invitation)
		if len(in.Secret) != 32 || seen[in.Secret] || strings.ReplaceAll(in.Spelled, " ", "") != in.Secret {
			t.Fatalf("secret: got %q, spelled %q", in.Secret, in.Spelled)
		}
		seen[in.Secret] = true
		key, err := otp.NewKeyFromURL(in.URI)
		if err != nil || key.Secret() != in.Secret || key.Issuer() != "Example Ltd" || key.AccountName() != "alice" ||
			key.Period() != 30 || key.Digits() != 6 || key.Type() != "totp" {
			t.Fatalf("address: got %s, %v", in.URI, err)
		}
		if in.QR.Size < 29 || !strings.HasPrefix(in.QR.Path, "M4 4h7v1h-7z") {
			t.Fatalf("picture: got %d, %.20s", in.QR.Size, in.QR.Path)
		}
	}
}

// TestAgainstOathtool: an independent implementation makes the codes.
func TestAgainstOathtool(t *testing.T) {
	tool, err := exec.LookPath("oathtool")
	if err != nil {
		t.Fatalf("oathtool is needed (Debian package oathtool): %v", err)
	}
	for _, algorithm := range []string{"SHA1", "SHA256", "SHA512"} {
		m, a, p := enrolled(t, nil)
		e, public, err := m.EnrollDirectly(t.Context(), p, map[string]string{"algorithm": algorithm, "digits": "8"})
		if err != nil {
			t.Fatal(err)
		}
		key, err := otp.NewKeyFromURL(public.(map[string]string)["uri"])
		if err != nil {
			t.Fatal(err)
		}
		a.secret, p.Enrolled = key.Secret(), []method.Enrollment{e}
		for _, at := range []time.Time{p.Now, p.Now.Add(37 * time.Minute), p.Now.AddDate(20, 0, 0)} {
			out, err := exec.CommandContext(t.Context(), tool, "--totp="+algorithm, "--digits=8", "--base32",
				"--now="+at.Format("2006-01-02 15:04:05 UTC"), key.Secret()).CombinedOutput()
			if err != nil {
				t.Fatalf("oathtool: %v: %s", err, out)
			}
			p.Now = at
			if !judge(t, m, p, string(out)).Right {
				t.Errorf("%s at %v: oathtool's %s is wrong", algorithm, at, strings.TrimSpace(string(out)))
			}
		}
	}
}

func TestDirect(t *testing.T) {
	m := suite(nil).Open(t).(*Method)
	p := methodtest.Person("alice")
	e, public, err := m.EnrollDirectly(t.Context(), p, map[string]string{"secret": "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "label": "Old token"})
	if err != nil || e.Label != "Old token" || !strings.Contains(public.(map[string]string)["uri"], "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") {
		t.Fatalf("taken over: got %q, %v, %v", e.Label, public, err)
	}
	p.Enrolled, p.Now = []method.Enrollment{e}, time.Unix(59, 0)
	if !judge(t, m, p, "287082").Right {
		t.Error("the vector's code for the vector's secret: got wrong")
	}
	for name, params := range map[string]map[string]string{
		"short secret": {"secret": "GEZDGNBV"}, "no base32": {"secret": "0189!"}, "empty secret": {"secret": ""},
		"algorithm": {"algorithm": "MD5"}, "digits": {"digits": "5"}, "no number": {"digits": "six"},
	} {
		if _, _, err := m.EnrollDirectly(t.Context(), p, params); err == nil {
			t.Errorf("%s: got no error", name)
		} else if s := params["secret"]; s != "" && strings.Contains(err.Error(), s) {
			t.Errorf("%s: the error quotes the secret: %v", name, err)
		}
	}
}

func TestSettings(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"two past": func(s *Settings) { s.SkewPast = 2 }, "past": func(s *Settings) { s.SkewPast = -1 },
		"two future": func(s *Settings) { s.SkewFuture = 2 }, "algorithm": func(s *Settings) { s.Algorithm = "MD5" },
	} {
		_, err := Kind.Open(func(into any) error { change(into.(*Settings)); return nil }, methodtest.Env())
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	refused := errors.New("unknown setting")
	if _, err := Kind.Open(func(any) error { return refused }, methodtest.Env()); !errors.Is(err, refused) {
		t.Errorf("settings that cannot be read: got %v", err)
	}
}

// FuzzJudge: nothing but the one code is right.
func FuzzJudge(f *testing.F) {
	c := suite(nil)
	data, err := json.Marshal(token{Secret: []byte("12345678901234567890"), Algorithm: "SHA1", Digits: 6})
	if err != nil {
		f.Fatal(err)
	}
	p := methodtest.Person("alice")
	p.Enrolled, p.Now = []method.Enrollment{{ID: "e", Data: data}}, time.Unix(59, 0)
	for _, s := range []string{"287082", "28 70-82", "", "28708", "٢٨٧٠٨٢"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		a := method.Answer{Code: secret.New(typed)}
		j, err := c.Open(t).Judge(t.Context(), p, nil, a)
		if err != nil && !errors.Is(err, method.ErrMalformed) {
			t.Fatalf("%q: %v", typed, err)
		}
		plain, _ := a.Typed()
		if want := plain == "287082" || plain == "755224"; j.Right != want {
			t.Fatalf("%q: got right %v, want %v", typed, j.Right, want)
		}
	})
}
