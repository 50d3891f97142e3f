package audit

import (
	"bytes"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func export(t testing.TB, w world, records []Record) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteExport(&b, all(records), w.head()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func same(a, b Record) bool {
	return a.Seq == b.Seq && a.ID == b.ID && a.Kind == b.Kind && a.At.Equal(b.At) &&
		bytes.Equal(a.Leaf, b.Leaf) && bytes.Equal(a.Personal, b.Personal)
}

func TestExport(t *testing.T) {
	w := build(t, 6)
	w.records[2].Personal = nil
	waiting := events(t, 8)[6:]
	file := export(t, w, append(slices.Clone(w.records), waiting...))
	for name, x := range map[string]*Reader{
		"at once":      NewReader(bytes.NewReader(file)),
		"byte by byte": NewReader(iotest.OneByteReader(bytes.NewReader(file))),
	} {
		var got []Record
		for r, err := range x.Records() {
			if err != nil {
				t.Fatal(name, err)
			}
			got = append(got, r)
		}
		if !slices.EqualFunc(got, append(slices.Clone(w.records), waiting...), same) {
			t.Errorf("%s: got %+v", name, got)
		}
		if x.Checkpoint() != w.head() {
			t.Errorf("%s: got checkpoint %q", name, x.Checkpoint())
		}
	}
	report, err := VerifyExport(bytes.NewReader(file), w.key, w.checkpoints[4])
	if err != nil || report.Size != 6 || report.Pending != 2 || report.Erased != 1 || report.Older != 4 {
		t.Errorf("got %+v, %v", report, err)
	}
	if got, want := strings.Count(string(file), "\n"), 9; got != want {
		t.Errorf("got %d lines, want %d", got, want)
	}
	first := `{"hash":"` + tlogHash(w.records[0].Leaf) + `","leaf":{"at":"`
	if !strings.HasPrefix(string(file), first) {
		t.Errorf("got %.120s…, want %s…", file, first)
	}
	// What the checkpoint does not cover yet is exported as waiting, with a place or without.
	w.checkpoints = w.checkpoints[:4]
	report, err = VerifyExport(bytes.NewReader(export(t, w, w.records)), w.key, "")
	if err != nil || report.Size != 3 || report.Pending != 3 {
		t.Errorf("an older checkpoint: got %+v, %v", report, err)
	}
	w.checkpoints = w.checkpoints[:1]
	report, err = VerifyExport(bytes.NewReader(export(t, w, waiting)), w.key, "")
	if err != nil || report.Size != 0 || report.Pending != 2 {
		t.Errorf("no checkpoint yet: got %+v, %v", report, err)
	}
}

func tlogHash(b []byte) string { return (Checkpoint{Root: treeHash([][]byte{b})}).Root.String() }

func TestExportRefuses(t *testing.T) {
	w := build(t, 4)
	file := string(export(t, w, w.records))
	lines := strings.SplitAfter(file, "\n")
	join := func(l ...string) string { return strings.Join(l, "") }
	big := strings.Repeat(" ", maxLine)
	for name, test := range map[string]struct {
		file string
		want Trouble
	}{
		"empty":                {"", Malformed},
		"cut in a line":        {file[:200], Malformed},
		"cut after a line":     {lines[0], Malformed},
		"last byte":            {file[:len(file)-1], Malformed},
		"checkpoint gone":      {join(lines[:4]...), Malformed},
		"line gone":            {join(lines[0], lines[2], lines[3], lines[4]), Missing},
		"last record gone":     {join(lines[0], lines[1], lines[2], lines[4]), Missing},
		"exchanged":            {join(lines[1], lines[0], lines[2], lines[3], lines[4]), Missing},
		"twice":                {join(lines[0], lines[0], lines[1], lines[2], lines[3], lines[4]), Reordered},
		"more after the end":   {file + "\n", Malformed},
		"two files":            {file + file, Malformed},
		"too long a line":      {big + file, Malformed},
		"white space":          {" " + file, Malformed},
		"Windows line ends":    {strings.ReplaceAll(file, "\n", "\r\n"), Malformed},
		"unknown key":          {strings.Replace(file, `"seq"`, `"x":1,"seq"`, 1), Malformed},
		"altered value":        {strings.Replace(file, `"attempt":"2"`, `"attempt":"7"`, 1), Malformed},
		"altered person":       {strings.Replace(file, "person2", "person4", 1), PersonalAltered},
		"larger than signed":   {join(lines[:4]...) + string(encodeEnd(ending{w.checkpoints[3]})) + "\n", RootDiffers},
		"records, not signed":  {join(lines[:4]...) + string(encodeEnd(ending{""})) + "\n", BadSignature},
		"signature altered":    {strings.Replace(file, `\u000a4\u000a`, `\u000a3\u000a`, 1), BadSignature},
		"consistently altered": {strings.Replace(file, lines[2], rewrite(t, w.records[2]), 1), RootDiffers},
	} {
		_, err := VerifyExport(strings.NewReader(test.file), w.key, "")
		var f *Fault
		if !errors.As(err, &f) || f.Trouble != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	broken := errors.New("disk")
	var f *Fault
	if _, err := VerifyExport(iotest.ErrReader(broken), w.key, ""); !errors.Is(err, broken) || errors.As(err, &f) {
		t.Errorf("an unreadable file: got %v, want %v and no fault", err, broken)
	}
}

// rewrite returns the line of r with another attempt, and everything beside it in agreement.
func rewrite(t *testing.T, r Record) string {
	t.Helper()
	r.Leaf = bytes.Replace(r.Leaf, []byte(`"attempt":"2"`), []byte(`"attempt":"9"`), 1)
	return string(encodeLine(r)) + "\n"
}

func TestWriteExportRefuses(t *testing.T) {
	w := build(t, 3)
	var b bytes.Buffer
	bad := slices.Clone(w.records)
	bad[1].Leaf = []byte("x\n")
	var f *Fault
	if err := WriteExport(&b, all(bad), w.head()); !errors.As(err, &f) || f.Trouble != Altered || f.Seq != 1 {
		t.Errorf("an altered record: got %v", err)
	}
	if err := WriteExport(&b, all(nil), "nothing"); err == nil {
		t.Error("a checkpoint that is none was written")
	}
	broken := errors.New("disk")
	failing := iter.Seq2[Record, error](func(yield func(Record, error) bool) { yield(Record{}, broken) })
	if err := WriteExport(&b, failing, w.head()); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if err := WriteExport(failingWriter{broken}, all(w.records), w.head()); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// accepted reports whether file passes verification. It fails when file then says something else
// than was exported.
func accepted(t *testing.T, w world, file []byte) bool {
	t.Helper()
	if _, err := VerifyExport(bytes.NewReader(file), w.key, ""); err != nil {
		return false
	}
	i := 0
	x := NewReader(bytes.NewReader(file))
	for r, err := range x.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq < 0 {
			continue // what waits is not signed yet
		}
		want := w.records[i]
		if len(r.Personal) == 0 {
			want.Personal = nil // erased, which is counted
		}
		if !same(r, want) {
			t.Fatalf("accepted %+v in the place of %+v", r, want)
		}
		i++
	}
	if c, err := OpenCheckpoint(x.Checkpoint(), w.key); err != nil || c.Size != int64(i) {
		t.Fatalf("accepted %d records under checkpoint %v, %v", i, c, err)
	}
	return true
}

func TestAnyBitOfAnExport(t *testing.T) {
	w := build(t, 2)
	file := export(t, w, w.records)
	passed := 0
	for bit := range len(file) * 8 {
		bad := bytes.Clone(file)
		bad[bit/8] ^= 1 << (bit % 8)
		if accepted(t, w, bad) {
			passed++
		}
	}
	// Only the two unused bits at the end of the signature's base64 change nothing.
	if passed > 3 {
		t.Errorf("%d altered bits passed", passed)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		bad := bytes.Clone(file)
		from, to := rng.IntN(len(bad)), rng.IntN(len(bad))
		copy(bad[from:], bad[to:min(len(bad), to+rng.IntN(60))])
		accepted(t, w, bad)
	}
}

func FuzzExport(f *testing.F) {
	w := build(f, 3)
	f.Add(export(f, w, w.records))
	f.Add(export(f, w, append(slices.Clone(w.records), events(f, 4)[3])))
	w.records[0].Personal = nil
	f.Add(export(f, w, w.records))
	w = build(f, 3)
	f.Fuzz(func(t *testing.T, file []byte) { accepted(t, w, file) })
}
