package portal

import (
	"net/http"
	"slices"
	"time"

	"postern/app"
	"postern/policy"
	"postern/web/edge"
	"postern/web/page"
)

// lockedPage lets a verified person end a lock-out, or says that there is none.
type lockedPage struct {
	page.Frame
	Locked bool
	Lock   lockTimes
	Stale  bool   // the password must be changed before they can sign in
	SignIn string // where trying to sign in leads, when nothing is locked
	Clock  *page.Clock
}

// lockTimes is what the template "lock" says of a lock-out.
type lockTimes struct{ Since, Until stamp }

// stamp is a moment, for a script and for people without one; empty where it is not known.
type stamp struct{ Machine, Text string }

func newStamp(t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	t = t.UTC()
	return stamp{Machine: t.Format(time.RFC3339), Text: t.Format("2006-01-02 15:04 UTC")}
}

func newLockTimes(l *app.Lock) lockTimes {
	if l == nil {
		return lockTimes{}
	}
	return lockTimes{Since: newStamp(l.Since), Until: newStamp(l.Until)}
}

// locked shows how the account is locked, with the one thing that can be done.
func (p *Portal) locked(w http.ResponseWriter, r *http.Request, flow app.Flow, s shown) error {
	d := lockedPage{Locked: flow.Locked && slices.Contains(flow.Can, policy.Unlock), Lock: newLockTimes(flow.Lock),
		Stale: flow.Stale, SignIn: p.back(r)}
	title := "locked.title_not"
	if d.Locked {
		title, d.Clock = "locked.title", page.NewClock("locked.left", "clock.over", flow.Deadline, p.now())
	}
	d.Frame = p.frame(r, title, "/reset")
	d.Problems = s.problems
	return p.write(w, s, "locked", d)
}

// unlock spends the grant on ending a lock-out; the password stays.
func (p *Portal) unlock(w http.ResponseWriter, r *http.Request) error {
	_, err := p.app.Unlock(r.Context(), p.visitor(r), edge.Token(r))
	return p.step(w, r, err, place{})
}
