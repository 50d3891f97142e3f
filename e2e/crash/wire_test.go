package crash

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// passwordModify is the operation of RFC 3062.
const passwordModify = "1.3.6.1.4.1.4203.1.11.1"

// write is one password on its way into the directory.
type write struct{ dn, password string }

// moment is where on its way a write is when the hook sees it.
type moment int

const (
	asked    moment = iota // read from the program, not yet passed on
	answered               // done or refused by the directory, not yet told
)

// wire stands between the program and the directory and counts the passwords that are written:
// what the program says of itself is not believed.
type wire struct {
	listener net.Listener
	target   string
	open     sync.WaitGroup

	mu     sync.Mutex
	writes map[write]int
	// hook is called for every write; a write that it answers with false is not passed on.
	hook func(moment, write) bool
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, target: target, writes: map[write]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.open.Go(func() { w.serve(c) })
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		w.open.Wait()
	})
	return w
}

// url is what the program is configured with.
func (w *wire) url() string { return "ldap://" + w.listener.Addr().String() }

// settle waits until no connection is left: the directory has done all that it was asked.
func (w *wire) settle() { w.open.Wait() }

// on sets the hook; nil: none.
func (w *wire) on(hook func(moment, write) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = hook
}

func (w *wire) saw(m moment, what write) bool {
	w.mu.Lock()
	hook := w.hook
	w.mu.Unlock()
	pass := hook == nil || hook(m, what)
	if m == asked && pass {
		w.mu.Lock()
		w.writes[what]++
		w.mu.Unlock()
	}
	return pass
}

// seen returns how often each password was written.
func (w *wire) seen() map[write]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[write]int{}
	for k, n := range w.writes {
		out[k] = n
	}
	return out
}

// serve passes messages between a client and the directory. When the client goes, what it asked is
// still passed on, and the connection stays until the directory has closed its side.
func (w *wire) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer server.Close()
	var mu sync.Mutex
	under := map[int64]write{} // by message ID
	var there sync.WaitGroup
	there.Go(func() {
		defer server.(*net.TCPConn).CloseWrite()
		messages(client, server, func(id int64, p *ber.Packet) bool {
			what, ok := passwordWrite(p)
			if !ok {
				return true
			}
			mu.Lock()
			under[id] = what
			mu.Unlock()
			return w.saw(asked, what)
		})
	})
	messages(server, client, func(id int64, _ *ber.Packet) bool {
		mu.Lock()
		what, ok := under[id]
		delete(under, id)
		mu.Unlock()
		return !ok || w.saw(answered, what)
	})
	client.Close()
	there.Wait()
}

// messages passes LDAP messages on as they are, if pass says so, until from ends. When to is gone
// the rest is read all the same.
func messages(from io.Reader, to io.Writer, pass func(id int64, op *ber.Packet) bool) {
	var raw bytes.Buffer
	in := io.TeeReader(bufio.NewReader(from), &raw)
	for {
		raw.Reset()
		p, err := ber.ReadPacket(in)
		if err != nil {
			return
		}
		id, ok := int64(0), false
		if len(p.Children) > 1 {
			id, ok = p.Children[0].Value.(int64)
		}
		if ok && !pass(id, p.Children[1]) {
			continue
		}
		_, _ = to.Write(raw.Bytes()) // the other side may be gone
	}
}

// passwordWrite reads an extended request that sets a password (RFC 4511 section 4.12, RFC 3062
// section 2).
func passwordWrite(op *ber.Packet) (write, bool) {
	if op.ClassType != ber.ClassApplication || op.Tag != 23 || len(op.Children) < 2 ||
		op.Children[0].Data.String() != passwordModify {
		return write{}, false
	}
	value, err := ber.DecodePacketErr(op.Children[1].Data.Bytes())
	if err != nil {
		panic(fmt.Sprintf("a password modify request that cannot be read: %v", err))
	}
	var out write
	for _, c := range value.Children {
		switch c.Tag {
		case 0:
			out.dn = c.Data.String()
		case 2:
			out.password = c.Data.String()
		}
	}
	return out, true
}
