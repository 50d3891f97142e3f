package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"postern/directory"
	"postern/internal/testenv"
	"postern/secret"
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
		{"people show cleo --config", exitOK, []string{"nothing", "everybody", "too little is enrolled"}},
		{"people show eve --config", exitOK, []string{"no: the directory says that the account may not sign in"}},
		{"people show nobody --config", exitFailure, []string{`"nobody" names no account`}},
		{"people enroll ben passkey --config", exitOK, []string{site + "/enroll/", "used once, until"}},
		{"people enroll cleo totp --config", exitOK, []string{"totp was enrolled for cleo, and they will be told", "otpauth://totp/"}},
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

// TestShow says which rule holds, why, and when the quarantine ends.
func TestShow(t *testing.T) {
	data := t.TempDir()
	begun := time.Now()
	if code := start(t, "try", "--json", "--listen", "localhost:0", "--data", data).stop(); code != exitOK {
		t.Fatalf("try: got %d", code)
	}
	conf := write(t, "postern.yaml", strings.Replace(localConfig(data, 8480, ""), "policy: {quarantine: 0}", `policy:
  quarantine: 48h
  rules:
    - {name: no ben, match: {logins: [ben]}, deny: true}
    - {name: staff, match: {groups: [Staff], logins: [ada, cleo]}}
    - {name: others, match: {logins: [fay, eve]}, actions: [reset]}`, 1))
	end := func(of time.Time) string { return of.UTC().Add(48 * time.Hour).Format("2006-01-02") }
	day := "(" + end(begun) + "|" + end(time.Now()) + ")" // it may have become midnight
	for login, want := range map[string][]string{
		"ada":  {"Rule  +staff", "no: what is enrolled would be enough, and was enrolled too recently", "In quarantine  +until " + day, "A thief needs then  +mailbox and phone"},
		"ben":  {"Rule  +no ben", "no: the rule denies it"},
		"cleo": {"Rule  +staff", "no: too little is enrolled"},
		"dan":  {"Rule  +none", "no: no rule under policy.rules is for them", "In quarantine  +until " + day, "State  +locked since 20", "Directory  +local\n"},
		"eve":  {"State  +disabled", "Can reset  +no: the directory says", "Can unlock  +no: the directory says"},
		"fay":  {"State  +has to choose a new password", "Can reset  +no: too little", "Can unlock  +no: the rule lets nobody unlock"},
	} {
		code, out, errors := command(t, "people", "show", login, "--config", conf)
		if code != exitOK {
			t.Errorf("%s: got %d, %s", login, code, errors)
		}
		for _, w := range want {
			if !regexp.MustCompile(w).MatchString(out) {
				t.Errorf("%s: want %q in:\n%s", login, w, out)
			}
		}
		if strings.Contains(out, "Way") {
			t.Errorf("%s: has a way and cannot recover:\n%s", login, out)
		}
	}
}

