package testenv

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// TestSamba uses one server for all that does not need one of its own.
func TestSamba(t *testing.T) {
	s := Samba(t, SambaOptions{})
	t.Run("people are as told", func(t *testing.T) { sambaPeopleAreAsTold(t, s) })
	t.Run("added people are as asked", func(t *testing.T) { sambaAddedPeopleAreAsAsked(t, s) })
	t.Run("delegation", func(t *testing.T) { sambaDelegation(t, s) })
	t.Run("groups", func(t *testing.T) { sambaGroups(t, s) })
	t.Run("settings objects", func(t *testing.T) { sambaSettings(t, s) })
	t.Run("StartTLS", func(t *testing.T) { sambaStartTLS(t, s) })
	t.Run("wrong authority", func(t *testing.T) { sambaWrongAuthority(t, s) })
	t.Run("loopback only", func(t *testing.T) { sambaLoopbackOnly(t, s) })
	t.Run("restart keeps data", func(t *testing.T) { sambaRestart(t, s) })
}

// sambaBound connects as a service account, as the program does.
func sambaBound(t *testing.T, s *SambaServer, account string) *goldap.Conn {
	t.Helper()
	c, err := goldap.DialURL(s.TLSURL, goldap.DialWithTLSConfig(s.TLS()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Bind(account, SambaServiceWord); err != nil {
		t.Fatalf("bind as %s: %v", account, err)
	}
	return c
}

// sambaBinds are the sub-codes that the server gives for the right password; empty: it signs in.
func sambaBinds(t *testing.T, s *SambaServer, want map[string]string) {
	t.Helper()
	for login, code := range want {
		err := s.Bind(login, SambaInitialWord)
		if code == "" && err != nil || code != "" && (!goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) || !strings.Contains(err.Error(), "data "+code)) {
			t.Errorf("%s: got %v, want sub-code %q", login, err, code)
		}
	}
}

func sambaPeopleAreAsTold(t *testing.T, s *SambaServer) {
	sambaBinds(t, s, map[string]string{
		"alice": "", "bob": "", "carol": "", "dave": "", "erin": "775", "frank": "", "heidi": "", "ivan": "", "ivy": "", "judy": "533",
		"karl": "701", "lena": "773", "mona": "532", "nick": "", "oscar": "", "peter": "530", "quinn": "", "rita": "", "o'neil": "",
		"jurgen": "", "jürgen": "", "michael": "", "mıchael": "", "nobody": "52e",
	})
	if err := s.Bind("alice", "something else"); err == nil || !strings.Contains(err.Error(), "data 52e") {
		t.Errorf("a wrong password: got %v, want sub-code 52e", err)
	}
	if err := s.Bind(s.DN("o'neil"), SambaInitialWord); err != nil {
		t.Errorf("by DN: %v", err)
	}
}

func sambaAddedPeopleAreAsAsked(t *testing.T, s *SambaServer) {
	for _, u := range []SambaUser{
		{Login: "ann", UPN: "a.other@example.test", Name: "Ann, Other", Password: "Another-Word-1", Mail: "ann@example.test", Proxies: []string{"SMTP:ann@example.test", "smtp:a@example.test"}},
		{Login: "ben", Locked: true}, {Login: "cat", Disabled: true}, {Login: "dan", MustChange: true}, {Login: "eve", Expired: true},
		{Login: "fay", OU: "OU=Berlin," + SambaPeople, Groups: []string{"CN=staff," + SambaGroups}, More: map[string][]string{"mobile": {"+4930901820"}}},
	} {
		if err := s.AddUser(u); err != nil {
			t.Fatal(err)
		}
	}
	sambaBinds(t, s, map[string]string{"ben": "775", "cat": "533", "dan": "773", "eve": "701", "fay": ""})
	if err := s.Bind("a.other@example.test", "Another-Word-1"); err != nil {
		t.Errorf("by another principal name: %v", err)
	}
	if got, want := s.DN("ann"), `CN=Ann\, Other,`+SambaPeople; got != want {
		t.Errorf("ann is at %s, want %s", got, want)
	}
	if got := sambaRead(t, s, SambaService, s.DN("ann"), "proxyAddresses"); len(got) != 2 {
		t.Errorf("ann's addresses: %q, want two", got)
	}
	if err := s.AddUser(SambaUser{Login: "ann"}); !goldap.IsErrorWithCode(err, goldap.LDAPResultEntryAlreadyExists) {
		t.Errorf("the same login again: got %v, want result 68", err)
	}
}

// sambaReset sets a password as a service account, and more attributes beside it.
func sambaReset(c *goldap.Conn, dn, password string, more ...string) error {
	m := goldap.NewModifyRequest(dn, nil)
	if password != "" {
		m.Replace("unicodePwd", []string{SambaPassword(password)})
	}
	for _, name := range more {
		m.Replace(name, []string{"0"})
	}
	return c.Modify(m)
}

func sambaDelegation(t *testing.T, s *SambaServer) {
	full, half, weak := sambaBound(t, s, SambaService), sambaBound(t, s, SambaHalf), sambaBound(t, s, SambaWeak)
	for _, c := range []struct {
		who        string
		as         *goldap.Conn
		may, wider bool // reset; and lockoutTime and pwdLastSet
	}{
		{"frank", full, true, true}, {"dave", full, true, true}, {"frank", half, true, false}, {"frank", weak, false, false},
		{"oscar", full, false, false}, {"quinn", full, false, false}, {"svc-weak", full, false, false},
	} {
		dn := s.DN(c.who)
		for _, attempt := range []struct {
			what string
			err  error
			may  bool
		}{
			{"reset", sambaReset(c.as, dn, "Fresh-Word-"+strconv.FormatInt(time.Now().UnixNano(), 36)+"-aZ"), c.may},
			{"unlock", sambaReset(c.as, dn, "", "lockoutTime"), c.wider},
			{"demand a change", sambaReset(c.as, dn, "", "pwdLastSet"), c.wider},
		} {
			denied := goldap.IsErrorWithCode(attempt.err, goldap.LDAPResultInsufficientAccessRights)
			if attempt.may && attempt.err != nil || !attempt.may && !denied {
				t.Errorf("%s %s: got %v, want it allowed: %v", attempt.what, c.who, attempt.err, attempt.may)
			}
		}
	}
	if err := sambaReset(full, s.DN("erin"), "Fresh-Word-1", "lockoutTime"); err != nil {
		t.Fatal(err)
	}
	if err := s.Bind("erin", "Fresh-Word-1"); err != nil {
		t.Errorf("after a reset with unlocking: %v", err)
	}
}

func sambaRead(t *testing.T, s *SambaServer, account, dn, attribute string) []string {
	t.Helper()
	r, err := sambaBound(t, s, account).Search(goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{attribute}, nil))
	if err != nil || len(r.Entries) != 1 {
		t.Fatalf("reading %s of %s as %s: %v", attribute, dn, account, err)
	}
	return r.Entries[0].GetAttributeValues(attribute)
}

