package crash

import (
	"testing"

	"postern/audit"
	"postern/internal/testenv"
	"postern/store/sqlstore"
)

// ledger is what the audit log says, read from the store between two kills.
type ledger struct {
	path string
	next int64           // place to read on from
	seen map[string]bool // records, by ID: those without a place are read again

	kinds     map[string]int
	submitted map[string]int // by login
	flows     map[string]int // spent grants by flow, less those that were given back
}

func newLedger(p *testenv.Postern) *ledger {
	return &ledger{path: p.Dir + "/postern.db", seen: map[string]bool{}, kinds: map[string]int{},
		submitted: map[string]int{}, flows: map[string]int{}}
}

const page = 500

// read reads what is new.
func (l *ledger) read(t *testing.T) {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Settings{Path: l.path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	// Those that wait are read first: one that gets its place meanwhile is read twice, not never.
	waiting, err := s.Pending(t.Context(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for {
		rows, err := s.Records(t.Context(), l.next, page)
		if err != nil {
			t.Fatal(err)
		}
		l.add(t, rows)
		if len(rows) == 0 {
			break
		}
		l.next = rows[len(rows)-1].Seq + 1
	}
	l.add(t, waiting)
}

func (l *ledger) add(t *testing.T, rows []audit.Record) {
	t.Helper()
	for _, r := range rows {
		if l.seen[r.ID] {
			continue
		}
		l.seen[r.ID] = true
		l.kinds[r.Kind]++
		f, err := audit.Fields(r)
		if err != nil {
			t.Fatal(err)
		}
		switch r.Kind {
		case "recovery.submitted":
			l.submitted[f[audit.Login]]++
			l.flows[f[audit.Flow]]++
		case "recovery.rejected", "recovery.unreached":
			l.flows[f[audit.Flow]]--
		}
	}
}
