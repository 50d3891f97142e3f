package audit

import (
	"bytes"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// world is a log with n records, signed at every size.
type world struct {
	signer      note.Signer
	key         string
	records     []Record
	stored      memory
	checkpoints []string // by size
}

func build(t testing.TB, n int) world {
	t.Helper()
	signer, key := keys(t, origin, 1)
	w := world{signer: signer, key: key, records: events(t, n), checkpoints: []string{""}}
	head := Checkpoint{Origin: origin, Root: EmptyRoot()}
	for i := range w.records {
		hashes, next, err := head.Extend(w.records[i:i+1], w.stored)
		if err != nil {
			t.Fatal(err)
		}
		head = next
		w.records[i].Seq = int64(i)
		w.stored = append(w.stored, hashes...)
		w.checkpoints = append(w.checkpoints, sign(t, head.Text(), signer))
	}
	return w
}

func (w world) head() string { return w.checkpoints[len(w.checkpoints)-1] }

func all(records []Record) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// trouble returns what Verify finds in records, with stored hashes and without.
func (w world) trouble(t testing.TB, records []Record, older string) (with, without *Fault) {
	t.Helper()
	check := Check{Records: all(records), Checkpoint: w.head(), Key: w.key, Older: older}
	_, err := Verify(check)
	if err != nil && !errors.As(err, &without) {
		t.Fatalf("got %v, want a fault", err)
	}
	check.Hashes = w.stored
	if _, err = Verify(check); err != nil && !errors.As(err, &with) {
		t.Fatalf("with stored hashes: got %v, want a fault", err)
	}
	if (with == nil) != (without == nil) {
		t.Fatalf("with stored hashes %v, without %v", with, without)
	}
	return with, without
}

func TestVerifySound(t *testing.T) {
	w := build(t, 11)
	waiting := events(t, 13)[11:]
	w.records[4].Personal, w.records[6].Personal = nil, []byte{}
	head, err := OpenCheckpoint(w.head(), w.key)
	if err != nil {
		t.Fatal(err)
	}
	for size, older := range w.checkpoints {
		got, err := Verify(Check{Records: all(append(slices.Clone(w.records), waiting...)), Checkpoint: w.head(), Key: w.key, Older: older, Hashes: w.stored})
		want := Report{Checkpoint: head, Pending: 2, Erased: 2, Older: int64(size)}
		if err != nil || got != want {
			t.Errorf("older checkpoint of size %d: got %+v, %v, want %+v", size, got, err, want)
		}
		// The log may have grown since the checkpoint was read: what is newer waits.
		if size == 0 {
			continue
		}
		got, err = Verify(Check{Records: all(append(slices.Clone(waiting), w.records...)), Checkpoint: older, Key: w.key, Hashes: w.stored})
		if err != nil || got.Size != int64(size) || got.Pending != int64(2+11-size) {
			t.Errorf("checkpoint of size %d: got %+v, %v", size, got, err)
		}
	}
	if got, err := Verify(Check{Records: all(waiting), Key: w.key}); err != nil || got.Size != 0 || got.Pending != 2 {
		t.Errorf("before the first checkpoint: got %+v, %v", got, err)
	}
	empty := sign(t, Checkpoint{Origin: origin, Root: EmptyRoot()}.Text(), w.signer)
	if got, err := Verify(Check{Records: all(nil), Checkpoint: empty, Key: w.key, Older: empty}); err != nil || got.Size != 0 {
		t.Errorf("a signed empty log: got %+v, %v", got, err)
	}
}

// The law: no bit of any leaf can be changed, neither bluntly nor so that leaf and columns still
// belong together.
func TestAnyBitOfAnyLeaf(t *testing.T) {
	w := build(t, 3)
	for i := range w.records {
		for bit := range len(w.records[i].Leaf) * 8 {
			records := slices.Clone(w.records)
			l := bytes.Clone(records[i].Leaf)
			l[bit/8] ^= 1 << (bit % 8)
			records[i].Leaf = l
			if with, without := w.trouble(t, records, ""); with == nil || without == nil {
				t.Fatalf("bit %d of leaf %d altered: nothing found in %q", bit, i, l)
			}
			r, err := place(int64(i), l, records[i].Personal)
			if err != nil {
				continue // not a leaf any more: found above
			}
			records[i] = r
			with, without := w.trouble(t, records, "")
			if with == nil || with.Seq != int64(i) || with.Trouble != Altered && with.Trouble != PersonalAltered {
				t.Fatalf("bit %d of leaf %d altered with its columns: got %v", bit, i, with)
			}
			if without.Trouble != RootDiffers && without.Trouble != PersonalAltered {
				t.Fatalf("bit %d of leaf %d altered with its columns: got %v", bit, i, without)
			}
		}
	}
}

// The law: nothing can be taken out, exchanged, repeated or put in, with numbers kept or redone.
func TestAnyRearrangement(t *testing.T) {
	w := build(t, 9)
	n := len(w.records)
	extra := events(t, n+1)[n]
	expect := func(what string, records []Record, kept, redone Trouble) {
		t.Helper()
		f, g := w.trouble(t, records, "")
		if f == nil || f.Trouble != kept || g.Trouble != kept {
			t.Errorf("%s: got %v and %v, want %s", what, f, g, kept)
		}
		records = slices.Clone(records)
		for i := range records {
			records[i].Seq = int64(i)
		}
		if _, f = w.trouble(t, records, ""); f == nil || f.Trouble != redone {
			t.Errorf("%s, renumbered: got %v, want %s", what, f, redone)
		}
	}
	for i := range n {
		expect("removed", slices.Delete(slices.Clone(w.records), i, i+1), Missing, Missing)
		extra.Seq = int64(i)
		replaced := slices.Clone(w.records)
		replaced[i] = extra
		if with, _ := w.trouble(t, replaced, ""); with == nil || with.Trouble != Altered || with.Seq != int64(i) {
			t.Errorf("replaced at %d: got %v", i, with)
		}
		for j := range i {
			swapped := slices.Clone(w.records)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			expect("swapped", swapped, Missing, RootDiffers)
			repeated := slices.Clone(w.records)
			repeated[i] = repeated[j]
			expect("repeated", repeated, Reordered, RootDiffers)
		}
	}
	odd := slices.Clone(w.records)
	odd[3].Seq = -7
	if _, f := w.trouble(t, odd, ""); f == nil || f.Trouble != Reordered {
		t.Errorf("at an impossible place: got %v", f)
	}
	// Put in and renumbered: what is pushed beyond the checkpoint only counts as waiting.
	put := slices.Insert(slices.Clone(w.records), 2, extra)
	for i := range put {
		put[i].Seq = int64(i)
	}
	if with, without := w.trouble(t, put, ""); with == nil || with.Trouble != Altered || with.Seq != 2 || without.Trouble != RootDiffers {
		t.Errorf("put in: got %v and %v", with, without)
	}
}

// Whoever has the signing key can rewrite everything but a checkpoint that was kept elsewhere.
func TestOlderCheckpoint(t *testing.T) {
	w := build(t, 9)
	rewritten := build(t, 9)
	other := events(t, 10)[9]
	head := Checkpoint{Origin: origin, Root: EmptyRoot()}
	rewritten.records[3], rewritten.stored = other, nil
	hashes, head, err := head.Extend(rewritten.records, rewritten.stored)
	if err != nil {
		t.Fatal(err)
	}
	rewritten.records[3].Seq = 3
	rewritten.stored, rewritten.checkpoints = hashes, []string{sign(t, head.Text(), w.signer)}
	for size := 1; size <= 9; size++ {
		f, _ := rewritten.trouble(t, rewritten.records, w.checkpoints[size])
		if size <= 3 && f != nil {
			t.Errorf("size %d, before what was rewritten: got %v", size, f)
		}
		if size > 3 && (f == nil || f.Trouble != Rewritten) {
			t.Errorf("size %d: got %v, want %s", size, f, Rewritten)
		}
		short := w
		short.checkpoints = w.checkpoints[:size]
		want := Shrunk
		if size == 1 {
			short.checkpoints = []string{""}
		}
		if f, _ := short.trouble(t, w.records[:size-1], w.checkpoints[size]); f == nil || f.Trouble != want {
			t.Errorf("cut to %d: got %v, want %s", size-1, f, want)
		}
	}
	impostor, _ := keys(t, origin, 2)
	f, _ := w.trouble(t, w.records, sign(t, head.Text(), impostor))
	if f == nil || f.Trouble != BadSignature || !strings.Contains(f.Error(), "older") {
		t.Errorf("an older checkpoint by somebody else: got %v", f)
	}
}

func TestVerifyFaults(t *testing.T) {
	w := build(t, 7)
	verify := func(edit func(*Check)) error {
		c := Check{Records: all(w.records), Checkpoint: w.head(), Key: w.key, Hashes: w.stored}
		edit(&c)
		_, err := Verify(c)
		return err
	}
	impostor, _ := keys(t, origin, 2)
	wrong := sign(t, Checkpoint{origin, 7, tlog.RecordHash(nil)}.Text(), w.signer)
	personal := slices.Clone(w.records)
	personal[2].Personal = bytes.Replace(personal[2].Personal, []byte("person2"), []byte("person4"), 1)
	for name, test := range map[string]struct {
		edit func(*Check)
		want Fault
	}{
		"signed by another": {func(c *Check) {
			c.Checkpoint = sign(t, Checkpoint{origin, 7, treeHash(leaves(w.records))}.Text(), impostor)
		}, Fault{Trouble: BadSignature, Seq: -1}},
		"no checkpoint": {func(c *Check) { c.Checkpoint = "" }, Fault{Trouble: BadSignature, Seq: -1}},
		"another root":  {func(c *Check) { c.Checkpoint, c.Hashes = wrong, nil }, Fault{Trouble: RootDiffers, Seq: -1}},
		"cut off":       {func(c *Check) { c.Records = all(w.records[:5]) }, Fault{Trouble: Missing, Seq: 5}},
		"nothing left":  {func(c *Check) { c.Records = all(nil) }, Fault{Trouble: Missing, Seq: 0}},
		"personal":      {func(c *Check) { c.Records = all(personal) }, Fault{Trouble: PersonalAltered, Seq: 2, ID: "e2"}},
	} {
		var f *Fault
		if err := verify(test.edit); !errors.As(err, &f) || f.Trouble != test.want.Trouble || f.Seq != test.want.Seq || f.ID != test.want.ID {
			t.Errorf("%s: got %v, want %s at %d", name, err, test.want.Trouble, test.want.Seq)
		}
	}
	// A damaged stored hash is told from a damaged record.
	for i := range w.stored {
		stored := slices.Clone(w.stored)
		stored[i][0] ^= 1
		var f *Fault
		if err := verify(func(c *Check) { c.Hashes = stored }); !errors.As(err, &f) || f.Trouble != StoredDiffers {
			t.Errorf("stored hash %d: got %v", i, err)
		}
	}
	// What cannot be read proves nothing, and says so.
	broken := errors.New("disk")
	var f *Fault
	for name, edit := range map[string]func(*Check){
		"records": func(c *Check) { c.Records = func(yield func(Record, error) bool) { yield(Record{}, broken) } },
		"hashes": func(c *Check) {
			c.Hashes = tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, broken })
		},
	} {
		if err := verify(edit); !errors.Is(err, broken) || errors.As(err, &f) {
			t.Errorf("%s: got %v, want %v and no fault", name, err, broken)
		}
	}
	if err := verify(func(c *Check) { c.Hashes = memory(nil) }); err == nil {
		t.Error("hashes that are gone were not missed")
	}
}

