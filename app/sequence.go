package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"postern/audit"
)

const (
	sequencer     = "sequencer"
	sequenceBatch = 500
	sequencePause = 500 * time.Millisecond
	sequenceLease = 10 * time.Second
)

// sequence gives the records that wait their place in the tree and signs the new checkpoint. One
// node at a time does it, by lease, so that commits need not wait for one another on a chain
// head. It returns how many records it placed.
func (a *App) sequence(ctx context.Context) (int, error) {
	pending, err := a.Log.Pending(ctx, sequenceBatch)
	if err != nil || len(pending) == 0 {
		return 0, err
	}
	now := a.now()
	fence, mine, err := a.Store.Lease(ctx, sequencer, a.Node, now.Add(sequenceLease), now)
	if err != nil || !mine {
		return 0, err
	}
	if pending, err = a.Log.Pending(ctx, sequenceBatch); err != nil { // as it is now that we may
		return 0, err
	}
	head, err := a.head(ctx)
	if err != nil {
		return 0, err
	}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) { return a.Log.Hashes(ctx, indexes) })
	hashes, next, err := head.Extend(pending, reader)
	if err != nil {
		return 0, fmt.Errorf("app: the audit log was not extended; run postern audit verify: %w", err)
	}
	signed, err := a.Signer.SignNote(next.Text())
	if err != nil {
		return 0, fmt.Errorf("app: sign checkpoint: %w", err)
	}
	ids := make([]string, len(pending))
	for i, r := range pending {
		ids[i] = r.ID
	}
	err = a.Log.Append(ctx, Append{Lease: sequencer, Fence: fence, From: head.Size, IDs: ids,
		FirstHash: tlog.StoredHashIndex(0, head.Size), Hashes: hashes, Checkpoint: signed})
	if errors.Is(err, ErrConflict) {
		return 0, nil // another node was faster
	}
	return len(ids), err
}

// head returns the last checkpoint, whose signature is checked, or that of the empty tree.
func (a *App) head(ctx context.Context) (audit.Checkpoint, error) {
	size, signed, err := a.Log.Head(ctx)
	if err != nil {
		return audit.Checkpoint{}, fmt.Errorf("app: read checkpoint: %w", err)
	}
	if signed == "" && size == 0 {
		return audit.Checkpoint{Origin: a.Signer.Name(), Root: audit.EmptyRoot()}, nil
	}
	c, err := audit.OpenCheckpoint(signed, a.Signer.Verifier())
	if err != nil {
		return c, fmt.Errorf("app: the last checkpoint is not ours; was another key file used? %w", err)
	}
	if c.Size != size {
		return c, fmt.Errorf("app: the checkpoint is of %d records, the log of %d: %w", c.Size, size, ErrConflict)
	}
	return c, nil
}
