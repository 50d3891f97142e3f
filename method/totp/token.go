package totp

import (
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	period     = 30 // seconds; RFC 6238 section 4.1
	digits     = 6
	secretSize = 20 // bytes: the 160 bits that RFC 4226 section 4 (R6) recommends
	secretMin  = 16 // bytes: the 128 bits that it requires
)

var algorithms = map[string]otp.Algorithm{
	"SHA1": otp.AlgorithmSHA1, "SHA256": otp.AlgorithmSHA256, "SHA512": otp.AlgorithmSHA512,
}

// token is an enrolment's data. Step is the last time step whose code was taken.
type token struct {
	Secret    []byte `json:"secret"`
	Algorithm string `json:"algorithm"`
	Digits    int    `json:"digits"`
	Step      int64  `json:"step"`
}

func parse(data []byte) (token, error) {
	var t token
	if err := json.Unmarshal(data, &t); err != nil {
		return token{}, fmt.Errorf("reading its data: %w", err)
	}
	return t, t.check()
}

func (t token) check() error {
	if _, ok := algorithms[t.Algorithm]; !ok {
		return fmt.Errorf("algorithm %q is none of SHA1, SHA256, SHA512", t.Algorithm)
	}
	if t.Digits < 6 || t.Digits > 8 {
		return fmt.Errorf("%d digits are not 6 to 8", t.Digits)
	}
	if len(t.Secret) < secretMin {
		return fmt.Errorf("a secret of %d bytes is shorter than %d", len(t.Secret), secretMin)
	}
	return nil
}

// code returns the value for one time step: RFC 4226 section 5.3.
func (t token) code(step int64) (string, error) {
	return hotp.GenerateCodeCustom(t.base32(), uint64(step), hotp.ValidateOpts{
		Digits: otp.Digits(t.Digits), Algorithm: algorithms[t.Algorithm],
	})
}

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

func (t token) base32() string { return encoding.EncodeToString(t.Secret) }

// stepAt returns the time step of now: RFC 6238 section 4.2, with T0 = 0.
func stepAt(now time.Time) int64 { return now.Unix() / period }

// find looks for the step of the window that code stands for; the latest, if two have one code.
func (m *Method) find(t token, code string, now time.Time) (step int64, hit bool, err error) {
	present := stepAt(now)
	for s := present - int64(m.settings.SkewPast); s <= present+int64(m.settings.SkewFuture); s++ {
		want, err := t.code(s)
		if err != nil {
			return 0, false, fmt.Errorf("making the code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, hit = s, true
		}
	}
	return step, hit, nil
}
