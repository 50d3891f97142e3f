package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postern/account"
	"postern/audit"
	"postern/enroll"
	"postern/method"
	"postern/policy"
	"postern/secret"
)

func (a *App) ticketID(token secret.Text) string {
	return encode(a.Keys.Derive("ticket.id", []byte(token.Reveal()), 15))
}

// ticket returns the Change that stores inv over version row.
func (a *App) ticket(inv enroll.Invitation, row int64, events ...audit.Record) (Change, error) {
	data, err := a.seal(inv, "ticket", inv.ID)
	if err != nil {
		return Change{}, err
	}
	return Change{Audit: events, Ticket: &TicketRow{ID: inv.ID, Version: row, Deadline: inv.Deadline, Data: data}}, nil
}

// invitation returns the open invitation that token names, with the account as it is now.
func (a *App) invitation(ctx context.Context, token secret.Text) (enroll.Invitation, int64, account.Account, error) {
	var inv enroll.Invitation
	if token.Empty() || len(token.Reveal()) > 64 {
		return inv, 0, account.Account{}, noTicket()
	}
	row, err := a.Store.Ticket(ctx, a.ticketID(token))
	if errors.Is(err, ErrNoRow) {
		return inv, 0, account.Account{}, noTicket()
	} else if err != nil {
		return inv, 0, account.Account{}, fmt.Errorf("app: read invitation: %w", err)
	}
	if err := a.unseal(row.Data, "ticket", row.ID, &inv); err != nil {
		return inv, 0, account.Account{}, err
	}
	if inv.State.Final() || !a.now().Before(inv.Deadline) {
		return inv, 0, account.Account{}, noTicket()
	}
	d, err := a.directory(inv.Who.Directory)
	if err != nil {
		return inv, 0, account.Account{}, err
	}
	acct, err := d.Get(ctx, inv.Who.ID)
	if err != nil {
		return inv, 0, account.Account{}, fmt.Errorf("app: read %s: %w", inv.Who, err)
	}
	acct.Ref = inv.Who
	return inv, row.Version, acct, nil
}

func noTicket() *Refusal { return &Refusal{Problem: ProblemTicket, Key: "problem.no_invitation"} }

// invited returns the method of inv and the person as it may know them.
func (a *App) invited(ctx context.Context, v Visitor, inv enroll.Invitation, acct account.Account) (method.Enroller, method.Person, error) {
	m, ok := a.method(inv.Factor)
	e, can := m.(method.Enroller)
	if !ok || !can {
		return nil, method.Person{}, fmt.Errorf("app: method %s cannot be enrolled any more", inv.Factor)
	}
	all, err := a.enrollments(ctx, inv.Who, inv.Factor)
	return e, method.Person{Account: acct, Enrolled: all, Draw: a.draw(acct.Login), Flow: inv.ID, Language: v.Language, Now: a.now()}, err
}

// enrolled makes the record of something that happened to an enrolment.
func (a *App) enrolled(kind, actor string, who account.Account, f policy.Factor, flow string) (audit.Record, error) {
	return a.record(kind, map[audit.Field]string{audit.Actor: actor, audit.Subject: who.Ref.String(),
		audit.Login: who.Login, audit.Factor: string(f), audit.Flow: flow})
}

func enrolling(inv enroll.Invitation, who account.Account) Enrolling {
	return Enrolling{Factor: inv.Factor, Login: who.Login, Name: who.Name, Public: inv.Public, Done: inv.State == enroll.Done}
}

// enroller returns the account of login and the method f, if f can be enrolled.
func (a *App) enroller(ctx context.Context, login string, f policy.Factor) (account.Account, method.Method, error) {
	m, ok := a.method(f)
	if !ok {
		return account.Account{}, nil, fmt.Errorf("app: method %q is not configured (setting methods); there are: %s", f, a.methodNames())
	}
	if _, ok := m.(method.Enroller); !ok {
		return account.Account{}, nil, fmt.Errorf("app: method %s is not enrolled", f)
	}
	who, err := a.known(ctx, login)
	return who, m, err
}

// What tells an operator that a login is not one person's. What is ErrSeveral is ErrNobody as well.
var (
	ErrNobody  = errors.New("names no account in the configured directories")
	ErrSeveral = errors.New("names several accounts")
)

// nobody is why a login is not one person's.
type nobody struct {
	login string
	in    []string // where it is known
}

// Error says it.
func (n *nobody) Error() string {
	if len(n.in) == 0 {
		return fmt.Sprintf("app: %q %v", n.login, ErrNobody)
	}
	return fmt.Sprintf("app: %q %v: %s", n.login, ErrSeveral, strings.Join(n.in, ", "))
}

// Is makes it one of the two.
func (n *nobody) Is(target error) bool {
	return target == ErrNobody || target == ErrSeveral && len(n.in) > 0
}

// nobody says why what was found under handle is not one person. The directories are asked again.
func (a *App) nobody(ctx context.Context, handle string) error {
	out := &nobody{login: handle}
	asked, names := a.route(handle)
	for _, d := range asked {
		_, n, err := one(ctx, d, names)
		switch {
		case err != nil:
			return err
		case n == 1:
			out.in = append(out.in, "one in "+d.Name)
		case n > 1:
			out.in = append(out.in, "several in "+d.Name)
		}
	}
	return out
}

// known returns the account of login, for operators: they are told why there is none.
func (a *App) known(ctx context.Context, login string) (account.Account, error) {
	name, ok := handle(login)
	if !ok {
		return account.Account{}, errors.New("app: no login was given")
	}
	who, err := a.find(ctx, name)
	if err != nil {
		return account.Account{}, err
	}
	if !who.ok {
		return account.Account{}, a.nobody(ctx, name)
	}
	return who.account, nil
}

func (a *App) methodNames() string {
	out := ""
	for i, m := range a.Methods {
		if i > 0 {
			out += ", "
		}
		out += string(m.Kind.ID)
	}
	return out
}
