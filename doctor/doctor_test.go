package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/directory/wrap"
	"postern/limit"
	"postern/notify"
	"postern/policy"
	"postern/secret"
)

// plainDirectory only looks people up: find says what comes of it.
type plainDirectory struct {
	find func(ctx context.Context, handle string) (account.Account, error)
}

func (d plainDirectory) Find(ctx context.Context, handle string) (account.Account, error) {
	if d.find == nil {
		return account.Account{}, directory.ErrNotFound
	}
	return d.find(ctx, handle)
}
func (d plainDirectory) Get(context.Context, string) (account.Account, error) {
	return account.Account{}, directory.ErrNotFound
}
func (d plainDirectory) SetPassword(context.Context, string, secret.Text) error {
	return errors.New("a check sets no password")
}

// talking is a directory that can be asked everything.
type talking struct {
	plainDirectory
	check   func(ctx context.Context) []directory.Finding
	examine func(ctx context.Context, id string) ([]directory.Finding, error)
	locks   int
}

func (d talking) Check(ctx context.Context) []directory.Finding {
	if d.check == nil {
		return []directory.Finding{{Severity: directory.Good, Text: "answers"}}
	}
	return d.check(ctx)
}
func (d talking) Examine(ctx context.Context, id string) ([]directory.Finding, error) {
	return d.examine(ctx, id)
}
func (d talking) LockoutAfter(context.Context) (int, string) { return d.locks, "pwdMaxFailure" }

// mailer is a sender.
type mailer struct{ check func() error }

func (mailer) Channel() notify.Channel                    { return notify.Email }
func (mailer) Send(context.Context, notify.Message) error { return errors.New("a check sends nothing") }
func (m mailer) Check(context.Context) error              { return m.check() }

func one(d directory.Directory) Parts {
	return Parts{ReplyMoment: time.Second, Directories: []app.NamedDirectory{{Name: "staff", Title: "Staff", Directory: d}}}
}

// told is a report as text.
func told(r Report) string {
	var out strings.Builder
	for _, s := range r.Sections {
		for _, f := range s.Findings {
			fmt.Fprintf(&out, "%s %s: %s", f.Severity, s.Name, f.Text)
			if f.Fix != "" {
				out.WriteString(" | " + f.Fix)
			}
			out.WriteString("\n")
		}
	}
	return out.String()
}

// mended checks that every fault and warning says what mends it, and that what is good needs nothing.
func mended(t *testing.T, sections ...Section) {
	t.Helper()
	for _, s := range sections {
		for _, f := range s.Findings {
			if (f.Fix == "") != (f.Severity == directory.Good) || f.Text == "" {
				t.Errorf("%s: %s %q has the fix %q", s.Name, f.Severity, f.Text, f.Fix)
			}
		}
	}
}

