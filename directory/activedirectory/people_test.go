package activedirectory

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/directory/ldapclient"
	"postern/internal/testenv"
	"postern/secret"
)

// TestPeople looks at people of every kind. They share a controller; none of these tests changes
// what another one looks at.
func TestPeople(t *testing.T) {
	s := testenv.Samba(t, testenv.SambaOptions{})
	for _, c := range []struct {
		name string
		run  func(*testing.T, *testenv.SambaServer)
	}{
		{"States", states}, {"SignIns", signIns}, {"Handles", handles}, {"Groups", groups}, {"Policies", policies},
		{"Rights", effectiveRights}, {"HalfRights", halfRights}, {"Examine", examine}, {"Unreadable", unreadable},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, s) })
	}
}

func states(t *testing.T, s *testenv.SambaServer) {
	d := open(t, settings(t, s))
	for _, c := range []struct {
		login                         string
		disabled, locked, must, stale bool
	}{
		{login: "alice"}, {login: "judy", disabled: true}, {login: "karl", disabled: true}, {login: "erin", locked: true},
		{login: "lena", must: true}, {login: "mona", stale: true}, {login: "nick"}, {login: "peter"},
	} {
		a := lookUp(t, d, c.login)
		if a.Disabled != c.disabled || a.Locked != c.locked || a.MustChange != c.must || a.Expired != c.stale || a.Privileged || a.Barred != "" || a.Created.IsZero() {
			t.Errorf("got %+v, want %+v", a, c)
		}
		since := time.Since(a.LockedSince)
		if c.locked && (since < 0 || since > 10*time.Minute || a.LockedUntil.Sub(a.LockedSince) != 30*time.Minute) || !c.locked && !a.LockedSince.IsZero() {
			t.Errorf("%s: locked since %s until %s", c.login, a.LockedSince, a.LockedUntil)
		}
	}
	if err := s.AddUser(testenv.SambaUser{Login: "leaves", More: map[string][]string{attrEnds: {testenv.SambaTime(time.Now().Add(time.Hour))}}}); err != nil {
		t.Fatal(err)
	}
	if lookUp(t, d, "leaves").Disabled {
		t.Error("an account that expires in an hour is disabled now")
	}
	later := openAt(t, settings(t, s), func() time.Time { return time.Now().Add(2 * time.Hour) })
	if !lookUp(t, later, "leaves").Disabled {
		t.Error("an account that expired an hour ago is not disabled")
	}
}

func signIns(t *testing.T, s *testenv.SambaServer) {
	d := open(t, settings(t, s))
	for login, want := range map[string]error{
		"alice": nil, "judy": directory.ErrDisabled, "karl": directory.ErrDisabled, "erin": directory.ErrLocked,
		"lena": directory.ErrMustChange, "mona": directory.ErrMustChange, "peter": directory.ErrRestricted, "o'neil": nil,
	} {
		id := lookUp(t, d, login).Ref.ID
		if err := d.Authenticate(t.Context(), id, secret.New(testenv.SambaInitialWord)); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", login, err, want)
		}
		if want == nil || errors.Is(want, directory.ErrLocked) {
			continue
		}
		if err := d.Authenticate(t.Context(), id, secret.New("not the password")); !errors.Is(err, directory.ErrWrongPassword) {
			t.Errorf("%s with a wrong one: got %v, want that it is wrong", login, err)
		}
		if got := failures(t, s, login); got != "1" {
			t.Errorf("%s: a wrong password was counted %s times, want once", login, got)
		}
	}
}

func failures(t *testing.T, s *testenv.SambaServer, login string) string {
	t.Helper()
	var n string
	admin(t, s, func(c *goldap.Conn) error {
		r, err := c.Search(goldap.NewSearchRequest(s.DN(login), goldap.ScopeBaseObject, goldap.NeverDerefAliases, 1, 5, false, ldapclient.Anything, []string{"badPwdCount"}, nil))
		if err == nil {
			n = r.Entries[0].GetAttributeValue("badPwdCount")
		}
		return err
	})
	return n
}

