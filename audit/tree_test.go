package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// memory is stored hashes.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(m)) {
			return nil, fmt.Errorf("no hash %d", x)
		}
		out[i] = m[x]
	}
	return out, nil
}

// treeHash is MTH as RFC 6962 section 2.1 defines it.
func treeHash(leaves [][]byte) [32]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	left, right := treeHash(leaves[:k]), treeHash(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

func leaves(records []Record) [][]byte {
	var out [][]byte
	for _, r := range records {
		out = append(out, r.Leaf)
	}
	return out
}

func events(t testing.TB, n int) []Record {
	t.Helper()
	salt := salts()
	kinds := []string{"recovery.started", "recovery.proved", "message.sent", "system.started"}
	var out []Record
	for i := range n {
		e := Event{ID: fmt.Sprintf("e%d", i), At: moment().AddDate(0, 0, i), Kind: kinds[i%len(kinds)],
			Fields: map[Field]string{Flow: fmt.Sprint("r", i/3), Attempt: fmt.Sprint(i)}}
		if i%2 == 0 {
			e.Fields[Login] = fmt.Sprint("person", i)
		}
		r, err := e.Record(salt)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// TL-01. Grow and frontier must both be what RFC 6962 says, in batches of any size.
func TestTreeIsRFC6962(t *testing.T) {
	records := events(t, 70)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var stored memory
		var f frontier
		for from := 0; from < len(records); {
			batch := records[from:min(len(records), from+rng.IntN(9))]
			hashes, root, err := Grow(int64(from), batch, stored)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := int64(len(stored)), tlog.StoredHashCount(int64(from)); got != want {
				t.Fatalf("%d leaves: got %d hashes, want %d", from, got, want)
			}
			stored = append(stored, hashes...)
			var mine []tlog.Hash
			for _, r := range batch {
				mine = append(mine, f.add(tlog.RecordHash(r.Leaf))...)
			}
			from += len(batch)
			want := treeHash(leaves(records[:from]))
			if root != want || f.root() != want {
				t.Fatalf("%d leaves: Grow says %x, frontier %x, want %x", from, root, f.root(), want)
			}
			if !slices.Equal(mine, hashes) {
				t.Fatalf("%d leaves: frontier and Grow store different hashes", from)
			}
		}
	}
	if EmptyRoot() != treeHash(nil) || EmptyRoot() != (&frontier{}).root() {
		t.Error("the empty root is not SHA-256 of nothing")
	}
}

func TestGrowRefuses(t *testing.T) {
	records := events(t, 3)
	if _, _, err := Grow(-1, records, memory{}); err == nil {
		t.Error("a negative size was accepted")
	}
	if _, _, err := Grow(5, records, memory{}); err == nil {
		t.Error("grew over hashes that are not there")
	}
	if _, _, err := Grow(1, records, tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, nil })); err == nil {
		t.Error("grew over hashes that were not returned")
	}
	for _, bad := range [][]byte{nil, make([]byte, MaxLeaf+1)} {
		if _, _, err := Grow(0, []Record{{Leaf: bad}}, memory{}); err == nil {
			t.Errorf("a leaf of %d bytes was accepted", len(bad))
		}
	}
}

// TL-04: over a store that was put back to an older state, or altered, nothing is extended.
func TestExtendRefusesAnotherHistory(t *testing.T) {
	records := events(t, 12)
	start := Checkpoint{Origin: "log.example", Root: EmptyRoot()}
	stored, head, err := start.Extend(records[:7], memory{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Checkpoint{"log.example", 7, treeHash(leaves(records[:7]))}); head != want {
		t.Fatalf("got %v, want %v", head, want)
	}
	if _, next, err := head.Extend(records[7:], memory(stored)); err != nil || next.Root != treeHash(leaves(records)) || next.Size != 12 {
		t.Fatalf("got %v, %v", next, err)
	}
	other, _, err := start.Extend(append(slices.Clone(records[8:]), records[:3]...), memory{})
	if err != nil {
		t.Fatal(err)
	}
	var f *Fault
	if _, _, err := head.Extend(records[7:], memory(other)); !errors.As(err, &f) || f.Trouble != StoredDiffers {
		t.Errorf("another history: got %v", err)
	}
	if _, _, err := head.Extend(records[7:], memory(stored[:8])); err == nil {
		t.Error("an older store was extended")
	}
}
