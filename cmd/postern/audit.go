package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"postern/app"
	"postern/audit"
	"postern/config"
	"postern/store/sqlstore"
)

// auditCommand reads the audit log.
type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Recompute the whole log and hold it against its signature. Exit code 1 when anything is wrong."`
	Tail   auditTail   `cmd:"" help:"Print the latest records."`
	Export auditExport `cmd:"" help:"Write all records as lines of JSON, which \"postern audit verify --export\" can check elsewhere."`
}

// logFlags say where the log is.
type logFlags struct {
	Config string `help:"The configuration file. Default: postern.yaml, or what POSTERN_CONFIG names." placeholder:"FILE" xor:"where"`
	Data   string `help:"A data folder, such as that of \"postern try --data DIR\", instead of a configuration file." placeholder:"DIR" xor:"where"`
}

// auditLog is the opened log.
type auditLog struct {
	store *sqlstore.Store
	key   string // vkey
	kept  string // file of the last verified checkpoint; "" for none
}

func (f logFlags) open(ctx context.Context) (*auditLog, error) {
	conf := config.Config{Keys: config.Keys{File: filepath.Join(f.Data, config.KeysName)}, Store: config.Store{SQLite: filepath.Join(f.Data, config.StoreName)}}
	if f.Data == "" {
		var err error
		if conf, err = config.Load(cmp.Or(f.Config, os.Getenv("POSTERN_CONFIG"), "postern.yaml"), kinds()); err != nil {
			return nil, err
		}
	}
	ring, err := loadKeys(conf.Keys)
	if err != nil {
		return nil, err
	}
	if path := conf.Store.SQLite; path != "" {
		// Opening would make an empty store, whose empty log verifies.
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("there is no store: %w; name the right folder with --data DIR or the right file with --config FILE", err)
		}
	}
	store, err := openStore(ctx, conf)
	if err != nil {
		return nil, err
	}
	return &auditLog{store: store, key: ring.Verifier(), kept: keptFile(conf.Keys)}, nil
}

// batch is how many records are read at once, mostWaiting how many without a place are read at all.
const (
	batch       = 512
	mostWaiting = 1 << 20
)

// all yields every record: those with places, then those without.
func (l *auditLog) all(ctx context.Context) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for from := int64(0); ; {
			rows, err := l.store.Records(ctx, from, batch)
			if err != nil {
				yield(audit.Record{}, err)
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			if len(rows) < batch {
				break
			}
			// What is there, not what should be: a gap must not end the walk.
			from = rows[len(rows)-1].Seq + 1
		}
		waiting, err := l.store.Pending(ctx, mostWaiting)
		if err != nil {
			yield(audit.Record{}, err)
			return
		}
		for _, r := range waiting {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// reader reads stored hashes, for audit.Check.
func (l *auditLog) reader(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) { return l.store.Hashes(ctx, indexes) })
}

type auditTail struct {
	logFlags
	Lines  int  `short:"n" help:"So many of the latest records." default:"20"`
	Follow bool `short:"f" help:"Go on printing records as they come, until interrupted."`
}

// pollEvery is how often --follow looks for new records.
const pollEvery = time.Second

// Run prints the latest records, and then those that come.
func (c auditTail) Run(e *env) error {
	l, err := c.open(e.ctx)
	if err != nil {
		return err
	}
	return errors.Join(c.tail(e, l), l.store.Close())
}

func (c auditTail) tail(e *env, l *auditLog) error {
	if err := l.readBy(e, "tail"); err != nil {
		return err
	}
	size, _, err := l.store.Head(e.ctx)
	if err != nil {
		return err
	}
	var waiting []audit.Record
	if !c.Follow { // else they are printed once they have a place
		if waiting, err = l.store.Pending(e.ctx, mostWaiting); err != nil {
			return err
		}
		waiting = waiting[max(0, len(waiting)-max(c.Lines, 0)):]
	}
	next, err := l.printFrom(e, max(0, size-int64(max(c.Lines-len(waiting), 0))))
	if err != nil || !c.Follow {
		return errors.Join(err, printRecords(e.out, waiting))
	}
	look := time.NewTicker(pollEvery)
	defer look.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return nil
		case <-look.C:
		}
		if next, err = l.printFrom(e, next); err != nil {
			return err
		}
	}
}

// printFrom prints the records that have places from next on, and returns the place after them.
func (l *auditLog) printFrom(e *env, next int64) (int64, error) {
	for {
		rows, err := l.store.Records(e.ctx, next, batch)
		if err != nil {
			return next, err
		}
		if err := printRecords(e.out, rows); err != nil {
			return next, err
		}
		if len(rows) > 0 {
			next = rows[len(rows)-1].Seq + 1
		}
		if len(rows) < batch {
			return next, nil
		}
	}
}

func printRecords(w io.Writer, rows []audit.Record) error {
	for _, r := range rows {
		if err := printRecord(w, r); err != nil {
			return err
		}
	}
	return nil
}

// printRecord writes one record as a line: place, moment, kind and its fields.
func printRecord(w io.Writer, r audit.Record) error {
	fields, err := audit.Fields(r)
	if err != nil {
		return err
	}
	place := "waiting"
	if r.Seq >= 0 {
		place = fmt.Sprintf("%7d", r.Seq)
	}
	line := fmt.Sprintf("%s %s %s", place, r.At.UTC().Format("2006-01-02T15:04:05.000Z"), r.Kind)
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		line += fmt.Sprintf(" %s=%q", f, fields[f])
	}
	_, err = fmt.Fprintln(w, line)
	return err
}

type auditExport struct {
	logFlags
	Output string `short:"o" help:"Write to this new file instead of standard output." placeholder:"FILE"`
}

// Run exports.
func (c auditExport) Run(e *env) (err error) {
	l, err := c.open(e.ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.store.Close()) }()
	if err := l.readBy(e, "export"); err != nil {
		return err
	}
	out := e.out
	if c.Output != "" {
		f, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("--output: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	_, checkpoint, err := l.store.Head(e.ctx)
	if err != nil {
		return err
	}
	return audit.WriteExport(out, l.all(e.ctx), checkpoint)
}

// readBy records that the operator read the log.
func (l *auditLog) readBy(e *env, how string) error {
	return record(e, l.store, "audit.read", how)
}

// record writes an event of an operator's that is no use case of app.
func record(e *env, store *sqlstore.Store, kind, detail string) error {
	event := audit.Event{ID: rand.Text(), At: e.now(), Kind: kind,
		Fields: map[audit.Field]string{audit.Actor: operator().Name, audit.Detail: detail}}
	r, err := event.Record(func() []byte {
		salt := make([]byte, audit.SaltSize)
		_, _ = rand.Read(salt) // never fails
		return salt
	})
	if err != nil {
		return err
	}
	if err := store.Commit(e.ctx, app.Change{Audit: []audit.Record{r}}); err != nil {
		return fmt.Errorf("record %s: %w", kind, err)
	}
	return nil
}
