package activedirectory

import (
	"errors"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/directory"
)

// TestTooManyGroups: a controller tells the first 1500 values of memberOf, under another name, and a
// rule could be about one of the others.
func TestTooManyGroups(t *testing.T) {
	e := goldap.NewEntry("CN=Ada,DC=ad,DC=example,DC=test", map[string][]string{"memberOf;range=0-1499": {"CN=staff,DC=ad,DC=example,DC=test"}})
	d := &Directory{set: *Defaults()}
	d.set.Groups = "direct"
	if got, err := d.groups(t.Context(), nil, e); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v and %v, want that nobody can tell", got, err)
	}
	if _, whole := startOf(e); whole {
		t.Error("nested: got that these are all")
	}
}