func handles(t *testing.T, s *testenv.SambaServer) {
	d := open(t, settings(t, s))
	alice := lookUp(t, d, "alice")
	for _, handle := range []string{"ALICE", "alice@ad.example.test", "Alice@Example.TEST"} {
		if a := lookUp(t, d, handle); a.Ref != alice.Ref {
			t.Errorf("%s: got %v, want %v", handle, a.Ref, alice.Ref)
		}
	}
	if a, b := lookUp(t, d, "michael"), lookUp(t, d, "mıchael"); a.Ref == b.Ref {
		t.Errorf("two people are one: %v", a.Ref)
	}
	if a, b := lookUp(t, d, "jurgen"), lookUp(t, d, "jürgen"); a.Ref == b.Ref {
		t.Errorf("two people are one: %v", a.Ref)
	}
	if a := lookUp(t, d, "o'neil"); !strings.Contains(a.Name, `\ #1 "q"`) {
		t.Errorf("got %q", a.Name)
	}
	// The computer's account and a contact are no people.
	if err := s.AddUser(testenv.SambaUser{Login: "boxes", Mail: "boxes@example.test", Proxies: []string{"SMTP:boxes@example.test", "smtp:second@example.test", "X400:c=de;o=x", "sip:boxes@example.test"}}); err != nil {
		t.Fatal(err)
	}
	admin(t, s, func(c *goldap.Conn) error {
		for class, name := range map[string]string{"contact": "friend", "computer": "machine"} {
			a := goldap.NewAddRequest("CN="+name+","+testenv.SambaPeople, nil)
			a.Attribute("objectClass", []string{class})
			a.Attribute("mail", []string{name + "@example.test"})
			if class == "computer" {
				a.Attribute("sAMAccountName", []string{name + "$"})
			}
			if err := c.Add(a); err != nil {
				return err
			}
		}
		return nil
	})
	set := settings(t, s)
	set.EmailAttributes = []string{"mail", "proxyAddresses"}
	d = open(t, set)
	if got := lookUp(t, d, "boxes").Notices(); len(got) != 2 || got[0].Address != "boxes@example.test" || got[1].Address != "second@example.test" {
		t.Errorf("addresses: got %v", got)
	}
	for _, handle := range []string{"friend@example.test", "machine@example.test", "machine$", "shared@example.test", "Administrator", "SMTP:boxes@example.test"} {
		if a, err := d.Find(t.Context(), handle); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%s: got %v, %v, want nobody", handle, a, err)
		}
	}
}

func groups(t *testing.T, s *testenv.SambaServer) {
	modify(t, s, "CN=helpdesk,"+testenv.SambaGroups, "member", s.DN("alice"), s.DN("bob"), s.DN("o'neil"))
	for _, c := range []struct{ how, login, want string }{
		{"nested", "dave", "Domain Users Users berlin staff"}, {"direct", "dave", "berlin"}, {"none", "dave", ""},
		{"nested", "carol", "Domain Users Users staff"}, {"nested", "ivy", "Domain Users Users"}, {"direct", "ivy", ""},
		{"nested", "o'neil", "Domain Users Users helpdesk"},
	} {
		set := settings(t, s)
		set.Groups = c.how
		if got := strings.Join(lookUp(t, open(t, set), c.login).Groups, " "); got != c.want {
			t.Errorf("%s, %s: got %q, want %q", c.how, c.login, got, c.want)
		}
	}
	if err := s.AddUser(testenv.SambaUser{Login: "paula", Groups: []string{"CN=Backup Operators,CN=Builtin," + testenv.SambaBase}}); err != nil {
		t.Fatal(err)
	}
	modify(t, s, "CN=Print Operators,CN=Builtin,"+testenv.SambaBase, "member", "CN=helpdesk,"+testenv.SambaGroups)
	modify(t, s, "CN=helpdesk,"+testenv.SambaGroups, "member", s.DN("alice"), s.DN("bob"), s.DN("o'neil"), s.DN("ivy"))
	defer modify(t, s, "CN=Print Operators,CN=Builtin,"+testenv.SambaBase, "member")
	// Whoever has an administrators' group as the primary one is not listed among its members.
	modify(t, s, "CN=Domain Admins,CN=Users,"+testenv.SambaBase, "member", s.DN("oscar"), s.DN("frank"), "CN=Administrator,CN=Users,"+testenv.SambaBase)
	modify(t, s, s.DN("frank"), attrPrimary, "512")
	for _, how := range []string{"nested", "direct"} {
		set := settings(t, s)
		set.Groups = how
		d := open(t, set)
		got := lookUp(t, d, "frank").Groups
		if !slices.Contains(got, "Domain Admins") {
			t.Errorf("%s: got %v, want the primary group among them", how, got)
		}
		for login, want := range map[string]bool{"frank": true, "paula": true, "dave": false, "ivy": how == "nested"} {
			for range 2 { // the second time as remembered
				if a := lookUp(t, d, login); a.Privileged != want {
					t.Errorf("%s, %s: got %+v, want privileged %t before adminCount is set", how, login, a, want)
				}
			}
		}
		if how == "nested" && !slices.Contains(got, "Administrators") {
			t.Errorf("got %v, want what the primary group is in among them", got)
		}
	}
	groupsAreKept(t, s)
}

