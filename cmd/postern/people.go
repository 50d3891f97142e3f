package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"postern/account"
	"postern/app"
	"postern/config"
	"postern/directory"
	"postern/doctor"
	"postern/policy"
)

// peopleCommand is what an operator does for people.
type peopleCommand struct {
	List     peopleList     `cmd:"" help:"List the people who have enrolled something."`
	Show     peopleShow     `cmd:"" help:"Show somebody's account, what they have enrolled, which rule holds for them and why, and what a thief would need."`
	Add      peopleAdd      `cmd:"" help:"Add somebody to the built-in directory (type local)."`
	Enroll   peopleEnroll   `cmd:"" help:"Enrol a method for somebody, or make a one-time link for what only they can enrol."`
	Unenroll peopleUnenroll `cmd:"" help:"Take an enrolled method away from somebody, and tell them."`
}

// with opens the program for one command.
func (c configFlag) with(e *env, do func(p *program) error) error {
	conf, err := config.Load(c.Config, kinds())
	if err != nil {
		return err
	}
	p, err := open(e, conf)
	if err != nil {
		return err
	}
	return errors.Join(do(p), p.close())
}

// moment is how tables show a moment.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

type peopleShow struct {
	configFlag
	Login string `arg:"" help:"Who, as they sign in."`
}

// Run shows one person.
func (c peopleShow) Run(e *env) error {
	return c.with(e, func(p *program) error {
		who, err := p.app.Person(e.ctx, operator(), c.Login)
		if err != nil {
			return err
		}
		return show(e, who)
	})
}

func show(e *env, p app.Person) error {
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(w, "%s\t%s\n", name, directory.Plain(value)) }
	row("Login", p.Account.Login)
	row("Name", p.Account.Name)
	row("Directory", p.Account.Ref.Directory)
	row("Account", p.Account.Ref.String())
	for _, c := range p.Account.Contacts {
		row("On record", string(c.Kind)+" "+c.Mask())
	}
	row("Groups", strings.Join(p.Account.Groups, ", "))
	for _, s := range states(p.Account) {
		row("State", s)
	}
	if len(p.Enrolled) == 0 {
		row("Enrolled", "nothing")
	}
	for _, m := range p.Enrolled {
		row("Enrolled", fmt.Sprintf("%s %q, id %s, added %s, last used %s", m.Factor, m.Label, m.ID, moment(m.Added), moment(m.Used)))
	}
	d := p.Decision
	row("Rule", cmp.Or(p.Rule, "none"))
	row("Can reset", verdict(d))
	row("Can unlock", verdict(p.Unlock))
	if !p.Ripe.IsZero() {
		row("In quarantine", "until "+moment(p.Ripe)+", when the latest enrolment begins to count")
	}
	if d.Allowed { // else the plan is a decoy's
		for _, way := range d.Plan.Within(d.Usable).Ways {
			row("Way", join(way, " and "))
		}
	}
	if p.Unlock.Allowed {
		for _, way := range p.Unlock.Plan.Within(p.Unlock.Usable).Ways {
			row("Way to unlock", join(way, " and "))
		}
	}
	thief := "A thief needs"
	if !p.Ripe.IsZero() {
		thief = "A thief needs then"
	}
	for _, theft := range p.Thieves {
		row(thief, join(theft, " and "))
	}
	return w.Flush()
}

func join[T ~string](parts []T, by string) string {
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = string(p)
	}
	return strings.Join(words, by)
}

// verdict says whether somebody could do it now, or why not.
func verdict(d policy.Decision) string {
	if d.Allowed {
		return "yes"
	}
	return "no: " + doctor.Why(d.Why)
}

// state is the most important of an account's states, for a list.
func state(a account.Account) string { return states(a)[0] }

// states says how the account is, as far as the directory tells.
func states(a account.Account) []string {
	var out []string
	for _, s := range []struct {
		is   bool
		text string
	}{
		{a.Disabled, "disabled"},
		{a.Locked, "locked" + from(" since ", a.LockedSince) + from(" until ", a.LockedUntil)},
		{a.MustChange, "has to choose a new password at the next sign-in"},
		{a.Expired, "the password has expired"},
		{a.Privileged, "guarded by the directory (privileged)"},
		{a.Barred != "", "the service may not set the password: " + a.Barred},
	} {
		if s.is {
			out = append(out, s.text)
		}
	}
	if !a.Disabled && !a.Locked && !a.MustChange && !a.Expired {
		out = append([]string{"may sign in"}, out...)
	}
	return out
}

