package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/account"
	"postern/audit"
	"postern/directory"
	"postern/notify"
	"postern/password"
	"postern/policy"
	"postern/recovery"
)

// lookUp finds the canary and refuses an account that could be a person's.
func (r *rehearsing) lookUp(ctx context.Context) (string, error) {
	who, err := r.a.find(ctx, r.Login)
	if err != nil {
		return "", err
	}
	if !who.ok {
		return "", &stuck{brief(r.a.nobody(ctx, r.Login)), "list under rehearsal.accounts the login of one account in one directory"}
	}
	acct := who.account
	r.Directory = acct.Ref.Directory
	enrolled, err := r.a.Store.Enrollments(ctx, acct.Ref, "")
	if err != nil {
		return "", fmt.Errorf("read enrolments: %w", err)
	}
	another := "list under rehearsal.accounts an account that is nobody's and was made for this"
	switch {
	case !strings.EqualFold(acct.Login, r.Login):
		return "", &stuck{fmt.Sprintf("it is an address or another name of the account %q, and could become somebody else's", acct.Login),
			"list under rehearsal.accounts the login itself, if that account is nobody's"}
	case !r.before.Zero() && r.before != acct.Ref:
		return "", &stuck{"the login names another account than the last time: perhaps it was given to a person",
			"if that account is nobody's, say so with postern check --rehearse " + r.Login}
	case len(enrolled) > 0:
		return "", &stuck{fmt.Sprintf("%d methods are enrolled for it, so that it seems to be a person's", len(enrolled)),
			another + ", or take the methods away with postern people unenroll"}
	case acct.Privileged:
		return "", &stuck{"the directory guards it as a privileged account", another + ", and is no member of an administrators' group"}
	case acct.Disabled:
		return "", &stuck{"the directory says that it may not sign in", "enable it in the directory: a disabled account shows nothing"}
	case acct.Barred != "":
		return "", &stuck{"the service may not set its password: " + acct.Barred, "give the service the rights that the page of this kind of directory under docs/operate names, on the canary as on everybody"}
	}
	r.who, r.Account = who, acct.Ref
	r.held.Account, r.held.Recovery.Who = acct, acct.Ref
	r.dir, err = r.a.directory(acct.Ref.Directory)
	return "in the directory " + r.Directory, err
}

// rules reads what the directory and the targets demand and makes a password that fits it. Rules
// that cannot be read are a failure here, though people can do without: they are not shown what is
// demanded.
func (r *rehearsing) rules(ctx context.Context) (note string, err error) {
	reader, ok := directory.As[directory.RuleReader](r.dir.Directory)
	if ok {
		r.held.Rules, err = reader.Rules(ctx, r.who.account.Ref.ID)
	}
	if !ok || errors.Is(err, directory.ErrUnsupported) {
		note, err = "this directory tells none; Postern's own hold", nil
	}
	if err != nil {
		r.held.Rules, err = password.Directory{}, fmt.Errorf("the directory's password rules could not be read: %w", err)
	}
	var all []heldTarget
	r.held.Rules, all = r.a.survey(ctx, r.held, r.held.Rules)
	err = errors.Join(err, r.targets(ctx, all))
	if note == "" {
		note = strings.Join(r.left, "; ")
	}
	if r.word = r.a.rules(r.held).Random(below); r.word.Empty() {
		err = errors.Join(err, &stuck{"no random password fits Postern's rules and the directory's together", "compare the settings under password with the directory's password policy"})
	}
	return note, err
}

// targets keeps those in which the canary's account is a canary's too, by a login that is listed: an
// address that two accounts have in common must not reset a person's password.
func (r *rehearsing) targets(ctx context.Context, all []heldTarget) error {
	var errs []error
	for _, t := range all {
		switch t.State {
		case targetNone:
			r.left = append(r.left, "it has no account in the target "+t.Directory)
			continue
		case targetFound:
		default:
			errs = append(errs, r.noTarget(ctx, t))
			continue
		}
		if login, err := r.canaryThere(ctx, t); err != nil {
			errs = append(errs, fmt.Errorf("look at the account in the target %s: %w", t.Directory, err))
		} else if login != "" {
			r.left = append(r.left, fmt.Sprintf("left alone in the target %s: %q there is not listed under rehearsal.accounts, or has methods enrolled", t.Directory, login))
		} else {
			r.held.Targets = append(r.held.Targets, t)
		}
	}
	return errors.Join(errs...)
}

// noTarget says why a target cannot be rehearsed on.
func (r *rehearsing) noTarget(ctx context.Context, t heldTarget) error {
	switch t.State {
	case targetDisabled:
		return &stuck{"the canary's account in the target " + t.Directory + " is disabled", "enable it there: a disabled account is left alone by every reset"}
	case targetGuarded:
		return &stuck{"the canary's account in the target " + t.Directory + " is one that the directory guards, and is left alone by every reset",
			"let the canary have an ordinary account there, which is no member of an administrators' group"}
	}
	return &stuck{"the target " + t.Directory + ": " + brief(r.a.unseen(ctx, r.held.Account, t)),
		fmt.Sprintf("see what postern check says of directory %s: whether it can be reached, and whether it takes the sign-in of its service account", t.Directory)}
}

