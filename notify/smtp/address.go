package smtp

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// atoms is the local part that is taken: RFC 5321 section 4.1.2, Dot-string. The quoted form, which
// could hold anything, is not.
var atoms = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")

// The lengths of RFC 5321 section 4.5.3.1.
const (
	maxLocal  = 64
	maxDomain = 255
)

// address returns s as it goes to the server, its domain in ASCII. The errors do not quote s.
func address(s string) (string, error) {
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case !ok:
		return "", errors.New("its address has no @")
	case len(local) > maxLocal || !atoms.MatchString(local):
		return "", errors.New("its address has something before the @ that mail servers need not take: plain letters, digits and signs only")
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !utf8.ValidString(domain) {
		return "", errors.New("its address has a domain that cannot exist")
	}
	if len(ascii) > maxDomain || !strings.Contains(ascii, ".") && ascii != "localhost" || strings.HasSuffix(ascii, ".") {
		return "", errors.New("its address has a domain that is not complete")
	}
	return local + "@" + ascii, nil
}
