package ldap

import (
	"errors"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/directory/ldapclient"
	"postern/internal/testenv"
	"postern/secret"
)

// aged makes the password of a person old, as the server keeps it.
func aged(t *testing.T, s *testenv.SlapdServer, login string, by time.Duration) {
	t.Helper()
	admin(t, s, func(c *goldap.Conn) error {
		relax := ldapclient.Critical{OID: "1.3.6.1.4.1.4203.666.5.12"}
		m := goldap.NewModifyRequest(s.DN(login), []goldap.Control{relax})
		m.Replace(attrChanged, []string{time.Now().Add(-by).UTC().Format("20060102150405Z")})
		return c.Modify(m)
	})
}

func set(t *testing.T, s *testenv.SlapdServer, dn, attribute string, values ...string) {
	t.Helper()
	admin(t, s, func(c *goldap.Conn) error {
		m := goldap.NewModifyRequest(dn, nil)
		m.Replace(attribute, values)
		return c.Modify(m)
	})
}

// TestExpiredPeople: with grace logins left, with none, reset by an administrator, and only with
// the old password; as the person where the server lets them in, else as the service.
func TestExpiredPeople(t *testing.T) {
	for name, c := range map[string]struct {
		right string
		tune  func(*Settings)
	}{
		"exop, =xw":      {"=xw", func(*Settings) {}},
		"modify, =xw":    {"=xw", func(s *Settings) { s.PasswordChange = "modify" }},
		"exop, manage":   {"manage", func(s *Settings) { s.PasswordRight = "manage" }},
		"modify, manage": {"manage", func(s *Settings) { s.PasswordRight, s.PasswordChange = "manage", "modify" }},
	} {
		t.Run(name, func(t *testing.T) {
			s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Right: c.right, Policy: map[string]string{"pwdMaxAge": "3600"}})
			conf := settings(t, s)
			c.tune(&conf)
			d := open(t, conf)
			set(t, s, "cn=brief,"+testenv.SlapdPolicies, "pwdGraceAuthNLimit", "2")
			set(t, s, s.DN("bob"), attrPolicy, "cn=brief,"+testenv.SlapdPolicies)
			set(t, s, s.DN("frank"), attrReset, "TRUE")
			for _, login := range []string{"alice", "bob", "frank", "grace"} {
				aged(t, s, login, 48*time.Hour)
				a := lookUp(t, d, login)
				if !a.Expired || a.MustChange != (login == "frank") {
					t.Errorf("%s: got %+v, want expired", login, a)
				}
				if login != "bob" { // it would cost a grace login
					if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New(testenv.SlapdInitialWord)); !errors.Is(err, directory.ErrMustChange) {
						t.Errorf("%s: got %v, want must change", login, err)
					}
				}
				if err := d.ChangePassword(t.Context(), a.Ref.ID, secret.New("not the old one"), secret.New("a stranger's choice")); !errors.Is(err, directory.ErrWrongPassword) {
					t.Errorf("%s, wrong old one: got %v", login, err)
				}
				var r *directory.Rejected
				if err := d.ChangePassword(t.Context(), a.Ref.ID, secret.New(testenv.SlapdInitialWord), secret.New(testenv.SlapdInitialWord)); !errors.As(err, &r) || r.Reason != directory.SamePassword {
					t.Errorf("%s, the same: got %v", login, err)
				}
				next := "the next one of " + login
				if err := d.ChangePassword(t.Context(), a.Ref.ID, secret.New(testenv.SlapdInitialWord), secret.New(next)); err != nil {
					t.Errorf("%s: %v", login, err)
				}
				if err := s.Bind(login, next); err != nil {
					t.Error(err)
				}
				if a := lookUp(t, d, login); a.Expired || a.MustChange {
					t.Errorf("%s, after: got %+v", login, a)
				}
				if err := d.Authenticate(t.Context(), a.Ref.ID, secret.New(next)); err != nil {
					t.Errorf("%s, after: got %v", login, err)
				}
			}
		})
	}
}

// TestChangeRights: people who may not compare their own password cannot change it with it.
func TestChangeRights(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Policy: map[string]string{"pwdMaxAge": "3600", "pwdSafeModify": "TRUE"}})
	d := open(t, settings(t, s))
	aged(t, s, "alice", 48*time.Hour)
	err := d.ChangePassword(t.Context(), lookUp(t, d, "alice").Ref.ID, secret.New(testenv.SlapdInitialWord), secret.New("the next one of hers"))
	var r *directory.Rejected
	if !errors.As(err, &r) || r.Reason != directory.NotAllowed {
		t.Errorf("=w and pwdSafeModify: got %v, want not allowed, and why", err)
	}
}

func TestLockedUntil(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	d := open(t, settings(t, s))
	set(t, s, s.DN("bob"), attrPolicy, "cn=brief,"+testenv.SlapdPolicies)
	since := time.Now().Add(-10 * time.Second).UTC().Truncate(time.Second)
	set(t, s, s.DN("bob"), attrLocked, since.Format("20060102150405Z"))
	if a := lookUp(t, d, "bob"); !a.Locked || !a.LockedSince.Equal(since) || !a.LockedUntil.Equal(since.Add(time.Minute)) {
		t.Errorf("got %+v, want locked for a minute since %s", a, since)
	}
	if a := lookUp(t, d, "erin"); !a.Locked || !a.LockedUntil.IsZero() {
		t.Errorf("got %+v, want locked until somebody ends it", a)
	}
}

// TestExpiredIsSaidOfTheRightPassword: ppolicy says that a password has expired only of
// the right one, which is what makes the old one a proof.
func TestExpiredIsSaidOfTheRightPassword(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true, Policy: map[string]string{"pwdMaxAge": "3600"}})
	aged(t, s, "alice", 48*time.Hour)
	d := open(t, settings(t, s))
	for word, want := range map[string]ldapclient.PolicyError{"not hers": ldapclient.PolicySilent, testenv.SlapdInitialWord: ldapclient.PolicyExpired} {
		for range 4 { // more than lock: a right one is asked about once
			said, err := d.Try(t.Context(), s.DN("alice"), secret.New(word))
			if err == nil || said != want {
				t.Errorf("%s: got %v and %v, want a refusal and %v", word, said, err, want)
			}
			if want == ldapclient.PolicySilent {
				break
			}
		}
	}
}

// TestNobodyGoesOnAsThePerson: the connection on which a password was changed is not used again.
func TestNobodyGoesOnAsThePerson(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	p := directorytest.NewProxy(t, s.Address)
	conf := settings(t, s)
	conf.URLs = []string{"ldap://" + p.Addr()}
	d := open(t, conf)
	alice, bob := lookUp(t, d, "alice").Ref.ID, lookUp(t, d, "bob").Ref.ID
	word := secret.New(testenv.SlapdInitialWord)
	for i, want := range []int{2, 2, 3, 4} { // one of the service account, and those for tries
		var err error
		switch i {
		case 0, 2:
			err = d.Authenticate(t.Context(), alice, word)
		case 1:
			err = d.ChangePassword(t.Context(), bob, word, secret.New("the next one of bob"))
		case 3:
			if err = d.ChangePassword(t.Context(), bob, secret.New("not his"), secret.New("a stranger's choice")); errors.Is(err, directory.ErrWrongPassword) {
				err = d.Authenticate(t.Context(), alice, word)
			}
		}
		if n := p.Accepted(); err != nil || n != want {
			t.Errorf("step %d: got %v and %d connections, want %d", i, err, n, want)
		}
	}
}