// More records than are compared at a time.
func TestAlteredIsNamedInALargeLog(t *testing.T) {
	w := world{records: events(t, 1300)}
	w.signer, w.key = keys(t, origin, 1)
	hashes, head, err := Checkpoint{Origin: origin, Root: EmptyRoot()}.Extend(w.records, memory{})
	if err != nil {
		t.Fatal(err)
	}
	w.stored, w.checkpoints = hashes, []string{sign(t, head.Text(), w.signer)}
	for i := range w.records {
		w.records[i].Seq = int64(i)
	}
	if with, without := w.trouble(t, w.records, ""); with != nil || without != nil {
		t.Fatalf("a sound log: got %v, %v", with, without)
	}
	for _, at := range []int64{0, 511, 512, 1023, 1024, 1299} {
		records := slices.Clone(w.records)
		r, err := place(at, bytes.Replace(records[at].Leaf, []byte(`"kind":"`), []byte(`"kind":"x`), 1), records[at].Personal)
		if err != nil {
			t.Fatal(err)
		}
		records[at] = r
		if with, _ := w.trouble(t, records, ""); with == nil || with.Trouble != Altered || with.Seq != at || with.ID != r.ID {
			t.Errorf("at %d: got %v", at, with)
		}
	}
}

// spoil changes a log in one way that op chooses. It reports whether anything is different.
func spoil(w world, op, i, j int, bit uint) (out []Record, changed bool) {
	out = slices.Clone(w.records)
	n := len(out)
	i, j = i%n, j%n
	renumber := func() {
		for k := range out {
			out[k].Seq = int64(k)
		}
	}
	switch op % 6 {
	case 0: // a bit of a leaf
		l := bytes.Clone(out[i].Leaf)
		l[int(bit/8)%len(l)] ^= 1 << (bit % 8)
		out[i].Leaf = l
		if r, err := place(int64(i), l, out[i].Personal); err == nil {
			out[i] = r
		}
	case 1: // a bit of a personal part
		if len(out[i].Personal) == 0 {
			return out, false
		}
		p := bytes.Clone(out[i].Personal)
		p[int(bit/8)%len(p)] ^= 1 << (bit % 8)
		out[i].Personal = p
	case 2:
		out = slices.Delete(out, i, i+1)
		renumber()
	case 3:
		out[i], out[j] = out[j], out[i]
		renumber()
		return out, i != j
	case 4:
		out = slices.Insert(out, i, out[j])
		renumber()
		return out, i != j || i != n-1 // the last one repeated lies beyond the checkpoint
	case 5: // the personal part of one beside the leaf of another
		out[i].Personal = out[j].Personal
		return out, i != j && len(out[j].Personal) > 0
	}
	return out, true
}

