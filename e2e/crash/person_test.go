package crash

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"postern/internal/testenv"
	"postern/method"
	"postern/method/methodtest"
)

// attempt is one reset, as far as its person got.
type attempt struct {
	recovery testenv.Recovery
	password string
	posted   bool // the password was sent
	status   int  // of the answer to that; 0: none came
}

// person resets their own password again and again.
type person struct {
	login, secret, codes string
	passkey              *methodtest.Authenticator
	caller               *testenv.Caller
	inbox                *testenv.Inbox
	step                 int64 // of the last code of the app that was used

	password string    // that the directory has, as last seen
	sets     int       // how often it was changed
	tries    []attempt // since the last kill
}

// enroll gives login an app, a mailbox and a passkey. The program must be serving.
func enroll(t *testing.T, p *testenv.Postern, inbox *testenv.Inbox, login string) *person {
	t.Helper()
	who := &person{login: login, codes: login + "@codes.test", inbox: inbox, caller: p.Caller(), password: testenv.SlapdInitialWord,
		secret: base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(rand.Text()[:20])), passkey: methodtest.NewAuthenticator(t, methodtest.ES256)}
	who.passkey.Origin = p.URL
	p.Enroll(login, "totp", "secret="+who.secret)
	p.Enroll(login, "email_code", "address="+who.codes)
	p.EnrollByLink(login, "passkey", func(public []byte) []byte {
		return who.passkey.Register(t, method.Question{Public: json.RawMessage(public)}, nil).Credential
	})
	return who
}

// reset goes from a forgotten password to a new one: by passkey, or by app and mail. posting is
// called right before the password is sent. An error means that the program is gone.
func (p *person) reset(ctx context.Context, t *testing.T, posting func()) error {
	r, reply, err := p.caller.Begin(ctx, p.login, nil)
	if err != nil || reply.Status != http.StatusCreated {
		return unless(err, reply, "begin")
	}
	p.tries = append(p.tries, attempt{recovery: r, password: "fresh " + rand.Text()})
	a := &p.tries[len(p.tries)-1]
	// A code of the app can be used once in thirty seconds; in between the passkey helps.
	if step := max(p.step+1, time.Now().Unix()/30); step <= time.Now().Unix()/30+1 {
		err = p.byAppAndMail(ctx, r, step)
	} else {
		err = p.byPasskey(ctx, t, r)
	}
	if err != nil {
		return err
	}
	a.posted = true
	posting()
	reply, err = p.caller.Do(ctx, r, "password", map[string]string{"password": a.password})
	if err != nil {
		return err
	}
	a.status = reply.Status
	if reply.Status != http.StatusOK || reply.State() != "done" {
		return unexpected{fmt.Errorf("%s: password: %s", p.login, reply)}
	}
	p.password, p.sets = a.password, p.sets+1
	return nil
}

func (p *person) byPasskey(ctx context.Context, t *testing.T, r testenv.Recovery) error {
	reply, err := p.caller.Do(ctx, r, "challenge", map[string]string{"method": r.Method("passkey")})
	if err != nil || reply.Status != http.StatusOK {
		return unless(err, reply, "passkey challenge")
	}
	var flow struct {
		Open struct{ Public json.RawMessage }
	}
	if err := json.Unmarshal(reply.Body, &flow); err != nil {
		return unexpected{err}
	}
	answer := p.passkey.Assert(t, method.Question{Public: flow.Open.Public}, nil)
	reply, err = p.caller.Do(ctx, r, "answer", map[string]any{"method": r.Method("passkey"), "credential": answer.Credential})
	if err != nil || reply.State() != "verified" {
		return unless(err, reply, "passkey answer")
	}
	return nil
}

func (p *person) byAppAndMail(ctx context.Context, r testenv.Recovery, step int64) error {
	p.step = step
	if err := p.prove(ctx, r, "totp", "verifying", func(int) (string, error) { return p.code(step), nil }); err != nil {
		return err
	}
	before, err := p.inbox.Codes(p.codes)
	if err != nil {
		return unexpected{err}
	}
	return p.prove(ctx, r, "email_code", "verified", func(try int) (string, error) {
		return p.inbox.Code(ctx, p.codes, len(before)+try)
	})
}

// code is what the person's app shows in a step of thirty seconds.
func (p *person) code(step int64) string {
	code, err := hotp.GenerateCode(p.secret, uint64(step))
	if err != nil {
		panic(err) // the secret is ours
	}
	return code
}

// late is how many codes of resets that were cut off may come before the one that was asked for.
const late = 3

// prove poses a method's question and answers with code.
func (p *person) prove(ctx context.Context, r testenv.Recovery, kind, then string, code func(try int) (string, error)) error {
	id := r.Method(kind)
	reply, err := p.caller.Do(ctx, r, "challenge", map[string]string{"method": id})
	if err != nil || reply.Status != http.StatusOK {
		return unless(err, reply, kind+" challenge")
	}
	for try := 0; ; try++ {
		typed, err := code(try)
		if err != nil {
			return err
		}
		reply, err = p.caller.Do(ctx, r, "answer", map[string]string{"method": id, "code": typed})
		switch {
		case err != nil || reply.State() == then:
			return err
		case reply.Status != http.StatusUnauthorized || kind == "totp" || try == late:
			return unexpected{fmt.Errorf("%s: answer to %s: %s", p.login, kind, reply)}
		}
	}
}

// unexpected is an answer that a living program must not give.
type unexpected struct{ error }

// unless returns err, or that the reply was not what a step wants.
func unless(err error, reply testenv.Reply, step string) error {
	if err != nil {
		return err
	}
	return unexpected{fmt.Errorf("%s: %s", step, reply)}
}
