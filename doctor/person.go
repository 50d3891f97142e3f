package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/account"
	"postern/app"
	"postern/directory"
	"postern/policy"
)

// People shows an operator one person, and records that it did.
type People interface {
	Person(ctx context.Context, op app.Operator, login string) (app.Person, error)
}

// Examine says of one person what state the account is in, what the service may do to it, which
// rule holds, and whether the person could recover now. It changes nothing; that somebody looked
// is recorded.
func (d *Doctor) Examine(ctx context.Context, people People, op app.Operator, login string) (Section, error) {
	ctx, stop := context.WithTimeout(ctx, d.Patience)
	defer stop()
	p, err := people.Person(ctx, op, login)
	if err != nil {
		return Section{}, err
	}
	who := p.Account
	s := Section{Name: "person " + who.Login, Of: who.Ref.Directory}
	s.good("the account is %s, %s", who.Ref, who.Name)
	s.state(who)
	d.rights(ctx, &s, who)
	s.recovers(p)
	return s, nil
}

// state says how the account is, as far as the directory tells.
func (s *Section) state(a account.Account) {
	before := len(s.Findings)
	if a.Disabled {
		s.add(directory.Warning, fmt.Sprintf("enable the account in directory %s, if its owner should get in; a reset never does", a.Ref.Directory), "it is disabled")
	}
	if a.Locked {
		s.good("it is locked since %s, until %s", moment(a.LockedSince, "a moment that the directory does not tell"), moment(a.LockedUntil, "a reset or an unlock ends it"))
	}
	if a.MustChange {
		s.good("its owner has to choose a new password at the next sign-in")
	}
	if a.Expired {
		s.good("its password has expired: a reset or a change ends that")
	}
	if a.Privileged {
		s.good("the directory guards it as one of its own administrators (privileged)")
	}
	if len(s.Findings) == before {
		s.good("it may sign in")
	}
	if a.Barred != "" {
		s.add(directory.Fault, fmt.Sprintf("give the service account of directory %s the right to set this password, or leave the person out by a rule with deny: true under policy.rules, before the others", a.Ref.Directory),
			"the service may not set its password: %s", a.Barred)
	}
}

// rights asks the directory what the service may do to the account.
func (d *Doctor) rights(ctx context.Context, s *Section, who account.Account) {
	for i, n := range d.Directories {
		if n.Name != who.Ref.Directory {
			continue
		}
		ask, ok := directory.As[directory.Examiner](n.Directory)
		if !ok {
			s.good("directory %s cannot be asked what the service may do to one account", n.Name)
			return
		}
		s.guard(ctx, d.slots[i], fmt.Sprintf("see what postern check says of directory %s", n.Name), func(ctx context.Context) []directory.Finding {
			found, err := ask.Examine(ctx, who.Ref.ID)
			if err != nil {
				found = append(found, directory.Finding{Severity: directory.Fault, Text: "its rights could not be read: " + plain(err),
					Fix: fmt.Sprintf("see what postern check says of directory %s", n.Name)})
			}
			return found
		})
	}
}

// recovers says which rule holds and what came of it.
func (s *Section) recovers(p app.Person) {
	if p.Rule != "" {
		s.good("rule %s holds", p.Rule)
	}
	if d := p.Decision; !d.Allowed {
		s.add(directory.Warning, mend(p), "could not recover now: %s", Why(d.Why))
		return
	}
	var ways []string
	for _, w := range p.Decision.Plan.Within(p.Decision.Usable).Ways {
		ways = append(ways, join(w, " and "))
	}
	s.good("could recover now, with %s", strings.Join(ways, ", or with "))
}

// Why says in words why somebody cannot recover.
func Why(r policy.Reason) string {
	if text, ok := reasons[r]; ok {
		return text.text
	}
	return string(r)
}

// reasons are what each reason means, and what mends it where it was not meant so; {login} and {rule} are
// filled in.
var reasons = map[policy.Reason]struct{ text, fix string }{
	policy.NoSuch:       {"there is no such account, or several", "correct the login, or see with postern check that one directory alone knows it"},
	policy.Disabled:     {"the directory says that the account may not sign in", "enable the account in the directory, if its owner should get in"},
	policy.Barred:       {"the service may not set this account's password", "give the service account that right in the directory"},
	policy.OutOfScope:   {"no rule under policy.rules is for them", "add a rule under policy.rules whose match names one of their groups or {login}"},
	policy.Denied:       {"the rule denies it (deny: true, or stage: off)", "take deny: true or stage: off from rule {rule} under policy.rules"},
	policy.NoUnlock:     {"the rule lets nobody unlock without a reset (actions)", "add unlock to the actions of rule {rule} under policy.rules"},
	policy.NotEnrolled:  {"too little is enrolled for any way of the rule", "postern people enroll {login} METHOD"},
	policy.InQuarantine: {"what is enrolled would be enough, and was enrolled too recently (policy.quarantine)", "wait, or lower policy.quarantine"},
	policy.Limited:      {"somebody began too many recoveries, so that for a while only methods count that nobody can guess (limits.start_account)", "wait, or postern people enroll {login} passkey"},
}

// mend says what would let the person recover.
func mend(p app.Person) string {
	why, ok := reasons[p.Decision.Why]
	if !ok {
		return "postern people show " + p.Account.Login
	}
	fix := strings.NewReplacer("{login}", p.Account.Login, "{rule}", p.Rule).Replace(why.fix)
	if p.Decision.Why == policy.InQuarantine && !p.Ripe.IsZero() {
		fix = fmt.Sprintf("wait until %s, or lower policy.quarantine", moment(p.Ripe, ""))
	}
	return fix
}

func moment(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func join[T ~string](parts []T, by string) string {
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = string(p)
	}
	return strings.Join(words, by)
}
