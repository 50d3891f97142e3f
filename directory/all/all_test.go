package all

import "testing"

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if k.ID == "" || seen[k.ID] || k.Open == nil || k.Settings == nil || k.Settings() == nil {
			t.Errorf("kind %q is incomplete or listed twice", k.ID)
		}
		seen[k.ID] = true
	}
	if !seen["local"] || !seen["ldap"] {
		t.Errorf("got %v, want local and ldap", seen)
	}
}