// groupsAreKept: a second look-up costs one search, and after a minute the tree is asked again.
func groupsAreKept(t *testing.T, s *testenv.SambaServer) {
	p := directorytest.NewProxy(t, s.TLSAddress)
	set := settings(t, s)
	set.URLs = []string{"ldaps://" + p.Addr()}
	clock := time.Now()
	d, err := New("staff", set, func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	look := func(login string) (groups string, asked int) {
		t.Helper()
		before := p.Sent()
		return strings.Join(lookUp(t, d, login).Groups, " "), p.Sent() - before
	}
	first, _ := look("dave")
	opened := p.Accepted()
	modify(t, s, "CN=staff,"+testenv.SambaGroups, "member", s.DN("carol")) // berlin leaves it
	if again, asked := look("dave"); again != first || asked != 1 {
		t.Errorf("got %q with %d requests, want %q with one", again, asked, first)
	}
	before := p.Sent()
	if _, err := d.Find(t.Context(), "nobody-at-all"); !errors.Is(err, directory.ErrNotFound) || p.Sent()-before != 1 {
		t.Errorf("nobody: got %v with %d requests, want one", err, p.Sent()-before)
	}
	clock = clock.Add(groupsFresh)
	if got, _ := look("dave"); got != "Domain Users Users berlin" {
		t.Errorf("after a minute: got %q", got)
	}
	if n := p.Accepted() - opened; n != 0 {
		t.Errorf("%d connections were opened beside the idle one", n)
	}
	modify(t, s, "CN=staff,"+testenv.SambaGroups, "member", s.DN("carol"), "CN=berlin,"+testenv.SambaGroups)
}

func policies(t *testing.T, s *testenv.SambaServer) {
	d := open(t, settings(t, s))
	rules := func(d *Directory, login string) string {
		p, err := d.Rules(t.Context(), lookUp(t, d, login).Ref.ID)
		if err != nil {
			t.Fatal(err)
		}
		if p.Enforced {
			t.Errorf("%s: history is said to be enforced, and Samba does not", login)
		}
		return strings.Join([]string{time.Duration(p.MinLength).String(), time.Duration(p.History).String(), p.MinAge.String(), map[bool]string{true: "complex"}[p.Complex]}, " ")
	}
	for login, want := range map[string]string{"alice": "8ns 5ns 0s complex", "carol": "14ns 3ns 0s complex", "nick": "8ns 3ns 23952h0m0s complex"} {
		if got := rules(d, login); got != want {
			t.Errorf("%s: got %s, want %s", login, got, want)
		}
	}
	if n, where := d.LockoutAfter(t.Context()); n != 3 || !strings.Contains(where, "lockoutThreshold") {
		t.Errorf("got %d, %s", n, where)
	}
	var r *directory.Rejected
	carol := lookUp(t, d, "carol")
	if err := d.SetPassword(t.Context(), carol.Ref.ID, secret.New("Thirteen-chrs")); !errors.As(err, &r) || r.Reason != directory.TooShort {
		t.Errorf("13 characters for carol: got %v", err)
	}
	nick := lookUp(t, d, "nick")
	if err := d.ChangePassword(t.Context(), nick.Ref.ID, secret.New(testenv.SambaInitialWord), secret.New("Young-Passw0rd")); !errors.As(err, &r) || r.Reason != directory.TooYoung {
		t.Errorf("a change too soon: got %v", err)
	}
	set := settings(t, s)
	set.BindDN = testenv.SambaHalf // who may not read settings objects
	if got := rules(open(t, set), "carol"); got != "0s 0s 0s " {
		t.Errorf("unreadable: got %s, want nothing", got)
	}
}

// effectiveRights compares what the access lists say with what the controller does.
func effectiveRights(t *testing.T, s *testenv.SambaServer) {
	for _, who := range []string{testenv.SambaService, testenv.SambaHalf, testenv.SambaWeak} {
		set := settings(t, s)
		set.BindDN, set.Base = who, testenv.SambaBase
		d := open(t, set)
		for _, login := range []string{"bob", "dave", "oscar", "quinn", "rita", "svc-weak", "svc-half", "Administrator"} {
			a := lookUp(t, d, login)
			err := d.SetPassword(t.Context(), a.Ref.ID, secret.New("Set-by-1 "+who))
			var r *directory.Rejected
			if (a.Barred == "") != (err == nil) || err != nil && (!errors.As(err, &r) || r.Reason != directory.NotAllowed) {
				t.Errorf("%s for %s: barred %q, and the controller says %v", who, login, a.Barred, err)
			}
		}
	}
	d := open(t, settings(t, s))
	if a := lookUp(t, d, "oscar"); !a.Privileged || !strings.Contains(a.Barred, "AdminSDHolder") {
		t.Errorf("got %+v, want that AdminSDHolder guards the account", a)
	}
	var r *directory.Rejected
	rita := lookUp(t, d, "rita") // cannot change her password, and may be given one
	if err := d.ChangePassword(t.Context(), rita.Ref.ID, secret.New("Set-by-1 "+testenv.SambaHalf), secret.New("Her-0wn-choice")); !errors.As(err, &r) || r.Reason != directory.NotAllowed {
		t.Errorf("got %v, want not allowed", err)
	}
}

// halfRights: an account that may set passwords and write nothing else sets passwords.
func halfRights(t *testing.T, s *testenv.SambaServer) {
	set := settings(t, s)
	set.BindDN = testenv.SambaHalf
	d := open(t, set)
	for login, known := range map[string]bool{"half-known": true, "half-unknown": false} {
		if err := s.AddUser(testenv.SambaUser{Login: login, Locked: true}); err != nil {
			t.Fatal(err)
		}
		a := lookUp(t, d, login)
		if !known { // as if nothing of the service's groups could be read
			d.mu.Lock()
			for url, c := range d.controllers {
				c.self = nil
				d.controllers[url] = c
			}
			d.mu.Unlock()
			if a := lookUp(t, d, login); a.Barred != "" {
				t.Errorf("nothing is known, and the account is barred: %s", a.Barred)
			}
		}
		if err := d.SetPassword(t.Context(), a.Ref.ID, secret.New("Half-a-right-1")); err != nil {
			t.Errorf("%s: got %v, want that the password is set", login, err)
		}
		if !lookUp(t, d, login).Locked {
			t.Errorf("%s: the lock is gone, which the service may not end", login)
		}
		if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New("Half-a-right-1")); !errors.Is(err, directory.ErrLocked) {
			t.Errorf("%s: got %v, want locked", login, err)
		}
		var r *directory.Rejected
		if err := d.Unlock(t.Context(), a.Ref.ID); !errors.As(err, &r) || r.Reason != directory.NotAllowed {
			t.Errorf("%s: unlock: got %v, want not allowed", login, err)
		}
		modify(t, s, s.DN(login), attrLocked, "0")
		if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New("Half-a-right-1")); err != nil {
			t.Errorf("%s: %v", login, err)
		}
	}
}

