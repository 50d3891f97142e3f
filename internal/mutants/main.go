// Command mutants breaks one line of Postern at a time and expects a test to fail: the proof that
// the tests would notice. Run it from the repository with "make mutants", or with the names of
// folders for those alone: "go run ./internal/mutants recovery policy".
//
// It never touches the tree: each fault is a copy of one file in a temporary folder, which the go
// command is told to compile instead (go test -overlay). It is no coverage tool and makes no
// faults of its own: they are chosen by hand, one for each promise that a single line keeps, in
// the tables core and rings. It guards against fooling itself: the tests must pass before
// anything is broken, a fault that does not compile is an error of the table and not a catch, and
// so is one whose line is no longer there.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run tries the faults in the given folders, or all.
func run(ctx context.Context, out io.Writer, folders []string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	chosen := choose(all(), folders)
	if len(chosen) == 0 {
		return fmt.Errorf("there is no fault in %s", strings.Join(folders, ", "))
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	began := time.Now()
	lab := lab{root: root, temp: temp}
	if err := lab.sound(ctx, chosen); err != nil {
		return err
	}
	fmt.Fprintf(out, "the tests pass without faults (%s)\n", time.Since(began).Round(time.Second))
	survivors, broken := 0, 0
	for r := range lab.tryAll(ctx, chosen) {
		switch {
		case r.err != nil:
			broken++
			fmt.Fprintf(out, "ERROR     %s: %v\n", r.mutant, r.err)
		case r.by == "":
			survivors++
			fmt.Fprintf(out, "SURVIVED  %s\n", r.mutant)
		default:
			fmt.Fprintf(out, "caught    %s: %q by %s (%s)\n", r.mutant.file, r.mutant.old, r.by, r.took.Round(100*time.Millisecond))
		}
	}
	fmt.Fprintf(out, "%d faults, %d caught, %d survived, %d errors (%s)\n", len(chosen),
		len(chosen)-survivors-broken, survivors, broken, time.Since(began).Round(time.Second))
	if survivors+broken > 0 {
		return fmt.Errorf("%d survivors and %d errors", survivors, broken)
	}
	return nil
}

// choose returns the faults whose file lies in one of the folders; without folders all.
func choose(faults []mutant, folders []string) []mutant {
	if len(folders) == 0 {
		return faults
	}
	return slices.DeleteFunc(faults, func(m mutant) bool {
		return !slices.ContainsFunc(folders, func(f string) bool {
			return strings.HasPrefix(m.file, strings.TrimPrefix(strings.Trim(f, "/"), "./")+"/")
		})
	})
}
