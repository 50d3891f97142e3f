package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/app"
	"postern/directory"
	"postern/directory/wrap"
	"postern/policy"
)

// looked is what was seen of one directory.
type looked struct {
	Section
	lookUp time.Duration // what one look-up takes, once a connection is open; zero: nobody knows
}

// directory asks one directory, step by step, as far as it answers.
func (d *Doctor) directory(ctx context.Context, i int) looked {
	n := d.Directories[i]
	out := looked{Section: Section{Name: "directory " + n.Name, Of: n.Name}}
	ctx, stop := context.WithTimeout(ctx, d.Patience)
	defer stop()
	fix := fmt.Sprintf("see that the servers of directory %s answer from this machine, and correct their addresses under directories", n.Name)
	ask, ok := directory.As[directory.Checker](n.Directory)
	closed := d.Closed(n.Directory)
	if !ok || closed {
		out.good("there is nothing to ask but the store")
	} else if !out.guard(ctx, d.slots[i], fix, ask.Check) {
		return out
	}
	if !closed {
		var took time.Duration
		sound := out.guard(ctx, d.slots[i], fix, func(ctx context.Context) (found []directory.Finding) {
			found, took = d.lookUp(ctx, n, out.Count(directory.Fault) > 0)
			return found
		})
		if !sound {
			return out
		}
		out.lookUp = took
	}
	out.guard(ctx, d.slots[i], fix, func(ctx context.Context) []directory.Finding { return d.lockout(ctx, n) })
	return out
}

// lookUp looks for a name that nobody has, as a visitor would: once to open a connection, and
// once to see how long it takes. That it fails is nothing new where a fault was told already.
func (d *Doctor) lookUp(ctx context.Context, n app.NamedDirectory, told bool) ([]directory.Finding, time.Duration) {
	nobody := "postern-check-" + strings.ToLower(rand.Text()[:16])
	fault := func(fix, format string, args ...any) ([]directory.Finding, time.Duration) {
		return []directory.Finding{{Severity: directory.Fault, Fix: fix, Text: fmt.Sprintf(format, args...)}}, 0
	}
	var took time.Duration
	for range 2 {
		began := d.Now()
		who, err := n.Find(ctx, nobody)
		took = d.Now().Sub(began)
		switch {
		case err == nil:
			return fault(fmt.Sprintf("correct the attributes and filters of directory %s under directories: what a visitor types must decide who is found", n.Name),
				"the look-up of %q, a name that nobody has, found %s", nobody, who.Login)
		case told && errors.Is(err, directory.ErrUnavailable):
			return nil, 0
		case !errors.Is(err, directory.ErrNotFound):
			return fault(fmt.Sprintf("mend what else is said of directory %s; then try postern check --person LOGIN", n.Name),
				"a look-up failed: %s", directory.Told(err))
		}
	}
	return []directory.Finding{{Severity: directory.Good, Text: "a look-up takes " + brief(took)}}, max(took, 1)
}

// lockouts is a directory that can tell after how many wrong passwords it locks an account, and
// which setting says so. 0: it does not, or nobody can tell.
type lockouts interface {
	LockoutAfter(ctx context.Context) (n int, setting string)
}

// lockout compares the limit on changes of a known password with the directory's own: whoever may
// try as often as the directory bears can lock people out.
func (d *Doctor) lockout(ctx context.Context, n app.NamedDirectory) []directory.Finding {
	ask, ok := directory.As[lockouts](n.Directory)
	if !ok || !changes(d.Policy) {
		return nil
	}
	after, setting := ask.LockoutAfter(ctx)
	tries := d.Limits.ChangeAccount.Burst
	if after == 0 || tries > 0 && tries < after {
		return nil
	}
	allowed := fmt.Sprintf("%d at once", tries)
	if tries == 0 {
		allowed = "any number"
	}
	return []directory.Finding{{Severity: directory.Warning,
		Text: fmt.Sprintf("it locks an account after %d wrong passwords (%s), and limits.change_account.burst allows %s: a stranger could lock people out by changing their passwords here", after, setting, allowed),
		Fix:  fmt.Sprintf("set limits.change_account.burst to less than %d, or %s to more than %d, or leave change out of the rules' actions", after, setting, max(tries, after))}}
}

// changes reports whether any rule lets people change a known password.
func changes(p policy.Policy) bool {
	return slices.ContainsFunc(p.Rules, func(r policy.Rule) bool {
		return !r.Deny && (len(r.Actions) == 0 || slices.Contains(r.Actions, policy.Change))
	})
}

// Traffic is what went to one directory since this process began.
type Traffic struct {
	Name, Title string
	Open        bool // it failed too often in a row and is left alone for a while
	Calls       []Call
}

// Call counts one sort of calls.
type Call struct {
	Op       string        // find, get, set_password …: the words of directory/wrap
	Calls    uint64        // that reached the directory
	Failures uint64        // of them without an answer
	Retries  uint64        // of them second tries
	Refused  uint64        // not made: it is left alone, or too many at once
	Time     time.Duration // spent in all of them
}

// Traffic returns the counters of every directory that counts.
func (d *Doctor) Traffic() []Traffic {
	var out []Traffic
	for _, n := range d.Directories {
		counts, ok := directory.As[interface{ Stats() wrap.Stats }](n.Directory)
		if !ok {
			continue
		}
		s := counts.Stats()
		t := Traffic{Name: n.Name, Title: n.Title, Open: s.Open}
		for _, o := range s.Ops {
			t.Calls = append(t.Calls, Call(o))
		}
		out = append(out, t)
	}
	return out
}