// TestAdd fills the built-in directory; the password never stands on the command line.
func TestAdd(t *testing.T) {
	data := t.TempDir()
	conf := write(t, "postern.yaml", localConfig(data, 8480, ""))
	if code, _, errors := command(t, "keys", "init", "--config", conf); code != exitOK {
		t.Fatal(errors)
	}
	word := write(t, "word", "seven lakes behind a wall\r\nsecond line\n")
	for _, c := range []struct {
		in, args string
		code     int
		want     string
	}{
		{"an orange ladder in fog\n", "ada --name Ada,Byron --email ada@example.com --email ada@home.example --group Staff", exitOK, "ada was added to the directory local"},
		{"", "ben --password-file " + word, exitOK, "ben was added"},
		{"an orange ladder in fog", "ADA", exitFailure, "ADA is a name of ada in the directory local already"},
		{"an orange ladder in fog", "cleo --email ada@home.example", exitFailure, "ada@home.example is a name of ada"},
		{"an orange ladder in fog", "cleo --email home", exitUsage, "--email home: is no address"},
		{"an orange ladder in fog", "cleo --directory staff", exitFailure, `no directory "staff" of type local`},
		{"an orange ladder in fog", "cl\x00eo", exitFailure, "can be no login"},
		{"", "cleo", exitFailure, "no password in the first line of standard input"},
		{"\nan orange ladder in fog", "cleo", exitFailure, "no password in the first line"},
		{"short", "cleo", exitFailure, "does not meet the rules under password (length"},
		{"cleo marchetti cleo", "cleo --name marchetti", exitFailure, "own_word"},
		{"", "cleo --password x", exitUsage, "unknown flag --password"},
		{"", "cleo --password-file /nowhere", exitFailure, "--password-file: open /nowhere"},
	} {
		args := append([]string{"people", "add", "--config", conf}, strings.Fields(c.args)...)
		code, out, errors := commandWith(t, c.in, args...)
		if code != c.code || !strings.Contains(out+errors, c.want) {
			t.Errorf("add %q: got %d, %q; want %d, %q", c.args, code, out+errors, c.code, c.want)
		}
		if strings.Contains(out+errors, "orange") || strings.Contains(out+errors, "marchetti cleo") {
			t.Errorf("add %q: the password was printed: %q", c.args, out+errors)
		}
	}
	_, out, _ := command(t, "people", "show", "ada@home.example", "--config", conf)
	for _, want := range []string{"Ada,Byron", "a••••@example.com", "a••••@home.example", "Staff"} {
		if !strings.Contains(out, want) {
			t.Errorf("got %s, want %q in it", out, want)
		}
	}
	if _, out, _ = command(t, "audit", "tail", "--config", conf); strings.Count(out, "person.added actor=\"cli:") != 2 || !strings.Contains(out, `login="ben"`) {
		t.Errorf("the log: got %s", out)
	}
	e := &env{streams: streams{out: io.Discard, err: io.Discard}, ctx: t.Context(), now: time.Now}
	if err := (configFlag{Config: conf}).with(e, func(p *program) error {
		who, err := p.directories[0].Find(t.Context(), "ben")
		if err != nil {
			return err
		}
		door, _ := directory.As[directory.Authenticator](p.directories[0].Directory)
		return door.Authenticate(t.Context(), who.Ref.ID, secret.New("seven lakes behind a wall"))
	}); err != nil {
		t.Errorf("ben's password: %v", err)
	}
}

// TestAddNeedsALocalDirectory: with none there is nothing to fill, with two one must be named.
func TestAddNeedsALocalDirectory(t *testing.T) {
	for _, c := range []struct{ directories, args, want string }{
		{"{name: b, type: local}, {name: c, type: local}", "", "several directories of type local: name one with --directory"},
		{"{name: b, type: local}, {name: c, type: local}", "--directory=c", "was added to the directory c"},
	} {
		data := t.TempDir()
		conf := write(t, "postern.yaml", strings.Replace(localConfig(data, 8480, ""), "{name: local, type: local}", c.directories, 1))
		if code, _, errors := command(t, "keys", "init", "--config", conf); code != exitOK {
			t.Fatal(errors)
		}
		args := append([]string{"people", "add", "ada", "--config", conf}, strings.Fields(c.args)...)
		if _, out, errors := commandWith(t, "an orange ladder in fog", args...); !strings.Contains(out+errors, c.want) {
			t.Errorf("%s: got %q, want %q", c.directories, out+errors, c.want)
		}
	}
}