// from is word and t, or nothing where nobody knows.
func from(word string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return word + moment(t)
}

type peopleEnroll struct {
	configFlag
	Login  string            `arg:"" help:"Who, as they sign in."`
	Method string            `arg:"" help:"What: totp, email_code, passkey …"`
	Params map[string]string `arg:"" optional:"" help:"What the method asks for, such as address=ada@example.com." placeholder:"KEY=VALUE"`
}

// Run enrols.
func (c peopleEnroll) Run(e *env) error {
	return c.with(e, func(p *program) error {
		f := policy.Factor(c.Method)
		if _, ok := p.app.Traits()[f]; !ok {
			return fmt.Errorf("there is no method %q: switched on under methods are %s", c.Method, join(slices.Sorted(maps.Keys(p.app.Traits())), ", "))
		}
		public, err := p.app.EnrollDirectly(e.ctx, operator(), c.Login, f, c.Params)
		if errors.Is(err, app.ErrNeedsBrowser) {
			return c.invite(e, p, f)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%s was enrolled for %s, and they will be told.\n", c.Method, c.Login)
		return handOver(e, public)
	})
}

func (c peopleEnroll) invite(e *env, p *program, f policy.Factor) error {
	invitation, err := p.app.Invite(e.ctx, operator(), c.Login, f, c.Params)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "%s\nGive this link to %s alone: it can be used once, until %s.\n", p.link(invitation.Token), c.Login, moment(invitation.Expires))
	return err
}

// handOver prints what the person needs, which is shown this once.
func handOver(e *env, public any) error {
	values, err := flatten(public)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(e.out, "%s: %s\n", name, values[name])
	}
	return nil
}

type peopleUnenroll struct {
	configFlag
	Login string `arg:"" help:"Who, as they sign in."`
	ID    string `arg:"" help:"Which enrolment: the id that \"postern people show\" prints, or the name of a method of which there is one."`
}

// Run takes it away.
func (c peopleUnenroll) Run(e *env) error {
	return c.with(e, func(p *program) error {
		who, err := p.app.Person(e.ctx, operator(), c.Login)
		if err != nil {
			return err
		}
		var ids []string
		for _, m := range who.Enrolled {
			if m.ID == c.ID || string(m.Factor) == c.ID {
				ids = append(ids, m.ID)
			}
		}
		if len(ids) != 1 {
			return fmt.Errorf("%s has %d enrolments %q: \"postern people show %s\" prints their ids", c.Login, len(ids), c.ID, doctor.Quoted(c.Login))
		}
		if err := p.app.Unenroll(e.ctx, operator(), c.Login, ids[0]); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "%s was taken away from %s, and they will be told.\n", c.ID, c.Login)
		return err
	})
}

type peopleList struct {
	configFlag
}

// people is how many people are read at once.
const people = 500

// Run lists who has enrolled what. Each line asks the person's directory for their login.
func (c peopleList) Run(e *env) error {
	return c.with(e, func(p *program) error {
		w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "LOGIN\tNAME\tSTATE\tENROLLED\tACCOUNT")
		var after account.Ref
		for {
			rows, err := p.store.Enrolled(e.ctx, after, people)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				return w.Flush()
			}
			for i := 0; i < len(rows); {
				who, factors := rows[i].Who, []string(nil)
				for ; i < len(rows) && rows[i].Who == who; i++ {
					factors = append(factors, string(rows[i].Factor))
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", p.known(e, who), strings.Join(factors, ", "), who)
				after = who
			}
		}
	})
}

// known returns login, name and state of who, as columns.
func (p *program) known(e *env, who account.Ref) string {
	for _, d := range p.app.Directories {
		if d.Name != who.Directory {
			continue
		}
		a, err := d.Get(e.ctx, who.ID)
		if err != nil {
			return "?\t\t" + directory.Told(err)
		}
		return directory.Plain(a.Login) + "\t" + directory.Plain(a.Name) + "\t" + directory.Plain(state(a))
	}
	return "?\t\tthe directory is no longer configured"
}

// flatten returns the text members of what a method hands over.
func flatten(public any) (map[string]string, error) {
	b, err := json.Marshal(public)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("what the method hands over has no names: %w", err)
	}
	out := map[string]string{}
	for name, v := range all {
		if s, ok := v.(string); ok {
			out[name] = s
		}
	}
	return out, nil
}
