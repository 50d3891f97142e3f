package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// queue writes to SQLite, which takes one writer at a time and must wait for the disk at every
// COMMIT. Writes that arrive while it waits queue up and then share one transaction, each in a
// savepoint of its own, so that one that fails leaves nothing and hurts no other.
type queue struct {
	tx conn // the write connection

	mu     sync.Mutex
	jobs   []*job
	closed bool
	wake   chan struct{} // holds one token when there is something to do
	done   chan struct{} // closed when the owner has ended

	commits int64 // transactions so far; the owner's alone until done
}

// job is one write that waits.
type job struct {
	ctx   context.Context
	write func(context.Context, conn) error
	done  chan error
}

// batchMost bounds how many writes share the fate of one transaction.
const batchMost = 256

var errClosed = errors.New("store: it is closed")

func newQueue(tx conn) *queue {
	w := &queue{tx: tx, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// do queues f and waits for its result. Once it is queued, the context's end changes nothing.
func (w *queue) do(ctx context.Context, f func(context.Context, conn) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: nothing was written: %w", err)
	}
	j := &job{ctx: context.WithoutCancel(ctx), write: f, done: make(chan error, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errClosed
	}
	w.jobs = append(w.jobs, j)
	w.mu.Unlock()
	w.signal()
	return <-j.done
}

// close lets the queue run empty and waits for its owner.
func (w *queue) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
	<-w.done
}

func (w *queue) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run is the owner: the only goroutine that writes.
func (w *queue) run() {
	defer close(w.done)
	for range w.wake {
		for {
			batch, closed := w.take()
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			w.batch(batch)
		}
	}
}

func (w *queue) take() (batch []*job, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.jobs), batchMost)
	batch, w.jobs = w.jobs[:n:n], w.jobs[n:]
	return batch, w.closed
}

// batch commits jobs together and then tells each its result: its own error, or that of the
// transaction, without which nothing of it is there.
func (w *queue) batch(jobs []*job) {
	results := make([]error, len(jobs))
	err := w.transaction(jobs, results)
	for i, j := range jobs {
		if results[i] == nil && err != nil {
			results[i] = err
		}
		j.done <- results[i]
	}
}

func (w *queue) transaction(jobs []*job, results []error) error {
	ctx := context.Background()
	if err := w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		w.rollback(ctx)
		return fmt.Errorf("store: nothing was written: %w", err)
	}
	wrote := false
	for i, j := range jobs {
		var broken error
		if results[i], broken = w.one(j, len(jobs) > 1); broken != nil {
			w.rollback(ctx)
			return fmt.Errorf("store: nothing was written: %w", broken)
		}
		wrote = wrote || results[i] == nil
	}
	if !wrote {
		w.rollback(ctx)
		return nil
	}
	w.commits++
	if err := w.exec(ctx, "COMMIT"); err != nil {
		w.rollback(ctx)
		return fmt.Errorf("store: nobody can tell whether it was written: %w", err)
	}
	return nil
}

// one runs a job, in a savepoint unless it is alone. The second result says that the transaction
// itself can't go on.
func (w *queue) one(j *job, shared bool) (result, broken error) {
	if !shared {
		return j.write(j.ctx, w.tx), nil
	}
	if err := w.exec(j.ctx, "SAVEPOINT job"); err != nil {
		return nil, err
	}
	result = j.write(j.ctx, w.tx)
	if result != nil {
		if err := w.exec(j.ctx, "ROLLBACK TO job"); err != nil {
			return result, err
		}
	}
	return result, w.exec(j.ctx, "RELEASE job")
}

// rollback ends the transaction if there is one: after an error of the disk SQLite may have ended
// it already, and then this fails for that reason alone.
func (w *queue) rollback(ctx context.Context) { _ = w.exec(ctx, "ROLLBACK") }

func (w *queue) exec(ctx context.Context, text string) error {
	if _, err := w.tx.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}
