package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"os"
	"strings"

	"postern/app"
	"postern/directory"
	"postern/directory/local"
	"postern/doctor"
	"postern/password"
	"postern/secret"
)

// peopleAdd fills the built-in directory. There is no flag for the password itself: a command line
// is kept in histories and seen by everybody on the machine.
type peopleAdd struct {
	configFlag
	Login        string   `arg:"" help:"Who, as they will sign in."`
	Name         string   `help:"What to call them."`
	Email        []string `help:"An address on record, where codes and notices go; can be given again." placeholder:"ADDRESS" sep:"none"`
	Group        []string `help:"A group that the policy may name; can be given again." sep:"none"`
	Directory    string   `help:"Which directory, where several are of type local." placeholder:"NAME"`
	MustChange   bool     `help:"Make them choose another password at the first sign-in; they can do that on the portal's page for changing a known password."`
	PasswordFile string   `help:"File whose first line is the password at first. Without it the password is read from standard input, which must not be a terminal." placeholder:"FILE"`
}

// Run adds one person.
func (c peopleAdd) Run(e *env) error {
	for _, a := range c.Email {
		if p, err := netmail.ParseAddress(a); err != nil || p.Address != a {
			return usageError{fmt.Sprintf("--email %s: is no address: write it as ada@example.com", a)}
		}
	}
	word, err := c.password(e.in)
	if err != nil {
		return err
	}
	return c.with(e, func(p *program) error {
		dir, name, err := p.builtIn(c.Directory)
		if err != nil {
			return err
		}
		word, err := c.fit(p.rules, word)
		if err != nil {
			return err
		}
		if err := p.unknown(e.ctx, append([]string{c.Login}, c.Email...)); err != nil {
			return err
		}
		who, err := dir.Add(e.ctx, local.Person{Login: c.Login, Name: c.Name, Emails: c.Email, Groups: c.Group, Password: word, MustChange: c.MustChange})
		if errors.Is(err, directory.ErrStale) {
			return fmt.Errorf("%s is in the directory %s already", c.Login, name)
		}
		if err != nil {
			return err
		}
		if err := p.app.Recorded(e.ctx, operator(), "person.added", who); err != nil {
			return fmt.Errorf("%s was added to the directory %s, and it could not be recorded: %w", c.Login, name, err)
		}
		_, err = fmt.Fprintf(e.out, "%s was added to the directory %s. \"postern people enroll %s METHOD\" comes next.\n", c.Login, name, doctor.Quoted(c.Login))
		return err
	})
}

// longestLine is more than any password.
const longestLine = 4096

// password reads the first line of the file or of standard input.
func (c peopleAdd) password(in io.Reader) (secret.Text, error) {
	from := "standard input"
	if f, ok := in.(*os.File); ok && c.PasswordFile == "" {
		if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice != 0 {
			return secret.Text{}, usageError{"people add: a password that is typed here could be seen: use --password-file FILE, or lead one in, as in: postern people add ada < FILE"}
		}
	}
	if c.PasswordFile != "" {
		f, err := os.Open(c.PasswordFile)
		if err != nil {
			return secret.Text{}, fmt.Errorf("--password-file: %w", err)
		}
		defer f.Close()
		in, from = f, c.PasswordFile
	}
	line, err := bufio.NewReader(io.LimitReader(in, longestLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Text{}, fmt.Errorf("read the password from %s: %w", from, err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return secret.Text{}, fmt.Errorf("there is no password in the first line of %s: write one there", from)
	}
	return secret.New(line), nil
}

// fit holds the password against the rules that hold for everybody's.
func (c peopleAdd) fit(rules password.Rules, word secret.Text) (secret.Text, error) {
	rules.Own = append([]string{c.Login, c.Name}, c.Email...)
	word, bad := rules.Check(word)
	if len(bad) == 0 {
		return word, nil
	}
	names := make([]string, len(bad))
	for i, v := range bad {
		names[i] = v.Rule
	}
	return secret.Text{}, fmt.Errorf("the password does not meet the rules under password (%s): a few words that nobody would guess together do", strings.Join(names, ", "))
}

// builtIn returns the directory of type local of that name; without a name, the only one.
func (p *program) builtIn(name string) (*local.Directory, string, error) {
	var found []app.NamedDirectory
	for _, d := range p.directories {
		if _, ok := directory.As[*local.Directory](d.Directory); ok && (name == "" || d.Name == name) {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 0 && name != "":
		return nil, "", fmt.Errorf("there is no directory %q of type local: name another with --directory", name)
	case len(found) == 0:
		return nil, "", errors.New("there is no directory of type local: people are added where they are, such as in OpenLDAP")
	case len(found) > 1:
		return nil, "", errors.New("there are several directories of type local: name one with --directory NAME")
	}
	dir, _ := directory.As[*local.Directory](found[0].Directory)
	return dir, found[0].Name, nil
}

// unknown refuses a login or address by which some directory knows somebody already: a name of two
// people is nobody's, and both would be shut out.
func (p *program) unknown(ctx context.Context, handles []string) error {
	for _, d := range p.directories {
		for _, h := range handles {
			who, err := d.Find(ctx, h)
			switch {
			case err == nil:
				return fmt.Errorf("%s is a name of %s in the directory %s already, and a name of two people is nobody's: use another", h, who.Login, d.Name)
			case !errors.Is(err, directory.ErrNotFound):
				return fmt.Errorf("ask the directory %s whether it knows %s: %w", d.Name, h, err)
			}
		}
	}
	return nil
}
