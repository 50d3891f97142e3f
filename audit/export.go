package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// An export is lines of canonical JSON: one for each record,
//
//	{"hash":"…","leaf":{…},"personal":{…} or null,"seq":0}
//
// those with places first, and a last one that makes sure that nothing was cut off:
//
//	{"checkpoint":"…"}
//
// hash is the leaf's (RFC 6962 section 2.1) and names a damaged line; nothing else relies on it.

// maxLine is more than the longest line that can be written.
const maxLine = 512 << 10

// WriteExport writes records and the signed checkpoint, which must have been read before them.
// Records that it does not cover are written as pending.
func WriteExport(w io.Writer, records iter.Seq2[Record, error], checkpoint string) error {
	var size int64
	if checkpoint != "" {
		c, err := unsigned(checkpoint)
		if err != nil {
			return fmt.Errorf("audit: exporting: %w", err)
		}
		size = c.Size
	}
	out := bufio.NewWriter(w)
	for r, err := range records {
		if err != nil {
			return fmt.Errorf("audit: exporting: %w", err)
		}
		if r.Seq >= size {
			r.Seq = -1
		}
		if _, _, fault := r.open(); fault != nil {
			return fault
		}
		if _, err := out.Write(append(encodeLine(r), '\n')); err != nil {
			return fmt.Errorf("audit: exporting: %w", err)
		}
	}
	if _, err := out.Write(append(encodeEnd(ending{checkpoint}), '\n')); err != nil {
		return fmt.Errorf("audit: exporting: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("audit: exporting: %w", err)
	}
	return nil
}

// Reader reads an export.
type Reader struct {
	in         *bufio.Reader
	buffer     []byte // the present line
	checkpoint string
}

// NewReader returns a Reader over a file that WriteExport wrote.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReader(r)} }

// Checkpoint returns the signed checkpoint, once Records came to its end.
func (x *Reader) Checkpoint() string { return x.checkpoint }

// Records yields the records, once. A *Fault means that the file is not as it was written; it is
// the last thing yielded.
func (x *Reader) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for n := 1; ; n++ {
			r, end, err := x.line(n)
			if end {
				return
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (x *Reader) line(n int) (r Record, end bool, err error) {
	bad := func(detail string) (Record, bool, error) {
		return Record{}, false, &Fault{Trouble: Malformed, Seq: -1, Detail: fmt.Sprintf("line %d: %s", n, detail)}
	}
	b, err := x.next()
	switch {
	case errors.Is(err, io.EOF):
		return bad("the file ends without a checkpoint")
	case errors.Is(err, bufio.ErrTooLong):
		return bad("too long")
	case err != nil:
		return Record{}, false, fmt.Errorf("audit: reading line %d of the export: %w", n, err)
	}
	b = b[:len(b)-1]
	if !bytes.HasPrefix(b, []byte(`{"checkpoint":`)) {
		r, err := decodeLine(b)
		if err != nil {
			return bad(err.Error())
		}
		return r, false, nil
	}
	e, err := decode(b, encodeEnd)
	if err != nil {
		return bad(err.Error())
	}
	if _, err := x.in.ReadByte(); !errors.Is(err, io.EOF) {
		return bad("something follows the checkpoint")
	}
	x.checkpoint = e.Checkpoint
	return Record{}, true, nil
}

// next returns the next line with its end, of at most maxLine bytes, until it is called again.
func (x *Reader) next() ([]byte, error) {
	x.buffer = x.buffer[:0]
	for {
		b, err := x.in.ReadSlice('\n')
		x.buffer = append(x.buffer, b...)
		switch {
		case len(x.buffer) > maxLine:
			return nil, bufio.ErrTooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return x.buffer, err
		}
	}
}

type ending struct {
	Checkpoint string `json:"checkpoint"`
}

func encodeEnd(e ending) []byte {
	return append(appendString([]byte(`{"checkpoint":`), e.Checkpoint), '}')
}

type line struct {
	Hash     string          `json:"hash"`
	Leaf     json.RawMessage `json:"leaf"`
	Personal json.RawMessage `json:"personal"`
	Seq      int64           `json:"seq"`
}

func (l line) encode() []byte {
	b := appendString([]byte(`{"hash":`), l.Hash)
	b = append(append(b, `,"leaf":`...), l.Leaf...)
	b = append(b, `,"personal":`...)
	if len(l.Personal) == 0 {
		b = append(b, "null"...)
	}
	b = strconv.AppendInt(append(append(b, l.Personal...), `,"seq":`...), l.Seq, 10)
	return append(b, '}')
}

func encodeLine(r Record) []byte {
	return line{Hash: tlog.RecordHash(r.Leaf).String(), Leaf: r.Leaf, Personal: r.Personal, Seq: r.Seq}.encode()
}

func decodeLine(b []byte) (Record, error) {
	l, err := decode(b, line.encode)
	if err != nil {
		return Record{}, err
	}
	if l.Hash != tlog.RecordHash(l.Leaf).String() {
		return Record{}, errors.New("the leaf is not the one that was exported")
	}
	return place(l.Seq, l.Leaf, l.Personal)
}
