package audit

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Grow adds records to the tree that has from leaves, whose stored hashes r reads by
// tlog.StoredHashIndex. It returns the hashes to store, the first at
// tlog.StoredHashIndex(0, from), and the root of the tree that they make (RFC 6962 section 2.1).
// It believes r; Extend does not.
func Grow(from int64, records []Record, r tlog.HashReader) (hashes []tlog.Hash, root tlog.Hash, err error) {
	if from < 0 {
		return nil, tlog.Hash{}, fmt.Errorf("audit: a tree of %d leaves", from)
	}
	first := tlog.StoredHashCount(from)
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		return overlay(indexes, first, hashes, r)
	})
	for i, rec := range records {
		if len(rec.Leaf) == 0 || len(rec.Leaf) > MaxLeaf {
			return nil, tlog.Hash{}, fmt.Errorf("audit: the leaf of event %s takes %d bytes", rec.ID, len(rec.Leaf))
		}
		more, err := tlog.StoredHashes(from+int64(i), rec.Leaf, reader)
		if err != nil {
			return nil, tlog.Hash{}, fmt.Errorf("audit: adding leaf %d: %w", from+int64(i), err)
		}
		hashes = append(hashes, more...)
	}
	root, err = tlog.TreeHash(from+int64(len(records)), reader)
	if err != nil {
		return nil, tlog.Hash{}, fmt.Errorf("audit: computing the root: %w", err)
	}
	return hashes, root, nil
}

// overlay reads hashes from first on out of fresh and the others out of r.
func overlay(indexes []int64, first int64, fresh []tlog.Hash, r tlog.HashReader) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var ask []int64
	var at []int
	for i, x := range indexes {
		if x < first {
			ask, at = append(ask, x), append(at, i)
			continue
		}
		if x-first >= int64(len(fresh)) {
			return nil, fmt.Errorf("audit: no hash %d yet", x)
		}
		out[i] = fresh[x-first]
	}
	if len(ask) == 0 {
		return out, nil
	}
	got, err := r.ReadHashes(ask)
	if err != nil {
		return nil, err
	}
	if len(got) != len(ask) {
		return nil, fmt.Errorf("audit: asked for %d stored hashes and got %d", len(ask), len(got))
	}
	for i, h := range got {
		out[at[i]] = h
	}
	return out, nil
}

// Extend adds records to the tree that c is of, and returns its hashes and the next checkpoint.
// It refuses when the stored hashes do not make c's root, so that no checkpoint is signed that is
// inconsistent with the one before (C2SP tlog-checkpoint, "Signatures").
func (c Checkpoint) Extend(records []Record, r tlog.HashReader) ([]tlog.Hash, Checkpoint, error) {
	root, err := tlog.TreeHash(c.Size, r)
	if err != nil {
		return nil, Checkpoint{}, fmt.Errorf("audit: computing the root of %d leaves: %w", c.Size, err)
	}
	if root != c.Root {
		return nil, Checkpoint{}, &Fault{Trouble: StoredDiffers, Seq: -1,
			Detail: fmt.Sprintf("the stored hashes do not make the root of the checkpoint of size %d", c.Size)}
	}
	hashes, root, err := Grow(c.Size, records, r)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	return hashes, Checkpoint{Origin: c.Origin, Size: c.Size + int64(len(records)), Root: root}, nil
}

// frontier computes a tree from its leaves in order, keeping only the roots of the full subtrees:
// at most 63 hashes. It shares no code with Grow, which it checks.
type frontier struct {
	size  int64
	nodes []tlog.Hash
}

// add returns the hashes that the leaf completes, itself first: those that are stored for it.
func (f *frontier) add(h tlog.Hash) []tlog.Hash {
	done := []tlog.Hash{h}
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.nodes) - 1
		h = tlog.NodeHash(f.nodes[last], h)
		f.nodes = f.nodes[:last]
		done = append(done, h)
	}
	f.nodes = append(f.nodes, h)
	f.size++
	return done
}

func (f *frontier) root() tlog.Hash {
	if len(f.nodes) == 0 {
		return EmptyRoot()
	}
	h := f.nodes[len(f.nodes)-1]
	for i := len(f.nodes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.nodes[i], h)
	}
	return h
}

// EmptyRoot is the root of the tree without leaves (RFC 6962 section 2.1).
func EmptyRoot() tlog.Hash { return sha256.Sum256(nil) }
