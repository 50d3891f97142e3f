// Package testenv runs the real services that tests need: OpenLDAP, 389 Directory Server, Samba as
// a domain controller, PostgreSQL, a mail server and Chromium. Everything listens on a loopback
// address or on none, keeps its data in a temporary directory and ends with the test process,
// however that ends.
//
// It is for tests only and installs nothing: a service that is missing fails the test with the
// name of the Debian package. It never skips.
package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// FreePort returns a TCP port of 127.0.0.1 that nobody listens on, and that no other test gets
// before this one has ended.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := portFor(t)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// portFor is freePort for as long as the test runs.
func portFor(t testing.TB) (int, error) {
	port, hold, err := freePort()
	if err == nil {
		t.Cleanup(func() { _ = hold.Close() })
	}
	return port, err
}

// Test processes run side by side, and a port that the system gives out is given to the next one,
// or to a connection, as soon as it is let go. So the port is drawn from below those that the
// system gives out (32768 and up on Linux), and held until hold is closed by a name that only one
// process of the machine can have, whether somebody listens on the port at the moment or not.
const (
	lowestPort  = 10240
	highestPort = 32767
	portDraws   = 100
)

func freePort() (port int, hold io.Closer, err error) {
	for range portDraws {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		hold, err := holdPort(port)
		if err != nil {
			continue // another test's
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			_ = hold.Close()
			continue // taken
		}
		return port, hold, l.Close()
	}
	return 0, nil, fmt.Errorf("testenv: no free port in %d draws from %d to %d", portDraws, lowestPort, highestPort)
}

// holdPort takes the port's name, an abstract socket: it is no file, and goes with its process.
func holdPort(port int) (io.Closer, error) {
	return net.Listen("unix", fmt.Sprintf("@postern-test-port-%d", port))
}

// Program returns the path of a program, looking in dirs after $PATH, and fails the test with the
// name of its Debian package when it is missing.
func Program(t testing.TB, name, debian string, dirs ...string) string {
	t.Helper()
	path, err := program(name, debian, dirs...)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func program(name, debian string, dirs ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(dir + "/" + name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("testenv: %s is missing: install the Debian package %s", name, debian)
}

// WaitFor polls ready until it returns nil, and fails the test with its last error after limit.
func WaitFor(t testing.TB, what string, limit time.Duration, ready func() error) {
	t.Helper()
	if err := waitFor(what, limit, ready); err != nil {
		t.Fatal(err)
	}
}

func waitFor(what string, limit time.Duration, ready func() error) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-deadline.C:
			return fmt.Errorf("testenv: %s is not ready after %v: %w", what, limit, err)
		case <-tick.C:
		}
	}
}

const freezePatience = 60 * time.Second

// Process is a child process of a test. Its output is kept and shown when the test fails.
type Process struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{}
	err  error // of Wait; read after done
}

// Start runs cmd until the test ends or the test process dies. It uses cmd's Stdout, Stderr and
// SysProcAttr.Pdeathsig; the rest is the caller's.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	go func() {
		// Linux sends the signal when the thread that started the child ends, so the thread
		// stays with this goroutine until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		t.Fatalf("testenv: starting %s: %v", cmd.Path, err)
	}
	t.Cleanup(func() {
		p.Stop(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("output of %s:\n%s", cmd.Path, p.Output())
		}
	})
	return p
}

// Stop sends a signal and waits for the end. It may be called again.
func (p *Process) Stop(signal syscall.Signal) {
	// An error means that it has ended already.
	_ = p.cmd.Process.Signal(signal)
	<-p.done
}

// Signal sends a signal and does not wait.
func (p *Process) Signal(signal syscall.Signal) error { return p.cmd.Process.Signal(signal) }

// freeze stops the process and returns when every thread stands still; SIGCONT lets it go on.
func (p *Process) freeze() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return waitFor(p.cmd.Path+" standing still", freezePatience, func() error {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
		if err != nil || len(tasks) == 0 {
			return fmt.Errorf("no threads: %w", err)
		}
		if i := slices.IndexFunc(tasks, moves); i >= 0 {
			return errors.New(tasks[i] + " moves")
		}
		return nil
	})
}

// moves reports whether the thread with that status file is not stopped.
func moves(status string) bool {
	b, err := os.ReadFile(status)
	return err == nil && !strings.Contains(string(b), "\nState:\tT")
}

// Output returns what the process has written until now.
func (p *Process) Output() string { return p.out.String() }

// Exited returns an error once the process has ended, for use in WaitFor.
func (p *Process) Exited() error {
	select {
	case <-p.done:
		return fmt.Errorf("testenv: %s ended (%v):\n%s", p.cmd.Path, p.err, p.Output())
	default:
		return nil
	}
}

// output is a buffer that may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
