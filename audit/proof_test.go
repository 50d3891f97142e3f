package audit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func TestProof(t *testing.T) {
	w := build(t, 9)
	for size := 1; size < len(w.checkpoints); size++ {
		for _, r := range w.records[:size] {
			for _, erased := range []bool{false, true} {
				if erased {
					r.Personal = nil
				}
				text, err := Prove(r, w.checkpoints[size], w.stored)
				if err != nil {
					t.Fatal(err)
				}
				got, c, err := CheckProof(text, w.key)
				if err != nil || !same(got, r) || c.Size != int64(size) {
					t.Fatalf("record %d of %d: got %+v, %v, %v", r.Seq, size, got, c, err)
				}
			}
		}
	}
	for _, r := range []Record{events(t, 1)[0], {Seq: 9}} {
		if _, err := Prove(r, w.head(), w.stored); err == nil {
			t.Errorf("proved a record at %d in a log of 9", r.Seq)
		}
	}
	moved := w.records[3]
	moved.Seq = 4
	if _, err := Prove(moved, w.head(), w.stored); err == nil {
		t.Error("proved a record at another's place")
	}
}

// TL-09: the file checks alone, and no byte of it can be changed to say something else.
func TestProofRefuses(t *testing.T) {
	w := build(t, 6)
	_, otherKey := keys(t, origin, 2)
	text, err := Prove(w.records[2], w.head(), w.stored)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(text, "\n", 5)
	if lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "extra ") || lines[2] != "index 2" || !strings.HasSuffix(text, "\n\n"+w.head()) {
		t.Errorf("not the form of C2SP tlog-proof:\n%s", text)
	}
	if _, _, err := CheckProof(text, otherKey); err == nil {
		t.Error("another log's key accepted it")
	}
	extra := func(r Record) string {
		return strings.Replace(text, lines[1], "extra "+base64.StdEncoding.EncodeToString(encodeLine(r)), 1)
	}
	other := w.records[3]
	other.Seq = 2
	personal := w.records[2]
	personal.Personal = bytes.Replace(personal.Personal, []byte("person2"), []byte("person4"), 1)
	for name, test := range map[string]struct {
		text string
		want Trouble
	}{
		"empty":          {"", Malformed},
		"no extra":       {strings.Replace(text, lines[1]+"\n", "", 1), Malformed},
		"version":        {strings.Replace(text, "@v1", "@v2", 1), Malformed},
		"index":          {strings.Replace(text, "index 2", "index 3", 1), Malformed},
		"leading zero":   {strings.Replace(text, "index 2", "index 02", 1), Malformed},
		"short path":     {strings.Replace(text, lines[3]+"\n", "", 1), RootDiffers},
		"long path":      {strings.Replace(text, lines[3], lines[3]+"\n"+lines[3], 1), RootDiffers},
		"malformed path": {strings.Replace(text, lines[3], lines[3]+"x", 1), Malformed},
		"other record":   {extra(other), RootDiffers},
		"other person":   {extra(personal), PersonalAltered},
		"too long":       {text + strings.Repeat(" ", 2*maxLine), Malformed},
	} {
		_, _, err := CheckProof(test.text, w.key)
		var f *Fault
		if !errors.As(err, &f) || f.Trouble != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	for i := range text {
		bad := []byte(text)
		bad[i] ^= 1
		if r, c, err := CheckProof(string(bad), w.key); err == nil && (!same(r, w.records[2]) || c.Size != 6) {
			t.Errorf("byte %d altered: accepted %+v", i, r)
		}
	}
}

func FuzzProof(f *testing.F) {
	w := build(f, 6)
	for _, r := range w.records {
		text, err := Prove(r, w.head(), w.stored)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, _, err := CheckProof(text, w.key)
		if err != nil {
			return
		}
		want := w.records[r.Seq]
		if len(r.Personal) == 0 {
			want.Personal = nil
		}
		if !same(r, want) {
			t.Fatalf("accepted %+v in the place of %+v", r, want)
		}
	})
}
