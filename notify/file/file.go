// Package file writes messages to a file instead of sending them: one JSON object a line, for
// trying Postern out and for tests. The file holds codes in clear, so only its owner can read it.
//
// It delivers to nobody and must not be used where real people recover. It guards that a message
// it took is on the disk before Send returns, and that a line is whole or not there.
package file

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"postern/notify"
)

// Kind is the sender.
var Kind = notify.Kind{
	ID:       "file",
	Open:     open,
	Settings: func() any { s := defaults(); return &s },
}

// Settings are the sender's own.
type Settings struct {
	File    string `yaml:"file" example:"messages.jsonl" doc:"Where the messages go, one JSON object a line. It is made if it is not there, for its owner only."`
	Channel string `yaml:"channel" oneof:"email sms" doc:"Which messages it takes."`
}

func defaults() Settings { return Settings{Channel: string(notify.Email)} }

// Entry is one line of the file.
type Entry struct {
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
}

// Sender is the opened sender.
type Sender struct {
	path    string
	channel notify.Channel
	writing sync.Mutex // held by whoever writes to the file

	mu   sync.Mutex
	next *batch // gathers while another is written; nil: there is none
}

// batch is lines that are written together and wait for the disk once.
type batch struct {
	lines []byte
	done  chan struct{} // closed when err is known
	err   error
}

func open(decode func(any) error) (notify.Sender, error) {
	s := defaults()
	if err := decode(&s); err != nil {
		return nil, err
	}
	return New(s)
}

// New checks the settings. It makes no file yet.
func New(s Settings) (*Sender, error) {
	if s.File == "" {
		return nil, errors.New("file: file is missing: set it to where the messages go")
	}
	channel := notify.Channel(s.Channel)
	if channel != notify.Email && channel != notify.SMS {
		return nil, fmt.Errorf("file: channel is %q: use email or sms", s.Channel)
	}
	return &Sender{path: s.File, channel: channel}, nil
}

// Channel is the one that is set.
func (s *Sender) Channel() notify.Channel { return s.channel }

// Send appends the message and waits for the disk.
func (s *Sender) Send(_ context.Context, m notify.Message) error {
	if m.Channel != s.channel {
		return fmt.Errorf("file: %v: channel is %q, not %q: %w", m, m.Channel, s.channel, notify.ErrPermanent)
	}
	if m.To == "" {
		return fmt.Errorf("file: %v: it has no address: %w", m, notify.ErrPermanent)
	}
	line, err := json.Marshal(Entry{To: m.To, Subject: m.Subject, Text: m.Text, At: m.At})
	if err != nil {
		return fmt.Errorf("file: %v: %w: %w", m, err, notify.ErrPermanent)
	}
	if err := s.put(line); err != nil {
		return fmt.Errorf("file: %v: %w", m, err)
	}
	return nil
}

// put adds line to the next batch. Whoever is the first of a batch writes it, when the one before
// is on the disk.
func (s *Sender) put(line []byte) error {
	s.mu.Lock()
	b := s.next
	first := b == nil
	if first {
		b = &batch{done: make(chan struct{})}
		s.next = b
	}
	b.lines = append(append(b.lines, line...), '\n')
	s.mu.Unlock()
	if !first {
		<-b.done
		return b.err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	b.err = s.write(b.lines)
	close(b.done)
	return b.err
}

func (s *Sender) write(lines []byte) error {
	f, err := s.append()
	if err != nil {
		return err
	}
	if _, err = f.Write(lines); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// append opens the file at its end. A line that a crash cut short is ended first, so that the next
// one stands alone.
func (s *Sender) append() (*os.File, error) {
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size > 0 {
		last := []byte{0}
		if _, err = f.ReadAt(last, size-1); err == nil && last[0] != '\n' {
			_, err = f.Write([]byte{'\n'})
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Check reports whether the file, or its folder where there is none yet, is there.
func (s *Sender) Check(context.Context) error {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if info, err = os.Stat(filepath.Dir(s.path)); err != nil {
			return fmt.Errorf("file: file: %w", err)
		}
		if !info.IsDir() {
			return fmt.Errorf("file: file: %s is no folder", filepath.Dir(s.path))
		}
		return nil
	case err != nil:
		return fmt.Errorf("file: file: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("file: file: %s is no plain file", s.path)
	}
	return nil
}

// Read returns the messages of a file that Send wrote, oldest first; none where there is no file.
// Lines that are not whole are passed over.
func Read(path string) ([]Entry, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("file: reading messages: %w", err)
	}
	var out []Entry
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, len(raw)+1)
	for lines.Scan() {
		var e Entry
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.To != "" {
			out = append(out, e)
		}
	}
	return out, nil
}
