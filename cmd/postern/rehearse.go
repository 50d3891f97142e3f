package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/app"
	"postern/config"
	"postern/directory"
)

func canaries(r config.Rehearsal) app.Canaries {
	return app.Canaries{Logins: r.Accounts, Every: r.Every, Alarm: r.Alarm, Language: r.Language}
}

// rehearse resets a canary for real and shows every step. It may run beside postern serve.
func (c checkCommand) rehearse(e *env) error {
	if c.Person != "" {
		return usageError{"check: --rehearse and --person do not go together: use one after the other"}
	}
	return c.with(e, func(p *program) error {
		r, err := p.app.Rehearse(e.ctx, operator(), c.Rehearse)
		if len(r.Steps) == 0 {
			return err
		}
		if c.JSON {
			err = errors.Join(err, json.NewEncoder(e.out).Encode(r))
		} else {
			p.tell(e.out, r)
		}
		if err == nil && !r.OK {
			return errSilent
		}
		return err
	})
}

// tell prints a rehearsal as check prints findings.
func (p *program) tell(w io.Writer, r app.Rehearsal) {
	line := func(severity directory.Severity, text, fix string) {
		fmt.Fprintf(w, "%-8s %s\n", severity, directory.Plain(text))
		if fix != "" {
			tellFix(w, fix)
		}
	}
	for _, s := range r.Steps {
		head := fmt.Sprintf("%s, %s", p.texts.Text("en", "rehearse.step."+s.Name, nil), short(s.Took))
		switch {
		case s.Err != "":
			line(directory.Fault, head+": "+plain(errors.New(s.Err)), s.Fix)
		case s.Note != "":
			line(directory.Good, head+": "+s.Note, "")
		default:
			line(directory.Good, head, "")
		}
	}
	for _, f := range r.Findings {
		line(f.Severity, f.Text, f.Fix)
	}
	if r.OK {
		fmt.Fprintf(w, "the rehearsal on %s went well in %s; it has a new random password that nobody knows\n", r.Login, short(r.Took))
		return
	}
	fmt.Fprintf(w, "the rehearsal on %s failed after %s\n", r.Login, short(r.Took))
}

// short shows how long something took.
func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
