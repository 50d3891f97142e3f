package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/app"
	"postern/config"
	"postern/directory"
	"postern/directory/local"
	"postern/doctor"
	"postern/policy"
	"postern/store/sqlstore"
	"postern/web/edge"
	"postern/web/portal"
)

// checkCommand says whether "postern serve" would do.
type checkCommand struct {
	configFlag
	Person string `help:"Look at one person too: the state of the account, what the service may do to it, which rule holds, and whether they could recover. Opens the store as serve does, and records that you looked." placeholder:"LOGIN"`
	JSON   bool   `name:"json" help:"Print the findings as one line of JSON, for programs."`

	Rehearse string `help:"Instead, reset the password of this canary account for real, as a person would, and show every step. It must be listed under rehearsal.accounts." placeholder:"LOGIN"`
}

// patience is how long the store may take to answer a check.
const patience = 15 * time.Second

// Run checks everything and prints what it found.
func (c checkCommand) Run(e *env) error {
	if c.Rehearse != "" {
		return c.rehearse(e)
	}
	k := &checker{out: e.out, quiet: c.JSON, report: doctor.Report{Began: e.now()}}
	k.begin("file")
	conf, err := config.Load(c.Config, kinds())
	if err != nil {
		k.bad("", err, "")
		k.report.Ended = e.now()
		return k.sum()
	}
	k.good("the file " + c.Config + " can be read, and its settings fit together")
	p := &program{conf: conf, now: e.now, log: logger(e, conf.Log)}
	k.keys(p, c.Config)
	if k.store(e.ctx, conf) && p.keys != nil && c.opens() {
		k.openStore(e.ctx, p)
	}
	opened := k.parts(p)
	for _, s := range p.doctor().Check(e.ctx).Sections {
		k.take(s)
	}
	k.site(p, opened && p.sound())
	if c.Person != "" {
		k.person(e, p, c.Person)
	}
	k.begin("end")
	if err := p.close(); err != nil {
		k.bad("directories", err, "see whether the servers of the directories still answer")
	}
	k.report.Ended = e.now()
	return k.sum()
}

// opens reports whether the store is needed, and not only whether it would open.
func (c checkCommand) opens() bool { return c.Person != "" }

// doctor looks at the parts that were opened.
func (p *program) doctor() *doctor.Doctor {
	return doctor.New(doctor.Parts{
		Directories: p.directories, Senders: p.senders, Methods: p.traits(), Policy: p.conf.Policy.Policy(),
		Limits: limits(p.conf.Limits), ReplyMoment: p.conf.ReplyMoment, Now: p.now,
		Closed: func(d directory.Directory) bool {
			_, builtIn := directory.As[*local.Directory](d)
			return builtIn && p.store == nil
		},
	})
}

// traits are what the opened methods say of themselves.
func (p *program) traits() policy.Methods {
	out := policy.Methods{}
	for _, m := range p.methods {
		out[m.Kind.ID] = m.Kind.Traits
	}
	return out
}

// sound reports whether an app would take the rules: the doctor has told why not.
func (p *program) sound() bool {
	return !slices.ContainsFunc(p.conf.Policy.Policy().Check(p.traits()), func(f policy.Finding) bool { return f.Fault })
}

// sum prints how much was found.
func (k *checker) sum() error {
	faults, warnings := k.report.Count(directory.Fault), k.report.Count(directory.Warning)
	if k.quiet {
		line := json.NewEncoder(k.out)
		line.SetEscapeHTML(false)
		err := line.Encode(struct {
			Errors   int `json:"errors"`
			Warnings int `json:"warnings"`
			doctor.Report
		}{faults, warnings, k.report})
		if err != nil {
			return err
		}
	}
	switch {
	case faults > 0 && !k.quiet:
		fmt.Fprintf(k.out, "%s, %s\n", count(faults, "error"), count(warnings, "warning"))
	case !k.quiet:
		fmt.Fprintf(k.out, "no errors, %s\n", count(warnings, "warning"))
	}
	if faults > 0 {
		return errSilent
	}
	return nil
}

// count is "1 error" or "2 errors".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// checker prints findings as they come, and keeps them.
type checker struct {
	out    io.Writer
	quiet  bool // prints all of them at the end
	report doctor.Report
}

// begin begins a section.
func (k *checker) begin(name string) {
	k.report.Sections = append(k.report.Sections, doctor.Section{Name: name})
}

// take prints and keeps a section.
func (k *checker) take(s doctor.Section) {
	k.begin(s.Name)
	for _, f := range s.Findings {
		k.keep(s.Name, f)
	}
}

// found keeps a finding of the present section, with what it is about in its text.
func (k *checker) found(about string, f directory.Finding) {
	if about != "" {
		f.Text = about + ": " + f.Text
	}
	k.keep("", f)
}

func (k *checker) keep(about string, f directory.Finding) {
	about, f.Text, f.Fix = directory.Plain(about), directory.Plain(f.Text), directory.PlainLines(f.Fix)
	s := &k.report.Sections[len(k.report.Sections)-1]
	s.Findings = append(s.Findings, f)
	if k.quiet {
		return
	}
	if about != "" {
		about += ": "
	}
	fmt.Fprintf(k.out, "%-8s %s%s\n", f.Severity, about, f.Text)
	if f.Fix != "" {
		tellFix(k.out, f.Fix)
	}
}

