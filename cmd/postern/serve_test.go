package main

import (
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// TestOperating runs the operator's commands on what "postern try --data" left, beside a serving
// process.
func TestOperating(t *testing.T) {
	data := t.TempDir()
	if code := start(t, "try", "--json", "--listen", "localhost:0", "--data", data).stop(); code != exitOK {
		t.Fatalf("try: got %d", code)
	}
	port := freePort(t)
	conf := filepath.Join(data, "postern.yaml")
	if err := os.WriteFile(conf, []byte(localConfig(data, port, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "serve", "--config", conf)
	site := "http://localhost:" + strconv.Itoa(port)
	if status, body := call(t, http.MethodGet, site+"/readyz", "", ""); status != http.StatusOK {
		t.Errorf("readyz: got %d, %s", status, body)
	}
	for _, c := range []struct {
		args string
		code int
		want []string
	}{
		{"check --config", exitOK, []string{"ok       keys:", "no errors"}},
		{"people list --config", exitOK, []string{"ada", "email_code, totp", "locked since", "disabled"}},
		{"people show ada --config", exitOK, []string{"Ada Byron", "a••••@fernhill.example", "everybody", "yes", "mailbox and phone"}},
		{"people show cleo --config", exitOK, []string{"nothing", "too little is enrolled"}},
		{"people show nobody --config", exitFailure, []string{`"nobody" names no account`}},
		{"people enroll ben passkey --config", exitOK, []string{site + "/enroll/", "used once, until"}},
		{"people enroll cleo totp --config", exitOK, []string{"totp was enrolled for cleo", "otpauth://totp/"}},
		{"people enroll cleo email_code address=cleo@home.example --config", exitOK, []string{"c••••@home.example"}},
		{"people enroll cleo smoke --config", exitFailure, []string{`no method "smoke"`, "email_code, passkey, totp"}},
		{"people unenroll cleo totp --config", exitOK, []string{"taken away from cleo"}},
		{"people unenroll cleo totp --config", exitFailure, []string{"0 enrolments", "postern people show cleo"}},
		{"keys init --config", exitFailure, []string{"exists", "postern keys rotate"}},
		{"keys rotate --config", exitOK, []string{"A new key was added"}},
		{"audit verify --config", exitOK, []string{"The log is whole"}},
		{"audit tail -n 1000 --config", exitOK, []string{"keys.rotated actor=\"cli:", "enrollment.removed", "person.shown", "audit.read"}},
	} {
		code, out, errors := command(t, append(strings.Fields(c.args), conf)...)
		if code != c.code {
			t.Errorf("%s: got %d, want %d: %s%s", c.args, code, c.code, out, errors)
		}
		for _, want := range c.want {
			if !strings.Contains(out+errors, want) {
				t.Errorf("%s: got %q, want %q in it", c.args, out+errors, want)
			}
		}
	}
	if code := p.stop(); code != exitOK || !strings.Contains(p.errors.String(), "msg=stopped") {
		t.Errorf("serve: got %d, %s", code, p.errors)
	}
	if code, out, _ := command(t, "audit", "tail", "-n", "2", "--data", data); code != exitOK || !strings.Contains(out, "system.stopped") {
		t.Errorf("the last record: got %d, %q", code, out)
	}
}

func TestAuditFindsWhatWasChanged(t *testing.T) {
	data := t.TempDir()
	if code := start(t, "try", "--json", "--listen", "localhost:0", "--data", data).stop(); code != exitOK {
		t.Fatalf("try: got %d", code)
	}
	export := filepath.Join(t.TempDir(), "log.jsonl")
	if code, _, errors := command(t, "audit", "export", "--data", data, "-o", export); code != exitOK {
		t.Fatalf("export: %s", errors)
	}
	code, _, errors := command(t, "audit", "export", "--data", data, "-o", export)
	if code != exitFailure || !strings.Contains(errors, "exists") {
		t.Errorf("a second export over the first: got %d, %q", code, errors)
	}
	key := verifier(t, data)
	if code, out, errors := command(t, "audit", "verify", "--export", export, "--key", key); code != exitOK || !strings.Contains(out, "The log is whole") {
		t.Errorf("verify the export: got %d, %q, %q", code, out, errors)
	}
	text, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(export, []byte(strings.Replace(string(text), "totp", "smtp", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := command(t, "audit", "verify", "--export", export, "--key", key); code != exitFailure || !strings.HasPrefix(out, "FAULT: ") {
		t.Errorf("verify a changed export: got %d, %q", code, out)
	}
	db, err := sql.Open("sqlite", filepath.Join(data, "postern.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE " + auditTable(t, db) + " SET leaf = replace(CAST(leaf AS TEXT), 'totp', 'smtp')"); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := command(t, "audit", "verify", "--data", data); code != exitFailure || !strings.HasPrefix(out, "FAULT: ") {
		t.Errorf("verify a changed store: got %d, %q", code, out)
	}
}

// verifier returns the log's public key.
func verifier(t *testing.T, data string) string {
	t.Helper()
	l, err := logFlags{Data: data}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.store.Close(); err != nil {
		t.Fatal(err)
	}
	return l.key
}

// auditTable finds the table that has leaves.
func auditTable(t *testing.T, db *sql.DB) string {
	t.Helper()
	var name string
	if err := db.QueryRow("SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'leaf' WHERE m.type = 'table'").Scan(&name); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKeys(t *testing.T) {
	data := t.TempDir()
	conf := write(t, "postern.yaml", localConfig(data, 8480, ""))
	code, out, errors := command(t, "keys", "init", "--config", conf)
	if code != exitOK || !strings.Contains(out, "localhost/postern-try+") {
		t.Fatalf("got %d, %q, %q", code, out, errors)
	}
	info, err := os.Stat(filepath.Join(data, "postern.keys"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	inEnv := write(t, "env.yaml", localConfig(data, 8480, "keys: {env: POSTERN_TEST_KEYS}\n"))
	if code, out, errors = command(t, "keys", "init", "--config", inEnv); code != exitOK || !strings.Contains(errors, "POSTERN_TEST_KEYS") {
		t.Fatalf("got %d, %q", code, errors)
	}
	t.Setenv("POSTERN_TEST_KEYS", strings.TrimSpace(out))
	if code, out, errors = command(t, "check", "--config", inEnv); code != exitOK {
		t.Errorf("got %d, %q, %q", code, out, errors)
	}
	other := write(t, "other.yaml", strings.Replace(localConfig(data, 8480, ""), "origin: localhost/postern-try", "origin: other/log", 1))
	if code, out, _ = command(t, "check", "--config", other); code != exitFailure || !strings.Contains(out, "audit.origin") {
		t.Errorf("another origin: got %d, %q", code, out)
	}
}
