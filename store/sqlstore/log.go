package sqlstore

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"postern/app"
	"postern/audit"
)

const recordColumns = `place, id, at, kind, leaf, personal`

// Pending returns up to limit records without a place, in the order of their insertion. That is
// the order of their commits wherever one commit ended before the other began.
func (s *Store) Pending(ctx context.Context, limit int) ([]audit.Record, error) {
	rs, err := list(ctx, s.read, q(`SELECT `+recordColumns+` FROM audit_record
		WHERE place < 0 ORDER BY pos LIMIT $1`, limit), scanRecord)
	if err != nil {
		return nil, fmt.Errorf("store: reading records without a place: %w", err)
	}
	return rs, nil
}

// Records returns those with places in [from, from+limit).
func (s *Store) Records(ctx context.Context, from int64, limit int) ([]audit.Record, error) {
	rs, err := list(ctx, s.read, q(`SELECT `+recordColumns+` FROM audit_record
		WHERE place >= 0 AND place >= $1 AND place < $2 ORDER BY place`, from, from+int64(limit)), scanRecord)
	if err != nil {
		return nil, fmt.Errorf("store: reading records: %w", err)
	}
	return rs, nil
}

func scanRecord(r row) (audit.Record, error) {
	var v audit.Record
	var at int64
	err := r(&v.Seq, &v.ID, &at, &v.Kind, &v.Leaf, &v.Personal)
	v.At = moment(at)
	return v, err
}

// addRecord adds a record that waits for its place, whatever its Seq.
func addRecord(ctx context.Context, tx conn, r audit.Record) error {
	return put(ctx, tx, q(`INSERT INTO audit_record (`+recordColumns+`)
		VALUES (-1, $1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, r.ID, micros(r.At), r.Kind, blob(r.Leaf), r.Personal))
}

// Head returns the size of the tree and the last signed checkpoint, "" when it is empty.
func (s *Store) Head(ctx context.Context) (size int64, checkpoint string, err error) {
	type head struct {
		size       int64
		checkpoint string
	}
	h, ok, err := first(ctx, s.read, q(`SELECT size, checkpoint FROM tree_head`), func(r row) (h head, err error) {
		err = r(&h.size, &h.checkpoint)
		return h, err
	})
	if err == nil && !ok {
		err = app.ErrNoRow
	}
	if err != nil {
		return 0, "", fmt.Errorf("store: reading the head of the tree: %w", err)
	}
	return h.size, h.checkpoint, nil
}

// Hashes returns stored hashes in the order of indexes; one that is missing is an error.
func (s *Store) Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		h, ok, err := first(ctx, s.read, q(`SELECT hash FROM tree_hash WHERE place = $1`, index), scanHash)
		if err == nil && !ok {
			err = app.ErrNoRow
		}
		if err != nil {
			return nil, fmt.Errorf("store: reading hash %d of the tree: %w", index, err)
		}
		out[i] = h
	}
	return out, nil
}

func scanHash(r row) (tlog.Hash, error) {
	var b []byte
	if err := r(&b); err != nil {
		return tlog.Hash{}, err
	}
	if len(b) != tlog.HashSize {
		return tlog.Hash{}, fmt.Errorf("%d bytes are no hash", len(b))
	}
	return tlog.Hash(b), nil
}

// Append gives records their places and stores hashes and checkpoint, all or nothing.
// app.ErrConflict when the tree is not of size a.From, the fence is not the lease's, or a record
// is unknown or has a place.
func (s *Store) Append(ctx context.Context, a app.Append) error {
	size := a.From + int64(len(a.IDs))
	start := tlog.StoredHashIndex(0, a.From)
	if a.FirstHash != start || int64(len(a.Hashes)) != tlog.StoredHashIndex(0, size)-start {
		return fmt.Errorf("store: append: %d hashes from %d do not belong to %d records from %d",
			len(a.Hashes), a.FirstHash, len(a.IDs), a.From)
	}
	err := s.write.do(ctx, func(ctx context.Context, tx conn) error { return grow(ctx, tx, a, size) })
	if err = s.claimed(err, app.ErrConflict); err == nil || isAnswer(err) {
		return err
	}
	return fmt.Errorf("store: append: %w", err)
}

func grow(ctx context.Context, tx conn, a app.Append, size int64) error {
	// The update without a change locks the lease, so that it can't change hands before the end.
	if err := put(ctx, tx, q(`UPDATE lease SET fence = fence WHERE name = $1 AND fence = $2`, a.Lease, a.Fence)); err != nil {
		return err
	}
	if err := put(ctx, tx, q(`UPDATE tree_head SET size = $1, checkpoint = $2 WHERE size = $3`,
		size, a.Checkpoint, a.From)); err != nil {
		return err
	}
	for i, id := range a.IDs {
		if err := put(ctx, tx, q(`UPDATE audit_record SET place = $1 WHERE id = $2 AND place < 0`, a.From+int64(i), id)); err != nil {
			return err
		}
	}
	for i, h := range a.Hashes {
		if err := put(ctx, tx, q(`INSERT INTO tree_hash (place, hash) VALUES ($1, $2)`, a.FirstHash+int64(i), h[:])); err != nil {
			return err
		}
	}
	return nil
}
