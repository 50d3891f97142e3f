package bench

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"postern/internal/testenv"
)

// What may be tried besides "make bench".
var (
	scale    = flag.Float64("scale", 1, "part of the resets that are made")
	existing = flag.String("program", "", "measure this program instead of building one, to compare two")
)

// rounds is how often each measurement is made, in turn with the raw one.
const rounds = 3

// load is one row of the table: so many clients, who make so many resets in each round.
type load struct{ clients, resets int }

var loads = []load{{1, 15}, {32, 320}, {256, 768}}

func (l load) scaled() load {
	return load{l.clients, max(1, int(float64(l.resets)**scale))}
}

// moments are the reply moments that are tried: the default, and one that hides less.
var moments = []time.Duration{200 * time.Millisecond, 25 * time.Millisecond}

// TestMain prints the table after everything else, whole.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	table.print(os.Stdout)
	os.Exit(code)
}

// BenchmarkReset is complete resets beside the directory's own speed, in turn.
func BenchmarkReset(b *testing.B) {
	people := 0
	for _, l := range loads {
		people += l.scaled().resets * rounds
	}
	program := build(b)
	c := newCompany(b, people)
	for _, moment := range moments {
		c.again()
		s := c.serve(b, program, moment)
		v := &visitors{client: newClient(s.at, 256), api: "http://" + s.host() + "/api/v1", mail: watch(b, c.mailbox())}
		for _, l := range loads {
			b.Run(fmt.Sprintf("moment=%s/clients=%d", moment, l.clients), func(b *testing.B) {
				c.measure(b, s, v, l.scaled(), moment)
			})
		}
		rss, own := s.memory(b)
		table.note("RSS after the load of moment %s: %.1f MB, %.1f MB of it not pages of files", moment, rss, own)
		v.client.CloseIdleConnections()
		v.mail.stop()
		s.stop()
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkTarget is complete resets that end in two directories, to be read beside the row of
// BenchmarkReset with as many clients and the same moment: what a second directory costs.
func BenchmarkTarget(b *testing.B) {
	l, moment := load{32, 160}.scaled(), moments[0]
	program := build(b)
	c := newCompany(b, l.resets*rounds)
	c.target = testenv.Slapd(b, testenv.SlapdOptions{Extra: l.resets * rounds})
	s := c.serve(b, program, moment)
	v := &visitors{client: newClient(s.at, l.clients), api: "http://" + s.host() + "/api/v1", mail: watch(b, c.mailbox()), target: targetTitle}
	b.Run(fmt.Sprintf("moment=%s/clients=%d", moment, l.clients), func(b *testing.B) { c.measure(b, s, v, l, moment) })
	v.client.CloseIdleConnections()
	v.mail.stop()
	s.stop()
}

// targets is how many directories get the password besides the person's own.
func (c *company) targets() int {
	if c.target == nil {
		return 0
	}
	return 1
}

// again lets everybody reset once more, when the code that they used last is over (RFC 6238 section
// 5.2: each is good for once).
func (c *company) again() {
	c.next = 0
	if !c.last.IsZero() {
		<-time.After(time.Until(c.last.Add(31 * time.Second)))
	}
}

// measure makes the rounds of one row.
func (c *company) measure(b *testing.B, s *server, v *visitors, l load, moment time.Duration) {
	r := c.raw(b, min(l.clients, connections))
	var raws, rates, ratios, cpus []float64
	var all []took
	for range rounds {
		exops := r.measure(b, c)
		told, before := v.mail.told(), s.cpu(b)
		took, elapsed := c.resets(b, v, l.clients, l.resets)
		testenv.WaitFor(b, "the notices", time.Minute, func() error {
			if n := v.mail.told() - told; n < l.resets {
				return fmt.Errorf("%d of %d came", n, l.resets)
			}
			return nil
		})
		settle()
		rate := float64(l.resets) / elapsed.Seconds()
		raws, rates, ratios = append(raws, exops), append(rates, rate), append(ratios, rate/exops)
		cpus = append(cpus, float64(s.cpu(b)-before)/1e6/float64(l.resets))
		all = append(all, took...)
	}
	whole := spread(all, took.whole)
	row := row{moment: moment, clients: l.clients, targets: c.targets(), resets: len(all), exops: median(raws), rate: median(rates),
		ratio: median(ratios), cpu: median(cpus), whole: whole}
	for i := range steps {
		row.steps[i] = spread(all, func(t took) time.Duration { return t[i] })
	}
	table.rows = append(table.rows, row)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(row.exops, "exop/s")
	b.ReportMetric(row.rate, "reset/s")
	b.ReportMetric(row.ratio, "reset/exop")
	b.ReportMetric(row.cpu, "cpu-ms/reset")
	b.ReportMetric(ms(whole.p50), "p50-ms")
	b.ReportMetric(ms(whole.p99), "p99-ms")
}

// settle lets the sequencer, which runs twice a second, place the last records: their cost belongs
// to the resets.
func settle() {
	<-time.After(1200 * time.Millisecond)
}

// BenchmarkStart is from exec to the first answers, idle memory, and the program's size.
func BenchmarkStart(b *testing.B) {
	program := build(b)
	c := newCompany(b, 10)
	var alive, ready []float64
	const starts = 10
	for range starts {
		s := c.serve(b, program, moments[0])
		alive, ready = append(alive, ms(s.alive)), append(ready, ms(s.ready))
		s.stop()
	}
	s := c.serve(b, program, moments[0])
	settle()
	settle()
	rss, own := s.memory(b)
	s.stop()
	info, err := os.Stat(program)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(alive), "alive-ms")
	b.ReportMetric(median(ready), "ready-ms")
	b.ReportMetric(rss, "idle-MB")
	b.ReportMetric(own, "idle-own-MB")
	b.ReportMetric(float64(info.Size())/1e6, "program-MB")
	table.note("From exec to 200 of /healthz %.0f ms, of /readyz %.0f ms (median of %d); idle RSS %.1f MB, %.1f MB of it not pages of files; program %.1f MB",
		median(alive), median(ready), starts, rss, own, float64(info.Size())/1e6)
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// percentiles of a duration.
type percentiles struct{ p50, p99 time.Duration }

func spread(all []took, of func(took) time.Duration) percentiles {
	d := make([]time.Duration, len(all))
	for i, t := range all {
		d[i] = of(t)
	}
	slices.Sort(d)
	at := func(part float64) time.Duration { return d[min(len(d)-1, int(part*float64(len(d))))] }
	return percentiles{at(0.50), at(0.99)}
}

// row is what one load gave.
type row struct {
	moment             time.Duration
	clients, resets    int
	targets            int // directories that got the password besides
	exops, rate, ratio float64
	cpu                float64 // ms for each reset
	whole              percentiles
	steps              [steps]percentiles
}

// results is the table that is printed at the end.
type results struct {
	rows  []row
	notes []string
}

var table results

func (r *results) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *results) print(to io.Writer) {
	if len(r.rows)+len(r.notes) == 0 {
		return
	}
	average, _ := os.ReadFile("/proc/loadavg")
	fmt.Fprintf(to, "\n%s, %d processors, load average now %s\n", runtime.Version(), runtime.NumCPU(),
		strings.Join(strings.Fields(string(average))[:min(3, len(strings.Fields(string(average))))], " "))
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "moment\tclients\ttargets\tresets\texop/s\treset/s\tratio\tcpu ms\tp50 ms\tp99 ms\tp99/p50\t")
	for _, x := range r.rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.0f\t%.1f\t%.2f\t%.2f\t%.0f\t%.0f\t%.2f\t\n", x.moment, x.clients, x.targets, x.resets, x.exops, x.rate,
			x.ratio, x.cpu, ms(x.whole.p50), ms(x.whole.p99), float64(x.whole.p99)/float64(cmp.Or(x.whole.p50, 1)))
	}
	_ = w.Flush() // as of any program that prints
	fmt.Fprintln(to, "\nThe steps, p50/p99 in ms:")
	w = tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "moment\tclients\ttargets\t%s\t\n", strings.Join(stepNames[:], "\t"))
	for _, x := range r.rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t", x.moment, x.clients, x.targets)
		for _, s := range x.steps {
			fmt.Fprintf(w, "%.1f/%.1f\t", ms(s.p50), ms(s.p99))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	for _, n := range r.notes {
		fmt.Fprintln(to, n)
	}
}
