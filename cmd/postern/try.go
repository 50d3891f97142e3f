package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"postern/config"
	"postern/directory"
	"postern/directory/local"
	"postern/internal/keyring"
	"postern/policy"
)

// tryCommand shows what Postern is like, with nothing else installed.
type tryCommand struct {
	Listen string `help:"Address and port of the portal; on this machine only. Default: localhost:8470, or the next port that is free." placeholder:"HOST:PORT"`
	Data   string `help:"Keep everything in this folder, so that it is there the next time. Default: a folder that is removed at the end." placeholder:"DIR"`
	JSON   bool   `name:"json" help:"Print one line of JSON when ready, for programs."`
}

// The port that is tried first when none was asked for, and how many after it.
const (
	firstPort = 8470
	ports     = 30
)

// Run serves until the process is told to stop.
func (c tryCommand) Run(e *env) (err error) {
	host, port, err := c.address()
	if err != nil {
		return err
	}
	portal, err := free(host, port, c.Listen != "")
	if err != nil {
		return err
	}
	next := 0 // anything, as for the portal
	if port != 0 {
		next = portPlus(portal, 1)
	}
	company, err := free(host, next, false)
	if err != nil {
		return errors.Join(err, portal.Close())
	}
	dir, remove, err := c.folder()
	if err != nil {
		return errors.Join(err, portal.Close(), company.Close())
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := &trial{dir: dir, portal: portal, company: company, json: c.JSON}
	return t.run(e)
}

// address splits --listen. Sample passwords stand on a page, so only this machine may reach it.
func (c tryCommand) address() (host string, port int, err error) {
	if c.Listen == "" {
		return "localhost", firstPort, nil
	}
	host, p, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", 0, usageError{fmt.Sprintf("--listen %s: write it as localhost:8470", c.Listen)}
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, usageError{fmt.Sprintf("--listen %s: %q is no port: write it as localhost:8470", c.Listen, p)}
	}
	if a, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !a.IsLoopback()) {
		return "", 0, usageError{fmt.Sprintf("--listen %s: try shows sample passwords to whoever can reach it: use localhost; \"postern serve\" is for everybody else", c.Listen)}
	}
	return host, int(n), nil
}

// free listens on port or, unless it was asked for, on the next one that is free.
func free(host string, port int, asked bool) (net.Listener, error) {
	for n := port; ; n++ {
		if n > port+ports {
			n = 0 // whichever the system has
		}
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(n)))
		switch {
		case err == nil:
			return l, nil
		case asked:
			return nil, fmt.Errorf("--listen: %w: choose another port", err)
		case n == 0 || n >= 1<<16:
			return nil, fmt.Errorf("no port is free: %w", err)
		}
	}
}

func portPlus(l net.Listener, n int) int {
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return firstPort
	}
	return a.Port + n
}

