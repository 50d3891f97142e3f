package ldap

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"postern/directory"
	"postern/directory/directorytest"
	"postern/secret"
)

// hasty returns the settings for a server that says "expired" before it looks at the password.
func hasty(t *testing.T) (*directorytest.Hasty, Settings) {
	t.Helper()
	const service = "cn=postern,dc=example,dc=test"
	file := filepath.Join(t.TempDir(), "word")
	if err := os.WriteFile(file, []byte("of the service"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := directorytest.NewHasty(t, service)
	h.Entry = map[string][]string{"uid": {"ada"}, "entryUUID": {"1"}}
	set := *Defaults()
	set.URLs, set.InsecureCleartext = []string{h.URL}, true
	set.BindDN, set.BindPasswordFile, set.Base = service, file, "dc=example,dc=test"
	return h, set
}

// TestExpiredIsNoProof: a server that says of every password that it has expired, whatever the type
// that somebody set for it, lets nobody set one.
func TestExpiredIsNoProof(t *testing.T) {
	h, set := hasty(t)
	d := open(t, set)
	if err := d.Authenticate(t.Context(), "1", secret.New("a guess")); !errors.Is(err, directory.ErrLocked) {
		t.Errorf("got %v, want that nobody can tell", err)
	}
	if n, _ := h.Seen(); n != 2 {
		t.Errorf("got %d binds, want one more than the try", n)
	}
	err := d.ChangePassword(t.Context(), "1", secret.New("a guess"), secret.New("a stranger's choice"))
	if !errors.Is(err, directory.ErrLocked) {
		t.Errorf("change: got %v, want that nobody can tell", err)
	}
	if _, n := h.Seen(); n != 0 {
		t.Error("something was written")
	}
	h.Root = map[string][]string{"vendorName": {"389 Project"}}
	if found := worst(d.Check(t.Context())); len(found) < 2 || found[1].Severity != directory.Fault || found[1].Fix != "set type: 389ds" {
		t.Errorf("got %v, want that the type is wrong", found)
	}
}
