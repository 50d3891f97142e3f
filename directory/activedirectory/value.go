package activedirectory

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// guid is a GUID as it is stored: the first three parts with the least byte first (MS-DTYP section
// 2.3.4.2).
type guid [16]byte

// guidOrder is where the bytes of the text stand in what is stored.
var guidOrder = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

// String is the usual form: 8-4-4-4-12 hexadecimal digits in lower case.
func (g guid) String() string {
	var b [16]byte
	for i, at := range guidOrder {
		b[i] = g[at]
	}
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// parseGUID reads exactly what String writes, so that an account has one identifier.
func parseGUID(s string) (guid, bool) {
	var g guid
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(g) {
		return guid{}, false
	}
	for i, at := range guidOrder {
		g[at] = b[i]
	}
	return g, g.String() == s && g != guid{}
}

// readGUID reads an attribute's value.
func readGUID(b []byte) (guid, bool) {
	if len(b) != len(guid{}) {
		return guid{}, false
	}
	return guid(b), true
}

// sid is a security identifier as it is stored (MS-DTYP section 2.4.2.2).
type sid string

// The parts of a stored security identifier.
const (
	sidHead = 8 // revision, number of parts, authority
	sidPart = 4
	sidMost = 15 // parts
)

// readSID takes a security identifier from the front of b.
func readSID(b []byte) (sid, bool) {
	if len(b) < sidHead || b[0] != 1 || b[1] > sidMost {
		return "", false
	}
	end := sidHead + sidPart*int(b[1])
	if len(b) < end {
		return "", false
	}
	return sid(b[:end]), true
}

// String is the usual form, S-1-….
func (s sid) String() string {
	b := []byte(s)
	if _, ok := readSID(b); !ok {
		return "no security identifier"
	}
	authority := uint64(binary.BigEndian.Uint16(b[2:]))<<32 | uint64(binary.BigEndian.Uint32(b[4:]))
	out := fmt.Sprintf("S-1-%d", authority)
	for at := sidHead; at < len(b); at += sidPart {
		out += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(b[at:]))
	}
	return out
}

// beside returns the identifier of another account of the same domain.
func (s sid) beside(rid uint32) (sid, bool) {
	if len(s) < sidHead+sidPart {
		return "", false
	}
	return sid(binary.LittleEndian.AppendUint32([]byte(s[:len(s)-sidPart]), rid)), true
}

// Groups whose members may do more than set passwords, and whom AdminSDHolder guards: the last parts
// of their identifiers (MS-DTYP section 2.4.2.4), in a domain and in every one alike.
var (
	mightyInDomain = map[uint32]string{512: "Domain Admins", 518: "Schema Admins", 519: "Enterprise Admins", 526: "Key Admins", 527: "Enterprise Key Admins"}
	mightyBuiltin  = map[uint32]string{544: "Administrators", 548: "Account Operators", 549: "Server Operators", 550: "Print Operators", 551: "Backup Operators"}
)

// What such identifiers begin with: S-1-5-21-X-Y-Z and S-1-5-32.
const (
	headOfDomain  = "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00"
	headOfBuiltin = "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00"
)

// mighty is the usual name of one of these groups, or "".
func (s sid) mighty() string {
	whole, ok := readSID([]byte(s))
	if !ok || whole != s {
		return ""
	}
	switch {
	case strings.HasPrefix(string(s), headOfDomain):
		return mightyInDomain[binary.LittleEndian.Uint32([]byte(s[len(s)-sidPart:]))]
	case strings.HasPrefix(string(s), headOfBuiltin):
		return mightyBuiltin[binary.LittleEndian.Uint32([]byte(s[len(s)-sidPart:]))]
	}
	return ""
}

// Times are counted in units of 100 ns since 1601 (MS-DTYP section 2.3.3).
const (
	tick        = 100 * time.Nanosecond
	ticksTo1970 = 116444736000000000
)

// number reads an integer; false for what is none.
func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// moment reads a time; zero for none, for never, and for what is no time.
func moment(s string) time.Time {
	n, ok := number(s)
	if !ok || n <= 0 || n == math.MaxInt64 {
		return time.Time{}
	}
	n -= ticksTo1970
	const second = int64(time.Second / tick)
	return time.Unix(n/second, n%second*int64(tick)).UTC()
}

// ticks is the moment as it is stored.
func ticks(t time.Time) string {
	return strconv.FormatInt(t.Unix()*int64(time.Second/tick)+int64(t.Nanosecond())/int64(tick)+ticksTo1970, 10)
}

// span reads a duration, which is stored as a negative number; forever when it has no end. What
// is longer than a Duration can be has none either.
func span(s string) (length time.Duration, forever bool) {
	n, ok := number(s)
	switch {
	case !ok || n >= 0:
		return 0, false
	case n < math.MinInt64/int64(tick):
		return 0, true
	}
	return time.Duration(-n) * tick, false
}

// quoted is a password as unicodePwd takes it: in quotes, as UTF-16 with the least byte first
// (MS-ADTS section 3.1.1.3.1.5.1).
func quoted(password string) string {
	units := utf16.Encode([]rune(`"` + password + `"`))
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}
