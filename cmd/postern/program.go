package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"time"

	"postern/app"
	"postern/config"
	"postern/directory"
	"postern/directory/wrap"
	"postern/internal/keyring"
	"postern/method"
	"postern/notify"
	"postern/secret"
	"postern/store/sqlstore"
	"postern/web/page"
)

// program is what postern.yaml describes, opened: what every command that touches state works on.
type program struct {
	conf  config.Config
	keys  *keyring.Ring
	store *sqlstore.Store
	texts *page.Texts
	app   *app.App
	log   *slog.Logger
	now   func() time.Time
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
	if err := p.assemble(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// assemble makes the app.
func (p *program) assemble() error {
	directories, dirErr := p.directories()
	methods, methodErr := p.methods()
	senders, sendErr := p.senders()
	rules, ruleErr := passwordRules(p.conf.Password)
	kinds := make([]method.Kind, len(methods))
	for i, m := range methods {
		kinds[i] = m.Kind
	}
	texts, textErr := page.NewTexts(kinds)
	if err := errors.Join(dirErr, methodErr, sendErr, ruleErr, textErr); err != nil {
		return err
	}
	p.texts = texts
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	p.app, err = app.New(app.Settings{
		Store: p.store, Log: p.store, Keys: p.keys, Signer: p.keys, Texts: texts,
		Directories: directories, Methods: methods, Senders: senders,
		Policy: p.conf.Policy.Policy(), Password: rules, Limits: limits(p.conf.Limits),
		Organisation: p.conf.Organisation.Name, PublicURL: p.conf.PublicURL, HelpDesk: p.conf.Organisation.HelpDesk,
		Now: p.now, Logger: p.log, Node: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8]),
	})
	return err
}

// close closes what open opened.
func (p *program) close() error {
	var errs []error
	if p.app != nil {
		for _, d := range p.app.Directories {
			if c, ok := directory.As[directory.Closer](d.Directory); ok {
				errs = append(errs, c.Close())
			}
		}
	}
	return errors.Join(append(errs, p.store.Close())...)
}

func openStore(ctx context.Context, conf config.Config) (*sqlstore.Store, error) {
	if !conf.Store.Postgres() {
		return sqlstore.Open(ctx, sqlstore.Settings{Path: conf.Store.SQLite})
	}
	dsn, err := config.LoadSecret("store.postgres_dsn", conf.Store.PostgresDSNFile, conf.Store.PostgresDSNEnv)
	if err != nil {
		return nil, err
	}
	return sqlstore.Open(ctx, sqlstore.Settings{DSN: dsn})
}

// unopened stands for the store where a check looks at settings only. It is never asked.
type unopened struct{ directory.LocalStore }

// directories opens the directories, each behind its guards.
func (p *program) directories() ([]app.NamedDirectory, error) {
	dEnv := directory.Env{Local: p.store}
	if p.store == nil {
		dEnv.Local = unopened{}
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
			out = append(out, app.NamedDirectory{Name: s.Name, Title: s.Title, Directory: wrap.New(d, wrap.Options{Now: p.now})})
		}
	}
	return out, errors.Join(errs...)
}

func (p *program) methods() ([]app.NamedMethod, error) {
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

func (p *program) senders() ([]notify.Sender, error) {
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
		AnswerAddress: l.AnswerAddress.Limit(), WrongAccount: l.WrongAccount.Limit(),
		Destination: l.Destination.Limit(), ChangeAccount: l.ChangeAccount.Limit(),
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
