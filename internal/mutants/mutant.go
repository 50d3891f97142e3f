package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one fault: a fragment of one line of a file, and what to put in its place.
type mutant struct {
	file     string // from the repository's root, with slashes
	old      string // occurs exactly once in the file
	new      string
	by       string   // the tests that must notice, for those that take long; empty: all of the folder
	packages []string // folders whose tests must notice; none: the file's own
}

// String shows where the fault is and what it is.
func (m mutant) String() string {
	return fmt.Sprintf("%s: %q → %q", m.file, m.old, m.new)
}

// folders returns the folders whose tests must notice.
func (m mutant) folders() []string {
	if len(m.packages) == 0 {
		return []string{path.Dir(m.file)}
	}
	return m.packages
}

// apply returns text with the fault in it.
func (m mutant) apply(text string) (string, error) {
	switch n := strings.Count(text, m.old); {
	case m.old == "" || m.old == m.new:
		return "", errors.New("it changes nothing")
	case strings.ContainsRune(m.old+m.new, '\n'):
		return "", errors.New("it is of more than one line")
	case n == 0:
		return "", errors.New("the line is no longer there")
	case n > 1:
		return "", fmt.Errorf("the fragment is there %d times", n)
	}
	return strings.Replace(text, m.old, m.new, 1), nil
}

// all returns every fault, those with quick tests first.
func all() []mutant { return slices.Concat(core, rings) }

// moduleRoot returns the folder of go.mod above the present one.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("there is no go.mod here or above")
		}
		dir = up
	}
}
