package password

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postern/password/guess"
	"postern/secret"
)

// Blocklist is a set of passwords that everybody tries first. It never changes after it was made.
// Whole passwords are compared, in NFC and without regard to case. It keeps eight bytes for each
// and not their text; that a password is refused because its 64-bit hash is another's does not
// happen in practice, and does no harm. The nil list is empty.
type Blocklist struct {
	hashes  []uint64 // sorted
	builtin bool
}

// NewBlocklist makes a list of words.
func NewBlocklist(words ...string) *Blocklist {
	b := &Blocklist{hashes: make([]uint64, 0, len(words))}
	for _, w := range words {
		b.hashes = append(b.hashes, hashed(w))
	}
	return b.sorted()
}

// ReadBlocklist reads a list of one password a line, in UTF-8. Empty lines are passed over, and
// nothing is a comment. Spaces belong to the password; the carriage return of a line's end does not.
func ReadBlocklist(from io.Reader) (*Blocklist, error) {
	b := &Blocklist{}
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, mostBytes), mostBytes)
	n := 0
	for lines.Scan() {
		n++
		line := lines.Text()
		if !utf8.ValidString(line) {
			return nil, fmt.Errorf("reading the list of common passwords: line %d is no UTF-8", n)
		}
		if line != "" {
			b.hashes = append(b.hashes, hashed(line))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the list of common passwords: after line %d: %w", n, err)
	}
	return b.sorted(), nil
}

// CommonPasswords returns the list that is built in: some 85,000 common passwords, words and names
// (30,019 of eight characters or more, 98 of fifteen or more) and every password that is a mere
// pattern of keys, letters or digits, of whatever length. It takes memory from its first use on.
func CommonPasswords() *Blocklist { return &Blocklist{builtin: true} }

// With returns a list of everything on b and others.
func (b *Blocklist) With(others ...*Blocklist) *Blocklist {
	out := &Blocklist{}
	for _, o := range append([]*Blocklist{b}, others...) {
		if o != nil {
			out.hashes = append(out.hashes, o.hashes...)
			out.builtin = out.builtin || o.builtin
		}
	}
	return out.sorted()
}

// Has reports whether candidate is on the list.
func (b *Blocklist) Has(candidate secret.Text) bool {
	if b == nil || candidate.Empty() {
		return false
	}
	s := folded(candidate.Reveal())
	if _, found := slices.BinarySearch(b.hashes, hashed(s)); found {
		return true
	}
	return b.builtin && (guess.Listed(s) || guess.Pattern(s))
}

// Len returns how many passwords were given; those built in do not count.
func (b *Blocklist) Len() int {
	if b == nil {
		return 0
	}
	return len(b.hashes)
}

func (b *Blocklist) sorted() *Blocklist {
	slices.Sort(b.hashes)
	b.hashes = slices.Clip(slices.Compact(b.hashes))
	return b
}

// folded returns s as it is compared. What is stored or sent is never folded.
func folded(s string) string { return norm.NFC.String(strings.ToLower(norm.NFC.String(s))) }

func hashed(s string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, folded(s)) // a hash does not fail
	return h.Sum64()
}
