package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/internal/testenv"
)

// trial is a running "postern try".
type trial struct {
	Portal  string
	API     string
	Mailbox string
	SignIn  string `json:"sign_in"`
	Console string // a link that works once
	People  []person

	t *testing.T
}

// person is somebody of the sample company.
type person struct {
	Login, Password, Email string
	URI                    string `json:"totp_uri"`
}

// message is one line of the mailbox.
type message struct{ To, Subject, Text string }

// try starts a sample company of its own for the test.
func try(t *testing.T) *trial {
	t.Helper()
	data := t.TempDir()
	p := testenv.Start(t, exec.Command(program, "try", "--json", "--listen", "localhost:0", "--data", data))
	tr := &trial{t: t}
	testenv.WaitFor(t, "postern try", 30*time.Second, func() error {
		for line := range strings.Lines(p.Output()) {
			if strings.HasPrefix(line, "{") && strings.HasSuffix(line, "\n") {
				return json.Unmarshal([]byte(line), tr)
			}
		}
		return errors.Join(errors.New("no line of JSON yet"), p.Exited())
	})
	return tr
}

func (tr *trial) person(login string) person {
	tr.t.Helper()
	for _, p := range tr.People {
		if p.Login == login {
			return p
		}
	}
	tr.t.Fatalf("there is no sample person %q", login)
	return person{}
}

// app returns what the authenticator app of login shows.
func (tr *trial) app(login string) string {
	tr.t.Helper()
	return appCode(tr.t, tr.person(login).URI)
}

// appCode asks a program that is not ours for the code of an authenticator app.
func appCode(t *testing.T, uri string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	oath := testenv.Program(t, "oathtool", "oathtool")
	out, err := exec.Command(oath, "--totp", "--base32", u.Query().Get("secret")).Output()
	if err != nil {
		t.Fatalf("oathtool: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// messages returns what was sent to login, newest first.
func (tr *trial) messages(login string) []message {
	tr.t.Helper()
	res, err := http.Get(tr.Mailbox)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer res.Body.Close()
	var all, out []message
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		tr.t.Fatalf("mailbox: %v", err)
	}
	for _, m := range all {
		if m.To == tr.person(login).Email {
			out = append(out, m)
		}
	}
	return out
}

// sixDigits is a code as a message says it.
var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// mail waits for the message with a code to login, and returns the code.
func (tr *trial) mail(login string) string {
	tr.t.Helper()
	var code string
	testenv.WaitFor(tr.t, "a message with a code to "+login, 20*time.Second, func() error {
		for _, m := range tr.messages(login) {
			if code = sixDigits.FindString(m.Text); code != "" {
				return nil
			}
		}
		return errors.New("none has come")
	})
	return code
}

// signIn reports the status with which the sample company answers login and password.
func (tr *trial) signIn(login, password string) int {
	tr.t.Helper()
	body, err := json.Marshal(map[string]string{"login": login, "password": password})
	if err != nil {
		tr.t.Fatal(err)
	}
	res, err := http.Post(tr.SignIn, "application/json", bytes.NewReader(body))
	if err != nil {
		tr.t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		tr.t.Fatal(err)
	}
	return res.StatusCode
}

// opens fails the test unless the new password opens the account and the old one does not.
func (tr *trial) opens(login, password string) {
	tr.t.Helper()
	if got := tr.signIn(login, password); got != http.StatusOK {
		tr.t.Errorf("sign in as %s with the new password: got %d, want 200", login, got)
	}
	if got := tr.signIn(login, tr.person(login).Password); got != http.StatusUnauthorized {
		tr.t.Errorf("sign in as %s with the old password: got %d, want 401", login, got)
	}
}
