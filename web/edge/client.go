package edge

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"postern/app"
)

// call is what is known of a request on its way.
type call struct {
	mux     *Mux
	visitor app.Visitor
	began   time.Time
	read    time.Time // when the body was complete; zero before
	route   handling  // zero when there is none
	raw     http.ResponseWriter
	problem string
	err     error // what only the log may say
	stack   []byte
}

type callKey struct{}

// callOf returns r's call, or nil when r did not come through a Mux.
func callOf(r *http.Request) *call {
	c, _ := r.Context().Value(callKey{}).(*call)
	return c
}

func withCall(r *http.Request, c *call) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callKey{}, c))
}

// VisitorOf returns who asks, as far as the network tells.
func VisitorOf(r *http.Request) app.Visitor {
	if c := callOf(r); c != nil {
		return c.visitor
	}
	return app.Visitor{}
}

const (
	maxAgent     = 256 // bytes of User-Agent that are kept
	maxLanguages = 256 // bytes of Accept-Language that are read
	maxHops      = 32  // proxies that are believed
)

// visitor reads r. Nothing that a stranger can set decides the address.
func (m *Mux) visitor(r *http.Request, id string) app.Visitor {
	return app.Visitor{
		Address:  client(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), m.s.TrustedProxies),
		Agent:    plain(r.UserAgent(), maxAgent),
		Language: m.language(r.Header.Get("Accept-Language")),
		Request:  id,
	}
}

// language returns the best of the Mux's languages for what the browser accepts.
func (m *Mux) language(accept string) string {
	if len(accept) > maxLanguages {
		accept = ""
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(wanted) == 0 {
		return m.s.Languages[0]
	}
	_, i, _ := m.match.Match(wanted...)
	return m.s.Languages[i]
}

// client returns the address of whoever asked. The connection's own address is known; a proxy
// that is trusted says in the last entry of X-Forwarded-For whom it speaks for, and if that is a
// trusted proxy too, the entry before it counts, and so on. What stands further left was written
// by strangers. An entry that is no address ends the walk at the proxy that passed it on.
func client(remote string, forwarded []string, trusted []netip.Prefix) netip.Addr {
	at := address(remote)
	entries := strings.Split(strings.Join(forwarded, ","), ",")
	for hops := 0; hops < maxHops && len(entries) > 0 && among(at, trusted); hops++ {
		next := address(strings.TrimSpace(entries[len(entries)-1]))
		if !next.IsValid() {
			break
		}
		at, entries = next, entries[:len(entries)-1]
	}
	return at
}

func among(a netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if a.IsValid() && p.Contains(a) {
			return true
		}
	}
	return false
}

// address reads an IP address with or without a port or brackets; zones are dropped and IPv4 in
// IPv6 is IPv4, so that one client has one address.
func address(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok {
			return netip.Addr{}
		}
		s = inner
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// network is what logs may say of an address: its /24 or /48.
func network(a netip.Addr) string {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil || !a.IsValid() {
		return "unknown"
	}
	return p.String()
}

// plain returns at most limit bytes of s without control characters and broken UTF-8.
func plain(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
		for len(s) > 0 && !utf8.ValidString(s) && len(s) > limit-utf8.UTFMax {
			s = s[:len(s)-1]
		}
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == utf8.RuneError {
			return -1
		}
		return c
	}, s)
}
