package ds389

import (
	"errors"
	"slices"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/ldapclient"
	"postern/internal/testenv"
	"postern/password"
	"postern/secret"
)

func try(t *testing.T, d *Directory, login, word string) error {
	t.Helper()
	return d.Authenticate(t.Context(), lookUp(t, d, login).Ref.ID, secret.New(word))
}

// TestStates goes through the people of the recipe, on one server for all that needs no other.
func TestStates(t *testing.T) {
	s := testenv.DS389(t, testenv.DS389Options{})
	d := opened(t, settings(t, s), New)
	word := testenv.DS389InitialWord
	a := lookUp(t, d, "alice")
	if a.Name != "Alice Example" || !slices.Equal(a.Groups, []string{"helpdesk"}) || len(a.Contacts) != 2 || a.Created.IsZero() {
		t.Errorf("got %+v", a)
	}
	if g := lookUp(t, d, "dave").Groups; !slices.Equal(g, []string{"berlin", "staff"}) {
		t.Errorf("nested groups: got %v", g)
	}
	if _, err := d.Find(t.Context(), "shared@example.test"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("an address of two: got %v", err)
	}
	if a := lookUp(t, d, "erin"); !a.Locked || a.LockedSince.IsZero() || !a.LockedUntil.IsZero() || time.Since(a.LockedSince) > time.Hour {
		t.Errorf("erin: got %+v, want locked until somebody ends it", a)
	}
	if a := lookUp(t, d, "judy"); !a.Disabled || a.Locked {
		t.Errorf("judy: got %+v, want disabled", a)
	}
	if a := lookUp(t, d, "oscar"); !a.Expired || a.MustChange {
		t.Errorf("oscar: got %+v, want expired", a)
	}
	if a := lookUp(t, d, "peggy"); !a.MustChange || a.Expired {
		t.Errorf("peggy: got %+v, want that she must change it", a)
	}
	for login, want := range map[string][2]error{ // with the right password, and with a wrong one
		"alice": {nil, directory.ErrWrongPassword}, "erin": {directory.ErrLocked, directory.ErrLocked},
		"judy": {directory.ErrDisabled, directory.ErrDisabled}, "oscar": {directory.ErrMustChange, directory.ErrWrongPassword},
		"peggy": {directory.ErrMustChange, directory.ErrWrongPassword},
	} {
		for i, w := range []string{word, "not the word"} {
			if err := try(t, d, login, w); !errors.Is(err, want[i]) {
				t.Errorf("%s, %q: got %v, want %v", login, w, err, want[i])
			}
		}
	}
	set(t, s, s.DN("oscar"), attrFailures, "0") // the server counts a right one that has expired too
	set(t, s, s.DN("oscar"), attrUnlock)
	for range 4 { // more than lock: a right one is asked about once
		if err := try(t, d, "oscar", word); !errors.Is(err, directory.ErrMustChange) {
			t.Errorf("oscar once more: got %v", err)
		}
	}
	for _, login := range []string{"oscar", "peggy"} {
		id := lookUp(t, d, login).Ref.ID
		var r *directory.Rejected
		if err := d.ChangePassword(t.Context(), id, secret.New(word), secret.New(word)); !errors.As(err, &r) {
			t.Errorf("%s, the same: got %v, want a refusal", login, err)
		}
		if err := d.ChangePassword(t.Context(), id, secret.New("not the word"), secret.New("Their-0wn-Choice")); !errors.Is(err, directory.ErrWrongPassword) {
			t.Errorf("%s, wrong old one: got %v", login, err)
		}
		if err := d.ChangePassword(t.Context(), id, secret.New(word), secret.New("Their-0wn-Choice")); err != nil {
			t.Errorf("%s: %v", login, err)
		}
		if err := try(t, d, login, "Their-0wn-Choice"); err != nil {
			t.Errorf("%s, after: %v", login, err)
		}
	}
	rules(t, d, s)
	stale(t, s, d)
}

