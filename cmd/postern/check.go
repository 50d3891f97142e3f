package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"postern/app"
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
	p := &program{conf: conf, now: e.now, log: logger(e, conf.Log)}
	k.keys(p)
	k.store(e.ctx, conf)
	opened := k.parts(p)
	k.directories(e.ctx, p)
	k.senders(e.ctx, p)
	sound := k.policy(p)
	k.site(p, opened && sound)
	if err := p.close(); err != nil {
		k.bad("directories", err, "")
	}
	return k.sum()
}

// sum prints how much was found.
func (k *checker) sum() error {
	if k.faults > 0 {
		fmt.Fprintf(k.out, "%s, %s\n", count(k.faults, "error"), count(k.warnings, "warning"))
		return errSilent
	}
	fmt.Fprintf(k.out, "no errors, %s\n", count(k.warnings, "warning"))
	return nil
}

// count is "1 error" or "2 errors".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
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

// bad tells an error: each one of joined ones, and each of a file's faults.
func (k *checker) bad(about string, err error, fix string) {
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // it takes joined errors apart
	if ok && errors.Join(joined.Unwrap()...).Error() == err.Error() {
		for _, one := range joined.Unwrap() {
			k.bad(about, one, fix)
		}
		return
	}
	if faults, ok := errors.AsType[config.Faults](err); ok && len(faults) > 0 {
		for _, f := range faults {
			k.found("", directory.Finding{Severity: directory.Fault, Text: f.String()})
		}
		return
	}
	k.found(about, directory.Finding{Severity: directory.Fault, Text: plain(err), Fix: fix})
}

func (k *checker) keys(p *program) {
	ring, err := openKeys(p.conf)
	if err != nil {
		k.bad("keys", err, "")
		return
	}
	p.keys = ring
	k.good("keys: the audit log is signed as " + ring.Verifier())
}

// parts opens what the file describes, and reports whether all of it could be.
func (k *checker) parts(p *program) bool {
	before := k.faults
	for _, err := range p.openParts() {
		if err != nil {
			k.bad("", err, "")
		}
	}
	return k.faults == before
}

// site makes what serve makes of the settings, and listens nowhere. Without all its parts there is
// no app; the pages can be looked at all the same.
func (k *checker) site(p *program, whole bool) {
	before := k.faults
	if whole {
		if err := p.assemble(); err != nil {
			k.bad("", err, "")
		}
	}
	var err error
	if p.app != nil {
		_, err = p.handler()
	} else if p.texts != nil {
		_, err = p.renderer()
	}
	if err != nil {
		k.bad("", err, "")
	}
	if p.conf.TLS.RedirectListen != "" {
		if _, err := edge.Redirect(p.conf.PublicURL); err != nil {
			k.bad("public_url", err, "")
		}
	}
	k.certificates(p)
	if k.faults == before {
		k.good("pages: name, colour, picture and certificate would be served")
	}
}

// certificates reads the files; an authority's folder is looked at only.
func (k *checker) certificates(p *program) {
	if t := p.conf.TLS; t.CertFile == "" && t.ACME.On() {
		if err := writable(filepath.Join(t.ACME.CacheDir, "certificate")); err != nil {
			k.bad(settingOf(p.conf, t.ACME.CacheDir, "tls.acme.cache_dir"), err, mendFolder)
		}
		return
	}
	if _, err := p.certificates(); err != nil {
		k.bad("", err, "")
	}
}

// store asks PostgreSQL whether it answers, and for SQLite whether the folder would do. It makes
// and migrates nothing.
func (k *checker) store(ctx context.Context, conf config.Config) {
	if path := conf.Store.SQLite; !conf.Store.Postgres() {
		if err := writable(path); err != nil {
			k.bad(settingOf(conf, path, "store.sqlite"), err, mendFolder)
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

func (k *checker) directories(ctx context.Context, p *program) {
	for _, d := range p.directories {
		ask, ok := directory.As[directory.Checker](d.Directory)
		if _, local := directory.As[*local.Directory](d.Directory); local || !ok {
			k.good("directory " + d.Name + ": there is nothing to ask but the store")
		} else {
			ctx, cancel := context.WithTimeout(ctx, patience)
			for _, f := range ask.Check(ctx) {
				k.found("directory "+d.Name, f)
			}
			cancel()
		}
		k.lockout(ctx, p, d)
	}
}

// lockouts is a directory that can tell after how many wrong passwords it locks an account, and
// which setting says so. 0: it does not, or nobody can tell.
type lockouts interface {
	LockoutAfter(ctx context.Context) (n int, setting string)
}

// lockout compares the limit on changes of a known password with the directory's own: whoever may
// try as often as the directory bears can lock people out.
func (k *checker) lockout(ctx context.Context, p *program, d app.NamedDirectory) {
	ask, ok := directory.As[lockouts](d.Directory)
	if !ok || !changes(p.conf.Policy.Policy()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n, setting := ask.LockoutAfter(ctx)
	tries := p.conf.Limits.ChangeAccount.Burst
	if n == 0 || tries > 0 && tries < n {
		return
	}
	allowed := fmt.Sprintf("%d at once", tries)
	if tries == 0 {
		allowed = "any number"
	}
	k.found("directory "+d.Name, directory.Finding{Severity: directory.Warning,
		Text: fmt.Sprintf("it locks an account after %d wrong passwords (%s), and limits.change_account.burst allows %s: a stranger could lock people out by changing their passwords here", n, setting, allowed),
		Fix:  fmt.Sprintf("set limits.change_account.burst to less than %d, or %s to more than %d, or leave change out of the rules' actions", n, setting, max(tries, n))})
}

// changes reports whether any rule lets people change a known password.
func changes(p policy.Policy) bool {
	return slices.ContainsFunc(p.Rules, func(r policy.Rule) bool {
		return !r.Deny && (len(r.Actions) == 0 || slices.Contains(r.Actions, policy.Change))
	})
}

func (k *checker) senders(ctx context.Context, p *program) {
	for _, s := range p.senders {
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
// policy's own tests. It reports whether serve would take the rules.
func (k *checker) policy(p *program) bool {
	traits := policy.Methods{}
	for _, m := range p.methods {
		traits[m.Kind.ID] = m.Kind.Traits
	}
	rules := p.conf.Policy.Policy()
	ok := true
	tell := func(f policy.Finding) {
		severity := directory.Warning
		if f.Fault {
			severity = directory.Fault
		}
		about := "policy"
		if f.Rule != "" {
			about += " rule " + f.Rule
		}
		k.found(about, directory.Finding{Severity: severity, Text: f.Text, Fix: "change " + f.Fix})
	}
	for _, f := range rules.Check(traits) {
		ok = ok && !f.Fault
		tell(f)
	}
	for _, f := range rules.RunTests(traits) {
		tell(f)
	}
	k.good(fmt.Sprintf("policy: %s, %s", count(len(rules.Rules), "rule"), count(len(rules.Tests), "test")))
	return ok
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
