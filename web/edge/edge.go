// Package edge is where requests come in: routes and who may call them, the errors' one way out,
// headers, limits of size and number, the client's address, and the moment a reply leaves.
//
// It holds no rule of the product and renders no page. It guards by making the guarded way the
// only one: a route can be added only with an Access, every reply passes through one function
// that sets the same headers for every outcome, every error through ProblemOf, and whatever
// ProblemOf does not know is told as 500 without a word. Replies are built in memory and sent
// whole, so that a failure half-way leaves nothing behind and a reply can wait for its moment.
package edge

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/text/language"
)

// Handler answers a request or returns why not. What it wrote and the headers it set are thrown
// away when it returns an error, which is mapped by ProblemOf.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Access says who may call a route. It is part of the registration, so that routes and access
// cannot drift apart.
type Access string

// The accesses. Bearer, Invited and Operators mean that the request shows a token, so that
// requests without one go no further; whether the token is any good is for app to say.
const (
	Anyone  Access = "anyone"
	Bearer  Access = "bearer"  // shows a recovery's token
	Invited Access = "invited" // shows an enrolment's token
	// Operators show the token of a session of the console.
	Operators Access = "operators"
	Probe     Access = "probe" // a monitor: always let in, even when too much is in flight
)

// Route is one registered route. A GET route answers HEAD as well.
type Route struct {
	Method  string
	Pattern string
	Access  Access
	Fixed   bool // its replies leave at fixed moments
}

// Settings are what a Mux is made of. Only PublicURL must be given.
type Settings struct {
	// PublicURL is the instance's address, such as https://reset.example.com, without a path.
	// The one host name that is answered derives from it; every other Host gets 421.
	PublicURL string
	// TrustedProxies may name the client in X-Forwarded-For. No other forwarding header is read.
	TrustedProxies []netip.Prefix
	Logger         *slog.Logger
	Now            func() time.Time
	// ReplyAt is the moment after a request was read at which a fixed reply leaves, and every
	// multiple of it for work that takes longer. Zero: 200 ms; negative: at once.
	ReplyAt time.Duration
	// RenderError writes p for people or programs. It may redirect. Nil: WriteProblem.
	RenderError func(w http.ResponseWriter, r *http.Request, status int, p Problem)
	// HSTS sends Strict-Transport-Security; it is always sent when PublicURL is https.
	HSTS      bool
	MaxBody   int64         // bytes of a request's body; zero: 64 KiB
	InFlight  int           // requests worked on at once; zero: 512
	Timeout   time.Duration // of a handler; zero: 30 s
	Languages []string      // that texts exist in, the fallback first; nil: en, de
}

// Mux is one face of the product: the portal, the API or the console.
type Mux struct {
	s       Settings
	face    face
	public  *url.URL
	host    string // as browsers send it
	match   language.Matcher
	origin  *http.CrossOriginProtection
	mux     *http.ServeMux
	entries map[string]*entry
	routes  []Route
	slots   chan struct{}
	base    http.Header // on every reply

	requests, overruns, busy, panics atomic.Int64
	lateTold                         atomic.Int64 // when a late reply was last logged, in Unix nanoseconds
}

// face is what the portal, the API and the console do differently.
type face int

const (
	portal face = iota
	api
	console
)

// Counts are a Mux's counters since it was made.
type Counts struct {
	Requests int64
	Overruns int64 // fixed replies whose work took longer than ReplyAt
	Busy     int64 // refused because too much was in flight
	Panics   int64
}

// NewPortal returns a Mux for people's browsers: tokens in cookies, bodies are forms.
func NewPortal(s Settings) (*Mux, error) { return newMux(s, portal) }

// NewConsole returns a Mux for operators' browsers: as the portal's, with requests in flight of its
// own, so that a crowd at the portal keeps no operator out.
func NewConsole(s Settings) (*Mux, error) { return newMux(s, console) }

// NewAPI returns a Mux for programs: tokens in Authorization, bodies are JSON, no query strings.
func NewAPI(s Settings) (*Mux, error) { return newMux(s, api) }