// examine mends what is found lacking by the very command that is named.
func examine(t *testing.T, s *testenv.SambaServer) {
	set := settings(t, s)
	set.BindDN = testenv.SambaWeak
	if err := s.AddUser(testenv.SambaUser{Login: "examined"}); err != nil {
		t.Fatal(err)
	}
	admin(t, s, func(c *goldap.Conn) error {
		a := goldap.NewAddRequest(`OU=It's\, ours,`+testenv.SambaPeople, nil)
		a.Attribute("objectClass", []string{"organizationalUnit"})
		if err := c.Add(a); err != nil {
			return err
		}
		return c.ModifyDN(goldap.NewModifyDNRequest(s.DN("examined"), "CN=examined", true, a.DN))
	})
	d := open(t, set)
	a := lookUp(t, d, "examined")
	faults := func() (out []directory.Finding) {
		found, err := d.Examine(t.Context(), a.Ref.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Severity != directory.Good && !strings.Contains(f.Text, "history is not enforced here") {
				out = append(out, f)
			}
		}
		return out
	}
	lacks := faults()
	if len(lacks) != 3 || lacks[0].Severity != directory.Fault || a.Barred == "" {
		t.Fatalf("got %+v, want three rights that are lacking", lacks)
	}
	for _, f := range lacks {
		if !strings.Contains(f.Fix, `dsacls "OU=It's\, ours,OU=People,`) {
			t.Errorf("no command for Windows: %s", f.Fix)
		}
		if at := strings.Index(f.Fix, "\n# on Samba:\nsamba-tool "); !strings.HasPrefix(f.Fix, "# on Windows:\ndsacls ") || at < 0 {
			t.Errorf("words among the commands: %s", f.Fix)
		}
		samba(t, s, f.Fix)
	}
	if left := faults(); len(left) != 0 {
		t.Errorf("still lacking: %+v", left)
	}
	if err := d.SetPassword(t.Context(), a.Ref.ID, secret.New("Examined-Passw0rd")); err != nil {
		t.Error(err)
	}
	carol, err := d.Examine(t.Context(), lookUp(t, d, "carol").Ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(carol, func(f directory.Finding) bool { return strings.Contains(f.Text, "CN=vip") })
	if at < 0 || carol[at].Severity != directory.Warning {
		t.Fatalf("got %+v, want a warning about the settings object", carol)
	}
	samba(t, s, carol[at].Fix)
	if p, err := openAt(t, set, time.Now).Rules(t.Context(), lookUp(t, d, "carol").Ref.ID); err != nil || p.MinLength != 14 {
		t.Errorf("got %+v, %v, want that it can be read now", p, err)
	}
	for login, want := range map[string]string{"oscar": "AdminSDHolder", "judy": "disabled", "karl": "expired", "erin": "locked", "lena": "must be changed", "mona": "has expired"} {
		found, err := d.Examine(t.Context(), lookUp(t, d, login).Ref.ID)
		if err != nil || !slices.ContainsFunc(found, func(f directory.Finding) bool { return strings.Contains(f.Text, want) }) {
			t.Errorf("%s: got %+v, %v, want %q", login, found, err, want)
		}
	}
	oscar, err := d.Examine(t.Context(), lookUp(t, d, "oscar").Ref.ID)
	oscar = slices.DeleteFunc(oscar, func(f directory.Finding) bool {
		return f.Severity == directory.Good || strings.Contains(f.Text, "history is not enforced here")
	})
	if err != nil || len(oscar) != 1 || oscar[0].Severity != directory.Warning || strings.Contains(oscar[0].Fix, "/G ") {
		t.Errorf("a guarded account is one fact, and left alone: got %+v, %v", oscar, err)
	}
	if _, err := d.Examine(t.Context(), nobody); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("nobody: got %v", err)
	}
}

