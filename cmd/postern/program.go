package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"postern/app"
	"postern/config"
	"postern/directory"
	"postern/directory/wrap"
	"postern/doctor"
	"postern/internal/keyring"
	"postern/method"
	"postern/notify"
	"postern/password"
	"postern/secret"
	"postern/store/sqlstore"
	"postern/web/page"
)

// program is what postern.yaml describes, opened: what every command that touches state works on.
type program struct {
	conf  config.Config
	keys  *keyring.Ring
	store *sqlstore.Store // nil where a check looks at settings only
	log   *slog.Logger
	now   func() time.Time

	directories []app.NamedDirectory
	methods     []app.NamedMethod
	senders     []notify.Sender
	rules       password.Rules
	texts       *page.Texts
	app         *app.App
	seen        *doctor.Doctor // what the console shows; nil until there is one
}

// open opens everything that conf names. What is wrong with several sections is told at once.
func open(e *env, conf config.Config) (*program, error) {
	p := &program{conf: conf, now: e.now, log: logger(e, conf.Log)}
	var err error
	if p.keys, err = openKeys(conf); err != nil {
		return nil, err
	}
	if p.store, err = openStore(e.ctx, conf); err != nil {
		return nil, err
	}
	if err := errors.Join(p.openParts()...); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := p.assemble(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// openParts opens what the sections of the file describe. What can be opened is there even when
// something else cannot.
func (p *program) openParts() []error {
	var errs [5]error
	p.directories, errs[0] = p.openDirectories()
	p.methods, errs[1] = p.openMethods()
	p.senders, errs[2] = p.openSenders()
	p.rules, errs[3] = passwordRules(p.conf.Password)
	p.texts, errs[4] = page.NewTexts(p.kinds())
	return errs[:]
}

// kinds are the configured methods before they were opened.
func (p *program) kinds() []method.Kind {
	var out []method.Kind
	for _, m := range p.methods {
		out = append(out, m.Kind)
	}
	return out
}

// assemble makes the app of the parts.
func (p *program) assemble() error {
	var store app.Store = unopenedStore{}
	var log app.LogStore = unopenedLog{}
	if p.store != nil {
		store, log = p.store, p.store
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	p.app, err = app.New(app.Settings{
		Store: store, Log: log, Keys: p.keys, Signer: p.keys, Texts: p.texts,
		Directories: p.directories, Methods: p.methods, Senders: p.senders,
		Policy: p.conf.Policy.Policy(), Password: p.rules, Limits: limits(p.conf.Limits), Canaries: canaries(p.conf.Rehearsal),
		Organisation: p.conf.Organisation.Name, PublicURL: p.conf.PublicURL, HelpDesk: p.conf.Organisation.HelpDesk,
		Now: p.now, Logger: p.log, Node: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8]),
	})
	return err
}

// close closes what open opened.
func (p *program) close() error {
	var errs []error
	for _, d := range p.directories {
		if c, ok := directory.As[directory.Closer](d.Directory); ok {
			errs = append(errs, c.Close())
		}
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	return errors.Join(errs...)
}

// settingOf is what an administrator would change about a file: own, or data where the file is
// one that stands in the data folder by default.
func settingOf(conf config.Config, path, own string) string {
	if filepath.Dir(path) == filepath.Clean(conf.Data) {
		return "data"
	}
	return own
}

// mendFolder says what to do about a folder that cannot be used.
const mendFolder = "make the folder, for the user that runs Postern alone, or name another"

func openStore(ctx context.Context, conf config.Config) (*sqlstore.Store, error) {
	if path := conf.Store.SQLite; !conf.Store.Postgres() {
		store, err := sqlstore.Open(ctx, sqlstore.Settings{Path: path})
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			err = fmt.Errorf("%s: %w: %s", settingOf(conf, path, "store.sqlite"), err, mendFolder)
		}
		return store, err
	}
	dsn, err := config.LoadSecret("store.postgres_dsn", conf.Store.PostgresDSNFile, conf.Store.PostgresDSNEnv)
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Settings{DSN: dsn})
	if err != nil {
		err = fmt.Errorf("store.postgres_dsn: %w", err)
	}
	return store, err
}

// What stands for the store where a check looks at settings only. It is never asked.
type (
	unopened      struct{ directory.LocalStore }
	unopenedStore struct{ app.Store }
	unopenedLog   struct{ app.LogStore }
)

// openDirectories opens the directories, each behind its guards.
func (p *program) openDirectories() ([]app.NamedDirectory, error) {
	dEnv := directory.Env{Local: unopened{}}
	if p.store != nil {
		dEnv.Local = p.store
	}
	var out []app.NamedDirectory
	var errs []error
	for _, s := range p.conf.Directories {
		for _, k := range kinds().Directories {
			if k.ID != s.Type {
				continue
			}
			d, err := k.Open(s.Name, s.Decode, dEnv)
			if err != nil {
				errs = append(errs, s.Fault(err))
				continue
			}
			out = append(out, app.NamedDirectory{Name: s.Name, Title: s.Title, Domains: s.Domains, Lookup: app.Lookup(s.Lookup), Directory: wrap.New(d, wrap.Options{Now: p.now})})
		}
	}
	return out, errors.Join(errs...)
}

func (p *program) openMethods() ([]app.NamedMethod, error) {
	mEnv := method.Env{Organisation: p.conf.Organisation.Name, PublicURL: p.conf.PublicURL,
		Decoy: func(label string, who method.Person, n int) []byte {
			return p.keys.Derive("decoy/"+label, []byte(who.Draw), n)
		}}
	var out []app.NamedMethod
	var errs []error
	for _, s := range p.conf.Methods {
		for _, k := range kinds().Methods {
			if string(k.ID) != s.Type {
				continue
			}
			m, err := k.Open(s.Decode, mEnv)
			if err != nil {
				errs = append(errs, s.Fault(err))
				continue
			}
			out = append(out, app.NamedMethod{Kind: k, Method: m})
		}
	}
	return out, errors.Join(errs...)
}

func (p *program) openSenders() ([]notify.Sender, error) {
	var out []notify.Sender
	var errs []error
	for _, s := range p.conf.Notify {
		for _, k := range kinds().Senders {
			if k.ID != s.Type {
				continue
			}
			sender, err := k.Open(s.Decode)
			if err != nil {
				errs = append(errs, s.Fault(err))
				continue
			}
			out = append(out, sender)
		}
	}
	return out, errors.Join(errs...)
}

func limits(l config.Limits) app.Limits {
	return app.Limits{
		StartAddress: l.StartAddress.Limit(), StartNetwork: l.StartNetwork.Limit(), StartAccount: l.StartAccount.Limit(),
		AnswerAddress: l.AnswerAddress.Limit(), WrongAccount: l.WrongAccount.Limit(), WrongTotal: l.WrongAccountTotal.Limit(),
		Destination: l.Destination.Limit(), DestinationTotal: l.DestinationTotal.Limit(), ChangeAccount: l.ChangeAccount.Limit(),
	}
}

// logger is the process log, on standard error.
func logger(e *env, l config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo // config lets no other word through
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(e.err, options))
	}
	return slog.New(slog.NewTextHandler(e.err, options))
}

// operator is who runs the command, for the audit log.
func operator() app.Operator {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return app.Operator{Name: "cli:" + name}
}

// link is where an invitation leads.
func (p *program) link(token secret.Text) string {
	// The link is made to be shown, once, to whoever asked for it.
	return p.conf.PublicURL + "/enroll/" + token.Reveal()
}
