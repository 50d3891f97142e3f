package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/app"
	"postern/internal/testenv"
)

// canaryConfig is an instance before slapd with alice as its canary.
func canaryConfig(t *testing.T, s *testenv.SlapdServer) (conf, data string) {
	t.Helper()
	data = t.TempDir()
	word := write(t, "service", testenv.SlapdServiceWord+"\n")
	dir := fmt.Sprintf("{name: staff, type: ldap, urls: [%q], ca_file: %s, bind_dn: %q, bind_password_file: %s, base: %q}",
		s.TLSURL, s.Authority, testenv.SlapdService, word, testenv.SlapdPeople)
	text := strings.Replace(localConfig(data, 8480, "rehearsal: {accounts: [alice, nobody], alarm: [ops@example.com], language: de}\n"),
		"{name: local, type: local}", dir, 1)
	conf = write(t, "postern.yaml", text)
	if code, _, errors := command(t, "keys", "init", "--config", conf); code != exitOK {
		t.Fatal(errors)
	}
	return conf, data
}

// TestRehearse resets a canary in a real directory, says what sticks when it does, and puts it right.
func TestRehearse(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	conf, data := canaryConfig(t, s)
	rehearse := func(login string, want int, more ...string) string {
		t.Helper()
		code, out, errors := command(t, append([]string{"check", "--rehearse", login, "--config", conf}, more...)...)
		if code != want {
			t.Fatalf("rehearse %s: got %d, want %d:\n%s%s", login, code, want, out, errors)
		}
		return out + errors
	}
	out := rehearse("alice", exitOK)
	for _, step := range []string{"find the account", "read its password rules", "set a new password", "sign in with it",
		"end a lock", "look at the account afterwards", "write the audit log", "send messages"} {
		if !strings.Contains(out, "ok       "+step+", ") {
			t.Errorf("want %q in:\n%s", step, out)
		}
	}
	if !strings.Contains(out, "the rehearsal on alice went well in ") {
		t.Errorf("got:\n%s", out)
	}
	if err := s.Bind("alice", testenv.SlapdInitialWord); err == nil {
		t.Error("the canary still has its first password")
	}
	if out := rehearse("bob", exitFailure); !strings.Contains(out, "rehearsal.accounts") {
		t.Errorf("not listed: got %q", out)
	}
	if err := s.Bind("bob", testenv.SlapdInitialWord); err != nil {
		t.Errorf("bob: %v", err)
	}
	if out := rehearse("nobody", exitFailure); !strings.Contains(out, "error    find the account, ") || !strings.Contains(out, "names no account in the configured directories") ||
		!strings.Contains(out, "fix: list under rehearsal.accounts") || !strings.Contains(out, "the rehearsal on nobody failed after ") {
		t.Errorf("no such canary: got:\n%s", out)
	}
	var r app.Rehearsal
	line, _, _ := strings.Cut(rehearse("alice", exitOK, "--json"), "\n")
	if err := json.Unmarshal([]byte(line), &r); err != nil || !r.OK || len(r.Steps) != 8 || r.Directory != "staff" {
		t.Errorf("got %+v, %v", r, err)
	}
	s.Stop()
	if out := rehearse("alice", exitFailure); !strings.Contains(out, "error    find the account, ") || !strings.Contains(out, "can be reached") {
		t.Errorf("without a server: got:\n%s", out)
	}
	if _, out, _ := command(t, "audit", "tail", "-n", "100", "--config", conf); strings.Count(out, "rehearsal.done actor=\"cli:") != 2 ||
		strings.Count(out, "rehearsal.failed actor=\"cli:") != 2 || !strings.Contains(out, `rule="rehearsal"`) {
		t.Errorf("the log: got %s", out)
	}
	alarms(t, conf, data)
}

// alarms lets serve send what waits, which it does beside a rehearsal as well.
func alarms(t *testing.T, conf, data string) {
	t.Helper()
	port := freePort(t)
	text, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte(strings.ReplaceAll(string(text), "localhost:8480", fmt.Sprintf("localhost:%d", port))), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "serve", "--config", conf)
	if code, out, _ := command(t, "check", "--rehearse", "alice", "--config", conf); code != exitFailure || !strings.Contains(out, "can be reached") {
		t.Errorf("beside serve: got %d, %s", code, out)
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("serve: got %d, %s", code, p.errors)
	}
	mails, err := readMail(filepath.Join(data, "mailbox.jsonl"))
	if err != nil || len(mails) != 2 {
		t.Fatalf("got %d messages, %v", len(mails), err)
	}
	for _, m := range mails { // one canary that is not there, one whose directory is down
		if m.To != "ops@example.com" || !strings.Contains(m.Subject, "klemmt (Probe mit ") || !strings.Contains(m.Text, "Konto finden") ||
			!strings.Contains(m.Text, "rehearsal.accounts") && !strings.Contains(m.Text, "can be reached") || strings.Contains(m.Text, "{") {
			t.Errorf("got %+v", m)
		}
	}
}