// halfway says what a target did not do, with what its directory shows of the service's rights.
func (r *rehearsing) halfway(ctx context.Context, l recovery.Line) error {
	s := &stuck{fmt.Sprintf("the password was set, and in %s not all is well: %s", l.Target, strings.TrimSpace(l.Change+" "+string(l.Result)+" "+l.Detail)), mendsRefusal(directory.Reason(l.Detail))}
	if l.Result != recovery.Failed || l.Detail == "unreached" {
		s.fix = "see the process log at this moment; postern check says what the service may do there"
	}
	for _, t := range r.held.Targets {
		d, err := r.a.directory(t.Directory)
		if err != nil || d.title(t.Directory) != l.Target {
			continue
		}
		s.text += " (directory " + t.Directory + ")"
		found := r.look(ctx, d, t.ID)
		r.Findings = append(r.Findings, found...)
		if i := slices.IndexFunc(found, func(f directory.Finding) bool { return f.Severity == directory.Fault }); i >= 0 {
			s.fix = found[i].Fix
		}
	}
	return s
}

// canaryThere returns "" when the account in a target may be reset by a rehearsal, else its login.
func (r *rehearsing) canaryThere(ctx context.Context, t heldTarget) (login string, err error) {
	d, err := r.a.directory(t.Directory)
	if err != nil {
		return "", err
	}
	acct, err := d.Get(ctx, t.ID)
	if err != nil {
		return "", err
	}
	enrolled, err := r.a.Store.Enrollments(ctx, account.Ref{Directory: t.Directory, ID: t.ID}, "")
	if len(enrolled) > 0 || !r.a.canary(acct.Login) {
		return cmp.Or(acct.Login, t.ID), err
	}
	return "", err
}

// canary reports whether login is listed.
func (a *App) canary(login string) bool {
	return slices.ContainsFunc(a.Canaries.Logins, func(l string) bool { return strings.EqualFold(l, login) })
}

// reset does what a person's reset does, with a recovery whose one proof is that it is a rehearsal.
func (r *rehearsing) reset(ctx context.Context) (string, error) {
	if err := r.begin(ctx); err != nil {
		return "", err
	}
	var detail string
	var done error
	f, err := r.a.apply(ctx, Visitor{}, r.held, policy.Reset, func(ctx context.Context, d NamedDirectory, id string) (string, error) {
		detail, done = r.a.write(ctx, d, id, r.word)
		return detail, done
	})
	switch {
	case done != nil:
		return "", done
	case err != nil: // the directory did it, and what comes after did not go well
		return "", err
	}
	for _, l := range f.Receipt {
		bad := l.Result == recovery.Failed || l.Result == recovery.Unknown || l.Result == recovery.Queued && l.Change != "notice_queued"
		half := l.Target != r.dir.title("") && (l.Detail == "must_change" || l.Detail == "still_locked")
		if bad || half {
			return "", r.halfway(ctx, l)
		}
	}
	return detail, nil
}

// begin stores the recovery and its proof.
func (r *rehearsing) begin(ctx context.Context) error {
	d := policy.Decision{Rule: rehearsalFor, Allowed: true, Why: policy.Matched, Plan: policy.Plan{Ways: []policy.Way{{rehearsed}}},
		Usable: []policy.Factor{rehearsed}, Offer: []policy.Factor{rehearsed}, Actions: []policy.Action{policy.Reset}, Limits: policy.DefaultLimits()}
	d.Limits.Wrong, d.Limits.Rejected = 1, 1 // whatever sticks ends it
	a, v, now := r.a, Visitor{Language: r.a.Canaries.Language}, r.a.now()
	h := held{flowData: flowData{Account: r.who.account, Draw: r.who.draw, Rules: r.held.Rules, Targets: r.held.Targets, Language: v.Language}}
	var event recovery.Event
	h.Recovery, event = recovery.Begin(recovery.ID(encode([]byte(rand.Text())[:15])), r.who.account.Ref, d, now)
	h.Recovery.Locked, event.Action = r.who.account.Locked, policy.Reset
	started, err := a.started(v, h, begin{who: r.who, typed: r.Login}, event)
	if err != nil {
		return err
	}
	h, c, err := a.prepare(v, h, recovery.Challenged{Factor: rehearsed, Once: true}, now)
	if err != nil {
		return err
	}
	c.Audit = append([]audit.Record{started}, c.Audit...)
	if err := a.commit(ctx, c); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	h.to = r.word
	r.held, err = a.advance(ctx, v, h, recovery.Answered{Factor: rehearsed, Right: true}, now)
	return err
}

// rehearsal reports whether h is one, so that nobody is told of it as of a reset.
func (h held) rehearsal() bool { return slices.Contains(h.Recovery.Offer, rehearsed) }

