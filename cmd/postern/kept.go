package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"postern/config"
)

// keptSuffix makes the name of the last verified checkpoint, beside the keyset: a store that is
// exchanged for an older or another one does not take it along.
const keptSuffix = ".checkpoint"

// keptFile is where the last verified checkpoint is; "" where there is no file of keys.
func keptFile(k config.Keys) string {
	if k.File == "" {
		return ""
	}
	return k.File + keptSuffix
}

// readKept returns the last verified checkpoint, or "" before the first.
func readKept(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the checkpoint of the last verification: %w: run this as the user that runs Postern", err)
	}
	return string(text), nil
}

// keep replaces the kept checkpoint, whole or not at all, for its owner alone.
func keep(path, checkpoint string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(checkpoint)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// longWait is how long a record may wait for its place while a process serves.
const longWait = time.Minute

// waiting returns since when the oldest record without a place waits, when that is too long.
func (l *auditLog) waiting(ctx context.Context, now time.Time) (since time.Time, long bool, err error) {
	rows, err := l.store.Pending(ctx, 1)
	if err != nil || len(rows) == 0 {
		return time.Time{}, false, err
	}
	return rows[0].At, now.Sub(rows[0].At) > longWait, nil
}