// folder returns the data folder and what to do with it in the end.
func (c tryCommand) folder() (dir string, remove func() error, err error) {
	if c.Data != "" {
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return "", nil, fmt.Errorf("--data: %w", err)
		}
		dir, err := filepath.Abs(c.Data)
		return dir, func() error { return nil }, err
	}
	dir, err = os.MkdirTemp("", "postern-try-")
	if err != nil {
		return "", nil, fmt.Errorf("a folder to try in: %w; name one with --data DIR", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// trial is one run of "postern try".
type trial struct {
	dir             string
	portal, company net.Listener
	json            bool
}

// localURL is where a browser reaches l. Passkeys need the name localhost.
func localURL(l net.Listener) string { return "http://localhost:" + strconv.Itoa(portPlus(l, 0)) }

func (t *trial) run(e *env) error {
	p, err := t.open(e)
	if err != nil {
		return errors.Join(err, t.portal.Close(), t.company.Close())
	}
	people, err := t.people(e.ctx, p)
	if err == nil {
		err = t.serve(e, p, people)
	}
	return errors.Join(err, p.close())
}

// open opens what a file like an administrator's would describe.
func (t *trial) open(e *env) (*program, error) {
	conf, err := t.config()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(conf.Keys.File); errors.Is(err, fs.ErrNotExist) {
		ring, err := keyring.Create(conf.Audit.Origin, e.now())
		if err != nil {
			return nil, err
		}
		if err := ring.Init(conf.Keys.File); err != nil {
			return nil, err
		}
	}
	return open(e, conf)
}

// config is the trial's postern.yaml. Everybody comes from this machine and tries the same few
// people again and again, so the limits of addresses are twenty times as wide and those of
// accounts five times; nothing is in quarantine, because nobody could wait; and a change, which
// hashes four times in this very process, still fits before the reply's moment.
func (t *trial) config() (config.Config, error) {
	home := localURL(t.company) + "/"
	text := fmt.Sprintf(`
public_url: %q
organisation: {name: %q, help_desk: "help@fernhill.example", sign_in_url: %q, return_to: [%q]}
data: %q
audit: {origin: "localhost/postern-try"}
directories: [{name: local, title: %q, type: local}]
methods: {passkey: {}, totp: {}, email_code: {}}
notify: [{type: file, file: %q}]
policy: {quarantine: 0}
reply_moment: 400ms
log: {level: warn}
`, localURL(t.portal), companyName, home, home, t.dir, companyName+" account", t.mail())
	conf, err := config.Read(filepath.Join(t.dir, "try.yaml"), []byte(text), kinds())
	if err != nil {
		return conf, err
	}
	l := &conf.Limits
	for _, r := range []*config.Rate{&l.StartAddress, &l.StartNetwork, &l.AnswerAddress, &l.StartAccount} {
		widen(r, 20)
	}
	for _, r := range []*config.Rate{&l.WrongAccount, &l.WrongAccountTotal, &l.Destination, &l.DestinationTotal, &l.ChangeAccount} {
		widen(r, 5)
	}
	return conf, nil
}

func widen(r *config.Rate, times int) {
	r.Burst *= times
	r.Every /= time.Duration(times)
}

func (t *trial) mail() string { return filepath.Join(t.dir, "mailbox.jsonl") }

func (t *trial) serve(e *env, p *program, people []samplePerson) error {
	handler, err := p.handler()
	if err != nil {
		return err
	}
	p.seen = nil // the sample company was made a moment ago: there is nothing to look for
	home := localURL(t.company)
	c := &company{
		local: p.app.Directories[0].Directory, people: people, self: home, now: p.now,
		portal:  p.conf.PublicURL + "/?return_to=" + url.QueryEscape(home+"/"),
		mailbox: func() ([]mail, error) { return readMail(t.mail()) },
		invite: func(r *http.Request, login string) (string, error) {
			i, err := p.app.Invite(r.Context(), operator(), login, passkeyMethod, nil)
			return p.link(i.Token), err
		},
	}
	pages, err := c.handler(p.edge(home))
	if err != nil {
		return err
	}
	var said error
	err = p.serve(e.ctx, []site{{listener: t.portal, handler: handler}, {listener: t.company, handler: pages}},
		func() { said = t.say(e, p, people) })
	return errors.Join(err, said)
}

// passkeyMethod is the method that a sample person makes in the browser.
const passkeyMethod policy.Factor = "passkey"

// ready is what --json prints.
type ready struct {
	Portal  string         `json:"portal"`
	API     string         `json:"api"`
	Mailbox string         `json:"mailbox"`
	SignIn  string         `json:"sign_in"`
	Console string         `json:"console"` // a link that works once
	People  []samplePerson `json:"people"`
}

func (t *trial) say(e *env, p *program, people []samplePerson) error {
	link, err := p.app.InviteOperator(e.ctx, operator())
	if err != nil {
		return err
	}
	home := localURL(t.company)
	r := ready{Console: p.consoleLink(link.Token), Portal: p.conf.PublicURL, API: p.conf.PublicURL + "/api/v1", Mailbox: home + "/mail", SignIn: home + "/", People: people}
	if t.json {
		line := json.NewEncoder(e.out)
		line.SetEscapeHTML(false)
		return line.Encode(r)
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Portal\t%s\nSign-in page of %s\t%s\nMailbox\t%s\nConsole (works once, for ten minutes)\t%s\n\n", r.Portal, companyName, r.SignIn, r.Mailbox, r.Console)
	fmt.Fprintln(w, "LOGIN\tPASSWORD AT FIRST\tABOUT")
	for _, one := range people {
		fmt.Fprintf(w, "%s\t%s\t%s\n", one.Login, one.Password, one.About)
	}
	fmt.Fprintf(w, "\nBegin at the sign-in page with \"Forgot your password?\". Ctrl-C ends it.\n")
	return w.Flush()
}

// people adds those who are not there yet, and what they have.
func (t *trial) people(ctx context.Context, p *program) ([]samplePerson, error) {
	dir, ok := directory.As[*local.Directory](p.app.Directories[0].Directory)
	if !ok {
		return nil, errors.New("the trial's directory is not the built-in one")
	}
	out := samplePeople()
	added := false
	for i := range out {
		fresh, err := out[i].settle(ctx, p, dir)
		if err != nil {
			return nil, fmt.Errorf("sample person %s: %w", out[i].Login, err)
		}
		added = added || fresh
	}
	if added {
		return out, t.hush(ctx, p)
	}
	return out, nil
}

// hush sends what the sample people were written while they were made, and empties the mailbox:
// nobody who tries Postern has done anything yet.
func (t *trial) hush(ctx context.Context, p *program) error {
	once, cancel := context.WithCancel(ctx)
	cancel() // Run does everything once before it looks
	if err := p.app.Run(once); err != nil {
		return err
	}
	if err := os.Remove(t.mail()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