// TestVerifyContinues: each verification keeps its checkpoint, and the next must continue it.
func TestVerifyContinues(t *testing.T) {
	data := t.TempDir()
	store, kept := filepath.Join(data, "postern.db"), filepath.Join(data, "postern.keys.checkpoint")
	conf := write(t, "postern.yaml", localConfig(data, 8480, ""))
	if code, _, errors := command(t, "keys", "init", "--config", conf); code != exitOK {
		t.Fatal(errors)
	}
	verify := func(wantCode int, want ...string) {
		t.Helper()
		if _, _, errors := command(t, "people", "list", "--config", conf); errors != "" {
			t.Fatal(errors) // makes the store where there is none
		}
		code, out, errors := command(t, "audit", "verify", "--config", conf)
		if code != wantCode {
			t.Errorf("got %d, want %d: %s%s", code, wantCode, out, errors)
		}
		for _, w := range want {
			if !strings.Contains(out+errors, w) {
				t.Errorf("got %q, want %q in it", out+errors, w)
			}
		}
	}
	exchange := func(from string) {
		t.Helper()
		for _, end := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(store + end); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		if from == "" {
			return
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(store, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	try := func() {
		t.Helper()
		if code := start(t, "try", "--json", "--listen", "localhost:0", "--data", data).stop(); code != exitOK {
			t.Fatalf("try: got %d", code)
		}
	}
	verify(exitOK, "THE LOG IS EMPTY; nothing here proves that it always was")
	if _, err := os.Stat(kept); !os.IsNotExist(err) {
		t.Errorf("an empty log was kept: %v", err)
	}
	try()
	before := filepath.Join(t.TempDir(), "before.db")
	text, err := os.ReadFile(store)
	if err != nil || len(text) == 0 {
		t.Fatal(err)
	}
	if err := os.WriteFile(before, text, 0o600); err != nil {
		t.Fatal(err)
	}
	try()
	verify(exitOK, "The log is whole")
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	verify(exitOK, "The log is whole", "It continues the older checkpoint, of ")
	exchange(before)
	verify(exitFailure, "FAULT: ", "held against the checkpoint of the last verification, "+kept, "restored an older store yourself")
	exchange("")
	verify(exitFailure, "FAULT: ")
	if left, err := filepath.Glob(filepath.Join(data, ".postern*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestVerifyTellsWhatWaits: a record without a place for longer than a minute is told.
func TestVerifyTellsWhatWaits(t *testing.T) {
	data := t.TempDir()
	if code := start(t, "try", "--json", "--listen", "localhost:0", "--data", data).stop(); code != exitOK {
		t.Fatalf("try: got %d", code)
	}
	if code, _, errors := command(t, "audit", "tail", "--data", data); code != exitOK {
		t.Fatal(errors) // is recorded, and nobody gives it a place
	}
	for after, want := range map[time.Duration]bool{30 * time.Second: false, 2 * time.Minute: true} {
		var out bytes.Buffer
		e := &env{streams: streams{out: &out, err: &out}, ctx: t.Context(), now: func() time.Time { return time.Now().Add(after) }}
		err := auditVerify{logFlags: logFlags{Data: data}}.Run(e)
		if err != nil || strings.Contains(out.String(), "WARNING: a record has waited for its place since") != want || !strings.Contains(out.String(), "Pending: 1 record ") {
			t.Errorf("after %v: got %v, %s; want a warning: %v", after, err, &out, want)
		}
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

// TestServeSaysWhatIsWrongAtOnce: with a directory that cannot be used it is ready, and its log says
// why, before anybody comes; readyz says which one.
func TestServeSaysWhatIsWrongAtOnce(t *testing.T) {
	port, closed := freePort(t), freePort(t)
	text := strings.Replace(localConfig(t.TempDir(), port, ""), "{name: local, type: local}",
		fmt.Sprintf("{name: staff, type: ldap, urls: [\"ldaps://127.0.0.1:%d\"], bind_dn: cn=x, base: dc=x, bind_password_file: %s}", closed, write(t, "word", "x")), 1)
	conf := write(t, "postern.yaml", text)
	if code, _, errors := command(t, "keys", "init", "--config", conf); code != exitOK {
		t.Fatal(errors)
	}
	p := start(t, "serve", "--config", conf)
	testenv.WaitFor(t, "what is wrong", 10*time.Second, func() error {
		if log := p.errors.String(); !strings.Contains(log, `level=ERROR msg="a check of the directories found something" part="directory staff"`) || !strings.Contains(log, "fix=") {
			return fmt.Errorf("the log says %s", log)
		}
		return nil
	})
	if status, body := call(t, http.MethodGet, fmt.Sprintf("http://localhost:%d/readyz", port), "", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, `"parts":["directory staff: does not work"`) {
		t.Errorf("readyz: got %d, %s", status, body)
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("got %d, %s", code, p.errors)
	}
}
