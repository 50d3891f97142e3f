package ds389

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	h.Entry = map[string][]string{"uid": {"ada"}, "nsUniqueId": {"1"}, "ipaUniqueID": {"1"}}
	set := *Defaults()
	set.URLs, set.InsecureCleartext = []string{h.URL}, true
	set.BindDN, set.BindPasswordFile, set.Base = service, file, "dc=example,dc=test"
	return h, set
}

// TestExpiredIsNoProof: a server that says of every password that it has expired, whatever the type
// that somebody set for it, lets nobody set one.
func TestExpiredIsNoProof(t *testing.T) {
	for name, make := range map[string]func(string, Settings, func() time.Time) (*Directory, error){"389ds": New, "freeipa": NewFreeIPA} {
		h, set := hasty(t)
		d := opened(t, set, make)
		if err := d.Authenticate(t.Context(), "1", secret.New("a guess")); !errors.Is(err, directory.ErrLocked) {
			t.Errorf("%s: got %v, want that nobody can tell", name, err)
		}
		if n, _ := h.Seen(); n != 2 {
			t.Errorf("%s: got %d binds, want one more than the try", name, n)
		}
		err := d.ChangePassword(t.Context(), "1", secret.New("a guess"), secret.New("a stranger's choice"))
		if !errors.Is(err, directory.ErrLocked) {
			t.Errorf("%s, change: got %v, want that nobody can tell", name, err)
		}
		if _, n := h.Seen(); n != 0 {
			t.Errorf("%s: something was written", name)
		}
	}
	h, set := hasty(t)
	h.Root = map[string][]string{"vendorName": {"389 Project"}}
	for name, d := range map[string]*Directory{"389ds": opened(t, set, New), "freeipa": opened(t, set, NewFreeIPA)} {
		found := bad(t, d.Check(t.Context()))
		if wrong := strings.Contains(strings.Join(found, "\n"), "set type: freeipa"); wrong != (name == "389ds") {
			t.Errorf("FreeIPA under %s: got %q", name, found)
		}
	}
	h.Wrong = true
	if err := opened(t, set, NewFreeIPA).Authenticate(t.Context(), "1", secret.New("a guess")); !errors.Is(err, directory.ErrLocked) {
		t.Errorf("freeipa says it of another one no longer: got %v, want that nobody can tell", err)
	}
}
