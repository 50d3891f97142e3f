package activedirectory

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/internal/testenv"
	"postern/secret"
)

// offer makes d believe that its controllers have that control.
func offer(d *Directory, oid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for url, c := range d.controllers {
		c.hints = oid
		d.controllers[url] = c
	}
}

// TestPasswords writes passwords in every way, on one controller.
func TestPasswords(t *testing.T) {
	s := testenv.Samba(t, testenv.SambaOptions{})
	t.Run("CriticalControl", func(t *testing.T) { criticalControl(t, s) })
	t.Run("PolicyHints", func(t *testing.T) { policyHints(t, s) })
	t.Run("MustChange", func(t *testing.T) { mustChange(t, s) })
	t.Run("ExpiredPeople", func(t *testing.T) { expiredPeople(t, s) })
	t.Run("WrongOldCounts", func(t *testing.T) { wrongOldCounts(t, s) })
	t.Run("Concurrent", func(t *testing.T) { concurrent(t, s) })
}

// criticalControl: a control that the controller does not know is refused, and nothing is changed.
// The library's own encoding of TRUE is taken for FALSE: the control is ignored and the password
// set, which is why the hints must not be sent that way.
func criticalControl(t *testing.T, s *testenv.SambaServer) {
	dn := s.DN("frank")
	set := func(word string, control goldap.Control) ([]byte, error) {
		raw, err := tls.Dial("tcp", s.TLSAddress, s.TLS())
		if err != nil {
			t.Fatal(err)
		}
		heard := &recorder{Conn: raw}
		c := goldap.NewConn(heard, true)
		c.Start()
		defer c.Close()
		if err := c.Bind(testenv.SambaService, testenv.SambaServiceWord); err != nil {
			t.Fatal(err)
		}
		m := goldap.NewModifyRequest(dn, []goldap.Control{control})
		m.Replace(attrPassword, []string{quoted(word)})
		before := heard.length()
		err = c.Modify(m)
		return heard.since(before), err
	}
	// Samba puts the refusal into the answer to another kind of request, which the library does not
	// read; it is one all the same.
	said, err := set("Never-set-1", ldapclient.Critical{OID: "1.2.3.4.5", Value: hintsOn})
	if code := resultIn(t, said); err == nil || code != goldap.LDAPResultUnavailableCriticalExtension {
		t.Errorf("got %v and result %d, want 12", err, code)
	}
	if err := s.Bind("frank", testenv.SambaInitialWord); err != nil {
		t.Errorf("the refusal changed the password: %v", err)
	}
	if _, err := set("Set-all-the-same-1", goldap.NewControlString("1.2.3.4.5", true, string(hintsOn))); err != nil {
		t.Errorf("the library's critical control: got %v; if it is refused now, that is good news", err)
	}
	if _, err := set("Optional-Passw0rd", ldapclient.Optional{OID: "1.2.3.4.5"}); err != nil {
		t.Errorf("an optional control: got %v", err)
	}
}

// recorder keeps what a server said.
type recorder struct {
	net.Conn
	mu  sync.Mutex
	all []byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, b[:n]...)
	return n, err
}

func (r *recorder) length() int { r.mu.Lock(); defer r.mu.Unlock(); return len(r.all) }

func (r *recorder) since(at int) []byte { r.mu.Lock(); defer r.mu.Unlock(); return r.all[at:] }

// resultIn is the result code of an answer, whichever its kind (RFC 4511 section 4.1.9).
func resultIn(t *testing.T, answer []byte) int64 {
	t.Helper()
	p, err := ber.DecodePacketErr(answer)
	if err != nil || len(p.Children) < 2 || len(p.Children[1].Children) == 0 {
		t.Fatalf("no answer: %x, %v", answer, err)
	}
	code, ok := p.Children[1].Children[0].Value.(int64)
	if !ok {
		t.Fatalf("no result: %x", answer)
	}
	return code
}

// policyHints: where the control was offered and is not known after all, nothing is set.
func policyHints(t *testing.T, s *testenv.SambaServer) {
	d := open(t, settings(t, s))
	bob := lookUp(t, d, "bob")
	for _, oid := range []string{oidHints, oidHintsOld} {
		offer(d, oid)
		// Samba's refusal is one that the library can't read, so that nobody can tell; and then the
		// new password is tried.
		if err := d.SetPassword(t.Context(), bob.Ref.ID, secret.New("Hinted-Passw0rd")); !errors.Is(err, directory.ErrUncertain) {
			t.Errorf("%s: got %v, want that nobody can tell", oid, err)
		}
		if err := d.Authenticate(t.Context(), bob.Ref.ID, secret.New("Hinted-Passw0rd")); !errors.Is(err, directory.ErrWrongPassword) {
			t.Errorf("%s: the new password: got %v, want a wrong one", oid, err)
		}
		if err := s.Bind("bob", testenv.SambaInitialWord); err != nil {
			t.Errorf("%s: the refusal changed the password: %v", oid, err)
		}
		if p, err := d.Rules(t.Context(), bob.Ref.ID); err != nil || !p.Enforced || p.History != 5 {
			t.Errorf("%s: got %+v, %v, want that history is enforced", oid, p, err)
		}
	}
	set := settings(t, s)
	set.PolicyHints = "never"
	d = open(t, set)
	lookUp(t, d, "bob")
	offer(d, oidHints)
	if p, err := d.Rules(t.Context(), bob.Ref.ID); err != nil || p.Enforced {
		t.Errorf("never: got %+v, %v, want that history is not enforced", p, err)
	}
	if err := d.SetPassword(t.Context(), bob.Ref.ID, secret.New("Unhinted-Passw0rd")); err != nil {
		t.Errorf("never: got %v", err)
	}
}

