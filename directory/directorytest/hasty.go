package directorytest

import (
	"net"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

// Hasty is a server that says of every password but the service account's that it has expired,
// before it has looked at it, as FreeIPA does once no grace login is left. It finds the same entry
// whatever it is asked for, and takes every write. It speaks clear text on the loopback address.
type Hasty struct {
	URL   string
	Root  map[string][]string // what it says of itself
	Entry map[string][]string // what it says of everybody
	// Wrong makes it say nothing but that the password is wrong from the second bind as a person on.
	Wrong bool

	service string
	listen  net.Listener
	running sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	binds  int
	writes int
}

// NewHasty starts one, on which service is the service account, and stops it when the test ends.
func NewHasty(t testing.TB, service string) *Hasty {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &Hasty{URL: "ldap://" + l.Addr().String(), service: service, listen: l}
	h.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.conns = append(h.conns, c)
			h.mu.Unlock()
			h.running.Go(func() { h.serve(c) })
		}
	})
	t.Cleanup(h.stop)
	return h
}

func (h *Hasty) stop() {
	h.listen.Close()
	h.mu.Lock()
	for _, c := range h.conns {
		c.Close()
	}
	h.mu.Unlock()
	h.running.Wait()
}

// Seen returns how many passwords of people were tried, and how much was written.
func (h *Hasty) Seen() (binds, writes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.binds, h.writes
}

func (h *Hasty) serve(c net.Conn) {
	for {
		p, err := ber.ReadPacket(c)
		if err != nil || len(p.Children) < 2 {
			return
		}
		id, op := p.Children[0].Value, p.Children[1]
		var out []*ber.Packet
		switch op.Tag {
		case goldap.ApplicationBindRequest:
			out = append(out, h.bind(id, op))
		case goldap.ApplicationSearchRequest:
			out = append(out, h.find(id, op), reply(id, goldap.ApplicationSearchResultDone, goldap.LDAPResultSuccess))
		case goldap.ApplicationModifyRequest, goldap.ApplicationExtendedRequest:
			h.mu.Lock()
			h.writes++
			h.mu.Unlock()
			out = append(out, reply(id, op.Tag+1, goldap.LDAPResultSuccess))
		default:
			return
		}
		for _, one := range out {
			if _, err := c.Write(one.Bytes()); err != nil {
				return
			}
		}
	}
}

func (h *Hasty) bind(id any, op *ber.Packet) *ber.Packet {
	h.mu.Lock()
	defer h.mu.Unlock()
	if op.Children[1].Value == h.service {
		return reply(id, goldap.ApplicationBindResponse, goldap.LDAPResultSuccess)
	}
	h.binds++
	out := reply(id, goldap.ApplicationBindResponse, goldap.LDAPResultInvalidCredentials)
	if h.binds > 1 && h.Wrong {
		return out
	}
	// PasswordPolicyResponseValue: error [1] passwordExpired (0)
	control := ber.NewSequence("")
	control.AppendChild(text(goldap.ControlTypeBeheraPasswordPolicy))
	control.AppendChild(text(string([]byte{0x30, 3, 0x81, 1, 0})))
	all := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	all.AppendChild(control)
	out.AppendChild(all)
	return out
}

func (h *Hasty) find(id any, op *ber.Packet) *ber.Packet {
	dn, has := "uid=ada,ou=people,dc=example,dc=test", h.Entry
	if op.Children[0].Value == "" {
		dn, has = "", h.Root
	}
	list := ber.NewSequence("")
	for name, values := range has {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range values {
			set.AppendChild(text(v))
		}
		one := ber.NewSequence("")
		one.AppendChild(text(name))
		one.AppendChild(set)
		list.AppendChild(one)
	}
	entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationSearchResultEntry, nil, "")
	entry.AppendChild(text(dn))
	entry.AppendChild(list)
	return message(id, entry)
}

// reply is an LDAPResult (RFC 4511 section 4.1.9).
func reply(id any, tag ber.Tag, result int64) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, result, ""))
	op.AppendChild(text(""))
	op.AppendChild(text(""))
	return message(id, op)
}

func message(id any, op *ber.Packet) *ber.Packet {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	p.AppendChild(op)
	return p
}

func text(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}
