package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const proofHeader = "c2sp.org/tlog-proof@v1"

// Prove returns a file in the format of C2SP tlog-proof (".tlog-proof") that shows a stranger,
// offline, that r is at its place in the log. The record itself travels as extra data. Whoever
// must not see the personal part is given a proof of r with Personal set to nil.
func Prove(r Record, signed string, hashes tlog.HashReader) (string, error) {
	c, err := unsigned(signed)
	if err != nil {
		return "", err
	}
	if r.Seq < 0 || r.Seq >= c.Size {
		return "", fmt.Errorf("audit: event %s has no place in the checkpoint of size %d yet", r.ID, c.Size)
	}
	if _, _, fault := r.open(); fault != nil {
		return "", fault
	}
	p, err := tlog.ProveRecord(c.Size, r.Seq, hashes)
	if err != nil {
		return "", fmt.Errorf("audit: proving event %s: %w", r.ID, err)
	}
	if tlog.CheckRecord(p, c.Size, c.Root, r.Seq, tlog.RecordHash(r.Leaf)) != nil {
		return "", r.fault(StoredDiffers, "the record and the stored hashes do not make the signed root")
	}
	var b strings.Builder
	b.WriteString(proofHeader + "\nextra " + base64.StdEncoding.EncodeToString(encodeLine(r)))
	b.WriteString("\nindex " + strconv.FormatInt(r.Seq, 10) + "\n")
	for _, h := range p {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n" + signed)
	return b.String(), nil
}

// CheckProof returns the record that a file of Prove is about and the checkpoint that it is in,
// if the log of key, a C2SP vkey, has it there. It needs nothing else.
func CheckProof(text, key string) (Record, Checkpoint, error) {
	bad := func(detail string) (Record, Checkpoint, error) {
		return Record{}, Checkpoint{}, &Fault{Trouble: Malformed, Seq: -1, Detail: detail}
	}
	head, signed, ok := strings.Cut(text, "\n\n")
	if !ok || len(text) > 2*maxLine {
		return bad("this is not a proof")
	}
	r, p, err := parseProof(head)
	if err != nil {
		return bad(err.Error())
	}
	c, err := OpenCheckpoint(signed, key)
	if err != nil {
		return Record{}, Checkpoint{}, err
	}
	if _, _, fault := r.open(); fault != nil {
		return Record{}, Checkpoint{}, fault
	}
	if err := tlog.CheckRecord(p, c.Size, c.Root, r.Seq, tlog.RecordHash(r.Leaf)); err != nil {
		return Record{}, Checkpoint{}, r.fault(RootDiffers, "the log does not have this record at this place")
	}
	return r, c, nil
}

func parseProof(head string) (Record, tlog.RecordProof, error) {
	lines := strings.Split(head, "\n")
	if len(lines) < 3 || len(lines) > 3+63 || lines[0] != proofHeader {
		return Record{}, nil, errors.New("this is not a proof")
	}
	extra, ok := strings.CutPrefix(lines[1], "extra ")
	b, err := base64.StdEncoding.Strict().DecodeString(extra)
	if !ok || err != nil || strings.Contains(extra, "\r") {
		return Record{}, nil, errors.New("the proof has no record")
	}
	r, err := decodeLine(b)
	if err != nil {
		return Record{}, nil, fmt.Errorf("the proof's record: %w", err)
	}
	if lines[2] != "index "+strconv.FormatInt(r.Seq, 10) || r.Seq < 0 {
		return Record{}, nil, errors.New("the proof's index is not its record's")
	}
	p := tlog.RecordProof{}
	for _, s := range lines[3:] {
		h, err := parseHash(s)
		if err != nil {
			return Record{}, nil, fmt.Errorf("the proof's path: %w", err)
		}
		p = append(p, h)
	}
	return r, p, nil
}