func sambaGroups(t *testing.T, s *SambaServer) {
	if got := sambaRead(t, s, SambaService, s.DN("dave"), "memberOf"); len(got) != 1 {
		t.Errorf("dave is directly in %q, want one group", got)
	}
	r, err := sambaBound(t, s, SambaService).Search(goldap.NewSearchRequest(SambaGroups, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false,
		"(member:1.2.840.113556.1.4.1941:="+goldap.EscapeFilter(s.DN("dave"))+")", []string{"cn"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range r.Entries {
		names = append(names, e.GetAttributeValue("cn"))
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"berlin", "staff"}) {
		t.Errorf("dave is in %q along the chain, want berlin and staff", names)
	}
	if got := sambaRead(t, s, SambaService, s.DN("oscar"), "adminCount"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("oscar's adminCount is %q, want 1", got)
	}
}

func sambaSettings(t *testing.T, s *SambaServer) {
	vip := "CN=vip," + SambaSettings
	if got := sambaRead(t, s, SambaService, s.DN("carol"), "msDS-ResultantPSO"); !slices.Equal(got, []string{vip}) {
		t.Errorf("carol's settings are %q, want %s", got, vip)
	}
	if got := sambaRead(t, s, SambaService, vip, "msDS-MinimumPasswordLength"); !slices.Equal(got, []string{"14"}) {
		t.Errorf("%s reads %q, want 14", SambaService, got)
	}
	if got := sambaRead(t, s, SambaHalf, vip, "msDS-MinimumPasswordLength"); len(got) != 0 {
		t.Errorf("%s reads %q, want nothing", SambaHalf, got)
	}
}

func sambaStartTLS(t *testing.T, s *SambaServer) {
	c, err := goldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(SambaService, SambaServiceWord); !goldap.IsErrorWithCode(err, goldap.LDAPResultStrongAuthRequired) {
		t.Errorf("a bind in clear: got %v, want result 8", err)
	}
	if err := c.StartTLS(s.TLS()); err != nil {
		t.Fatal(err)
	}
	if err := c.Bind(SambaService, SambaServiceWord); err != nil {
		t.Error(err)
	}
}

func sambaWrongAuthority(t *testing.T, s *SambaServer) {
	c, err := goldap.DialURL(s.TLSURL, goldap.DialWithTLSConfig(&tls.Config{RootCAs: x509.NewCertPool(), ServerName: SambaHost}))
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("an authority that nobody trusts: got %v", err)
	}
	if err == nil {
		c.Close()
	}
}

func TestSambaWithACertificateThatMustBeRefused(t *testing.T) {
	s := Samba(t, SambaOptions{Names: []string{"other.example.test"}, Expires: time.Now().Add(-time.Hour)})
	_, err := tls.Dial("tcp", s.TLSAddress, s.TLS())
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); !ok || invalid.Reason != x509.Expired {
		t.Errorf("got %v, want an expired certificate", err)
	}
	config := s.TLS()
	config.Time = func() time.Time { return time.Now().Add(-2 * time.Hour) }
	if _, err = tls.Dial("tcp", s.TLSAddress, config); err == nil {
		t.Error("a certificate of another name was accepted")
	} else if _, ok := errors.AsType[x509.HostnameError](err); !ok {
		t.Errorf("got %v, want another name", err)
	}
	if err := s.Bind("alice", SambaInitialWord); err != nil {
		t.Errorf("those who know the server: %v", err)
	}
}

