package app

import (
	"context"
	"slices"
	"sync"

	"postern/account"
	"postern/password"
	"postern/policy"
)

// heldTarget is a further directory in which somebody's new password is set, and whose account there
// is theirs.
type heldTarget struct {
	Directory string    `json:"directory"`
	By        policy.By `json:"by,omitempty"`
	State     string    `json:"state,omitempty"`
	ID        string    `json:"id,omitempty"`     // only when there is an account
	Barred    string    `json:"barred,omitempty"` // why the service may not set its password, for operators
	Locked    bool      `json:"locked,omitempty"`
}

// The states of a target. What was not seen is looked for again when it is needed.
const (
	targetUnseen   = ""
	targetFound    = "found"
	targetNone     = "no_account"  // none is theirs, or several
	targetDisabled = "disabled"    // left alone, because a reset must not change that
	targetGuarded  = "not_allowed" // guarded by its directory, and the person's own is not; or the service may not
)

// targetsOf returns the targets of the rule that holds for h's person. Their own directory is none.
func (a *App) targetsOf(h held) []heldTarget {
	rule, why := a.Policy.Rule(h.Account)
	if why != policy.Matched {
		return nil
	}
	var out []heldTarget
	for _, t := range rule.Targets {
		if t.Directory != h.Recovery.Who.Directory {
			out = append(out, heldTarget{Directory: t.Directory, By: t.By})
		}
	}
	return out
}

// seek finds h's person in a target. Somebody is found only when exactly one account there has what
// the rule says it must have in common with the person's own: that the directory finds one by a name
// is not enough, because it may look into attributes that people can change themselves.
func (a *App) seek(ctx context.Context, h held, t heldTarget) heldTarget {
	d, err := a.directory(t.Directory)
	var there account.Account
	n := 0
	if err == nil {
		there, n, err = one(ctx, d, t.names(h.Account))
	}
	switch {
	case err != nil:
		a.Logger.WarnContext(ctx, "a target could not be asked who somebody is there", "directory", t.Directory,
			"flow", string(h.Recovery.ID), "error", err)
		return t
	case n != 1 || t.shared(h.Account, there) == "":
		t.State = targetNone
		return t
	}
	return t.judged(h.Account, there)
}

// judged returns t with what holds for somebody's account there.
func (t heldTarget) judged(who, there account.Account) heldTarget {
	t.State, t.ID, t.Locked, t.Barred = targetFound, there.Ref.ID, there.Locked, ""
	switch {
	case there.Disabled:
		t.State = targetDisabled
	case there.Privileged && !who.Privileged:
		t.State = targetGuarded
	case there.Barred != "":
		t.State, t.Barred = targetGuarded, there.Barred
	}
	return t
}

// names returns what a person's account in t is looked up by.
func (t heldTarget) names(who account.Account) []string {
	if t.By == policy.ByEmail {
		return emails(who)
	}
	return []string{who.Login}
}

// shared returns what the account there has in common with who, of what it must; "" for nothing.
func (t heldTarget) shared(who, there account.Account) string {
	theirs := []string{there.Login}
	if t.By == policy.ByEmail {
		theirs = emails(there)
	}
	for _, mine := range t.names(who) {
		if slices.ContainsFunc(theirs, func(s string) bool { return account.SameHandle(mine, s) }) {
			return mine
		}
	}
	return ""
}

func emails(who account.Account) []string {
	var out []string
	for _, c := range who.Contacts {
		if c.Kind == account.Email {
			out = append(out, c.Address)
		}
	}
	return out
}

// survey finds h's person in every target, and returns with them the rules that a password must keep
// to in all of them and, as far as they are known, in the person's own directory. A target with whose
// rules no password would be left is not asked: it may refuse.
func (a *App) survey(ctx context.Context, h held, own password.Directory) (password.Directory, []heldTarget) {
	targets := a.targetsOf(h)
	rules := make([]password.Directory, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			targets[i] = a.seek(ctx, h, t)
			if targets[i].State == targetFound {
				rules[i] = a.rulesOf(ctx, account.Ref{Directory: t.Directory, ID: targets[i].ID})
			}
		})
	}
	wg.Wait()
	for i, r := range rules {
		if targets[i].State != targetFound {
			continue
		}
		together := a.Password
		together.Directory = own.Stricter(r)
		if !together.Possible() {
			a.Logger.WarnContext(ctx, "no password can keep to the rules of both directories; those of the target are left out",
				"directory", h.Recovery.Who.Directory, "target", targets[i].Directory)
			continue
		}
		own = together.Directory
	}
	return own, targets
}
