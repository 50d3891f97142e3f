package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"postern/app"
	"postern/config"
	"postern/directory"
	"postern/web/api"
	"postern/web/console"
	"postern/web/edge"
	"postern/web/page"
	"postern/web/portal"
)

// serveCommand runs the service.
type serveCommand struct {
	configFlag
}

// Run serves until the process is told to stop.
func (c serveCommand) Run(e *env) error {
	began := time.Now()
	conf, err := config.Load(c.Config, kinds())
	if err != nil {
		return err
	}
	p, err := open(e, conf)
	if err != nil {
		return err
	}
	return errors.Join(p.serveConfigured(e.ctx, began), p.close())
}

// serveConfigured listens where the file says.
func (p *program) serveConfigured(ctx context.Context, began time.Time) error {
	handler, err := p.handler()
	if err != nil {
		return err
	}
	certificates, err := p.certificates()
	if err != nil {
		return err
	}
	listener, err := listen("listen", p.conf.Listen)
	if err != nil {
		return err
	}
	sites := []site{{listener: listener, handler: handler, tls: certificates}}
	if at := p.conf.TLS.RedirectListen; at != "" {
		redirect, err := edge.Redirect(p.conf.PublicURL)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		plain, err := listen("tls.redirect_listen", at)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		sites = append(sites, site{listener: plain, handler: redirect})
	}
	return p.serve(ctx, sites, func() {
		p.log.Info("ready", "url", p.conf.PublicURL, "listen", listener.Addr().String(), "took", time.Since(began).Round(time.Millisecond))
	})
}

// certificates is what the server shows; nil without TLS.
func (p *program) certificates() (*tls.Config, error) {
	t := p.conf.TLS
	if !t.On() {
		return nil, nil
	}
	c, err := edge.TLS(edge.TLSSettings{PublicURL: p.conf.PublicURL, CertFile: t.CertFile, KeyFile: t.KeyFile,
		ACMECache: t.ACME.CacheDir, ACMEEmail: t.ACME.Email, ACMEDirectory: t.ACME.Directory, Logger: p.log, Now: p.now})
	switch {
	case err == nil:
		return c, nil
	case t.CertFile != "":
		return nil, fmt.Errorf("tls.cert_file, tls.key_file: %w: name a certificate chain and its key, both in PEM, that the user who runs Postern can read", err)
	}
	return nil, fmt.Errorf("%s: %w: %s", settingOf(p.conf, t.ACME.CacheDir, "tls.acme.cache_dir"), err, mendFolder)
}

// listen listens at the address that a setting names.
func listen(setting, at string) (net.Listener, error) {
	l, err := net.Listen("tcp", at)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use: stop the program that listens there, or write another port", setting, at)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: this user may not listen at %s: give the service the right to low ports (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE), or write a port above 1023 and put a reverse proxy before it", setting, at)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: %s is no address of this machine: write 127.0.0.1 for this machine alone, or leave the host out for all its addresses", setting, at)
	}
	return nil, fmt.Errorf("%s: %w: write it as 127.0.0.1:8080 or :443", setting, err)
}

// handler is all faces of the product.
func (p *program) handler() (http.Handler, error) {
	renderer, err := p.renderer(portal.Pages())
	if err != nil {
		return nil, err
	}
	o := p.conf.Organisation
	pages, err := portal.New(portal.Settings{App: p.app, Page: renderer, Methods: p.kinds(),
		SignIn: o.SignInURL, ReturnTo: o.ReturnTo, Now: p.now})
	if err != nil {
		return nil, err
	}
	s := p.edge(p.conf.PublicURL)
	programs, err := api.New(s, p.app, p.texts)
	if err != nil {
		return nil, err
	}
	s.RenderError = pages.RenderError
	people, err := edge.NewPortal(s)
	if err != nil {
		return nil, err
	}
	pages.Register(people)
	operators, err := p.console(s)
	if err != nil {
		return nil, err
	}
	return edge.Split(programs, operators, people), nil
}

