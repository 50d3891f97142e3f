package testenv

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

func TestDS389(t *testing.T) {
	s := DS389(t, DS389Options{})
	t.Run("loopback only", func(t *testing.T) { ds389Loopback(t, s) })
	t.Run("people", func(t *testing.T) { ds389TestPeople(t, s) })
	t.Run("states", func(t *testing.T) { ds389TestStates(t, s) })
	t.Run("refusals", func(t *testing.T) { ds389TestRefusals(t, s) })
	t.Run("restart", func(t *testing.T) { ds389TestRestart(t, s) })
}

func TestDS389Options(t *testing.T) {
	var dir string
	t.Run("run", func(t *testing.T) {
		s := DS389(t, DS389Options{IPA: true, Blind: true, Extra: 2, Policy: map[string]string{"passwordMinLength": "12"}})
		dir = s.Dir
		if err := s.Bind("u000002", DS389InitialWord); err != nil {
			t.Error(err)
		}
		c := ds389Conn(t, s, s.Service, s.ServiceWord)
		if e := ds389Read(t, c, "cn=config", "passwordMinLength"); e != nil {
			t.Errorf("a blind service reads the policy: %v", e.Attributes)
		}
		if got := ds389Set(c, s.DN("alice"), "Kuckuck-11"); !strings.Contains(got, "at least 12 characters") {
			t.Errorf("the option's policy: got %s, want a refusal of 11 characters", got)
		}
		if e := ds389Read(t, c, s.IPADN("dave"), "krbLoginFailedCount", "krbLastFailedAuth", "memberOf", "ipaUniqueID"); e == nil ||
			e.GetAttributeValue("krbLoginFailedCount") != "6" || len(e.GetAttributeValues("memberOf")) != 2 || e.GetAttributeValue("ipaUniqueID") == "" {
			t.Errorf("dave of FreeIPA: got %v, want one who is locked, in berlin and in staff", e)
		}
		if e := ds389Read(t, c, ds389PolicyOf(t, c, s.IPADN("bob")), "krbPwdMinLength"); e == nil || e.GetAttributeValue("krbPwdMinLength") != "14" {
			t.Errorf("bob's policy: got %v, want 14 characters", e)
		}
	})
	for _, left := range []string{dir, "/dev/shm/sem." + filepath.Base(dir) + ".stats"} {
		if _, err := os.Lstat(left); err == nil {
			t.Errorf("%s is left", left)
		}
	}
}

func ds389PolicyOf(t *testing.T, c *goldap.Conn, dn string) string {
	t.Helper()
	e := ds389Read(t, c, dn, "krbPwdPolicyReference")
	if e == nil {
		t.Fatalf("no %s", dn)
	}
	return e.GetAttributeValue("krbPwdPolicyReference")
}

// ds389Loopback looks at the kernel's table of listening sockets, in which 127.0.0.1 reads
// 0100007F and state 0A is to listen.
func ds389Loopback(t *testing.T, s *DS389Server) {
	var found []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			for _, port := range s.port {
				if len(f) > 3 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
					found = append(found, strings.Split(f[1], ":")[0])
				}
			}
		}
	}
	if want := []string{"0100007F", "0100007F"}; !slices.Equal(found, want) {
		t.Errorf("it listens on %v, want %v", found, want)
	}
}

