package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"postern/app"
	"postern/directory"
	"postern/web/edge"
)

// health is all that a monitor hears, and whoever else can reach it: which part and whether it
// works, never what was seen of it.
type health struct {
	Status directory.Severity   `json:"status"`
	Checks []directory.Severity `json:"checks,omitempty"`
	Parts  []string             `json:"parts,omitempty"` // "directory staff: does not work"; those that work are left out
}

// Strangers may ask as often as they like; the directories are asked this often at most.
const (
	readyFor  = 5 * time.Second
	readyTime = 10 * time.Second
)

// readiness keeps the last report, so that monitors (and strangers) cause no work.
type readiness struct {
	app  App
	now  func() time.Time
	turn chan struct{} // holds one: whoever has it may look and ask
	last *report
}

type report struct {
	at time.Time
	health
}

func newReadiness(a App, now func() time.Time) readiness {
	if now == nil {
		now = time.Now
	}
	return readiness{app: a, now: now, turn: make(chan struct{}, 1), last: &report{}}
}

// look returns the last report, or a new one when it is too old. The check does not depend on
// the one who asked: a monitor that hangs up must not make the next one hear "error".
func (s *readiness) look(ctx context.Context) (health, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return health{}, ctx.Err()
	}
	if now := s.now(); s.last.at.IsZero() || now.Sub(s.last.at) >= readyFor {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
		defer stop()
		h := summary(s.app.Ready(ctx))
		s.last = &report{at: s.now(), health: h}
	}
	return s.last.health, nil
}

// summary is the worst of all, each by its word, and which parts they are of. No finding at all is
// no good sign.
func summary(found []app.Readiness) health {
	h := health{Status: directory.Good}
	if len(found) == 0 {
		h.Status = directory.Fault
	}
	for _, f := range found {
		h.Checks = append(h.Checks, f.Severity)
		switch f.Severity {
		case directory.Good:
		case directory.Warning:
			if h.Status == directory.Good {
				h.Status = directory.Warning
			}
		default:
			h.Status = directory.Fault
		}
	}
	for _, f := range found {
		line := f.Part + ": works, with a warning"
		if f.Severity == directory.Good {
			continue
		}
		if slices.ContainsFunc(found, func(o app.Readiness) bool { return o.Part == f.Part && o.Severity == directory.Fault }) {
			line = f.Part + ": does not work"
		}
		if !slices.Contains(h.Parts, line) {
			h.Parts = append(h.Parts, line)
		}
	}
	return h
}

// readyz answers 503 while the store or a directory would not work.
func (f *face) readyz(w http.ResponseWriter, r *http.Request) error {
	h, err := f.ready.look(r.Context())
	if err != nil {
		return err
	}
	status := http.StatusOK
	if h.Status == directory.Fault {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "5")
	}
	return edge.WriteJSON(w, status, h)
}
