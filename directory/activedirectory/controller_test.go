package activedirectory

import (
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// TestHints: the control goes by what the controller offers, the later name before the former.
func TestHints(t *testing.T) {
	for _, c := range []struct {
		offers []string
		set    string
		want   string
	}{
		{[]string{"1.2.3", oidHints, oidHintsOld}, "auto", oidHints},
		{[]string{oidHintsOld, oidHints}, "auto", oidHints},
		{[]string{oidHintsOld}, "auto", oidHintsOld},
		{[]string{"1.2.3", oidHints + "0"}, "auto", ""},
		{nil, "auto", ""},
		{[]string{oidHints}, "never", ""},
	} {
		d := &Directory{set: *Defaults()}
		d.set.PolicyHints = c.set
		e := goldap.NewEntry("", map[string][]string{"supportedControl": c.offers})
		if got := d.hints(readController(e, time.Now())); got != c.want {
			t.Errorf("%v, policy_hints: %s: got %q, want %q", c.offers, c.set, got, c.want)
		}
	}
}
