package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"postern/directory"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// env is what every command gets.
type env struct {
	streams
	ctx context.Context
	now func() time.Time
}

// grammar is the command line. Each command is in the file of its name.
type grammar struct {
	Try     tryCommand     `cmd:"" help:"Try Postern here: a portal, a sample company's sign-in page and a mailbox, with sample people. Nothing else is needed and nothing is kept unless --data is given."`
	Serve   serveCommand   `cmd:"" help:"Serve the portal and the API as postern.yaml says."`
	Check   checkCommand   `cmd:"" help:"Check postern.yaml, then ask directories, senders and the store whether they would do. Changes nothing, unless --rehearse is given."`
	People  peopleCommand  `cmd:"" help:"See what people have enrolled, and enrol for them."`
	Audit   auditCommand   `cmd:"" help:"Verify, read and export the audit log."`
	Console consoleCommand `cmd:"" help:"Print a one-time link to the console, the pages for administrators."`
	Keys    keysCommand    `cmd:"" help:"Make and rotate the keys that seal enrolments and sign the audit log."`
	Config  configCommand  `cmd:"" help:"The reference of postern.yaml."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// configFlag names postern.yaml.
type configFlag struct {
	Config string `help:"The configuration file." placeholder:"FILE" default:"postern.yaml" env:"POSTERN_CONFIG"`
}

// usageError is a fault of the command line.
type usageError struct{ text string }

func (u usageError) Error() string { return u.text }

// errSilent ends a command with exit code 1 after it said everything itself.
var errSilent = errors.New("said already")

// ended is what kong's exit becomes: --help was printed.
type ended int

// run runs one command and returns the exit code.
func run(ctx context.Context, args []string, s streams) (code int) {
	defer func() {
		if v := recover(); v != nil {
			e, ok := v.(ended)
			if !ok {
				panic(v)
			}
			code = int(e)
		}
	}()
	var g grammar
	parser, err := kong.New(&g,
		kong.Name("postern"),
		kong.Description("Self-service password reset.\n\nExit codes: 0 success, 1 failure or an error found, 2 wrong command line."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { panic(ended(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return complain(s, fmt.Errorf("the command line's grammar: %w", err))
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return complain(s, usageError{sentence(err)})
	}
	return complain(s, parsed.Run(&env{streams: s, ctx: ctx, now: time.Now}))
}

// wantsValue is what kong says of a flag at the end of the line.
var wantsValue = regexp.MustCompile(`^(--[a-z-]+): expected .* value but got "EOL".*$`)

// sentence is err in words.
func sentence(err error) string {
	return wantsValue.ReplaceAllString(err.Error(), "$1 wants a value after it")
}

// complain says what went wrong and returns the exit code.
func complain(s streams, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSilent):
		return exitFailure
	case errors.As(err, &usage):
		fmt.Fprintf(s.err, "postern: %s; \"postern --help\" lists the commands\n", usage.text)
		return exitUsage
	}
	for l := range strings.SplitSeq(plain(err), "\n") {
		fmt.Fprintln(s.err, "postern: "+directory.Plain(l))
	}
	return exitFailure
}

// inside matches the name of a package at the beginning of what its error says, perhaps behind the
// names of settings. It is for who reads the source.
var inside = regexp.MustCompile(`(?m)^((?:[a-z_.]+(?:\[\d+\])?(?:, [a-z_.]+)*: )??)(?:(?:app|edge|page|portal|api|store|local|ldap|audit|keyring|config|smtp): )+`)

// plain returns the error's text for people: without the names of packages.
func plain(err error) string {
	text := inside.ReplaceAllString(err.Error(), "$1")
	return strings.ReplaceAll(text, ": TLS: ", ": ")
}
