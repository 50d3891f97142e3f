package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/testenv"
)

// operating are the console's pages.
func (w *walk) operating() {
	w.status(w.Go(w.portal+"/admin/directories"), http.StatusUnauthorized)
	w.sees("console.denied.title")
	w.look("console-denied")
	w.Go(w.tr.Console)
	w.sees("console.enter.title")
	w.look("console-enter")
	w.status(w.Follow("main form .button"), http.StatusOK)
	w.sees("console.directories")
	w.look("console-never")
	w.Follow(".title .button")
	if !w.Has("main > .note time") || w.Has(".error") {
		w.t.Errorf("after a check that should find no error: %s", w.Text("main"))
	}
	w.look("console-checked")
	w.Type("#login", "dan")
	w.status(w.Follow(".search .button"), http.StatusOK)
	w.look("console-person")
	w.Type("#login", "x")
	w.status(w.Follow(".search .button"), http.StatusNotFound)
	w.reads(".summary", "console.person.unknown")
	w.look("console-nobody")
	w.status(w.Go(w.portal+"/admin/nothing"), http.StatusNotFound)
	w.look("console-missing")
	w.Follow("main a.button")
	w.Follow(`form[action="/admin/leave"] button`)
	w.sees("console.left.title")
	w.look("console-left")
	w.status(w.Go(w.tr.Console), http.StatusOK)
	w.status(w.Follow("main form .button"), http.StatusUnauthorized)
	w.sees("console.denied.title")
}

// TestConsoleTellsOfFaults: a directory that nobody answers for, with what mends it, on a small
// screen and on a large one.
func TestConsoleTellsOfFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port, closed := testenv.FreePort(t), testenv.FreePort(t)
	site := fmt.Sprintf("http://localhost:%d", port)
	secret, conf := filepath.Join(dir, "pw"), filepath.Join(dir, "postern.yaml")
	text := fmt.Sprintf(`public_url: %[1]s
listen: localhost:%[2]d
data: %[3]s
audit: {origin: localhost/e2e}
organisation: {name: Northwind, help_desk: ext. 4357}
directories:
  - {name: staff, title: Northwind staff, type: ldap, urls: ["ldaps://localhost:%[4]d", "ldaps://xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.invalid"], bind_dn: "cn=postern,ou=services,dc=northwind,dc=example", base: "ou=people,dc=northwind,dc=example", bind_password_file: %[5]s}
  - {name: guests, title: Guests, type: local, lock_after: 3}
methods: {passkey: , totp: , email_code: }
notify: [{type: file, file: %[3]s/mail.jsonl}]
`, site, port, dir, closed, secret)
	for name, content := range map[string]string{secret: "x\n", conf: text} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(secret, 0o644); err != nil { // a fault whose mend is a command
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "keys", "init", "--config", conf).CombinedOutput(); err != nil {
		t.Fatalf("keys init: %v\n%s", err, out)
	}
	p := testenv.Start(t, exec.Command(program, "serve", "--config", conf))
	testenv.WaitFor(t, "postern serve", 20*time.Second, func() error {
		if strings.Contains(p.Output(), "msg=ready") {
			return nil
		}
		return errors.Join(errors.New("not ready yet"), p.Exited())
	})
	out, err := exec.Command(program, "console", "--config", conf).CombinedOutput()
	if err != nil {
		t.Fatalf("console: %v\n%s", err, out)
	}
	w := &walk{visit: arrive(t, site, testenv.Visitor{Width: 320, Height: 640}), language: "en", axe: axe(t)}
	w.Go(strings.Fields(string(out))[0])
	w.Follow("main form .button")
	w.Follow(".title .button")
	w.look("console-faults")
	if got := w.Text(".findings"); !strings.Contains(got, w.text("console.severity.error")) || !strings.Contains(got, w.text("console.fix")) {
		t.Errorf("got the findings %q", got)
	}
	if !w.Has("[data-copy]:not([hidden])") {
		t.Error("with script there is no button that copies")
	}
	w.Resize(1280, 900)
	for _, fault := range w.faults() {
		t.Errorf("on a large screen: %s", fault)
	}
	for _, v := range w.violations() {
		t.Errorf("on a large screen: %s", v)
	}
	w.quiet()
}