func ds389TestPeople(t *testing.T, s *DS389Server) {
	c := ds389Conn(t, s, s.Service, s.ServiceWord)
	for login, groups := range map[string]string{"alice": "helpdesk", "dave": "berlin staff", "frank": ""} {
		e := ds389Read(t, c, s.DN(login), "memberOf", "nsUniqueId", "createTimestamp", "userPassword")
		if e == nil {
			t.Fatalf("the service does not find %s", login)
		}
		var got []string
		for _, dn := range e.GetAttributeValues("memberOf") {
			name, _, _ := strings.Cut(strings.TrimPrefix(dn, "cn="), ",")
			got = append(got, name)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != groups {
			t.Errorf("groups of %s: got %v, want %s", login, got, groups)
		}
		if e.GetAttributeValue("nsUniqueId") == "" || e.GetAttributeValue("createTimestamp") == "" || e.GetAttributeValue("userPassword") != "" {
			t.Errorf("%s: got %v, want an identifier and a time, and no password", login, e.Attributes)
		}
	}
	r, err := c.Search(goldap.NewSearchRequest(s.People, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases,
		0, 0, false, "(mail=shared@example.test)", []string{"uid"}, nil))
	if err != nil || len(r.Entries) != 2 {
		t.Errorf("who shares the address: got %v, %v, want two", r, err)
	}
	if e := ds389Read(t, c, "cn=config", "passwordMinLength", "nsslapd-rootpw"); e == nil || e.GetAttributeValue("passwordMinLength") != "10" || len(e.Attributes) != 1 {
		t.Errorf("the global policy for the service: got %v, want a length of 10 and no other", e)
	}
	if c, err := net.Dial("tcp", s.TLSAddress); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	plain, err := goldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.StartTLS(s.TLS()); err != nil {
		t.Error(err)
	}
}

func ds389TestStates(t *testing.T, s *DS389Server) {
	for _, c := range []struct{ login, word, want string }{
		{"bob", DS389InitialWord, "0 policy none"},
		{"bob", "wrong", "49 policy none"},
		{"erin", DS389InitialWord, "19 Exceed password retry limit. Contact system administrator to reset. policy 1"},
		{"judy", DS389InitialWord, "53 Account inactivated. Contact system administrator. policy 1"},
		{"judy", "wrong", "53 Account inactivated. Contact system administrator. policy 1"},
		{"oscar", DS389InitialWord, "49 password expired! policy 0"},
		{"oscar", "wrong", "49 policy none"},
		{"peggy", DS389InitialWord, "0 policy 2"},
	} {
		conn, err := s.dial()
		if err != nil {
			t.Fatal(err)
		}
		r, err := conn.SimpleBind(&goldap.SimpleBindRequest{
			Username: s.DN(c.login), Password: c.word, Controls: []goldap.Control{goldap.NewControlBeheraPasswordPolicy()},
		})
		var controls []goldap.Control
		if r != nil {
			controls = r.Controls
		}
		if got := ds389Said(err, controls); got != c.want {
			t.Errorf("bind of %s with %s: got %s, want %s", c.login, c.word, got, c.want)
		}
		conn.Close()
	}
	service := ds389Conn(t, s, s.Service, s.ServiceWord)
	unlock := goldap.NewModifyRequest(s.DN("erin"), nil)
	unlock.Replace("accountUnlockTime", nil)
	unlock.Replace("passwordRetryCount", []string{"0"})
	if err := service.Modify(unlock); err != nil {
		t.Error(err)
	}
	if err := s.Bind("erin", DS389InitialWord); err != nil {
		t.Errorf("erin after she was unlocked: %v", err)
	}
}

func ds389TestRefusals(t *testing.T, s *DS389Server) {
	c := ds389Conn(t, s, s.Service, s.ServiceWord)
	const syntax = "19 invalid password syntax - password "
	for _, r := range []struct{ login, word, want string }{
		{"bob", "Kuck-7", syntax + "must be at least 10 characters long policy 5"},
		{"bob", "kuckuckskuckuck", syntax + "must contain at least 3 character categories (valid categories are digit, uppercase, lowercase, special, and 8-bit characters) policy 5"},
		{"bob", "Kuckuck-Example-1", syntax + "based off of user entry policy 5"},
		{"bob", DS389InitialWord, "19 password in history policy none"},
		{"grace", "Kuckuck-4711", syntax + "must be at least 14 characters long policy 5"},
		{"carol", "Kuckuck-4711", "19 within password minimum age policy 7"},
		{"alice", "Kuckuck-4711", "0 policy none"},
	} {
		if got := ds389Set(c, s.DN(r.login), r.word); got != r.want {
			t.Errorf("%s for %s: got %s, want %s", r.word, r.login, got, r.want)
		}
	}
	if err := s.Bind("alice", "Kuckuck-4711"); err != nil {
		t.Errorf("alice after the reset: %v", err)
	}
	ds389Settled(t, s, "alice")
	if got, want := ds389Set(c, s.DN("alice"), DS389InitialWord), "19 password in history policy 8"; got != want {
		t.Errorf("a password of before: got %s, want %s", got, want)
	}
	if got, want := ds389Set(c, s.Service, "Kuckuck-4711"), "50 Insufficient 'write' privilege to the 'userPassword' attribute of entry '"+s.Service+"'. policy 3"; got != want {
		t.Errorf("outside the right: got %s, want %s", got, want)
	}
	// The operation for it tells less in words.
	value := ber.NewSequence("")
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, s.DN("bob"), ""))
	value.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 2, "Kuck-7", ""))
	ask := goldap.NewExtendedRequest("1.3.6.1.4.1.4203.1.11.1", ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, string(value.Bytes()), ""))
	ask.Controls = []goldap.Control{goldap.NewControlBeheraPasswordPolicy()}
	_, err := c.Extended(ask)
	if got, want := ds389Said(err, nil), "19 Failed to update password policy 5"; got != want {
		t.Errorf("Password Modify: got %s, want %s", got, want)
	}
}

