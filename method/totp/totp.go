// Package totp proves who one is by a code from an authenticator app: RFC 6238, six digits that
// change every thirty seconds.
//
// It does not count wrong codes, ask for two in a row to follow a clock that has drifted, or
// remember how far a clock is off. It guards two things: a code is taken once only, because the
// time step it stands for must be later than the last one taken (and stays so when this machine's
// clock goes back), and the window is small: the present step, and as many as the settings allow
// beside it, never more than one on either side.
package totp

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"postern/method"
	"postern/policy"
)

// lifetime is how long the question stands; every code has its own, much shorter one.
const lifetime = 10 * time.Minute

//go:embed assets
var files embed.FS

// Kind is the method.
var Kind = method.Kind{
	ID: "totp",
	Traits: policy.Traits{
		Strength: policy.Strong,
		Holdings: []policy.Holding{policy.Phone},
		Enrolled: true,
	},
	Open:     open,
	Settings: func() any { s := defaults(); return &s },
	Assets:   assets(),
}

func assets() fs.FS {
	sub, err := fs.Sub(files, "assets")
	if err != nil {
		panic(err) // the path is a constant
	}
	return sub
}

// Settings are the method's own.
type Settings struct {
	SkewPast   int    `yaml:"skew_past" doc:"How many codes before the present one are taken too: 0 or 1. One allows for slow typing and a clock up to 30 s behind."`
	SkewFuture int    `yaml:"skew_future" doc:"How many codes after the present one are taken too: 0 or 1."`
	Algorithm  string `yaml:"algorithm" oneof:"SHA1 SHA256 SHA512" doc:"Hash of new enrolments. Many apps know SHA1 only, which is sound here; the others are for hardware that asks for them."`
}

func defaults() Settings { return Settings{SkewPast: 1, Algorithm: "SHA1"} }

// Method is the opened method.
type Method struct {
	settings Settings
	env      method.Env
}

func open(decode func(any) error, env method.Env) (method.Method, error) {
	s := defaults()
	if err := decode(&s); err != nil {
		return nil, err
	}
	if s.SkewPast < 0 || s.SkewPast > 1 {
		return nil, fmt.Errorf("skew_past is %d: use 0 or 1 (RFC 6238 section 5.2)", s.SkewPast)
	}
	if s.SkewFuture < 0 || s.SkewFuture > 1 {
		return nil, fmt.Errorf("skew_future is %d: use 0 or 1 (RFC 6238 section 5.2)", s.SkewFuture)
	}
	if _, ok := algorithms[s.Algorithm]; !ok {
		return nil, fmt.Errorf("algorithm is %q: use SHA1, SHA256 or SHA512", s.Algorithm)
	}
	return &Method{settings: s, env: env}, nil
}

// Ask poses the question, which is the same for everybody: the app knows the code already.
func (m *Method) Ask(_ context.Context, p method.Person) (method.Question, error) {
	return method.Question{Public: struct{}{}, Expires: p.Now.Add(lifetime)}, nil
}

// slots is how many enrolments are tried at least, so that having fewer takes no less time.
const slots = 4

// Judge tries the code on every enrolment, all of the window, without stopping early.
func (m *Method) Judge(_ context.Context, p method.Person, _ []byte, a method.Answer) (method.Judgement, error) {
	code, err := a.Typed()
	if err != nil {
		return method.Judgement{}, fmt.Errorf("totp: %w", err)
	}
	var out method.Judgement
	for _, e := range p.Enrolled {
		t, err := parse(e.Data)
		if err != nil {
			return method.Judgement{}, fmt.Errorf("totp: enrolment %s: %w", e.ID, err)
		}
		step, hit, err := m.find(t, code, p.Now)
		switch {
		case err != nil:
			return method.Judgement{}, fmt.Errorf("totp: enrolment %s: %w", e.ID, err)
		case !hit || out.Right || p.Account.Ref.Zero():
		case step <= t.Step: // RFC 6238 section 5.2: the second attempt with one code is refused
			out.Note = "used"
		default:
			t.Step = step
			if out, err = right(e, t, p.Now); err != nil {
				return method.Judgement{}, err
			}
		}
	}
	for range slots - len(p.Enrolled) {
		t := token{Secret: m.env.Decoy("totp", p, secretSize), Algorithm: m.settings.Algorithm, Digits: digits}
		if _, _, err := m.find(t, code, p.Now); err != nil {
			return method.Judgement{}, fmt.Errorf("totp: %w", err)
		}
	}
	return out, nil
}

func right(e method.Enrollment, t token, now time.Time) (method.Judgement, error) {
	data, err := json.Marshal(t)
	if err != nil {
		return method.Judgement{}, fmt.Errorf("totp: enrolment %s: %w", e.ID, err)
	}
	e.Data, e.Used = data, now
	return method.Judgement{Right: true, Update: &e}, nil
}
