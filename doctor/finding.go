package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"postern/directory"
)

func (s *Section) add(severity directory.Severity, fix, format string, args ...any) {
	s.keep(directory.Finding{Severity: severity, Fix: directory.Plain(fix), Text: fmt.Sprintf(format, args...)})
}

// keep is where every finding comes by: what people wrote about themselves is part of many. Only a
// directory's fixes have lines.
func (s *Section) keep(f directory.Finding) {
	f.Text, f.Fix = directory.Plain(f.Text), directory.PlainLines(f.Fix)
	s.Findings = append(s.Findings, f)
}

func (s *Section) good(format string, args ...any) { s.add(directory.Good, "", format, args...) }

// grace is how much longer than its deadline a part may take to notice it.
const grace = time.Second

// guard adds what look finds, and reports whether it came to an end. A panic is a finding; so is
// a part that goes on after ctx ended, which is then left to itself: it keeps slot, if there is
// one, so that it is not asked a second time while it hangs. fix mends a part that hangs.
func (s *Section) guard(ctx context.Context, slot chan struct{}, fix string, look func(context.Context) []directory.Finding) bool {
	if slot != nil {
		select {
		case slot <- struct{}{}:
		case <-ctx.Done():
			s.add(directory.Fault, fix+"; then restart postern serve", "an earlier check of it still hangs")
			return false
		}
	}
	out := make(chan []directory.Finding, 1)
	go func() { // waited for below, unless it hangs; what it sends then is never read
		if slot != nil {
			defer func() { <-slot }()
		}
		defer func() {
			if v := recover(); v != nil {
				out <- []directory.Finding{{Severity: directory.Fault, Text: fmt.Sprintf("the check itself broke: %v", v),
					Fix: "report it to whoever maintains Postern, with the process log"}}
			}
		}()
		out <- look(ctx)
	}()
	select {
	case found := <-out:
		for _, f := range found {
			s.keep(f)
		}
		return true
	case <-late(ctx):
	}
	s.add(directory.Fault, fix, "did not answer in time, and did not give up either")
	return false
}

// late is closed some time after ctx ended.
func late(ctx context.Context) <-chan struct{} {
	c := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { close(c) }) })
	return c
}

// count is "1 rule" or "2 rules".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Quoted is s as one word of a command line.
func Quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// special reports whether a shell may do something with r.
func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("@._+-/:", r)
}