func rules(t *testing.T, d *Directory, s *testenv.DS389Server) {
	t.Helper()
	set := settings(t, s)
	set.PasswordRules = bypass
	free := opened(t, set, New)
	for _, c := range []struct {
		d     *Directory
		login string
		want  password.Directory
	}{
		{d, "alice", password.Directory{MinLength: 10, Complex: true, History: 5, Enforced: true}},
		{d, "grace", password.Directory{MinLength: 14, Complex: true, History: 5, Enforced: true}},
		{d, "carol", password.Directory{MinLength: 10, Complex: true, History: 5, MinAge: 24 * time.Hour, Enforced: true}},
		{free, "alice", password.Directory{MinLength: 10, Complex: true, History: 5}},
	} {
		got, err := c.d.Rules(t.Context(), lookUp(t, c.d, c.login).Ref.ID)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v and %v, want %+v", c.login, got, err, c.want)
		}
	}
	if n, where := d.LockoutAfter(t.Context()); n != 3 || where != "passwordMaxFailure in cn=config" {
		t.Errorf("got %d, %q", n, where)
	}
}

// stale: a reset leaves no mark of a lock-out, which the server itself would.
func stale(t *testing.T, s *testenv.DS389Server, d *Directory) {
	t.Helper()
	if err := d.SetPassword(t.Context(), lookUp(t, d, "erin").Ref.ID, secret.New("Another-W0rd-for-her")); err != nil {
		t.Fatal(err)
	}
	admin(t, s, func(c *goldap.Conn) error {
		r, err := c.Search(goldap.NewSearchRequest(s.DN("erin"), goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{attrUnlock, attrFailures}, nil))
		if err != nil {
			return err
		}
		if e := r.Entries[0]; ldapclient.First(e, attrUnlock) != "" || ldapclient.First(e, attrFailures) != "0" {
			t.Errorf("what is left: %v", e.Attributes)
		}
		return nil
	})
}

