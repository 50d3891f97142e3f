package audit

import "fmt"

// Trouble says what is wrong with a log.
type Trouble string

// The troubles.
const (
	BadSignature    Trouble = "bad signature"    // the checkpoint is not signed by the key
	BadCheckpoint   Trouble = "bad checkpoint"   // signed, but not a checkpoint of this log
	Missing         Trouble = "missing record"   // a place that the checkpoint covers is empty
	Reordered       Trouble = "reordered record" // a record is not at its place
	Altered         Trouble = "altered record"   // a leaf is not what was recorded
	PersonalAltered Trouble = "altered personal part"
	RootDiffers     Trouble = "root differs" // the leaves are not those that were signed
	StoredDiffers   Trouble = "stored hash differs"
	Shrunk          Trouble = "shrunk log"     // smaller than an older checkpoint says it was
	Rewritten       Trouble = "rewritten log"  // not a continuation of the older checkpoint
	Malformed       Trouble = "malformed file" // an export or a proof is cut off or unreadable
)

// Fault is the first thing that was found wrong.
type Fault struct {
	Trouble Trouble
	Seq     int64  // place of the record; -1 when it is about none
	ID      string // of the event, where known
	Detail  string
}

// Error names the trouble, the place and the event. It has no personal values.
func (f *Fault) Error() string {
	s := "audit: " + string(f.Trouble)
	if f.Seq >= 0 {
		s += fmt.Sprintf(" at %d", f.Seq)
	}
	if f.ID != "" {
		s += " (event " + quote(f.ID) + ")"
	}
	return s + ": " + f.Detail
}

func (r Record) fault(t Trouble, detail string) *Fault {
	return &Fault{Trouble: t, Seq: r.Seq, ID: r.ID, Detail: detail}
}
