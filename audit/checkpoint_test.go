package audit

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "reset.example.org/audit"

// keys returns a key pair that is the same in every run.
func keys(t testing.TB, name string, seed byte) (note.Signer, string) {
	t.Helper()
	private, public, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)), name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

func sign(t testing.TB, text string, by ...note.Signer) string {
	t.Helper()
	b, err := note.Sign(&note.Note{Text: text}, by...)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The values of the example in C2SP tlog-checkpoint.
func TestCheckpointText(t *testing.T) {
	root := "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	h, err := tlog.ParseHash(root)
	if err != nil {
		t.Fatal(err)
	}
	text := "example.com/behind-the-sofa\n20852163\n" + root + "\n"
	want := Checkpoint{"example.com/behind-the-sofa", 20852163, h}
	if got, err := ParseCheckpoint(text); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got := want.Text(); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
	for _, bad := range []string{
		"", "\n\n\n", "a\n1\n", "a\n1\n" + root, "a\n1\n" + root + "\n\n", "a\n1\n" + root + "\nextension\n",
		"\n1\n" + root + "\n", "a b\n1\n" + root + "\n", "a+b\n1\n" + root + "\n", "a\x7f\n1\n" + root + "\n", "\xff\n1\n" + root + "\n",
		"a\n01\n" + root + "\n", "a\n-1\n" + root + "\n", "a\n+1\n" + root + "\n", "a\n\n" + root + "\n", "a\n1_0\n" + root + "\n",
		"a\n9223372036854775808\n" + root + "\n", "a\n1\r\n" + root + "\n", "a\n0x1\n" + root + "\n",
		"a\n1\n" + root[:43] + "\n", "a\n1\n" + root + " \n", "a\n1\n" + strings.Replace(root, "I=", "J=", 1) + "\n", "a\n1\nAAAA\n",
		"a\n0\n" + root + "\n", "go.sum database tree\n1\n" + root + "\n",
	} {
		if got, err := ParseCheckpoint(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
}

func TestOpenCheckpoint(t *testing.T) {
	log, key := keys(t, origin, 1)
	impostor, impostorKey := keys(t, origin, 2)
	witness, _ := keys(t, "witness.example", 3)
	c := Checkpoint{origin, 4, tlog.RecordHash([]byte("x"))}
	for name, signed := range map[string]string{"alone": sign(t, c.Text(), log), "witnessed": sign(t, c.Text(), witness, log)} {
		if got, err := OpenCheckpoint(signed, key); err != nil || got != c {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c)
		}
	}
	good := sign(t, c.Text(), log)
	for name, test := range map[string]struct {
		signed string
		want   Trouble
	}{
		"empty":          {"", BadSignature},
		"unsigned":       {c.Text(), BadSignature},
		"another key":    {sign(t, c.Text(), impostor), BadSignature},
		"witness only":   {sign(t, c.Text(), witness), BadSignature},
		"larger":         {strings.Replace(good, "\n4\n", "\n5\n", 1), BadSignature},
		"control":        {strings.Replace(good, "\n4\n", "\n4\x01\n", 1), BadSignature},
		"another origin": {sign(t, Checkpoint{"other.example", 4, c.Root}.Text(), log), BadCheckpoint},
		"extension":      {sign(t, c.Text()+"more\n", log), BadCheckpoint},
	} {
		_, err := OpenCheckpoint(test.signed, key)
		var f *Fault
		if !errors.As(err, &f) || f.Trouble != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	if _, err := OpenCheckpoint(good, impostorKey); err == nil {
		t.Error("another verifier accepted it")
	}
	var f *Fault
	if _, err := OpenCheckpoint(good, "not a key"); err == nil || errors.As(err, &f) {
		t.Errorf("an unusable key: got %v, want an error that is no fault of the log", err)
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add(Checkpoint{origin, 7, tlog.RecordHash(nil)}.Text())
	f.Add(Checkpoint{origin, 0, EmptyRoot()}.Text())
	f.Add("a\n00\nAAAA\n")
	log, key := keys(f, origin, 1)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCheckpoint(text)
		if err != nil {
			return
		}
		if got := c.Text(); got != text {
			t.Fatalf("got %q back from %q", got, text)
		}
		if c.Origin != origin {
			return
		}
		if got, err := OpenCheckpoint(sign(t, text, log), key); err != nil || got != c {
			t.Fatalf("signed: got %v, %v, want %v", got, err, c)
		}
	})
}

// A note that opens says what its text says, and its text was signed (TL-05).
func FuzzOpenCheckpoint(f *testing.F) {
	log, key := keys(f, origin, 1)
	good := sign(f, Checkpoint{origin, 7, tlog.RecordHash(nil)}.Text(), log)
	want, err := OpenCheckpoint(good, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good + "— witness.example AAAAAAAA\n")
	f.Fuzz(func(t *testing.T, signed string) {
		if got, err := OpenCheckpoint(signed, key); err == nil && got != want {
			t.Fatalf("opened something that was never signed: %v", got)
		}
	})
}
