package ldap

import (
	"errors"
	"testing"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/internal/testenv"
	"postern/secret"
)

// TestTriesShareAConnection: whoever's password was tried before makes no difference to the next.
func TestTriesShareAConnection(t *testing.T) {
	s := testenv.Slapd(t, testenv.SlapdOptions{NoSync: true})
	p := directorytest.NewProxy(t, s.Address)
	set := settings(t, s)
	set.URLs = []string{"ldap://" + p.Addr()}
	d := open(t, set)
	alice, bob, dave := lookUp(t, d, "alice").Ref.ID, lookUp(t, d, "bob").Ref.ID, lookUp(t, d, "dave").Ref.ID
	try := func() {
		t.Helper()
		for i, c := range []struct {
			id, password string
			want         error
		}{
			{alice, testenv.SlapdInitialWord, nil},
			{bob, "not the word of bob", directory.ErrWrongPassword},
			{bob, testenv.SlapdInitialWord, nil},
			{"nobody", testenv.SlapdInitialWord, directory.ErrWrongPassword},
			{dave, testenv.SlapdInitialWord, directory.ErrDisabled},
			{alice, "not the word of alice", directory.ErrWrongPassword},
			{alice, testenv.SlapdInitialWord, nil},
		} {
			if err := d.Authenticate(t.Context(), c.id, secret.New(c.password)); !errors.Is(err, c.want) {
				t.Errorf("try %d: got %v, want %v", i, err, c.want)
			}
		}
	}
	try()
	if n := p.Accepted(); n != 2 {
		t.Errorf("got %d connections, want one of the service account and one for tries one after the other", n)
	}
	if err := d.SetPassword(t.Context(), alice, secret.New(testenv.SlapdInitialWord+" two")); err != nil {
		t.Errorf("the service account, after others signed in: %v", err)
	}
	if err := s.Bind("alice", testenv.SlapdInitialWord+" two"); err != nil {
		t.Error(err)
	}
	s.Stop()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := d.Authenticate(t.Context(), bob, secret.New(testenv.SlapdInitialWord)); err != nil {
		t.Errorf("the connection that lay idle is dead: got %v, want that another is used", err)
	}
}