// samba runs the command of a finding on the domain's database, as its administrator would.
func samba(t *testing.T, s *testenv.SambaServer, fix string) {
	t.Helper()
	ran := false
	for command := range strings.Lines(fix) {
		command, ok := strings.CutPrefix(strings.TrimSpace(command), "samba-tool ")
		if !ok {
			continue
		}
		ran = true
		tool := testenv.Program(t, "samba-tool", "samba-common-bin")
		run := exec.Command("sh", "-c", ldapclient.Quoted(tool)+" "+command+" -H "+ldapclient.Quoted(filepath.Join(s.Dir, "private", "sam.ldb"))+" -s "+ldapclient.Quoted(filepath.Join(s.Dir, "smb.conf")))
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	if !ran {
		t.Fatalf("no command for Samba: %s", fix)
	}
}

// unreadable: what can't be read of an account counts against it.
func unreadable(t *testing.T, s *testenv.SambaServer) {
	d := open(t, settings(t, s))
	for _, c := range []struct {
		has                       map[string][]string
		disabled, locked, changes bool
	}{
		{map[string][]string{attrFlags: {"512"}}, false, false, false},
		{map[string][]string{}, true, false, false},
		{map[string][]string{attrFlags: {"514"}, attrComputed: {"0"}}, true, false, false},
		{map[string][]string{attrFlags: {"512"}, attrLocked: {"134398654622866900"}}, false, true, false},
		{map[string][]string{attrFlags: {"512"}, attrLocked: {"134398654622866900"}, attrComputed: {"0"}}, false, false, false},
		{map[string][]string{attrFlags: {"512"}, attrSet: {"0"}}, false, false, true},
		{map[string][]string{attrFlags: {"66048"}, attrSet: {"0"}, attrComputed: {"0"}}, false, false, false}, // never expires
		{map[string][]string{attrFlags: {"512"}, attrEnds: {"0"}}, false, false, false},
		{map[string][]string{attrFlags: {"512"}, attrEnds: {"9223372036854775807"}}, false, false, false},
		{map[string][]string{attrFlags: {"512"}, attrEnds: {"1"}}, true, false, false},
	} {
		a := d.standing(goldap.NewEntry("CN=x", c.has))
		if a.Disabled != c.disabled || a.Locked != c.locked || a.MustChange != c.changes {
			t.Errorf("%v: got %+v", c.has, a)
		}
	}
}
