package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settle fills in the defaults that depend on other settings.
func (c *Config) settle() {
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	if !c.Store.Postgres() && c.Store.SQLite == "" {
		c.Store.SQLite = filepath.Join(c.Data, StoreName)
	}
	if c.Keys == (Keys{}) {
		c.Keys.File = filepath.Join(c.Data, KeysName)
	}
	if c.TLS.ACME.On() && c.TLS.ACME.CacheDir == "" {
		c.TLS.ACME.CacheDir = filepath.Join(c.Data, "acme")
	}
	if u, err := url.Parse(c.PublicURL); err == nil && c.Audit.Origin == "" {
		c.Audit.Origin = u.Host + "/postern"
	}
}

// checker collects what is wrong between settings.
type checker struct {
	c      *Config
	faults Faults
}

// bad blames a setting; its line is its own or that of the nearest setting around it.
func (k *checker) bad(setting, text, fix string) {
	at := 1
	for path := setting; path != ""; {
		if n, ok := k.c.lines[path]; ok {
			at = n
			break
		}
		cut := max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['))
		path = path[:max(cut, 0)]
	}
	k.faults = append(k.faults, Fault{File: k.c.file, Line: at, Setting: setting, Text: text, Fix: fix})
}

// given reports whether the file has the setting.
func (k *checker) given(setting string) bool {
	_, ok := k.c.lines[setting]
	return ok
}

func (c *Config) check() Faults {
	k := &checker{c: c}
	k.place()
	k.encryption()
	k.organisation()
	k.parts()
	k.lookups()
	k.policy()
	k.password()
	k.limits()
	k.rehearsal()
	return k.faults
}

// loopback reports whether host is this machine only.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func (k *checker) place() {
	u, err := url.Parse(k.c.PublicURL)
	switch {
	case k.c.PublicURL == "":
		k.bad("public_url", "is missing", "set it to the address that people open, such as https://reset.example.com")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		k.bad("public_url", "is no address of a site", "write it as https://reset.example.com")
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		k.bad("public_url", "has more than scheme, host and port", "give Postern a host of its own: passkeys and cookies belong to the whole host")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		k.bad("public_url", "is not encrypted", "use https; only localhost may be http")
	}
	k.socket("listen", k.c.Listen)
	for i, p := range k.c.TrustedProxies {
		if _, err := prefix(p); err != nil {
			k.bad(fmt.Sprintf("trusted_proxies[%d]", i), fmt.Sprintf("%q is neither an address nor a network", p), "write it as 127.0.0.1 or 10.0.0.0/8")
		}
	}
	if k.c.ReplyMoment < 20*time.Millisecond || k.c.ReplyMoment > 5*time.Second {
		k.bad("reply_moment", fmt.Sprintf("%v is not between 20ms and 5s", k.c.ReplyMoment), "use a little more than the directory needs, such as 200ms")
	}
}

// socket checks an address to listen on.
func (k *checker) socket(setting, at string) {
	_, port, err := net.SplitHostPort(at)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || n == 0 {
		k.bad(setting, fmt.Sprintf("%q is no address with a port", at), "write it as 127.0.0.1:8080 or :443")
	}
}

// Proxies returns TrustedProxies as networks.
func (c Config) Proxies() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range c.TrustedProxies {
		if p, err := prefix(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}

func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Prefix(a.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

func (k *checker) encryption() {
	t, https := k.c.TLS, strings.HasPrefix(k.c.PublicURL, "https://")
	host := ""
	if u, err := url.Parse(k.c.PublicURL); err == nil {
		host = u.Hostname()
	}
	if t.RedirectListen != "" {
		k.socket("tls.redirect_listen", t.RedirectListen)
		if !t.On() {
			k.bad("tls.redirect_listen", "has no effect without a certificate (tls.cert_file or tls.acme)", "remove one or set the other")
		}
	}
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		k.bad("tls.cert_file", "stands without tls.key_file", "set both")
	case t.KeyFile != "" && t.CertFile == "":
		k.bad("tls.key_file", "stands without tls.cert_file", "set both")
	case t.CertFile != "" && t.ACME.On():
		k.bad("tls.acme", "stands beside tls.cert_file, and only one can be served", "keep one")
	case t.ACME.On() && !t.ACME.Agree:
		k.bad("tls.acme.agree", "is not true", "read the authority's terms and set it to true")
	case t.On() && !https:
		k.bad("tls", "stands beside a public_url without https", "write public_url with https")
	case https && !t.On() && len(k.c.TrustedProxies) == 0 && !loopback(host):
		k.bad("public_url", "is https, but neither tls nor trusted_proxies is set", "set tls to let Postern serve it, or name the reverse proxy that does in trusted_proxies; without that all visitors would share one limit")
	}
}

// colour is how an accent is written. Whether people can read it, package page judges.
var colour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (k *checker) organisation() {
	o := k.c.Organisation
	if o.Name == "" {
		k.bad("organisation.name", "is empty", "write the name that people know")
	}
	if strings.TrimSpace(o.HelpDesk) == "" {
		k.bad("organisation.help_desk", "is missing: every page and message says whom to ask when a reset fails or was somebody else's", "write a number, a mailbox or an address, such as \"+44 20 7946 0000\"")
	}
	if !colour.MatchString(o.Accent) {
		k.bad("organisation.accent", fmt.Sprintf("%q is no colour", o.Accent), "write it in quotes as \"#0b5c4a\"")
	}
	if ext := strings.ToLower(filepath.Ext(o.LogoFile)); o.LogoFile != "" && ext != ".svg" && ext != ".png" {
		k.bad("organisation.logo_file", "is neither SVG nor PNG", "use a file whose name ends in .svg or .png")
	}
	if o.SignInURL != "" {
		k.link("organisation.sign_in_url", o.SignInURL)
	}
	for i, u := range o.ReturnTo {
		k.link(fmt.Sprintf("organisation.return_to[%d]", i), u)
	}
}

// link checks an address that pages lead to.
func (k *checker) link(setting, raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		k.bad(setting, "is no address of a page", "write it as https://login.example.com/")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		k.bad(setting, "is not encrypted", "use https; only localhost may be http")
	}
}

