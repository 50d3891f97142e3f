package main

import (
	"fmt"

	"postern/secret"
)

// consoleCommand lets whoever has a shell on the server into the console.
type consoleCommand struct {
	configFlag
}

// Run prints a link.
func (c consoleCommand) Run(e *env) error {
	return c.with(e, func(p *program) error {
		i, err := p.app.InviteOperator(e.ctx, operator())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "%s\nOpen this link in your browser. It works once, until %s, and what is done with it is recorded as yours.\n",
			p.consoleLink(i.Token), moment(i.Expires))
		return err
	})
}

// consoleLink is where an operator's invitation leads. It is made to be shown, once, to whoever
// asked for it.
func (p *program) consoleLink(token secret.Text) string {
	return p.conf.PublicURL + "/admin/enter/" + token.Reveal()
}
