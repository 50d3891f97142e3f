package testenv

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const posternPatience = 60 * time.Second

// PosternProgram builds the program from this repository, once in a test process, and returns its
// path. It lies beside the test's own program, which "go test" removes in the end.
func PosternProgram(t testing.TB) string {
	t.Helper()
	path, err := buildPostern()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildPostern = sync.OnceValues(func() (string, error) {
	gomod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("testenv: go env GOMOD: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(gomod)))
	if err := noteSources(root); err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("testenv: finding the test's own program: %w", err)
	}
	path := filepath.Join(filepath.Dir(self), "postern-under-test")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./cmd/postern")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("testenv: go build ./cmd/postern: %w\n%s", err, out)
	}
	return path, nil
})

// noteSources looks at every file that the program is made of, so that "go test" knows that its
// cached results hold for these only.
func noteSources(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "bin" || d.Name() == "e2e" || d.Name() == "bench" || path != root && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		_, err = os.Stat(path)
		return err
	})
}

// Postern is one installation of the program: a folder with postern.yaml, keys and data, and the
// process that serves it, when it runs.
type Postern struct {
	URL     string // as people know it: http://localhost:…
	Address string // where this process listens: 127.0.0.1:…
	Dir     string // data and configuration
	Config  string // path of postern.yaml
	Mailbox string // path of the file that messages are written to

	program string
	process *Process
	t       testing.TB
}

// NewPostern makes an installation, with fresh keys, that is not running yet. settings are the
// sections directories, methods and whatever else of postern.yaml the test wants to choose; a file
// is the mailbox.
func NewPostern(t testing.TB, settings string) *Postern {
	t.Helper()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
	_, port, _ := net.SplitHostPort(address)
	p := &Postern{URL: "http://localhost:" + port, Address: address, t: t, program: PosternProgram(t)}
	p.write(settings, "")
	if out, err := p.Run("keys", "init"); err != nil {
		t.Fatalf("testenv: postern keys init: %v\n%s", err, out)
	}
	return p
}

// Beside makes a second node with its own folder and address, the same public address, keys and
// settings.
func (p *Postern) Beside(settings string) *Postern {
	p.t.Helper()
	q := &Postern{URL: p.URL, Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(p.t))), t: p.t, program: p.program}
	q.write(settings, filepath.Join(p.Dir, "postern.keys"))
	return q
}

func (p *Postern) write(settings, keys string) {
	p.t.Helper()
	p.Dir = p.t.TempDir()
	p.Config, p.Mailbox = filepath.Join(p.Dir, "postern.yaml"), filepath.Join(p.Dir, "mailbox.jsonl")
	text := fmt.Sprintf("public_url: %q\nlisten: %q\ndata: %q\nnotify: [{type: file, file: %q}]\nlog: {level: error}\n", p.URL, p.Address, p.Dir, p.Mailbox)
	if keys != "" {
		text += fmt.Sprintf("keys: {file: %q}\n", keys)
	}
	if err := os.WriteFile(p.Config, []byte(text+settings), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// Run runs another command of the program on the installation, whether it serves or not, and
// returns all that it said.
func (p *Postern) Run(args ...string) (string, error) {
	out, err := exec.Command(p.program, append(args, "--config", p.Config)...).CombinedOutput()
	return string(out), err
}

// Start starts "postern serve" and waits until it answers.
func (p *Postern) Start() {
	p.t.Helper()
	p.process = Start(p.t, exec.Command(p.program, "serve", "--config", p.Config))
	WaitFor(p.t, "postern serve", posternPatience, func() error {
		res, err := p.request(http.MethodGet, "/healthz")
		if err != nil {
			return errors.Join(err, p.process.Exited())
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("healthz: %s", res.Status)
		}
		return nil
	})
}

func (p *Postern) request(method, path string) (*http.Response, error) {
	req, err := http.NewRequest(method, "http://"+p.Address+path, nil)
	if err != nil {
		return nil, err
	}
	req.Host = p.Host()
	return http.DefaultClient.Do(req)
}

// Host is what requests must carry as their Host, whichever node they go to.
func (p *Postern) Host() string { return strings.TrimPrefix(p.URL, "http://") }

// Kill ends the process as a power cut would: at once, with nothing put in order.
func (p *Postern) Kill() { p.process.Stop(syscall.SIGKILL) }

// Stop tells the process to end in good order and waits for it.
func (p *Postern) Stop() { p.process.Stop(syscall.SIGTERM) }

// Output is what the serving process has written until now.
func (p *Postern) Output() string { return p.process.Output() }