// TestFindings: each thing that can be wrong is told, with what mends it.
func TestFindings(t *testing.T) {
	changing := []policy.Rule{{Name: "all", Require: policy.Requirement{Methods: 1}}}
	for name, c := range map[string]struct {
		parts func() Parts
		want  []string
	}{
		"sound": {func() Parts { return one(talking{}) }, []string{"ok directory staff: answers\n", "ok directory staff: a look-up takes less than 1ms\n",
			"ok directories: looking one name up takes less than 1ms of the 1s of reply_moment", "ok policy: 0 rules, 0 tests"}},
		"silent": {func() Parts { return one(plainDirectory{}) }, []string{"ok directory staff: there is nothing to ask but the store"}},
		"everybody is found": {func() Parts {
			return one(plainDirectory{func(context.Context, string) (account.Account, error) { return account.Account{Login: "ada"}, nil }})
		}, []string{"error directory staff: the look-up of \"postern-check-", "found ada | correct the attributes and filters of directory staff"}},
		"no look-up": {func() Parts {
			return one(plainDirectory{func(context.Context, string) (account.Account, error) {
				return account.Account{}, errors.New("ldap: base: no such object")
			}})
		}, []string{"error directory staff: a look-up failed: base: no such object | mend what else"}},
		"down, and told": {func() Parts {
			down := func(context.Context, string) (account.Account, error) {
				return account.Account{}, directory.ErrUnavailable
			}
			return one(talking{plainDirectory: plainDirectory{down}, check: func(context.Context) []directory.Finding {
				return []directory.Finding{{Severity: directory.Fault, Text: "no route", Fix: "see the cable"}}
			}})
		}, []string{"error directory staff: no route | see the cable\nerror policy"}},
		"locks people out": {func() Parts {
			p := one(talking{locks: 3})
			p.Policy.Rules, p.Limits.ChangeAccount = changing, limit.Limit{Burst: 3, Every: time.Minute}
			return p
		}, []string{"warning directory staff: it locks an account after 3 wrong passwords (pwdMaxFailure), and limits.change_account.burst allows 3 at once", "| set limits.change_account.burst to less than 3"}},
		"no limit": {func() Parts {
			p := one(talking{locks: 3})
			p.Policy.Rules = changing
			return p
		}, []string{"allows any number"}},
		"two": {func() Parts {
			p := one(talking{})
			p.Directories = append(p.Directories, app.NamedDirectory{Name: "guests", Directory: talking{}})
			return p
		}, []string{"ok directory guests: answers", "ok directories: a name is looked up in staff, guests, and is nobody's when two of them know it"}},
		"routes and targets": {func() Parts {
			p := one(talking{})
			p.Directories[0].Domains = []string{"example.com", "EXAMPLE"}
			broken := talking{check: func(context.Context) []directory.Finding {
				return []directory.Finding{{Severity: directory.Fault, Text: "x", Fix: "y"}}
			}}
			p.Directories = append(p.Directories, app.NamedDirectory{Name: "guests", Directory: talking{}, Lookup: app.LookupFallback},
				app.NamedDirectory{Name: "mail", Directory: talking{}, Lookup: app.LookupNever}, app.NamedDirectory{Name: "wifi", Directory: broken, Lookup: app.LookupNever},
				app.NamedDirectory{Name: "idle", Directory: talking{}, Lookup: app.LookupNever})
			p.Policy.Rules = []policy.Rule{{Name: "all", Targets: []policy.Target{{Directory: "mail"}, {Directory: "wifi"}}}}
			return p
		}, []string{"ok directories: a name with the domain example.com is looked up in staff alone", "domain EXAMPLE is looked up in staff alone",
			"ok directories: any other name is looked up in staff, and", "ok directories: any other name is looked up in guests as well, and",
			"ok directories: directory mail gets the new password too, by rule all", "warning directories: directory wifi is a target of rule all: people who reset keep their old password there until it would do | mend what is said of directory wifi",
			"warning directories: directory idle has lookup: never and is no rule's target: nothing is done with it | name it under targets of a rule (policy.rules[].targets: [{directory: idle}])"}},
		"mail": {func() Parts {
			return Parts{Senders: []notify.Sender{mailer{func() error { return errors.New("smtp: refused") }}}}
		},
			[]string{"error notify email: refused | correct the settings under notify"}},
		"rules": {func() Parts {
			return Parts{Policy: policy.Policy{Rules: []policy.Rule{{Name: "staff", Require: policy.Requirement{Methods: 2}}}}}
		}, []string{"error policy: rule staff: no combination", "| add methods under methods until", "policy: 1 rule, 0 tests"}},
		"panic": {func() Parts {
			return one(talking{check: func(context.Context) []directory.Finding { panic("nil map") }})
		},
			[]string{"error directory staff: the check itself broke: nil map | report it", "ok directory staff: a look-up takes"}},
		"mail panic": {func() Parts { return Parts{Senders: []notify.Sender{mailer{func() error { panic("x") }}}} },
			[]string{"error notify email: the check itself broke: x | report it"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(c.parts()).Check(t.Context())
			for _, want := range c.want {
				if !strings.Contains(told(r), want) {
					t.Errorf("got\n%swant %q", told(r), want)
				}
			}
			mended(t, r.Sections...)
		})
	}
}

// TestSlowLookUps: what a start takes in all directories is compared with the moment of replies.
func TestSlowLookUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		slow := plainDirectory{func(context.Context, string) (account.Account, error) {
			if calls++; calls == 1 {
				time.Sleep(time.Second) // opening a connection is not counted
			}
			time.Sleep(60 * time.Millisecond)
			return account.Account{}, directory.ErrNotFound
		}}
		p := one(slow)
		p.ReplyMoment = 100 * time.Millisecond
		r := New(p).Check(t.Context())
		want := "warning directories: looking one name up takes 60ms, and reply_moment is 100ms"
		if got := told(r); !strings.Contains(got, want) || !strings.Contains(got, "set reply_moment: 300ms") {
			t.Errorf("got\n%swant %q", got, want)
		}
		mended(t, r.Sections...)
		if took := r.Ended.Sub(r.Began); took != 1120*time.Millisecond {
			t.Errorf("the report says that it took %v", took)
		}
	})
}

