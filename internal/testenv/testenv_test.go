package testenv

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStartKeepsOutputAndStops(t *testing.T) {
	p := Start(t, exec.Command("/bin/sh", "-c", "echo ready; exec cat /dev/zero >/dev/null"))
	WaitFor(t, "the shell", 5*time.Second, func() error {
		if !strings.Contains(p.Output(), "ready") {
			return errors.New("nothing written yet")
		}
		return p.Exited()
	})
	p.Stop(syscall.SIGTERM)
	if p.Exited() == nil {
		t.Error("Exited says that a stopped process runs")
	}
	p.Stop(syscall.SIGTERM)
}

// TestPortIsHeld: until its test has ended a port is nobody else's, even while nobody listens on it.
func TestPortIsHeld(t *testing.T) {
	var port int
	t.Run("while the test runs", func(t *testing.T) {
		port = FreePort(t)
		if hold, err := holdPort(port); err == nil {
			hold.Close()
			t.Error("somebody else got it")
		}
	})
	hold, err := holdPort(port)
	if err != nil {
		t.Fatalf("the test has ended: %v", err)
	}
	hold.Close()
}

func TestMissingProgramNamesItsPackage(t *testing.T) {
	_, err := program("no-such-program", "the-package", "/nowhere")
	if err == nil || !strings.Contains(err.Error(), "the-package") {
		t.Errorf("got %v, want an error that names the package", err)
	}
}

func TestWaitForTellsTheLastError(t *testing.T) {
	err := waitFor("it", time.Millisecond, func() error { return errors.New("the reason") })
	if err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("got %v, want the last error", err)
	}
}
