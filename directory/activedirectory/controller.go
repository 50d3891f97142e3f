package activedirectory

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
)

// controller is what one domain controller said of itself, and of the service account.
type controller struct {
	read         time.Time
	ad           bool   // it is one of Active Directory
	synchronised bool   // it has taken over all that the others had when it started
	host         string // its own name
	domain       string // where the domain begins in the tree
	clock        time.Time
	hints        string // OID of the control that makes it apply history to resets; "": it has none
	self         map[sid]bool
}

// Times that are kept.
const (
	controllerFresh = 10 * time.Minute // what a controller said of itself
	writtenFresh    = 5 * time.Minute  // where an account was written: longer than changes take to arrive
	mostWritten     = 10_000           // bounds what is kept of that
)

// Names of MS-ADTS sections 3.1.1.3.2 and 3.1.1.3.4.
const (
	oidAD         = "1.2.840.113556.1.4.800"  // LDAP_CAP_ACTIVE_DIRECTORY_OID
	oidHints      = "1.2.840.113556.1.4.2239" // LDAP_SERVER_POLICY_HINTS_OID
	oidHintsOld   = "1.2.840.113556.1.4.2066" // its name before Windows Server 2012
	oidDescriptor = "1.2.840.113556.1.4.801"  // LDAP_SERVER_SD_FLAGS_OID
	oidInChain    = "1.2.840.113556.1.4.1941" // LDAP_MATCHING_RULE_TRANSITIVE_EVAL

	attrToken       = "tokenGroups"
	attrCapability  = "supportedCapabilities"
	attrControl     = "supportedControl"
	attrHost        = "dnsHostName"
	attrDomain      = "defaultNamingContext"
	attrClock       = "currentTime"
	attrSynchronous = "isSynchronized"
	attrMaster      = "fSMORoleOwner"
)

// The values of controls: SEQUENCE { INTEGER }.
var (
	ownerGroupList = []byte{0x30, 3, 2, 1, 7} // owner, group and access list, not the audit list
	hintsOn        = []byte{0x30, 3, 2, 1, 1}
)

// place is where and when an account was written.
type place struct {
	url string
	at  time.Time
}

// opened looks at a new connection's controller, unless that was done lately, and prefers the PDC
// emulator, to which passwords and lock-outs go first.
func (d *Directory) opened(ctx context.Context, c *ldapclient.Conn) error {
	if s, ok := d.controller(c); ok && d.now().Sub(s.read) < controllerFresh {
		return nil
	}
	s, err := d.look(ctx, c)
	if err != nil {
		return err
	}
	if len(d.set.URLs) > 1 {
		d.preferMaster(ctx, c, s)
	}
	return nil
}

// controller returns what is known of a connection's controller.
func (d *Directory) controller(c *ldapclient.Conn) (controller, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.controllers[c.Server().URL]
	return s, ok
}

// fresh returns it after a look, where it is old. If the look fails the old one stands.
func (d *Directory) fresh(ctx context.Context, c *ldapclient.Conn) controller {
	s, ok := d.controller(c)
	if ok && d.now().Sub(s.read) < controllerFresh {
		return s
	}
	if now, err := d.look(ctx, c); err == nil {
		return now
	}
	return s
}

// look reads the controller's root entry (MS-ADTS section 3.1.1.3.2). Its tokenGroups are those of
// whoever asks, all of them.
func (d *Directory) look(ctx context.Context, c *ldapclient.Conn) (controller, error) {
	found, err := d.Search(ctx, c, ldapclient.Query{Base: "", Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Limit: 1,
		Attributes: []string{attrToken, attrCapability, attrControl, attrHost, attrDomain, attrClock, attrSynchronous}})
	if err != nil {
		return controller{}, err
	}
	s := controller{read: d.now()}
	if len(found) == 1 {
		s = readController(found[0], d.now())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.controllers[c.Server().URL] = s
	return s, nil
}

// readController reads a root entry.
func readController(e *goldap.Entry, now time.Time) controller {
	s := controller{
		read: now, ad: slices.Contains(e.GetEqualFoldAttributeValues(attrCapability), oidAD),
		synchronised: ldapclient.First(e, attrSynchronous) == "TRUE",
		host:         ldapclient.First(e, attrHost), domain: ldapclient.First(e, attrDomain),
		clock: ldapclient.Moment(ldapclient.First(e, attrClock)), self: map[sid]bool{},
	}
	controls := e.GetEqualFoldAttributeValues(attrControl)
	for _, oid := range []string{oidHintsOld, oidHints} { // the later one wins
		if slices.Contains(controls, oid) {
			s.hints = oid
		}
	}
	for _, raw := range e.GetEqualFoldRawAttributeValues(attrToken) {
		if one, ok := readSID(raw); ok {
			s.self[one] = true
		}
	}
	return s
}

// preferMaster asks the PDC emulator first when one of urls names it. The domain's head says which
// controller it is (MS-ADTS section 6.1.5.3), and that one's entry its name. Where nothing can be
// read the order of urls stands.
func (d *Directory) preferMaster(ctx context.Context, c *ldapclient.Conn, s controller) {
	settings := d.value(ctx, c, s.domain, attrMaster)
	_, server, ok := strings.Cut(settings, ",") // CN=NTDS Settings,CN=DC1,…
	if !ok {
		return
	}
	host := d.value(ctx, c, server, attrHost)
	for _, raw := range d.set.URLs {
		if u, err := url.Parse(raw); err == nil && host != "" && strings.EqualFold(u.Hostname(), host) {
			d.Prefer(raw)
			return
		}
	}
}

// value reads one attribute of one entry; "" where it can't be read.
func (d *Directory) value(ctx context.Context, c *ldapclient.Conn, dn, attribute string) string {
	found, err := d.Search(ctx, c, ldapclient.Query{Base: dn, Scope: goldap.ScopeBaseObject, Filter: ldapclient.Anything, Limit: 1, Attributes: []string{attribute}})
	if err != nil || len(found) != 1 || dn == "" {
		return ""
	}
	return ldapclient.First(found[0], attribute)
}

// at leads requests about an account to the controller on which it was written lately.
func (d *Directory) at(ctx context.Context, id string) context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.written[id]
	if !ok || d.now().Sub(p.at) > writtenFresh {
		return ctx
	}
	return ldapclient.At(ctx, p.url)
}

// lost forgets where an account was written when that controller can't be reached: one call fails
// rather than believe a controller that may not know yet, and the next one goes where it can.
func (d *Directory) lost(id string, err error) error {
	if errors.Is(err, directory.ErrUnavailable) {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.written, id)
	}
	return err
}

// writes remembers where an account is about to be written.
func (d *Directory) writes(id string, c *ldapclient.Conn) {
	if len(d.set.URLs) < 2 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.written) >= mostWritten {
		for id, p := range d.written {
			if d.now().Sub(p.at) > writtenFresh {
				delete(d.written, id)
			}
		}
	}
	d.written[id] = place{c.Server().URL, d.now()}
}