func TestSpoiledAtRandom(t *testing.T) {
	w := build(t, 13)
	rng := rand.New(rand.NewPCG(3, 4))
	found := map[Trouble]int{}
	for range 1500 {
		op, i, j, bit := rng.IntN(6), rng.IntN(13), rng.IntN(13), uint(rng.IntN(1<<14))
		records, changed := spoil(w, op, i, j, bit)
		with, _ := w.trouble(t, records, w.checkpoints[rng.IntN(14)])
		if changed && with == nil {
			t.Fatalf("op %d, %d, %d, bit %d: nothing found", op, i, j, bit)
		}
		if with != nil {
			found[with.Trouble]++
		}
	}
	for _, want := range []Trouble{Altered, PersonalAltered, Missing} {
		if found[want] == 0 {
			t.Errorf("never found: %s; got %v", want, found)
		}
	}
}

func FuzzVerify(f *testing.F) {
	w := build(f, 13)
	for op := range 6 {
		f.Add(uint8(op), uint8(3), uint8(8), uint16(999))
	}
	f.Fuzz(func(t *testing.T, op, i, j uint8, bit uint16) {
		records, changed := spoil(w, int(op), int(i), int(j), uint(bit))
		if with, _ := w.trouble(t, records, w.checkpoints[int(bit)%14]); changed && with == nil {
			t.Fatal("nothing found")
		}
	})
}
