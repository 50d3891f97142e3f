package local

import (
	"crypto/rand"
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

// cost is what one hashing takes: memory in KiB, passes, lanes (RFC 9106 section 3.1).
type cost struct {
	memory uint32
	passes uint32
	lanes  uint8
}

// present is what new hashes cost (OWASP Password Storage: 19 MiB, 2 passes, 1 lane).
var present = cost{memory: 19456, passes: 2, lanes: 1}

const (
	saltBytes = 16
	hashBytes = 32
	prefix    = "$argon2id$v=19$"
)

// The most that a stored hash may ask for, so that a row that somebody altered can't exhaust the
// machine.
var most = cost{memory: 256 * 1024, passes: 16, lanes: 16}

// errHash is a stored string that is no hash of ours. It never quotes the string.
var errHash = errors.New("local: the stored password is no Argon2id hash")

// phc is a hash in the form of the PHC string format.
type phc struct {
	cost cost
	salt []byte
	hash []byte
}

// String returns $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (p phc) String() string {
	b := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%sm=%d,t=%d,p=%d$%s$%s", prefix, p.cost.memory, p.cost.passes, p.cost.lanes, b(p.salt), b(p.hash))
}

// newPHC hashes a password with a fresh salt.
func newPHC(password secret.Text, c cost) phc {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	return phc{cost: c, salt: salt, hash: derive(password, salt, c, hashBytes)}
}

// decoy is a hash that no password has, at the same cost to try.
func decoy(c cost) phc {
	b := make([]byte, saltBytes+hashBytes)
	_, _ = rand.Read(b) // never fails
	return phc{cost: c, salt: b[:saltBytes], hash: b[saltBytes:]}
}

// matches compares in constant time.
func (p phc) matches(password secret.Text) bool {
	return subtle.ConstantTimeCompare(derive(password, p.salt, p.cost, uint32(len(p.hash))), p.hash) == 1
}

// derive hashes the password in NFC, so that the keyboard on which it is typed doesn't matter.
func derive(password secret.Text, salt []byte, c cost, n uint32) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(password.Reveal())), salt, c.passes, c.memory, c.lanes, n)
}

// parsePHC reads what String writes and nothing else: no other order, no spaces, no padding, no
// leading zeros, no parameters beyond most.
func parsePHC(s string) (phc, error) {
	rest, ok := strings.CutPrefix(s, prefix)
	parts := strings.Split(rest, "$")
	if !ok || len(parts) != 3 {
		return phc{}, errHash
	}
	var p phc
	numbers := strings.Split(parts[0], ",")
	if len(numbers) != 3 {
		return phc{}, errHash
	}
	var values [3]uint32
	for i, name := range []string{"m=", "t=", "p="} {
		text, ok := strings.CutPrefix(numbers[i], name)
		n, err := strconv.ParseUint(text, 10, 32)
		if !ok || err != nil || n == 0 || text != strconv.FormatUint(n, 10) {
			return phc{}, errHash
		}
		values[i] = uint32(n)
	}
	if values[0] > most.memory || values[1] > most.passes || values[2] > uint32(most.lanes) || values[0] < 8*values[2] {
		return phc{}, errHash
	}
	p.cost = cost{memory: values[0], passes: values[1], lanes: uint8(values[2])}
	var err1, err2 error
	p.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[1])
	p.hash, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[2])
	if err1 != nil || err2 != nil || len(p.salt) < 8 || len(p.salt) > 64 || len(p.hash) < 16 || len(p.hash) > 64 || p.String() != s {
		return phc{}, errHash
	}
	return p, nil
}
