package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"postern/internal/testenv"
)

// What else a run can leave.
var (
	shots   = flag.String("shots", "", "folder that gets a picture of every page")
	picture = flag.String("picture", "", "file that gets the picture of the README")
)

// What all tests share, made before the first of them.
var (
	program string // path of the built postern
	browser *testenv.Browser
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "postern-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program = filepath.Join(dir, "postern")
	build := exec.Command("go", "build", "-o", program, "../cmd/postern")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build ../cmd/postern: %w\n%s", err, out)
	}
	if browser, err = testenv.StartChromium(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, browser.Close()) }()
	return m.Run(), nil
}