// ds389Settled waits until the server has noted the old password: it answers a change first, and
// brings history, counters and times up to date after that.
func ds389Settled(t *testing.T, s *DS389Server, login string) {
	t.Helper()
	c := ds389Conn(t, s, s.Admin, s.AdminWord)
	WaitFor(t, "the history of "+login, ds389Patience, func() error {
		if e := ds389Read(t, c, s.DN(login), "passwordHistory"); e == nil || len(e.Attributes) == 0 {
			return fmt.Errorf("none: %v", e)
		}
		return nil
	})
}

func ds389TestRestart(t *testing.T, s *DS389Server) {
	c := ds389Conn(t, s, s.Service, s.ServiceWord)
	if got := ds389Set(c, s.DN("frank"), "Kuckuck-4711"); got != "0 policy none" {
		t.Fatal(got)
	}
	s.Stop()
	if err := s.Bind("frank", "Kuckuck-4711"); err == nil {
		t.Error("it answers after Stop")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Bind("frank", "Kuckuck-4711"); err != nil {
		t.Error(err)
	}
}

func ds389Conn(t *testing.T, s *DS389Server, dn, word string) *goldap.Conn {
	t.Helper()
	c, err := s.dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Bind(dn, word); err != nil {
		t.Fatal(err)
	}
	return c
}

// ds389Read returns the entry; nil when it is not there for this reader.
func ds389Read(t *testing.T, c *goldap.Conn, dn string, attributes ...string) *goldap.Entry {
	t.Helper()
	r, err := c.Search(goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, goldap.NeverDerefAliases,
		0, 0, false, "(objectClass=*)", attributes, nil))
	if err != nil {
		t.Fatalf("%s: %v", dn, err)
	}
	if len(r.Entries) == 0 {
		return nil
	}
	return r.Entries[0]
}

// ds389Set sets a password by Modify and tells the answer.
func ds389Set(c *goldap.Conn, dn, word string) string {
	change := goldap.NewModifyRequest(dn, []goldap.Control{goldap.NewControlBeheraPasswordPolicy()})
	change.Replace("userPassword", []string{word})
	r, err := c.ModifyWithResult(change)
	var controls []goldap.Control
	if r != nil {
		controls = r.Controls
	}
	return ds389Said(err, controls)
}

// ds389Said is the code and the words of a result, and the error in its password policy control.
func ds389Said(err error, controls []goldap.Control) string {
	code, words := uint16(0), ""
	if e, ok := err.(*goldap.Error); ok {
		code, words = e.ResultCode, " "+strings.TrimSpace(e.Err.Error())
		if e.Packet != nil && len(e.Packet.Children) > 2 {
			for _, p := range e.Packet.Children[2].Children {
				if c, err := goldap.DecodeControl(p); err == nil {
					controls = append(controls, c)
				}
			}
		}
	} else if err != nil {
		return err.Error()
	}
	said := "none"
	for _, c := range controls {
		if p, ok := c.(*goldap.ControlBeheraPasswordPolicy); ok && p.Error >= 0 {
			said = fmt.Sprint(p.Error)
		}
	}
	return strings.TrimRight(fmt.Sprint(code, words), " ") + " policy " + said
}
