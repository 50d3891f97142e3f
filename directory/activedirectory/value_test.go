package activedirectory

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"
)

func TestGUID(t *testing.T) {
	// The example of MS-DTYP section 2.3.4.3: the first three parts are turned round.
	const text = "00299570-246d-11d0-a768-00aa006e0529"
	stored, _ := hex.DecodeString("709529006d24d011a76800aa006e0529")
	g, ok := parseGUID(text)
	if !ok || !bytes.Equal(g[:], stored) || g.String() != text {
		t.Errorf("got %x, %v and %s", g, ok, g)
	}
	for _, bad := range []string{"", "00299570246d11d0a76800aa006e0529", "00299570-246D-11D0-A768-00AA006E0529", "{" + text + "}",
		text + " ", "0029957-0246d-11d0-a768-00aa006e0529", "00299570-246d-11d0-a768-00aa006e052", "*", "00000000-0000-0000-0000-000000000000"} {
		if g, ok := parseGUID(bad); ok {
			t.Errorf("%q is read as %s", bad, g)
		}
	}
	if _, ok := readGUID(stored[:15]); ok {
		t.Error("15 bytes are a GUID")
	}
}

func TestSID(t *testing.T) {
	stored, _ := hex.DecodeString("010500000000000515000000" + "0bc2a20d" + "ef3632a1" + "fb752ef5" + "65040000")
	s, ok := readSID(append(stored, "what follows"...))
	if !ok || s.String() != "S-1-5-21-228770315-2704422639-4113462779-1125" {
		t.Errorf("got %s, %v", s, ok)
	}
	group, ok := s.beside(513)
	if !ok || group.String() != "S-1-5-21-228770315-2704422639-4113462779-513" {
		t.Errorf("got %s, %v", group, ok)
	}
	for n := range len(stored) {
		if s, ok := readSID(stored[:n]); ok {
			t.Errorf("%d bytes are %s", n, s)
		}
	}
	if _, ok := sid("short").beside(1); ok {
		t.Error("no identifier has a sibling")
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 11, 23, 0, 24, 5, 249402000, time.UTC)
	if got := moment(ticks(at)); !got.Equal(at) {
		t.Errorf("got %s, want %s", got, at)
	}
	if got := moment("116444736000000000"); got.Unix() != 0 || got.IsZero() {
		t.Errorf("1970: got %s", got)
	}
	if got := moment("132223104000000000"); got.Format(time.DateOnly) != "2020-01-01" {
		t.Errorf("2020: got %s", got)
	}
	for _, never := range []string{"", "0", "-1", "9223372036854775807", "soon"} {
		if got := moment(never); !got.IsZero() {
			t.Errorf("%q: got %s, want none", never, got)
		}
	}
	for in, want := range map[string]time.Duration{"-18000000000": 30 * time.Minute, "0": 0, "": 0, "5": 0, "-9223372036854775808": 0, "-1": 100} {
		if got, _ := span(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	if _, forever := span("-9223372036854775808"); !forever {
		t.Error("the least number has an end")
	}
	if d, forever := span("-92233720368547758"); forever || d != 9223372036854775800 {
		t.Errorf("the longest: got %s, %v", d, forever)
	}
}

func TestQuoted(t *testing.T) {
	if got, want := quoted("aé😀"), "\"\x00a\x00\xe9\x00\x3d\xd8\x00\xde\"\x00"; got != want {
		t.Errorf("got %x, want %x", got, want)
	}
}

func FuzzDescriptor(f *testing.F) {
	for _, s := range sampleDescriptors() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := readDescriptor(b)
		if err != nil && (d.listed || len(d.list) > 0) {
			t.Errorf("%x is refused and read", b)
		}
		for _, e := range d.list {
			if _, ok := readSID([]byte(e.who)); !ok {
				t.Errorf("%x: an entry for %x", b, e.who)
			}
		}
	})
}
