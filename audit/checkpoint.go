package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is what is signed: which log, how many leaves, and their root.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// Text returns the note text of C2SP tlog-checkpoint: origin, decimal size, base64 root, each on
// a line of its own.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

// ParseCheckpoint reads exactly what Text writes. Extension lines, which C2SP tlog-checkpoint
// advises against, are refused: this log has none.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("audit: a checkpoint has three lines, not %d", strings.Count(text, "\n"))
	}
	if !usableOrigin(lines[0]) {
		return Checkpoint{}, errors.New("audit: the checkpoint's origin is malformed")
	}
	size, err := parseCount(lines[1])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("audit: the checkpoint's size: %w", err)
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("audit: the checkpoint's root: %w", err)
	}
	if size == 0 && root != EmptyRoot() {
		return Checkpoint{}, errors.New("audit: the checkpoint is of no leaves and has another root")
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// OpenCheckpoint returns the checkpoint of a signed note, if key, a C2SP vkey, signed it and it
// names the key's log. Signatures by unknown keys, such as witnesses', are ignored. The error is
// a *Fault unless the key itself is unusable.
func OpenCheckpoint(signed, key string) (Checkpoint, error) {
	v, err := note.NewVerifier(key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("audit: the verifier key: %w", err)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, &Fault{Trouble: BadSignature, Seq: -1, Detail: err.Error()}
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, &Fault{Trouble: BadCheckpoint, Seq: -1, Detail: err.Error()}
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, &Fault{Trouble: BadCheckpoint, Seq: -1,
			Detail: "it is of log " + quote(c.Origin) + ", and the key is of " + quote(v.Name())}
	}
	return c, nil
}

// unsigned returns the checkpoint of a signed note without looking at its signatures, for those
// who wrote it themselves.
func unsigned(signed string) (Checkpoint, error) {
	text, _, ok := strings.Cut(signed, "\n\n")
	if !ok {
		return Checkpoint{}, errors.New("audit: the checkpoint is not a signed note")
	}
	return ParseCheckpoint(text + "\n")
}

// usableOrigin reports whether s can name a log: it must also do as the name of a signed note's
// key (C2SP signed-note, "Format").
func usableOrigin(s string) bool {
	bad := func(r rune) bool { return r == '+' || unicode.IsSpace(r) || unicode.IsControl(r) }
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, bad)
}

// parseCount reads a decimal number without sign or leading zeros.
func parseCount(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, errors.New("not a plain decimal number")
	}
	return n, nil
}

// parseHash reads the one base64 form of a hash.
func parseHash(s string) (tlog.Hash, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != tlog.HashSize || strings.ContainsAny(s, "\r\n") {
		return tlog.Hash{}, errors.New("not a base64 SHA-256 hash")
	}
	return tlog.Hash(b), nil
}