// console is the face for operators.
func (p *program) console(s edge.Settings) (*edge.Mux, error) {
	renderer, err := p.renderer(console.Pages())
	if err != nil {
		return nil, err
	}
	p.seen = p.doctor()
	pages := console.New(console.Settings{App: p.app, Page: renderer, Doctor: p.seen})
	s.RenderError = pages.RenderError
	m, err := edge.NewConsole(s)
	if err != nil {
		return nil, err
	}
	pages.Register(m)
	return m, nil
}

// edge returns what every face at publicURL is made of.
func (p *program) edge(publicURL string) edge.Settings {
	s := edge.Settings{PublicURL: publicURL, TrustedProxies: p.conf.Proxies(), Logger: p.log, Now: p.now,
		ReplyAt: p.conf.ReplyMoment}
	for _, l := range p.texts.Languages() {
		s.Languages = append(s.Languages, l.Code)
	}
	return s
}

// renderer is pages with the organisation's name, colour and picture.
func (p *program) renderer(pages fs.FS) (*page.Renderer, error) {
	o := p.conf.Organisation
	brand := page.Brand{Name: o.Name, Accent: o.Accent, HelpDesk: o.HelpDesk}
	if o.LogoFile != "" {
		var err error
		if brand.Logo, err = os.ReadFile(o.LogoFile); err != nil {
			return nil, fmt.Errorf("organisation.logo_file: %w: name an SVG or PNG file that the user who runs Postern can read", err)
		}
	}
	return page.New(page.Settings{Texts: p.texts, Brand: brand, Methods: p.kinds(), Pages: pages})
}

// site is one listener and what it serves.
type site struct {
	listener net.Listener
	handler  http.Handler
	tls      *tls.Config
}

// grace is how long requests may take to finish once the process was told to stop.
const grace = 20 * time.Second

// serve answers on every site and does the background work until ctx ends; then it lets requests
// finish, records that it stopped in good order and waits for everything it started.
func (p *program) serve(ctx context.Context, sites []site, ready func()) error {
	if err := p.app.Record(ctx, app.Operator{Name: "system"}, "system.started", ""); err != nil {
		return err
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	failed := make(chan error, len(sites)+1)
	var all sync.WaitGroup
	all.Go(func() {
		if err := p.app.Run(work); err != nil && !errors.Is(err, context.Canceled) {
			failed <- fmt.Errorf("background work: %w", err)
		}
	})
	servers := make([]*http.Server, len(sites))
	for i, s := range sites {
		servers[i] = edge.NewServer(s.handler)
		servers[i].TLSConfig = s.tls
		all.Go(func() {
			err := s.answer(servers[i])
			if !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serving on %s: %w", s.listener.Addr(), err)
			}
		})
	}
	ready()
	all.Go(func() { p.look(work) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	p.log.Info("stopping")
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(end))
	}
	stopWork()
	all.Wait()
	err = errors.Join(err, p.app.Record(end, app.Operator{Name: "system"}, "system.stopped", ""), p.app.Settle(end))
	p.log.Info("stopped")
	return err
}

// look has the directories looked at once, and says in the log what is wrong with them: else nobody
// would hear of it until somebody needs one.
func (p *program) look(ctx context.Context) {
	if p.seen == nil {
		return
	}
	for _, s := range p.seen.First(ctx).Sections {
		for _, f := range s.Findings {
			level := slog.LevelWarn
			switch f.Severity {
			case directory.Good:
				continue
			case directory.Fault:
				level = slog.LevelError
			}
			p.log.Log(ctx, level, "a check of the directories found something", "part", s.Name, "found", f.Text, "fix", f.Fix)
		}
	}
}

func (s site) answer(server *http.Server) error {
	if s.tls != nil {
		return server.ServeTLS(s.listener, "", "")
	}
	return server.Serve(s.listener)
}
