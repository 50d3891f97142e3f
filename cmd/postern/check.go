package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"postern/config"
	"postern/directory"
	"postern/directory/local"
	"postern/notify"
	"postern/policy"
	"postern/store/sqlstore"
	"postern/web/edge"
)

// checkCommand says whether "postern serve" would do.
type checkCommand struct {
	configFlag
}

// patience is how long one directory or sender may take to answer a check.
const patience = 15 * time.Second

// Run checks everything and prints what it found.
func (c checkCommand) Run(e *env) error {
	conf, err := config.Load(c.Config, kinds())
	if err != nil {
		return err
	}
	k := &checker{out: e.out, now: e.now}
	k.good("the file " + c.Config + " can be read, and its settings fit together")
	k.keys(conf)
	k.store(e.ctx, conf)
	k.files(conf)
	p := &program{conf: conf, now: e.now, log: logger(e, conf.Log)}
	k.directories(e.ctx, p)
	k.senders(e.ctx, p)
	k.policy(p)
	switch {
	case k.faults > 0:
		fmt.Fprintf(e.out, "%d errors, %d warnings\n", k.faults, k.warnings)
		return errSilent
	default:
		fmt.Fprintf(e.out, "no errors, %d warnings\n", k.warnings)
		return nil
	}
}

// checker prints findings and counts them.
type checker struct {
	out              io.Writer
	now              func() time.Time
	faults, warnings int
}

func (k *checker) found(about string, f directory.Finding) {
	switch f.Severity {
	case directory.Fault:
		k.faults++
	case directory.Warning:
		k.warnings++
	}
	if about != "" {
		about += ": "
	}
	fmt.Fprintf(k.out, "%-8s %s%s\n", f.Severity, about, f.Text)
	if f.Fix != "" {
		fmt.Fprintf(k.out, "         fix: %s\n", f.Fix)
	}
}

func (k *checker) good(text string) {
	k.found("", directory.Finding{Severity: directory.Good, Text: text})
}

func (k *checker) bad(about string, err error, fix string) {
	var faults config.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			k.found("", directory.Finding{Severity: directory.Fault, Text: f.String()})
		}
		return
	}
	k.found(about, directory.Finding{Severity: directory.Fault, Text: err.Error(), Fix: fix})
}

func (k *checker) keys(conf config.Config) {
	ring, err := openKeys(conf)
	if err != nil {
		k.bad("keys", err, "")
		return
	}
	k.good("keys: the audit log is signed as " + ring.Verifier())
}

// store asks PostgreSQL whether it answers, and for SQLite whether the folder would do. It makes
// and migrates nothing.
func (k *checker) store(ctx context.Context, conf config.Config) {
	if path := conf.Store.SQLite; !conf.Store.Postgres() {
		if err := writable(path); err != nil {
			k.bad("store.sqlite", err, "create the folder for the user that runs Postern")
			return
		}
		k.good("store: SQLite at " + path)
		return
	}
	dsn, err := config.LoadSecret("store.postgres_dsn", conf.Store.PostgresDSNFile, conf.Store.PostgresDSNEnv)
	if err != nil {
		k.bad("store", err, "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := sqlstore.Check(ctx, dsn); err != nil {
		k.bad("store.postgres_dsn", err, "check address, user, password and database")
		return
	}
	k.good("store: PostgreSQL answers")
}

// files reads what serve would read besides.
func (k *checker) files(conf config.Config) {
	for _, f := range []struct{ setting, name string }{
		{"organisation.logo_file", conf.Organisation.LogoFile},
	} {
		if f.name == "" {
			continue
		}
		if _, err := os.ReadFile(f.name); err != nil {
			k.bad(f.setting, err, "name a file that the user who runs Postern can read")
		}
	}
	if t := conf.TLS; t.CertFile != "" {
		if _, err := edge.TLS(edge.TLSSettings{PublicURL: conf.PublicURL, CertFile: t.CertFile, KeyFile: t.KeyFile, Now: k.now}); err != nil {
			k.bad("tls.cert_file, tls.key_file", err, "name a certificate chain and its key, both in PEM")
		}
	}
	if _, err := passwordRules(conf.Password); err != nil {
		k.bad("", err, "")
	}
}

func (k *checker) directories(ctx context.Context, p *program) {
	all, err := p.directories()
	if err != nil {
		k.bad("directories", err, "")
	}
	for _, d := range all {
		ask, ok := directory.As[directory.Checker](d.Directory)
		if _, local := directory.As[*local.Directory](d.Directory); local || !ok {
			k.good("directory " + d.Name + ": there is nothing to ask but the store")
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		for _, f := range ask.Check(ctx) {
			k.found("directory "+d.Name, f)
		}
		cancel()
		if c, ok := directory.As[directory.Closer](d.Directory); ok {
			if err := c.Close(); err != nil {
				k.bad("directory "+d.Name, err, "")
			}
		}
	}
}

func (k *checker) senders(ctx context.Context, p *program) {
	all, err := p.senders()
	if err != nil {
		k.bad("notify", err, "")
	}
	for _, s := range all {
		name := "notify " + string(s.Channel())
		ask, ok := s.(notify.Checker)
		if !ok {
			k.good(name + ": there is nothing to ask")
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		err := ask.Check(ctx)
		cancel()
		if err != nil {
			k.bad(name, err, "correct the settings under notify")
			continue
		}
		k.good(name + ": would send")
	}
}

// policy looks for rules that cannot be met, that nobody reaches or that are weak, and runs the
// policy's own tests.
func (k *checker) policy(p *program) {
	traits := policy.Methods{}
	opened, err := p.methods()
	if err != nil {
		k.bad("methods", err, "")
		return
	}
	for _, m := range opened {
		traits[m.Kind.ID] = m.Kind.Traits
	}
	rules := p.conf.Policy.Policy()
	for _, f := range append(rules.Check(traits), rules.RunTests(traits)...) {
		severity := directory.Warning
		if f.Fault {
			severity = directory.Fault
		}
		about := "policy"
		if f.Rule != "" {
			about += " rule " + f.Rule
		}
		k.found(about, directory.Finding{Severity: severity, Text: f.Text, Fix: f.Fix})
	}
	k.good(fmt.Sprintf("policy: %d rules, %d tests", len(rules.Rules), len(rules.Tests)))
}

// writable reports whether the folder of path would take the file: the nearest folder that exists
// must let this user write. It makes nothing.
func writable(path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is not a folder", dir)
		}
		return access(dir)
	}
}