// parts checks that there is a directory, a method, a sender and one store.
func (k *checker) parts() {
	if k.c.Store.Postgres() && k.given("store.sqlite") {
		k.bad("store.sqlite", "stands beside a PostgreSQL connection (store.postgres_dsn_file or store.postgres_dsn_env), and there is one store", "keep one")
	}
	if len(k.c.Directories) == 0 {
		k.bad("directories", "there is none", "add the directory whose passwords are to be reset; \"postern config docs\" shows how")
	}
	if len(k.c.Methods) == 0 {
		k.bad("methods", "there is none", "name at least one, such as \"totp:\"; \"postern config docs\" lists them")
	}
	if len(k.c.Notify) == 0 {
		k.bad("notify", "there is none", "add a way to send mail: people must hear of every change to their account")
	}
}

func (k *checker) password() {
	p := k.c.Password
	switch {
	case p.MinLength < 8:
		k.bad("password.min_length", fmt.Sprintf("%d is less than 8", p.MinLength), "use 15, or at least 8 where every rule demands two methods (NIST SP 800-63B-4 section 3.1.1.2)")
	case p.MinLength < 15 && !k.c.Policy.demandsTwo():
		k.bad("password.min_length", fmt.Sprintf("%d is less than 15, and a rule under policy.rules is content with one method", p.MinLength), "use 15, or demand two methods in every rule (NIST SP 800-63B-4 section 3.1.1.2)")
	case p.MinLength > 64:
		k.bad("password.min_length", fmt.Sprintf("%d is more than people can be asked for", p.MinLength), "use at most 64")
	}
	if p.MaxLength < 128 || p.MaxLength > 1024 {
		k.bad("password.max_length", fmt.Sprintf("%d is not between 128 and 1024", p.MaxLength), "use 256")
	}
	if p.MinGuesses < 0 || p.MinGuesses > 16 {
		k.bad("password.min_guesses", fmt.Sprintf("%g is not between 0 and 16", p.MinGuesses), "it is a power of ten: 8 withstands a hundred million guesses")
	}
	if p.History < 0 || p.History > 24 {
		k.bad("password.history", fmt.Sprintf("%d is not between 0 and 24", p.History), "each one costs a hashing whenever a password is tried; use 0 to turn it off")
	}
	for i, w := range p.BannedWords {
		if len([]rune(w)) < 4 {
			k.bad(fmt.Sprintf("password.banned_words[%d]", i), "has fewer than 4 letters, so that it would hit by chance", "use longer words")
		}
	}
}

func (k *checker) limits() {
	l := k.c.Limits
	for _, one := range []struct {
		name string
		Rate
	}{
		{"start_address", l.StartAddress}, {"start_network", l.StartNetwork}, {"start_account", l.StartAccount},
		{"answer_address", l.AnswerAddress}, {"wrong_account", l.WrongAccount}, {"wrong_account_total", l.WrongAccountTotal},
		{"destination", l.Destination}, {"destination_total", l.DestinationTotal}, {"change_account", l.ChangeAccount},
	} {
		switch {
		case one.Burst < 0:
			k.bad("limits."+one.name+".burst", fmt.Sprintf("%d is less than nothing", one.Burst), "use 0 to turn the limit off")
		case one.Burst > 0 && one.Every <= 0:
			k.bad("limits."+one.name+".every", "is 0, which would allow everything", "set how long one more takes, or burst: 0 to turn the limit off")
		}
	}
}

// has reports whether a directory of that name is configured.
func (c *Config) has(directory string) bool {
	return slices.ContainsFunc(c.Directories, func(s Section) bool { return s.Name == directory })
}