// sambaLoopbackOnly reads what the server's process listens on from the kernel.
func sambaLoopbackOnly(t *testing.T, s *SambaServer) {
	pid := s.process.cmd.Process.Pid
	mine := map[string]bool{} // inodes of the sockets
	links, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, l.Name())); err == nil {
			mine[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
		}
	}
	if children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)); err != nil || len(children) > 0 {
		t.Errorf("the server has children %q, want none: %v", children, err)
	}
	var ports []int
	for _, protocol := range []string{"tcp", "tcp6", "udp", "udp6"} {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, protocol))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line) // sl, local, remote, state … inode
			if len(f) < 10 || !mine[f[9]] || protocol == "tcp" && f[3] != "0A" {
				continue
			}
			ip, port := sambaSocket(t, f[1])
			if !ip.Equal(net.ParseIP(s.ip)) {
				t.Errorf("%s port %d is on %s, want %s", protocol, port, ip, s.ip)
			}
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	if want := []int{389, 636, 3268, 3269}; !slices.Equal(ports, want) {
		t.Errorf("it listens on %v, want %v", ports, want)
	}
}

// sambaSocket reads "0100007F:0185", as the kernel writes addresses on this machine.
func sambaSocket(t *testing.T, text string) (net.IP, int) {
	t.Helper()
	address, port, _ := strings.Cut(text, ":")
	raw, err1 := hex.DecodeString(address)
	n, err2 := strconv.ParseInt(port, 16, 32)
	if err := errors.Join(err1, err2); err != nil || len(raw) != 4 && len(raw) != 16 {
		t.Fatalf("socket %q: %v", text, err)
	}
	slices.Reverse(raw)
	return bytes.Clone(raw), int(n)
}

func sambaRestart(t *testing.T, s *SambaServer) {
	if err := s.AddUser(SambaUser{Login: "kept"}); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := s.Bind("kept", SambaInitialWord); err == nil {
		t.Error("it answers after Stop")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Bind("kept", SambaInitialWord); err != nil {
		t.Error(err)
	}
}
