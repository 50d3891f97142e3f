package password

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"postern/secret"
)

// Cost is what one hashing takes: memory in KiB, passes, lanes (RFC 9106 section 3.1).
type Cost struct {
	Memory uint32
	Passes uint32
	Lanes  uint8
}

// PresentCost is what new hashes cost (OWASP Password Storage: 19 MiB, 2 passes, 1 lane).
func PresentCost() Cost { return Cost{Memory: 19456, Passes: 2, Lanes: 1} }

// SaltBytes is how long a fresh salt is.
const SaltBytes = 16

const (
	hashBytes = 32
	prefix    = "$argon2id$v=19$"
)

// The most that a stored hash may ask for, so that a row that somebody altered can't exhaust the
// machine.
var most = Cost{Memory: 256 * 1024, Passes: 16, Lanes: 16}

// errHash is a stored string that is no hash of ours. It never quotes the string.
var errHash = errors.New("password: what is stored is no Argon2id hash")

// Hash is a password as it is kept: Argon2id in the form of the PHC string format.
type Hash struct {
	Cost Cost
	salt []byte
	hash []byte
}

// NewHash hashes a password with a salt of SaltBytes random bytes.
func NewHash(word secret.Text, salt []byte, c Cost) Hash {
	return Hash{Cost: c, salt: salt, hash: derive(word, salt, c, hashBytes)}
}

// NewDecoy returns, of DecoyBytes random bytes, a hash that no password has, at the same cost to
// try.
func NewDecoy(random []byte, c Cost) Hash {
	return Hash{Cost: c, salt: random[:SaltBytes], hash: random[SaltBytes:DecoyBytes]}
}

// DecoyBytes is how many random bytes a decoy is made of.
const DecoyBytes = SaltBytes + hashBytes

// String returns $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (h Hash) String() string {
	b := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%sm=%d,t=%d,p=%d$%s$%s", prefix, h.Cost.Memory, h.Cost.Passes, h.Cost.Lanes, b(h.salt), b(h.hash))
}

// Is reports whether h is word's, comparing in constant time.
func (h Hash) Is(word secret.Text) bool {
	return subtle.ConstantTimeCompare(derive(word, h.salt, h.Cost, uint32(len(h.hash))), h.hash) == 1
}

// derive hashes the password in NFC, so that the keyboard on which it is typed doesn't matter.
func derive(word secret.Text, salt []byte, c Cost, n uint32) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(word.Reveal())), salt, c.Passes, c.Memory, c.Lanes, n)
}

// ParseHash reads what String writes and nothing else: no other order, no spaces, no padding, no
// leading zeros, no parameters beyond most.
func ParseHash(s string) (Hash, error) {
	rest, ok := strings.CutPrefix(s, prefix)
	parts := strings.Split(rest, "$")
	if !ok || len(parts) != 3 {
		return Hash{}, errHash
	}
	var h Hash
	numbers := strings.Split(parts[0], ",")
	if len(numbers) != 3 {
		return Hash{}, errHash
	}
	var values [3]uint32
	for i, name := range []string{"m=", "t=", "p="} {
		text, ok := strings.CutPrefix(numbers[i], name)
		n, err := strconv.ParseUint(text, 10, 32)
		if !ok || err != nil || n == 0 || text != strconv.FormatUint(n, 10) {
			return Hash{}, errHash
		}
		values[i] = uint32(n)
	}
	if values[0] > most.Memory || values[1] > most.Passes || values[2] > uint32(most.Lanes) || values[0] < 8*values[2] {
		return Hash{}, errHash
	}
	h.Cost = Cost{Memory: values[0], Passes: values[1], Lanes: uint8(values[2])}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[1])
	h.hash, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[2])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.hash) < 16 || len(h.hash) > 64 || h.String() != s {
		return Hash{}, errHash
	}
	return h, nil
}