// TestBriefLock: the policy lets a lock-out end.
func TestBriefLock(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	at := func(d time.Duration) string { return now.Add(d).Format(generalizedTime) }
	p := policy{known: true, failures: 3, lockout: time.Hour, window: ownWindow * time.Second, expires: true}
	for name, c := range map[string]struct {
		entry map[string][]string
		want  state
	}{
		"locked":      {map[string][]string{attrUnlock: {at(time.Minute)}, attrFailures: {"3"}}, state{locked: true, until: now.Add(time.Minute), since: now.Add(-59 * time.Minute)}},
		"over":        {map[string][]string{attrUnlock: {at(-time.Second)}, attrFailures: {"3"}}, state{}},
		"forgotten":   {map[string][]string{attrUnlock: {at(time.Minute)}, attrFailures: {"0"}}, state{}},
		"no mark":     {map[string][]string{attrFailures: {"9"}}, state{}},
		"disabled":    {map[string][]string{attrDisabled: {"TRUE"}}, state{disabled: true}},
		"reset":       {map[string][]string{attrExpires: {"19700101000000Z"}}, state{must: true}},
		"was reset":   {map[string][]string{attrExpires: {"19700101000001Z"}, attrReset: {"FALSE"}}, state{}},
		"expires":     {map[string][]string{attrExpires: {at(time.Minute)}}, state{}},
		"has expired": {map[string][]string{attrExpires: {at(-time.Minute)}}, state{expired: true}},
		"half":        {map[string][]string{attrUnlock: {"2026"}, attrFailures: {"x"}, attrExpires: {"x"}}, state{}},
	} {
		if got := (native{}).state(goldap.NewEntry("uid=x", c.entry), p, now); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// TestFreeIPAStates reads what FreeIPA keeps. Its plugins do not run here: what they answer is as
// their source says.
func TestFreeIPAStates(t *testing.T) {
	s := testenv.DS389(t, testenv.DS389Options{IPA: true})
	d := opened(t, ipaSettings(t, s), NewFreeIPA)
	type want struct{ disabled, locked, must, expired bool }
	for login, want := range map[string]want{
		"alice": {}, "bob": {}, "carol": {expired: true}, "dave": {locked: true}, "erin": {disabled: true},
		"frank": {disabled: true}, "grace": {must: true}, "judy": {},
	} {
		a := lookUp(t, d, login)
		if got := (struct{ disabled, locked, must, expired bool }{a.Disabled, a.Locked, a.MustChange, a.Expired}); got != want {
			t.Errorf("%s: got %+v, want %+v", login, got, want)
		}
	}
	dave := lookUp(t, d, "dave")
	if dave.LockedUntil.Sub(dave.LockedSince) != 10*time.Minute || !slices.Equal(dave.Groups, []string{"berlin", "staff"}) {
		t.Errorf("dave: got %+v", dave)
	}
	for login, want := range map[string]error{"alice": nil, "carol": directory.ErrMustChange, "grace": directory.ErrMustChange, "frank": directory.ErrDisabled} {
		if err := try(t, d, login, testenv.DS389InitialWord); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", login, err, want)
		}
		if err := try(t, d, login, "not the word"); !errors.Is(err, directory.ErrWrongPassword) {
			t.Errorf("%s, a wrong one: got %v", login, err)
		}
	}
	for login, want := range map[string]password.Directory{
		"alice": {MinLength: 8, MinAge: time.Hour, Enforced: true}, "bob": {MinLength: 14, History: 5, MinAge: time.Hour, Enforced: true},
	} {
		if got, err := d.Rules(t.Context(), lookUp(t, d, login).Ref.ID); err != nil || got != want {
			t.Errorf("%s: got %+v and %v, want %+v", login, got, err, want)
		}
	}
	if n, where := d.LockoutAfter(t.Context()); n != 6 || where != "krbPwdMaxFailure in cn=global_policy,"+s.IPAPolicies {
		t.Errorf("got %d, %q", n, where)
	}
	allow(t, s, s.IPADN("alice"), "krbLastAdminUnlock", true, rightsOf(t, s, " || krbLoginFailedCount || krbLastAdminUnlock")...)
	if err := d.Unlock(t.Context(), dave.Ref.ID); err != nil {
		t.Fatal(err)
	}
	if a := lookUp(t, d, "dave"); a.Locked {
		t.Errorf("after unlocking: got %+v", a)
	}
}

// rightsOf are the rights of the recipe with more to write.
func rightsOf(t *testing.T, s *testenv.DS389Server, more string) []string {
	t.Helper()
	return []string{
		`(targetattr != "userPassword || passwordHistory")(version 3.0; acl "postern reads"; allow (read,search,compare) userdn = "ldap:///` + s.Service + `";)`,
		`(targetattr = "userPassword || accountUnlockTime || passwordRetryCount` + more + `")(version 3.0; acl "postern resets and unlocks"; allow (write) userdn = "ldap:///` + s.Service + `";)`,
		`(targetattr = "userPassword")(version 3.0; acl "own password"; allow (write) userdn = "ldap:///self";)`,
	}
}

func TestFreeIPAState(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	at := func(d time.Duration) string { return now.Add(d).Format(generalizedTime) }
	p := policy{known: true, failures: 6, lockout: 10 * time.Minute}
	failed := func(n string, ago time.Duration, more ...string) map[string][]string {
		e := map[string][]string{attrKrbFailed: {n}, attrKrbLast: {at(-ago)}}
		for i := 0; i < len(more); i += 2 {
			e[more[i]] = []string{more[i+1]}
		}
		return e
	}
	since := now.Add(-time.Minute)
	for name, c := range map[string]struct {
		entry  map[string][]string
		policy policy
		want   state
	}{
		"locked":             {failed("6", time.Minute), p, state{locked: true, since: since, until: since.Add(10 * time.Minute)}},
		"for ever":           {failed("6", time.Minute), policy{known: true, failures: 6}, state{locked: true, since: since}},
		"over":               {failed("6", 10*time.Minute), p, state{}},
		"too few":            {failed("5", time.Minute), p, state{}},
		"nothing locks":      {failed("99", time.Minute), policy{known: true}, state{}},
		"policy not known":   {failed("6", time.Minute), policy{}, state{}},
		"unlocked since":     {failed("6", time.Minute, attrKrbUnlock, at(0)), p, state{}},
		"in the same second": {failed("6", time.Minute, attrKrbUnlock, at(-time.Minute)), p, state{}},
		"unlocked before":    {failed("6", time.Minute, attrKrbUnlock, at(-time.Hour)), p, state{locked: true, since: since, until: since.Add(10 * time.Minute)}},
		"reset":              {map[string][]string{attrKrbExpiry: {at(-time.Hour)}, attrKrbChange: {at(-time.Hour)}}, p, state{must: true, expired: true}},
		"expired":            {map[string][]string{attrKrbExpiry: {at(-time.Hour)}, attrKrbChange: {at(-2 * time.Hour)}}, p, state{expired: true}},
		"ended":              {map[string][]string{attrEnds: {at(-time.Hour)}}, p, state{disabled: true}},
		"will end":           {map[string][]string{attrEnds: {at(time.Hour)}}, p, state{}},
	} {
		if got := (ipa{}).state(goldap.NewEntry("uid=x", c.entry), c.policy, now); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}