func newMux(s Settings, f face) (*Mux, error) {
	public, err := publicURL(s.PublicURL)
	if err != nil {
		return nil, err
	}
	s.HSTS = s.HSTS || public.Scheme == "https"
	s.defaults()
	m := &Mux{s: s, face: f, public: public, host: hostOf(public), mux: http.NewServeMux(),
		entries: map[string]*entry{}, slots: make(chan struct{}, s.InFlight),
		origin: http.NewCrossOriginProtection(), base: headers(f, s.HSTS)}
	if err := m.origin.AddTrustedOrigin(public.Scheme + "://" + m.host); err != nil {
		return nil, fmt.Errorf("edge: public URL %q: %w", s.PublicURL, err)
	}
	tags := make([]language.Tag, 0, len(s.Languages))
	for _, l := range s.Languages {
		tag, err := language.Parse(l)
		if err != nil {
			return nil, fmt.Errorf("edge: language %q: %w", l, err)
		}
		tags = append(tags, tag)
	}
	m.match = language.NewMatcher(tags)
	return m, nil
}

func (s *Settings) defaults() {
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.ReplyAt == 0 {
		s.ReplyAt = 200 * time.Millisecond
	}
	if s.RenderError == nil {
		s.RenderError = func(w http.ResponseWriter, _ *http.Request, _ int, p Problem) { WriteProblem(w, p) }
	}
	if s.MaxBody <= 0 {
		s.MaxBody = 64 << 10
	}
	if s.InFlight <= 0 {
		s.InFlight = 512
	}
	if s.Timeout <= 0 {
		s.Timeout = 30 * time.Second
	}
	if len(s.Languages) == 0 {
		s.Languages = []string{"en", "de"}
	}
}

// publicURL parses an address that has a scheme and a host and nothing else.
func publicURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("edge: public URL: %w", err)
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("edge: public URL %q must be a scheme and a host, such as https://reset.example.com", s)
	}
	return u, nil
}

// Get adds a page or resource that changes nothing. It answers HEAD too.
func (m *Mux) Get(pattern string, who Access, h Handler) {
	m.add(Route{Method: http.MethodGet, Pattern: pattern, Access: who}, h)
}

// Post adds an action.
func (m *Mux) Post(pattern string, who Access, h Handler) {
	m.add(Route{Method: http.MethodPost, Pattern: pattern, Access: who}, h)
}

// PostFixed adds an action whose reply leaves at a fixed moment after the request was read,
// whatever became of it: the time it takes tells nothing about the account.
func (m *Mux) PostFixed(pattern string, who Access, h Handler) {
	m.add(Route{Method: http.MethodPost, Pattern: pattern, Access: who, Fixed: true}, h)
}

// Delete adds an action of the API; forms cannot send it.
func (m *Mux) Delete(pattern string, who Access, h Handler) {
	m.add(Route{Method: http.MethodDelete, Pattern: pattern, Access: who}, h)
}

// Routes returns every route in the order of registration.
func (m *Mux) Routes() []Route { return slices.Clone(m.routes) }

// Counts returns the counters.
func (m *Mux) Counts() Counts {
	return Counts{Requests: m.requests.Load(), Overruns: m.overruns.Load(), Busy: m.busy.Load(), Panics: m.panics.Load()}
}

// entry is one pattern with what its methods do.
type entry struct {
	m       *Mux
	methods map[string]handling
}

type handling struct {
	Route
	h Handler
}

// add registers a route. Like net/http it panics on a pattern that cannot be: such a program
// must not start.
func (m *Mux) add(r Route, h Handler) {
	switch {
	case !strings.HasPrefix(r.Pattern, "/"):
		panic("edge: pattern " + r.Pattern + " must begin with / and name no method or host")
	case strings.HasSuffix(r.Pattern, "/"):
		panic("edge: pattern " + r.Pattern + " would answer for everything below it; end it with {$} or a name")
	case r.Access != Anyone && r.Access != Bearer && r.Access != Invited && r.Access != Operators && r.Access != Probe:
		panic("edge: " + r.Pattern + " does not say who may call")
	}
	e := m.entries[r.Pattern]
	if e == nil {
		e = &entry{m: m, methods: map[string]handling{}}
		m.entries[r.Pattern] = e
		m.mux.Handle(r.Pattern, e)
	}
	if _, twice := e.methods[r.Method]; twice {
		panic("edge: " + r.Method + " " + r.Pattern + " was added twice")
	}
	e.methods[r.Method] = handling{Route: r, h: h}
	m.routes = append(m.routes, r)
}

// allow lists the methods for the Allow header (RFC 9110 section 10.2.1).
func (e *entry) allow() string {
	var out []string
	for method := range e.methods {
		out = append(out, method)
		if method == http.MethodGet {
			out = append(out, http.MethodHead)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
