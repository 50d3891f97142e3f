package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
// rule holds, whether the person could recover now, and the same of their account in each target of
// the rule. It changes nothing; that somebody looked is recorded.
func (d *Doctor) Examine(ctx context.Context, people People, op app.Operator, login string) (Section, error) {
	asking, stop := context.WithTimeout(ctx, d.Patience)
	defer stop()
	p, err := people.Person(asking, op, login)
	if err != nil {
		return Section{}, err
	}
	who := p.Account
	s := Section{Name: "person " + directory.Plain(who.Login), Of: who.Ref.Directory}
	s.good("the account is %s", called(who))
	s.state(who)
	d.rights(ctx, &s, who)
	s.recovers(p)
	for _, t := range p.Targets {
		d.target(ctx, &s, t)
	}
	return s, nil
}

// Nobody says what mends that login names nobody, or several.
func (d *Doctor) Nobody(login string, err error) string {
	domain, name, ok := strings.Cut(login, `\`)
	if !ok {
		if at := strings.LastIndexByte(login, '@'); at > 0 {
			name, domain, ok = login[:at], login[at+1:], true
		}
	}
	listed := slices.ContainsFunc(d.Directories, func(n app.NamedDirectory) bool {
		return slices.ContainsFunc(n.Domains, func(l string) bool { return strings.EqualFold(l, domain) })
	})
	switch {
	case errors.Is(err, app.ErrSeveral):
		return "write a login that one of them alone has; for good: list the domains of each directory under domains and have people write NAME@DOMAIN, or set lookup: fallback or never for one of them (docs/operate/several-directories.md)"
	case ok && !listed:
		return fmt.Sprintf("list %q under domains of the directory that has the account, or write %q", domain, name)
	}
	return "write the login as the person signs in, and see with postern check which names are looked up where"
}

// called is which account it is, and what it is called.
func called(a account.Account) string {
	if a.Name == "" {
		return a.Ref.String()
	}
	return a.Ref.String() + ", " + a.Name
}

// target says what would become of the person's password in a target.
func (d *Doctor) target(ctx context.Context, s *Section, t app.PersonTarget) {
	one := Section{}
	switch {
	case t.Err != nil:
		one.add(directory.Fault, fmt.Sprintf("see what postern check says of directory %s: whether it can be reached, and whether it takes the sign-in of its service account", t.Directory),
			"who they are there is not known: %s", directory.Told(t.Err))
	case t.Account.Ref.Zero():
		one.good("no account there is theirs, or several are; nothing is done there")
	default:
		one.good("the account is %s", called(t.Account))
		one.left(t)
		one.barred(t.Account)
		d.rights(ctx, &one, t.Account)
	}
	for _, f := range one.Findings {
		f.Text = "target " + t.Directory + ": " + f.Text
		s.keep(f)
	}
}

// left says why an account in a target is left alone.
func (s *Section) left(t app.PersonTarget) {
	switch {
	case t.Account.Disabled:
		s.add(directory.Warning, fmt.Sprintf("enable the account in directory %s, if its owner should get in; a reset never does", t.Directory),
			"it is disabled, and its password is left alone")
	case t.Guarded:
		s.add(directory.Warning, fmt.Sprintf("set its password by hand in directory %s: no reset of an ordinary account touches one that is guarded", t.Directory),
			"the directory guards it (privileged) and not the person's own account: its password is left alone")
	}
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
	s.barred(a)
}

// barred says why the service may not set the account's password, where that is known.
func (s *Section) barred(a account.Account) {
	switch {
	case a.Barred == "":
	case a.Privileged: // what mends it is for the directory to say
		s.good("its password is left to the directory's administrators: %s", a.Barred)
	default:
		s.add(directory.Fault, fmt.Sprintf("give the service account of directory %s the right to set this password, or leave the person out by a rule with deny: true under policy.rules, before the others", a.Ref.Directory),
			"the service may not set its password: %s", a.Barred)
	}
}

// rights asks the directory what the service may do to the account.
func (d *Doctor) rights(ctx context.Context, s *Section, who account.Account) {
	ctx, stop := context.WithTimeout(ctx, d.Patience)
	defer stop()
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
				found = append(found, directory.Finding{Severity: directory.Fault, Text: "its rights could not be read: " + directory.Told(err),
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
		return "postern people show " + Quoted(p.Account.Login)
	}
	login := p.Account.Login
	if strings.HasPrefix(why.fix, "postern ") || strings.Contains(why.fix, " postern people") {
		login = Quoted(login) // it stands in a command
	}
	fix := strings.NewReplacer("{login}", login, "{rule}", p.Rule).Replace(why.fix)
	if p.Decision.Why == policy.Barred && p.Account.Privileged {
		fix = "leave the account to the directory's administrators"
	}
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