func mustChange(t *testing.T, s *testenv.SambaServer) {
	for _, c := range []struct {
		how          string
		before, want bool
	}{
		{"never", true, false}, {"never", false, false}, {"always", false, true}, {"directory", false, false},
	} {
		set := settings(t, s)
		set.SetMustChange = c.how
		d := open(t, set)
		if c.before {
			modify(t, s, s.DN("ivy"), attrSet, "0")
		}
		ivy := lookUp(t, d, "ivy")
		if ivy.MustChange != c.before {
			t.Errorf("%s: before: got %v", c.how, ivy.MustChange)
		}
		if err := d.SetPassword(t.Context(), ivy.Ref.ID, secret.New("Chosen-"+c.how+time.Now().String())); err != nil {
			t.Errorf("%s: %v", c.how, err)
		}
		if got := lookUp(t, d, "ivy").MustChange; got != c.want {
			t.Errorf("%s: must change: got %v, want %v", c.how, got, c.want)
		}
		modify(t, s, s.DN("ivy"), attrSet, "-1")
	}
}

// expiredPeople set a new password with the old one, which no longer lets them in.
func expiredPeople(t *testing.T, s *testenv.SambaServer) {
	d := open(t, settings(t, s))
	old, to := secret.New(testenv.SambaInitialWord), secret.New("My-0wn choice")
	for _, login := range []string{"mona", "lena", "peter"} {
		a := lookUp(t, d, login)
		if err := d.ChangePassword(t.Context(), a.Ref.ID, old, to); err != nil {
			t.Errorf("%s: %v", login, err)
		}
		a = lookUp(t, d, login)
		if err := d.Authenticate(t.Context(), a.Ref.ID, to); a.MustChange || a.Expired || err != nil && !errors.Is(err, directory.ErrRestricted) {
			t.Errorf("%s: got %+v, %v", login, a, err)
		}
		var r *directory.Rejected
		if err := d.ChangePassword(t.Context(), a.Ref.ID, to, old); !errors.As(err, &r) || r.Reason != directory.InHistory {
			t.Errorf("%s: back to the former one: got %v, want in_history", login, err)
		}
		if err := d.ChangePassword(t.Context(), a.Ref.ID, to, to); !errors.As(err, &r) || r.Reason != directory.SamePassword {
			t.Errorf("%s: the same one: got %v", login, err)
		}
		if err := d.SetPassword(t.Context(), a.Ref.ID, old); err != nil {
			t.Errorf("%s: a reset to a former one: got %v; Samba allows it, which Rules says", login, err)
		}
	}
	karl := lookUp(t, d, "karl")
	if err := d.ChangePassword(t.Context(), karl.Ref.ID, old, to); !errors.Is(err, directory.ErrDisabled) {
		t.Errorf("an account that expired: got %v", err)
	}
}

func wrongOldCounts(t *testing.T, s *testenv.SambaServer) {
	d := open(t, settings(t, s))
	alice := lookUp(t, d, "alice")
	if err := d.ChangePassword(t.Context(), alice.Ref.ID, secret.New("not the password"), secret.New("My-0wn choice")); !errors.Is(err, directory.ErrWrongPassword) {
		t.Errorf("got %v, want a wrong password", err)
	}
	if got := failures(t, s, "alice"); got != "1" {
		t.Errorf("counted %s times, want once", got)
	}
}

// concurrent resets all arrive. Samba does some twenty a second, so there are not many.
func concurrent(t *testing.T, s *testenv.SambaServer) {
	const resets = 50
	d := open(t, settings(t, s))
	logins := []string{"alice", "bob", "dave", "frank", "heidi"}
	ids := map[string]string{}
	for _, l := range logins {
		ids[l] = lookUp(t, d, l).Ref.ID
	}
	var all sync.WaitGroup
	errs := make([]error, resets)
	for i := range resets {
		all.Go(func() {
			errs[i] = d.SetPassword(t.Context(), ids[logins[i%len(logins)]], secret.New("Concurrent-Passw0rd-"+string(rune('a'+i%26))))
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("reset %d: %v", i, err)
		}
	}
	for _, l := range logins {
		if err := d.SetPassword(t.Context(), ids[l], secret.New("The-last-0ne")); err != nil {
			t.Error(err)
		}
		if err := s.Bind(l, "The-last-0ne"); err != nil {
			t.Errorf("%s: %v", l, err)
		}
	}
}
