package console

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/app"
	"postern/directory"
	"postern/doctor"
	"postern/web/page"
)

// directories is where the page is.
const directories = "/admin/directories"

// directoriesPage says of every directory whether it would do, since when that is known, and what
// was asked of it.
type directoriesPage struct {
	page.Frame
	rail
	Looked     bool // since this process began
	At         moment
	Errors     int
	Warnings   int
	Stuck      bool // a rehearsal
	Cards      []card
	Together   []row
	Rehearsals []rehearsal
	Login      string // that was typed
	Person     *personCard
}

// card is one directory.
type card struct {
	Name, Title string
	Rows        rows
	Open        bool // left alone for a while
	Calls       []call
	Counts      bool // it has counters at all
}

// rows are findings: those that somebody should do something about, and those that are fine.
type rows struct{ Bad, Fine []row }

// row is one finding.
type row struct {
	ID       string // of the element with what mends it
	Severity directory.Severity
	Icon     string
	Text     string
	Fix      string
	Command  bool // the fix is one, to be copied as it is
}

// call is what was asked of a directory in one way.
type call struct {
	doctor.Call
	Mean string
}

// rehearsal is the last one on one canary.
type rehearsal struct {
	Login, Directory string
	OK               bool
	At               moment
	Took             string
	Rows             rows
}

// icons go with the words for severities, so that nothing is told by colour alone.
var icons = map[directory.Severity]string{directory.Good: "tick", directory.Warning: "warning", directory.Fault: "cross"}

func (c *Console) directories(w http.ResponseWriter, r *http.Request, s app.Session) error {
	c.texts.KeepLanguage(w, r)
	d, err := c.directoriesPage(r, s)
	if err != nil {
		return err
	}
	return c.page.Render(w, http.StatusOK, "directories", d)
}

// check looks again, and leads to what was seen.
func (c *Console) check(w http.ResponseWriter, r *http.Request, _ app.Session) error {
	c.doctor.Again(r.Context())
	http.Redirect(w, r, directories, http.StatusSeeOther)
	return nil
}

func (c *Console) directoriesPage(r *http.Request, s app.Session) (directoriesPage, error) {
	d := directoriesPage{Frame: c.frame(r, "console.directories", directories), rail: c.rail(s, directories)}
	report, looked := c.doctor.Last()
	d.Looked, d.At = looked, moment{report.Ended}
	d.Errors, d.Warnings = report.Count(directory.Fault), report.Count(directory.Warning)
	for i, n := range c.doctor.Directories {
		d.Cards = append(d.Cards, newCard(i, n, report))
	}
	for _, t := range c.doctor.Traffic() {
		at := slices.IndexFunc(d.Cards, func(one card) bool { return one.Name == t.Name })
		if at < 0 {
			continue
		}
		d.Cards[at].Counts, d.Cards[at].Open = true, t.Open
		d.Cards[at].Calls = calls(t.Calls)
	}
	for _, section := range report.Sections {
		if section.Of == "" {
			all := newRows("together", section)
			d.Together = append(append(d.Together, all.Bad...), all.Fine...)
		}
	}
	var err error
	d.Rehearsals, err = c.rehearsals(r.Context())
	d.Stuck = slices.ContainsFunc(d.Rehearsals, func(one rehearsal) bool { return !one.OK })
	return d, err
}

// newCard is directory number i with what was seen of it.
func newCard(i int, n app.NamedDirectory, report doctor.Report) card {
	out := card{Name: n.Name, Title: n.Title}
	for _, s := range report.Sections {
		if s.Of == n.Name {
			out.Rows = newRows("d"+strconv.Itoa(i), s)
		}
	}
	return out
}

// command is how a fix begins that can be given to a shell whole. One of several lines always can.
var command = regexp.MustCompile(`^(?:# |LDAPTLS_CACERT=|sudo |postern (?:people|keys|check|serve|audit|console) |(?:ldap(?:modify|search|whoami|passwd)|slapacl|dsacls|dsconf|dsidm|samba-tool|ipa|kinit|chmod|chown|openssl) )`)

// newRows puts first what is worst; within one severity the order stays.
func newRows(prefix string, s doctor.Section) rows {
	var out rows
	for _, severity := range []directory.Severity{directory.Fault, directory.Warning, directory.Good} {
		for i, f := range s.Findings {
			if f.Severity != severity {
				continue
			}
			one := row{ID: prefix + "-" + strconv.Itoa(i), Severity: f.Severity, Icon: icons[f.Severity],
				Text: directory.Plain(f.Text), Fix: directory.PlainLines(f.Fix)}
			one.Command = strings.Contains(one.Fix, "\n") || command.MatchString(one.Fix)
			if severity == directory.Good {
				out.Fine = append(out.Fine, one)
			} else {
				out.Bad = append(out.Bad, one)
			}
		}
	}
	return out
}

// calls leaves out what was never asked.
func calls(all []doctor.Call) []call {
	var out []call
	for _, one := range all {
		if one.Calls+one.Refused == 0 {
			continue
		}
		mean := "–"
		if one.Calls > 0 {
			mean = (one.Time / time.Duration(one.Calls)).Round(100 * time.Microsecond).String()
		}
		out = append(out, call{one, mean})
	}
	return out
}

// rehearsals are the last ones, each with the step that failed.
func (c *Console) rehearsals(ctx context.Context) ([]rehearsal, error) {
	all, err := c.app.LastRehearsals(ctx)
	if err != nil {
		return nil, err
	}
	var out []rehearsal
	for i, one := range all {
		shown := rehearsal{Login: one.Login, Directory: one.Directory, OK: one.OK, At: moment{one.At},
			Took: one.Took.Round(time.Millisecond).String()}
		section := doctor.Section{Findings: one.Findings}
		if failed, ok := one.Failed(); ok {
			section.Findings = append([]directory.Finding{{Severity: directory.Fault, Text: c.texts.Text("en", "rehearse.step."+failed.Name, nil) + ": " + failed.Err, Fix: failed.Fix}}, one.Findings...)
		}
		shown.Rows = newRows("r"+strconv.Itoa(i), section)
		out = append(out, shown)
	}
	return out, nil
}