// readBack signs in with the new password, once more than the reset itself did.
func (r *rehearsing) readBack(ctx context.Context) (string, error) {
	check, can := directory.As[directory.Authenticator](r.dir.Directory)
	if !can {
		return "this directory cannot check a password", nil
	}
	switch err := check.Authenticate(ctx, r.who.account.Ref.ID, r.word); {
	case errors.Is(err, directory.ErrUnsupported):
		return "this directory cannot check a password", nil
	case errors.Is(err, directory.ErrRestricted):
		return "it works, though not at this time or from here", nil
	case errors.Is(err, directory.ErrMustChange):
		r.mustPick = true
		return "it is right", nil
	case errors.Is(err, directory.ErrLocked):
		r.locked = true
		return "the account is locked", nil
	case errors.Is(err, directory.ErrWrongPassword):
		return "", &stuck{"the directory said that the password was set, and does not take it",
			"see whether the reset and the sign-in reach the same server, and whether something puts an older password back: replication, synchronisation"}
	default:
		return "", err
	}
}

// unlock ends a lock, or asks whether the service could.
func (r *rehearsing) unlock(ctx context.Context) (string, error) {
	u, can := directory.As[directory.Unlocker](r.dir.Directory)
	if !can {
		return "this directory cannot unlock", nil
	}
	offered := slices.ContainsFunc(r.a.Policy.Rules, func(one policy.Rule) bool {
		return !one.Deny && (len(one.Actions) == 0 || slices.Contains(one.Actions, policy.Unlock))
	})
	if !offered && !r.locked {
		return "left out: no rule offers it", nil
	}
	err := u.Unlock(ctx, r.who.account.Ref.ID)
	if errors.Is(err, directory.ErrUnsupported) {
		return "this directory cannot unlock", nil
	}
	return "", err
}

// state looks at what the directory says of the canary afterwards: anything but "may sign in" is
// what a person would be left with.
func (r *rehearsing) state(ctx context.Context) (string, error) {
	acct, err := r.dir.Get(ctx, r.who.account.Ref.ID)
	if err != nil {
		return "", fmt.Errorf("look at the account afterwards: %w", err)
	}
	if check, can := directory.As[directory.Authenticator](r.dir.Directory); can && r.locked {
		r.locked = errors.Is(check.Authenticate(ctx, r.who.account.Ref.ID, r.word), directory.ErrLocked)
	}
	switch {
	case acct.Ref.ID != r.who.account.Ref.ID:
		return "", &stuck{"the account that was reset is not the one that was found", "see what exchanged the two in the directory"}
	case acct.Locked || r.locked:
		return "", &stuck{"the account is locked after the reset", "give the service the right to end a lock (docs/operate has a page for each kind of directory); end this one in the directory"}
	case acct.MustChange || acct.Expired || r.mustPick:
		return "", &stuck{"the new password must be changed at the next sign-in, by somebody who chose it a moment ago",
			"give the service the right to take that mark away, or change the policy that sets it (docs/operate has a page for each kind of directory)"}
	case acct.Disabled:
		return "", &stuck{"the account may not sign in after the reset", "enable it in the directory, and see what disabled it"}
	}
	return "not locked, need not change the password", nil
}

// record lets the log give the rehearsal's records their places.
func (r *rehearsing) record(ctx context.Context) (string, error) {
	if err := r.a.Settle(ctx); err != nil {
		return "", &stuck{brief(err), "see the process log for \"sequencer\"; postern audit verify says more"}
	}
	for _, f := range r.a.readyLog(ctx) {
		return "", &stuck{f.Text, f.Fix}
	}
	return "", nil
}

// outbox looks whether messages would leave.
func (r *rehearsing) outbox(ctx context.Context) (string, error) {
	s, ok := r.a.senders[notify.Email]
	if !ok {
		return "", &stuck{"there is no way to send mail", "add one under notify"}
	}
	if c, can := s.(notify.Checker); can {
		if err := c.Check(ctx); err != nil {
			return "", &stuck{"mail cannot be sent: " + brief(err), "correct the settings under notify"}
		}
	}
	if _, _, err := r.a.Store.Outbox(ctx); err != nil {
		return "", fmt.Errorf("read the outbox: %w", err)
	}
	for _, f := range r.a.readyOutbox(ctx) {
		return "", &stuck{f.Text, "see whether postern serve is running and what its log says of messages; then the settings under notify"}
	}
	return "", nil
}

// examine asks the directory what the service may do to the canary: it knows the commands that
// mend its own rights.
func (r *rehearsing) examine(ctx context.Context) {
	r.Findings = append(r.Findings, r.look(ctx, r.dir, r.who.account.Ref.ID)...)
}

// look returns what a directory shows of the service's rights on an account, without what is as it
// should be.
func (r *rehearsing) look(ctx context.Context, d NamedDirectory, id string) []directory.Finding {
	e, ok := directory.As[directory.Examiner](d.Directory)
	if !ok {
		return nil
	}
	all, err := e.Examine(ctx, id)
	if err != nil {
		r.a.Logger.WarnContext(ctx, "the service's rights on the canary could not be looked at", "directory", d.Name, "error", err)
	}
	var out []directory.Finding
	for _, f := range all {
		if f.Severity != directory.Good {
			f.Text, f.Fix = directory.Plain("directory "+d.Name+": "+f.Text), directory.PlainLines(f.Fix)
			out = append(out, f)
		}
	}
	return out
}
