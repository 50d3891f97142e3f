package passkey

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"testing"
)

// TestEnrollingOffersNoOtherWay: on that page there is none, while there is one on the other.
func TestEnrollingOffersNoOtherWay(t *testing.T) {
	used := regexp.MustCompile(`t "method\.passkey\.([a-z_.]+)"`)
	other := regexp.MustCompile(`another way|anderen Weg`)
	for page, want := range map[string]bool{"enroll.html": false, "challenge.html": true} {
		markup, err := fs.ReadFile(Kind.Assets, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, language := range []string{"en", "de"} {
			raw, err := fs.ReadFile(Kind.Assets, "text/"+language+".json")
			if err != nil {
				t.Fatal(err)
			}
			var texts map[string]string
			if err := json.Unmarshal(raw, &texts); err != nil {
				t.Fatal(err)
			}
			keys := used.FindAllStringSubmatch(string(markup), -1)
			if len(keys) != 3 {
				t.Fatalf("%s: %d texts, want 3", page, len(keys))
			}
			for _, key := range keys {
				if got := other.MatchString(texts[key[1]]); got != want {
					t.Errorf("%s, %s: %s speaks of another way: %v, want %v: %q", page, language, key[1], got, want, texts[key[1]])
				}
			}
		}
	}
}
