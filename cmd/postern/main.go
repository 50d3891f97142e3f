// Command postern lets people reset a forgotten password themselves, and lets an administrator
// run, check and look after the service that does it.
//
// It wires the packages together and holds no rule of its own. "postern --help" lists the
// commands. Exit codes: 0 for success, 1 when the command failed or a check found an error, 2 when
// the command line was wrong.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(untilSignal(os.Args[1:])) }

// untilSignal runs the command until it ends or the process is told to. A second signal ends it
// at once.
func untilSignal(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, args, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
}
