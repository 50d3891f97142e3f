package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	atOnce = 2
	// most is how long the tests of one fault may take. One that makes them hang is caught.
	most = 2 * time.Minute
)

// lab runs tests with faults.
type lab struct{ root, temp string }

// result is what became of one fault.
type result struct {
	mutant mutant
	by     string // the test that caught it; empty: none did
	took   time.Duration
	err    error // the fault could not be tried
}

// sound reports whether the tests pass while nothing is broken: those that the faults need.
func (l lab) sound(ctx context.Context, faults []mutant) error {
	needed := map[string][]string{} // tests by folder
	for _, m := range faults {
		for _, f := range m.folders() {
			needed[f] = append(needed[f], m.by)
		}
	}
	for f, tests := range needed {
		slices.Sort(tests)
		if tests = slices.Compact(tests); tests[0] == "" {
			tests = nil
		}
		if out, err := l.test(ctx, "", strings.Join(tests, "|"), []string{f}); err != nil {
			return fmt.Errorf("the tests fail without any fault:\n%s%w", tail(out), err)
		}
	}
	return nil
}

// tryAll tries the faults, a few at once, and yields the results as they come.
func (l lab) tryAll(ctx context.Context, faults []mutant) iter.Seq[result] {
	return func(yield func(result) bool) {
		todo, done := make(chan int), make(chan result)
		var wg sync.WaitGroup
		for range atOnce {
			wg.Go(func() {
				for i := range todo {
					done <- l.try(ctx, faults[i], i)
				}
			})
		}
		wg.Go(func() {
			defer close(todo)
			for i := range faults {
				todo <- i
			}
		})
		go func() {
			wg.Wait()
			close(done)
		}()
		more := true
		for r := range done { // to the end, so that nobody is left waiting
			more = more && yield(r)
		}
	}
}

// try runs the tests over one fault.
func (l lab) try(ctx context.Context, m mutant, n int) result {
	began := time.Now()
	overlay, err := l.overlay(m, n)
	if err != nil {
		return result{mutant: m, err: err}
	}
	out, err := l.test(ctx, overlay, m.by, m.folders())
	took := time.Since(began)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return result{mutant: m, took: took}
	case ctx.Err() != nil:
		return result{mutant: m, err: ctx.Err()}
	case !errors.As(err, &exit):
		return result{mutant: m, err: err}
	case bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]")) || !bytes.Contains(out, []byte("FAIL")):
		return result{mutant: m, err: fmt.Errorf("it does not compile:\n%s", tail(out))}
	}
	return result{mutant: m, by: catcher(out), took: took}
}

// failed is how the go command names a test that failed, or that ran when a test panicked.
var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)|^panic: test timed out`)

// catcher returns the name of the first test that failed.
func catcher(out []byte) string {
	switch m := failed.FindSubmatch(out); {
	case m == nil:
		return "a crash"
	case len(m[1]) == 0:
		return "the time limit"
	default:
		return string(m[1])
	}
}

// overlay writes the file with the fault, and what tells the go command to take it instead.
func (l lab) overlay(m mutant, n int) (string, error) {
	at := filepath.Join(l.root, filepath.FromSlash(m.file))
	text, err := os.ReadFile(at)
	if err != nil {
		return "", err
	}
	changed, err := m.apply(string(text))
	if err != nil {
		return "", err
	}
	instead := filepath.Join(l.temp, fmt.Sprintf("%d.go", n))
	if err := os.WriteFile(instead, []byte(changed), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {at: instead}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(l.temp, fmt.Sprintf("%d.json", n))
	return name, os.WriteFile(name, list, 0o600)
}

// test runs the tests of the folders, without vet: that it dislikes a fault proves nothing.
func (l lab) test(ctx context.Context, overlay, by string, folders []string) ([]byte, error) {
	args := []string{"test", "-count=1", "-failfast", "-short", "-vet=off", "-timeout", most.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if by != "" {
		args = append(args, "-run", "^("+by+")$")
	}
	for _, f := range folders {
		args = append(args, "./"+f)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = l.root
	return cmd.CombinedOutput()
}

// tail returns the last lines of what the go command said.
func tail(out []byte) string {
	lines := strings.SplitAfter(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "") + "\n"
}