// TestHanging: a directory that never answers, whatever its deadline, holds up nobody, and is not
// asked again while it hangs.
func TestHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, asked := make(chan struct{}), 0
		hangs := talking{check: func(context.Context) []directory.Finding { asked++; <-release; return nil }}
		late := talking{check: func(ctx context.Context) []directory.Finding {
			<-ctx.Done()
			return []directory.Finding{{Severity: directory.Fault, Text: "timed out", Fix: "wait"}}
		}}
		p := one(hangs)
		p.Directories = append(p.Directories, app.NamedDirectory{Name: "late", Directory: late}, app.NamedDirectory{Name: "well", Directory: talking{}})
		p.Patience = 5 * time.Second
		d := New(p)
		r := d.Check(t.Context())
		if took := r.Ended.Sub(r.Began); took > 6*time.Second {
			t.Errorf("took %v", took)
		}
		for _, want := range []string{"error directory staff: did not answer in time, and did not give up either | see that the servers of directory staff",
			"error directory late: timed out", "ok directory well: answers"} {
			if !strings.Contains(told(r), want) {
				t.Errorf("got\n%swant %q", told(r), want)
			}
		}
		mended(t, r.Sections...)
		r = d.Check(t.Context())
		if want := "error directory staff: an earlier check of it still hangs"; asked != 1 || !strings.Contains(told(r), want) {
			t.Errorf("asked %d times\n%swant %q", asked, told(r), want)
		}
		mended(t, r.Sections...)
		close(release)
		synctest.Wait()
		if r = d.Check(t.Context()); strings.Contains(told(r), "directory staff: did not") {
			t.Errorf("once it answers again:\n%s", told(r))
		}
	})
}

// TestAgain: whoever asks while another looks gets what that one sees.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		slow := talking{check: func(context.Context) []directory.Finding {
			asked++
			time.Sleep(time.Second)
			return []directory.Finding{{Severity: directory.Good, Text: "answers"}}
		}}
		d := New(one(slow))
		if _, ok := d.Last(); ok || asked != 0 {
			t.Fatal("somebody was asked before anybody wanted to know")
		}
		gone, leave := context.WithCancel(t.Context())
		reports := make(chan Report, 3)
		for range 2 {
			go func() { reports <- d.Again(t.Context()) }()
		}
		go func() { reports <- d.Again(gone) }()
		time.Sleep(time.Millisecond)
		leave()
		for range 3 {
			<-reports
		}
		last, ok := d.Last()
		if asked != 1 || !ok || last.Count(directory.Good) == 0 {
			t.Errorf("asked %d times, got %+v, %v", asked, last, ok)
		}
		if d.Again(t.Context()); asked != 2 {
			t.Errorf("later: asked %d times, want 2", asked)
		}
	})
}

// TestFirst: what is looked at while nobody waits for it ends when it should, and is not kept then.
func TestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(one(talking{check: func(ctx context.Context) []directory.Finding {
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
			}
			return []directory.Finding{{Severity: directory.Fault, Text: "down", Fix: "cable"}}
		}}))
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		began := time.Now()
		if r := d.First(ctx); len(r.Sections) != 0 || time.Since(began) > 3*time.Second {
			t.Errorf("got %+v after %s", r, time.Since(began))
		}
		if _, ok := d.Last(); ok {
			t.Error("half a report was kept")
		}
		if r := d.First(t.Context()); r.Count(directory.Fault) == 0 {
			t.Errorf("got %+v", r)
		}
		if r, ok := d.Last(); !ok || r.Count(directory.Fault) == 0 {
			t.Errorf("kept %+v, %v", r, ok)
		}
	})
}

// TestClosed: what has nothing to be asked is not asked.
func TestClosed(t *testing.T) {
	p := one(talking{check: func(context.Context) []directory.Finding { panic("asked") },
		plainDirectory: plainDirectory{func(context.Context, string) (account.Account, error) { panic("asked") }}})
	p.Closed = func(directory.Directory) bool { return true }
	if got := told(New(p).Check(t.Context())); strings.Contains(got, "broke") || !strings.Contains(got, "nothing to ask but the store") {
		t.Errorf("got\n%s", got)
	}
}

func TestJSON(t *testing.T) {
	b, err := json.Marshal(Report{Sections: []Section{{Name: "policy", Of: "x", Findings: []directory.Finding{{Severity: directory.Fault, Text: "a", Fix: "b"}, {Severity: directory.Good, Text: "c"}}}}})
	want := `{"began":"0001-01-01T00:00:00Z","ended":"0001-01-01T00:00:00Z","sections":[{"name":"policy","findings":[{"severity":"error","text":"a","fix":"b"},{"severity":"ok","text":"c"}]}]}`
	if err != nil || string(b) != want {
		t.Errorf("got %s, %v, want %s", b, err, want)
	}
}

func TestTraffic(t *testing.T) {
	counted := wrap.New(talking{}, wrap.Options{})
	p := one(counted)
	p.Directories = append(p.Directories, app.NamedDirectory{Name: "bare", Directory: talking{}})
	d := New(p)
	d.Check(t.Context())
	all := d.Traffic()
	if len(all) != 1 || all[0].Name != "staff" || all[0].Calls[0] != (Call{Op: "find", Calls: 2, Time: all[0].Calls[0].Time}) {
		t.Errorf("got %+v", all)
	}
}
