package guess

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/data"
)

// dictionary ranks words: the first that an attacker tries is 1. A word of several lists has its
// best rank, since that is what counts. It is a hash table over one text, which keeps the
// built-in lists (85,088 words) below 2 MB.
type dictionary struct {
	text    []byte
	ends    []uint32 // word w is text[ends[w]:ends[w+1]]
	ranks   []uint32
	slots   []uint32 // word+1 by hash, open addressing
	longest int      // in characters
}

// builtin unpacks the module's lists at first use: a command that checks no password does not
// pay for them.
var builtin = sync.OnceValue(load)

func load() *dictionary {
	d := sized(1 << 17)
	for _, name := range []string{"Passwords", "English", "FemaleNames", "MaleNames", "Surnames"} {
		rank := 0
		err := each("data/"+name+".json", func(word []byte) {
			rank++
			d.put(word, rank)
		})
		if err != nil { // the lists are compiled in, so every test would see this
			panic("guess: reading the word list " + name + ": " + err.Error())
		}
	}
	return d
}

// each reads one of the module's lists, a JSON object with one array of plain strings, and calls
// visit for every word.
func each(name string, visit func(word []byte)) error {
	text, err := data.Asset(name)
	if err != nil {
		return fmt.Errorf("finding it: %w", err)
	}
	_, text, opened := bytes.Cut(text, []byte("["))
	text, _, closed := bytes.Cut(text, []byte("]"))
	if !opened || !closed || bytes.IndexByte(text, '\\') >= 0 {
		return fmt.Errorf("%d bytes that are no plain list", len(text))
	}
	for {
		_, rest, found := bytes.Cut(text, []byte{'"'})
		if !found {
			return nil
		}
		word, rest, found := bytes.Cut(rest, []byte{'"'})
		if !found {
			return fmt.Errorf("a word without its end, %d bytes before the list's", len(rest))
		}
		visit(word)
		text = rest
	}
}

// newDictionary ranks words in their order, without regard to case.
func newDictionary(words []string) *dictionary {
	size := 4
	for size < 2*len(words) {
		size *= 2
	}
	d := sized(size)
	for i, w := range words {
		if w != "" && len(w) <= 4*Longest {
			d.put([]byte(string(lowered([]rune(w)))), i+1)
		}
	}
	return d
}

func sized(slots int) *dictionary {
	return &dictionary{slots: make([]uint32, slots), ends: []uint32{0}}
}

// put adds a word in lower case unless it is there: lists begin with the best rank.
func (d *dictionary) put(word []byte, rank int) {
	h := start
	for _, r := range string(word) {
		h = h.with(r)
	}
	at := d.slot(h, word)
	if w := d.slots[at]; w > 0 {
		d.ranks[w-1] = min(d.ranks[w-1], uint32(rank))
		return
	}
	d.text = append(d.text, word...)
	d.ends = append(d.ends, uint32(len(d.text)))
	d.ranks = append(d.ranks, uint32(rank))
	d.slots[at] = uint32(len(d.ranks))
	d.longest = max(d.longest, utf8.RuneCount(word))
}

// rank returns the rank of a word in lower case with hash h, or 0.
func (d *dictionary) rank(h hash, word []byte) int {
	if w := d.slots[d.slot(h, word)]; w > 0 {
		return int(d.ranks[w-1])
	}
	return 0
}

// slot is where word is, or where it would be.
func (d *dictionary) slot(h hash, word []byte) int {
	mask := len(d.slots) - 1
	for at := h.index(mask); ; at = (at + 1) & mask {
		w := d.slots[at]
		if w == 0 || bytes.Equal(d.text[d.ends[w-1]:d.ends[w]], word) {
			return at
		}
	}
}

// hash is FNV-1a over characters, so that each longer part takes one step. Nobody can choose
// what is in the table, only look things up in it, so it needs no key.
type hash uint64

const start hash = 14695981039346656037

func (h hash) with(r rune) hash { return (h ^ hash(r)) * 1099511628211 }

func (h hash) index(mask int) int { return int((h^h>>29)>>8) & mask }

// Listed reports whether word, as a whole and without regard to case, is a password, a word or a
// name of the built-in lists.
func Listed(word string) bool {
	rs := lowered([]rune(word))
	h := start
	for _, r := range rs {
		h = h.with(r)
	}
	return builtin().rank(h, []byte(string(rs))) > 0
}

// Count returns how many built-in words have at least so many characters.
func Count(characters int) int {
	d, n := builtin(), 0
	for w := range d.ranks {
		if utf8.RuneCount(d.text[d.ends[w]:d.ends[w+1]]) >= characters {
			n++
		}
	}
	return n
}

// lowered maps each character on its own, so that places stay the same.
func lowered(rs []rune) []rune {
	return []rune(strings.Map(unicode.ToLower, string(rs)))
}
