package keyring

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"postern/secret"
)

// maxText is more than any number of rotations needs.
const maxText = 1 << 20

// Load reads the file that the setting keys.file names. It refuses one that anybody but its owner
// may read or write.
func Load(path string) (*Ring, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf(`keys.file: there is no %s: create it with "postern keys init": %w`, path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("keys.file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("keys.file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("keys.file: %s is not a file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("keys.file: %s has mode %04o, so others can get at the keys: chmod 600 %s", path, mode, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err != nil {
		return nil, fmt.Errorf("keys.file: reading %s: %w", path, err)
	}
	if len(b) > maxText {
		return nil, fmt.Errorf("keys.file: %s is too long", path)
	}
	r, err := Parse(secret.New(string(b)))
	if err != nil {
		return nil, fmt.Errorf(`keys.file: %s: %w (restore it from a copy; new keys, from "postern keys init", open nothing that these sealed)`, path, err)
	}
	return r, nil
}

// LoadEnv reads the environment variable that the setting keys.env names.
func LoadEnv(name string) (*Ring, error) {
	text := os.Getenv(name)
	if text == "" {
		return nil, fmt.Errorf(`keys.env: the variable %s is empty or not set: "postern keys init" makes what belongs there`, name)
	}
	r, err := Parse(secret.New(text))
	if err != nil {
		return nil, fmt.Errorf(`keys.env: the variable %s: %w (restore it from a copy; new keys, from "postern keys init", open nothing that these sealed)`, name, err)
	}
	return r, nil
}

// Init writes the keys to a new file, mode 0600. It never touches one that exists.
func (r *Ring) Init(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keys.file: %s exists, and is left as it is: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("keys.file: %w", err)
	}
	if err := r.fill(f); err != nil {
		return errors.Join(fmt.Errorf("keys.file: writing %s: %w", path, err), os.Remove(path))
	}
	return syncFolder(path)
}

// Save replaces the file at path, whole or not at all, with the owner and mode that it has. It
// refuses when the file holds keys that r does not: somebody else rotated meanwhile.
func (r *Ring) Save(path string) error {
	old, err := Load(path)
	if err != nil {
		return err
	}
	if !r.covers(old) {
		return fmt.Errorf("keys.file: %s holds keys that would be lost: it was changed meanwhile; nothing was written", path)
	}
	// The file itself, not a link to it.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return fmt.Errorf("keys.file: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("keys.file: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("keys.file: %w", err)
	}
	err = errors.Join(f.Chmod(info.Mode().Perm()), keepOwner(f, info))
	if err != nil {
		err = errors.Join(err, f.Close())
	} else {
		err = r.fill(f)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keys.file: replacing %s: %w", path, err), os.Remove(f.Name()))
	}
	return syncFolder(path)
}

// fill writes the keys to f, durably, and closes it.
func (r *Ring) fill(f *os.File) error {
	text, err := r.Text()
	if err == nil {
		_, err = f.WriteString(text.Reveal())
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// covers reports whether r has all that old has.
func (r *Ring) covers(old *Ring) bool {
	if !hmac.Equal(r.keys().pepper, old.keys().pepper) || r.keys().signing != old.keys().signing {
		return false
	}
	// What old seals, and every key of old by its identifier.
	mine := map[string]bool{}
	for _, k := range r.List() {
		mine[k.ID] = true
	}
	for _, k := range old.List() {
		if !mine[k.ID] {
			return false
		}
	}
	probe := []byte("probe")
	sealed, err := old.Seal(probe, probe)
	if err != nil {
		return false
	}
	opened, err := r.Open(sealed, probe)
	return err == nil && bytes.Equal(opened, probe)
}

// syncFolder makes the name of path durable.
func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return fmt.Errorf("keys.file: %s is written, but maybe not durably: %w", path, err)
	}
	return nil
}
