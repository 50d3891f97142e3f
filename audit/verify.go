package audit

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"golang.org/x/mod/sumdb/tlog"
)

// Check is what Verify needs.
type Check struct {
	// Records yields those with places in their order, and those without at any point.
	Records iter.Seq2[Record, error]
	// Checkpoint is the signed note, read before the records; "" for a log that has none yet.
	Checkpoint string
	Key        string // the C2SP vkey that must have signed it
	// Older is a checkpoint that was kept elsewhere, which the log must continue. Optional.
	Older string
	// Hashes reads the stored hashes, to name an altered record and to check them. Optional.
	Hashes tlog.HashReader
}

// Report says what a verification covered.
type Report struct {
	Checkpoint       // what the signature is over
	Pending    int64 // records that the checkpoint does not cover yet
	Erased     int64 // records whose personal part is gone
	Older      int64 // size of the older checkpoint, when there was one
}

// Verify recomputes the log: each record's parts, order and place, the tree, the signature and,
// where given, the older checkpoint and the stored hashes. A *Fault is the first thing wrong with
// the log; any other error means that it could not be read, which proves nothing either way.
func Verify(c Check) (Report, error) {
	w, err := newWalk(c.Key, c.Older)
	if err != nil {
		return Report{}, err
	}
	head, err := openHead(c.Checkpoint, c.Key)
	if err != nil {
		return Report{}, err
	}
	w.limit, w.stored.reader = head.Size, c.Hashes
	if err := w.all(c.Records); err != nil {
		return w.report, err
	}
	return w.finish(head)
}

// VerifyExport does what Verify does to a file that WriteExport wrote.
func VerifyExport(r io.Reader, key, older string) (Report, error) {
	w, err := newWalk(key, older)
	if err != nil {
		return Report{}, err
	}
	w.limit = math.MaxInt64
	x := NewReader(r)
	if err := w.all(x.Records()); err != nil {
		return w.report, err
	}
	head, err := openHead(x.Checkpoint(), key)
	if err != nil {
		return w.report, err
	}
	return w.finish(head)
}

// openHead is OpenCheckpoint, but "" is the head of a log that has no places yet.
func openHead(signed, key string) (Checkpoint, error) {
	if signed == "" {
		return Checkpoint{Root: EmptyRoot()}, nil
	}
	return OpenCheckpoint(signed, key)
}

// walk is a verification under way.
type walk struct {
	report Report
	limit  int64 // the tree has no leaves from here on
	next   int64 // the place that the next record must have
	tree   frontier
	stored comparison

	older     *Checkpoint
	rewritten bool
}

func newWalk(key, older string) (*walk, error) {
	w := &walk{}
	if older == "" {
		return w, nil
	}
	c, err := OpenCheckpoint(older, key)
	var f *Fault
	if errors.As(err, &f) {
		f.Detail = "the older checkpoint: " + f.Detail
	}
	if err != nil {
		return nil, err
	}
	w.older, w.report.Older = &c, c.Size
	return w, nil
}

func (w *walk) all(records iter.Seq2[Record, error]) error {
	for r, err := range records {
		var f *Fault
		switch {
		case errors.As(err, &f):
			return f
		case err != nil:
			return fmt.Errorf("audit: reading records, %d so far: %w", w.next, err)
		}
		if err := w.add(r); err != nil {
			return err
		}
	}
	return w.stored.flush()
}

func (w *walk) add(r Record) error {
	switch {
	case r.Seq > w.next:
		return &Fault{Trouble: Missing, Seq: w.next, Detail: fmt.Sprintf("the next record is at %d", r.Seq)}
	case r.Seq < -1 || r.Seq >= 0 && r.Seq < w.next:
		return r.fault(Reordered, fmt.Sprintf("a record for place %d was expected", w.next))
	}
	l, parts, fault := r.open()
	if fault != nil {
		return fault
	}
	if len(l.Personal) > 0 && parts == nil {
		w.report.Erased++
	}
	if r.Seq >= 0 {
		w.next++
	}
	if r.Seq < 0 || r.Seq >= w.limit {
		w.report.Pending++
		return nil
	}
	if err := w.stored.add(r, w.tree.add(tlog.RecordHash(r.Leaf))); err != nil {
		return err
	}
	if w.older != nil && w.older.Size == w.tree.size && w.older.Root != w.tree.root() {
		w.rewritten = true
	}
	return nil
}

// finish holds the tree against the checkpoint.
func (w *walk) finish(head Checkpoint) (Report, error) {
	w.report.Checkpoint = head
	fault := func(t Trouble, seq int64, format string, args ...any) (Report, error) {
		return w.report, &Fault{Trouble: t, Seq: seq, Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case head.Origin == "" && w.next > 0:
		return fault(BadSignature, -1, "records have places, and there is no checkpoint")
	case w.older != nil && w.older.Size > head.Size:
		return fault(Shrunk, -1, "it had %d records, and the checkpoint is of %d", w.older.Size, head.Size)
	case w.tree.size < head.Size:
		return fault(Missing, w.tree.size, "the checkpoint is of %d records", head.Size)
	case w.tree.size > head.Size:
		return fault(RootDiffers, -1, "%d records have a place, and the checkpoint is of %d", w.tree.size, head.Size)
	case w.tree.root() != head.Root && w.stored.leaf != nil:
		return w.report, w.stored.leaf
	case w.tree.root() != head.Root:
		return fault(RootDiffers, -1, "the %d records are not those that were signed", head.Size)
	case w.rewritten:
		return fault(Rewritten, -1, "its first %d records are not those that were signed then", w.older.Size)
	case w.stored.node != nil:
		return w.report, w.stored.node
	}
	return w.report, nil
}

// comparison holds stored hashes against computed ones, many at a time.
type comparison struct {
	reader   tlog.HashReader
	first    int64 // index of computed[0]
	computed []tlog.Hash
	ids      []string // of the records since the last flush
	seq      int64    // place of ids[0]
	leaf     *Fault   // the first leaf that is not the stored one, for when the root differs
	node     *Fault   // the first stored hash that is not the computed one, for when it does not
}

func (c *comparison) add(r Record, hashes []tlog.Hash) error {
	if c.reader == nil || c.node != nil {
		return nil
	}
	if len(c.ids) == 0 {
		c.first, c.seq = tlog.StoredHashIndex(0, r.Seq), r.Seq
	}
	c.ids, c.computed = append(c.ids, r.ID), append(c.computed, hashes...)
	if len(c.ids) < 512 {
		return nil
	}
	return c.flush()
}

func (c *comparison) flush() error {
	if len(c.ids) == 0 {
		return nil
	}
	indexes := make([]int64, len(c.computed))
	for i := range indexes {
		indexes[i] = c.first + int64(i)
	}
	got, err := c.reader.ReadHashes(indexes)
	if err == nil && len(got) != len(indexes) {
		err = fmt.Errorf("asked for %d and got %d", len(indexes), len(got))
	}
	if err != nil {
		return fmt.Errorf("audit: reading stored hashes: %w", err)
	}
	for i, h := range got {
		if h == c.computed[i] {
			continue
		}
		level, n := tlog.SplitStoredHashIndex(indexes[i])
		c.node = &Fault{Trouble: StoredDiffers, Seq: -1,
			Detail: fmt.Sprintf("hash %d of level %d is not what the records make", n, level)}
		if level == 0 {
			c.leaf = &Fault{Trouble: Altered, Seq: n, ID: c.ids[n-c.seq], Detail: "its hash is not the one that was stored with it"}
		}
		break
	}
	c.ids, c.computed = c.ids[:0], c.computed[:0]
	return nil
}
