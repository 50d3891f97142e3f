// Package doctor looks at an instance and says whether it would work: at each directory, at what
// the directories are together, at senders and policy, and at one person.
//
// It changes nothing. It knows no configuration file, no adapter and no page: what it looks at are
// the opened parts, and what those say of themselves (directory.Checker, directory.Examiner,
// notify.Checker) it collects without a second opinion. What only the file can tell is found by
// cmd/postern, which adds its own sections.
//
// It guards whoever waits for it: each part is asked by itself, all at the same time and with a
// deadline of its own, and a part that breaks or never answers is a finding like any other. Every
// fault and every warning says what mends it.
package doctor

import (
	"context"
	"sync"
	"time"

	"postern/app"
	"postern/directory"
	"postern/notify"
	"postern/policy"
)

// Parts are what is looked at.
type Parts struct {
	Directories []app.NamedDirectory
	Senders     []notify.Sender
	Methods     policy.Methods
	Policy      policy.Policy
	Limits      app.Limits
	ReplyMoment time.Duration // when replies leave; not positive: at once
	// Closed tells of a directory that it has nothing to be asked now: the built-in one, while the
	// store is not open. Nil: none.
	Closed   func(directory.Directory) bool
	Patience time.Duration // for each part; 15 s
	Now      func() time.Time
}

// Doctor looks at one instance. It keeps the last report on its directories.
type Doctor struct {
	Parts
	slots []chan struct{} // one for each directory: whoever has it may ask

	turn chan struct{} // holds one: whoever has it may make a report
	mu   sync.Mutex
	last Report
}

// Report is what was seen, in sections.
type Report struct {
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"`
	Sections []Section `json:"sections"`
}

// Section is what was seen of one part.
type Section struct {
	Name     string              `json:"name"`               // "directory staff", "policy"
	Of       string              `json:"-"`                  // the directory's own name; "" for other parts
	Findings []directory.Finding `json:"findings,omitempty"` // in the order in which they were made
}

// Count returns how many findings are of that severity.
func (r Report) Count(s directory.Severity) int {
	n := 0
	for _, section := range r.Sections {
		n += section.Count(s)
	}
	return n
}

// Count returns how many findings are of that severity.
func (s Section) Count(severity directory.Severity) int {
	n := 0
	for _, f := range s.Findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// New returns a Doctor. It asks nobody yet.
func New(p Parts) *Doctor {
	if p.Patience <= 0 {
		p.Patience = 15 * time.Second
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Closed == nil {
		p.Closed = func(directory.Directory) bool { return false }
	}
	d := &Doctor{Parts: p, turn: make(chan struct{}, 1)}
	for range p.Directories {
		d.slots = append(d.slots, make(chan struct{}, 1))
	}
	return d
}

// Check looks at everything.
func (d *Doctor) Check(ctx context.Context) Report {
	r := Report{Began: d.Now()}
	senders := make([]Section, len(d.Senders))
	var all sync.WaitGroup
	for i, s := range d.Senders {
		all.Go(func() { senders[i] = d.sender(ctx, s) })
	}
	r.Sections = d.directories(ctx)
	all.Wait()
	r.Sections = append(append(r.Sections, senders...), d.policy())
	r.Ended = d.Now()
	return r
}

// Again looks at the directories and keeps what it saw. Whoever asks while another looks waits and
// gets what that one sees; the work does not depend on who asked.
func (d *Doctor) Again(ctx context.Context) Report { return d.again(ctx, context.WithoutCancel(ctx)) }

// First is Again, and ends with ctx: then what it saw is not kept, and none of it returned.
func (d *Doctor) First(ctx context.Context) Report { return d.again(ctx, ctx) }

// again looks until looking ends, and waits for its turn until ctx does.
func (d *Doctor) again(ctx, looking context.Context) Report {
	asked := d.Now()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		r, _ := d.Last()
		return r
	}
	if r, ok := d.Last(); ok && r.Ended.After(asked) {
		return r
	}
	r := Report{Began: d.Now(), Sections: d.directories(looking)}
	if looking.Err() != nil {
		return Report{}
	}
	r.Ended = d.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = r
	return r
}

// Last returns the last report of Again in this process.
func (d *Doctor) Last() (Report, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last, !d.last.Ended.IsZero()
}

// directories looks at each of them, at the same time, and then at all of them together.
func (d *Doctor) directories(ctx context.Context) []Section {
	seen := make([]looked, len(d.Directories))
	var all sync.WaitGroup
	for i := range d.Directories {
		all.Go(func() { seen[i] = d.directory(ctx, i) })
	}
	all.Wait()
	var out []Section
	for _, s := range seen {
		out = append(out, s.Section)
	}
	return append(out, d.together(seen))
}

// policy looks for rules that cannot be met, that nobody reaches or that are weak, and runs the
// policy's own tests.
func (d *Doctor) policy() Section {
	s := Section{Name: "policy"}
	for _, f := range append(d.Policy.Check(d.Methods), d.Policy.RunTests(d.Methods)...) {
		severity := directory.Warning
		if f.Fault {
			severity = directory.Fault
		}
		text := f.Text
		if f.Rule != "" {
			text = "rule " + f.Rule + ": " + text
		}
		s.add(severity, f.Fix, "%s", text)
	}
	s.good("%s, %s", count(len(d.Policy.Rules), "rule"), count(len(d.Policy.Tests), "test"))
	return s
}

// sender asks one sender whether it would send.
func (d *Doctor) sender(ctx context.Context, sender notify.Sender) Section {
	s := Section{Name: "notify " + string(sender.Channel())}
	ask, ok := sender.(notify.Checker)
	if !ok {
		s.good("there is nothing to ask")
		return s
	}
	ctx, stop := context.WithTimeout(ctx, d.Patience)
	defer stop()
	s.guard(ctx, nil, "correct host and port under notify", func(ctx context.Context) []directory.Finding {
		if err := ask.Check(ctx); err != nil {
			return []directory.Finding{{Severity: directory.Fault, Text: directory.Told(err), Fix: "correct the settings under notify"}}
		}
		return []directory.Finding{{Severity: directory.Good, Text: "would send"}}
	})
	return s
}