// tellFix prints a fix. One of several lines begins at the margin, as it is to be pasted.
func tellFix(w io.Writer, fix string) {
	fix = directory.PlainLines(fix)
	if strings.Contains(fix, "\n") {
		fix = "\n" + fix
	}
	fmt.Fprintf(w, "         fix: %s\n", fix)
}

func (k *checker) good(text string) {
	k.found("", directory.Finding{Severity: directory.Good, Text: text})
}

// mendAny is what there is to say where the error itself does not say it.
const mendAny = "correct the setting that it names; \"postern config docs\" explains each"

// inLine writes what a library says in lines into one.
var inLine = strings.NewReplacer(":\n\t", ": ", "\n\t", "; ", "\n", "; ")

// bad tells an error: each one of joined ones, and each of a file's faults. Without a fix it is the
// one at the end of the error's own text.
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
			fix := cmp.Or(f.Fix, mendAny)
			f.Fix = ""
			k.found("", directory.Finding{Severity: directory.Fault, Text: f.String(), Fix: fix})
		}
		return
	}
	text := plain(err)
	if fix == "" {
		text, fix = config.Advice(text)
	}
	k.found(about, directory.Finding{Severity: directory.Fault, Text: inLine.Replace(text), Fix: inLine.Replace(cmp.Or(fix, mendAny))})
}

func (k *checker) keys(p *program, file string) {
	k.begin("keys")
	ring, err := openKeys(p.conf)
	switch {
	case err == nil:
		p.keys = ring
		k.good("keys: the audit log is signed as " + ring.Verifier())
	case errors.Is(err, fs.ErrNotExist), p.conf.Keys.Env != "" && os.Getenv(p.conf.Keys.Env) == "":
		k.bad("keys", err, "postern keys init --config "+doctor.Quoted(file))
	case errors.Is(err, fs.ErrPermission):
		k.bad("keys", err, "let the user who runs Postern read it, and nobody else")
	default:
		text, fix := config.Advice(plain(err))
		k.bad("keys", errors.New(text), cmp.Or(fix, "restore the keyset from a copy, or name the right one under keys"))
	}
}

// parts opens what the file describes, and reports whether all of it could be.
func (k *checker) parts(p *program) bool {
	k.begin("settings")
	before := k.report.Count(directory.Fault)
	for _, err := range p.openParts() {
		if err != nil {
			k.bad("", err, "")
		}
	}
	return k.report.Count(directory.Fault) == before
}

// site makes what serve makes of the settings, and listens nowhere. Without all its parts there is
// no app; the pages can be looked at all the same.
func (k *checker) site(p *program, whole bool) {
	k.begin("pages")
	before := k.report.Count(directory.Fault)
	if whole {
		if err := p.assemble(); err != nil {
			k.bad("", err, "")
		}
	}
	var err error
	if p.app != nil {
		_, err = p.handler()
	} else if p.texts != nil {
		_, err = p.renderer(portal.Pages())
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
	if k.report.Count(directory.Fault) == before {
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

// store asks PostgreSQL whether it answers, and for SQLite whether the folder would do, and
// reports whether serve could use it. It makes and migrates nothing.
func (k *checker) store(ctx context.Context, conf config.Config) bool {
	k.begin("store")
	if path := conf.Store.SQLite; !conf.Store.Postgres() {
		if err := writable(path); err != nil {
			k.bad(settingOf(conf, path, "store.sqlite"), err, mendFolder)
			return false
		}
		k.good("store: SQLite at " + path)
		return true
	}
	dsn, err := config.LoadSecret("store.postgres_dsn", conf.Store.PostgresDSNFile, conf.Store.PostgresDSNEnv)
	if err != nil {
		k.bad("store", err, "")
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := sqlstore.Check(ctx, dsn); err != nil {
		k.bad("store.postgres_dsn", err, "check address, user, password and database")
		return false
	}
	k.good("store: PostgreSQL answers")
	return true
}

// openStore opens it as serve does.
func (k *checker) openStore(ctx context.Context, p *program) {
	store, err := openStore(ctx, p.conf)
	if err != nil {
		k.bad("store", err, "")
		return
	}
	p.store = store
}

// person looks at one person, which needs everything else.
func (k *checker) person(e *env, p *program, login string) {
	k.begin("person " + login)
	if p.app == nil || p.store == nil { // the store stays closed without keys
		k.found("person "+login, directory.Finding{Severity: directory.Fault, Text: "cannot be looked at", Fix: "mend the errors above first"})
		return
	}
	d := p.doctor()
	s, err := d.Examine(e.ctx, p.app, operator(), login)
	switch {
	case errors.Is(err, app.ErrNobody):
		k.bad("person "+login, err, d.Nobody(login, err))
	case err != nil:
		k.bad("person "+login, err, "mend what is said of the directories and the store")
	default:
		k.report.Sections = k.report.Sections[:len(k.report.Sections)-1]
		k.take(s)
	}
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
