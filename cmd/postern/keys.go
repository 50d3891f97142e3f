package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"postern/config"
	"postern/internal/keyring"
)

// keysCommand is about the keyset.
type keysCommand struct {
	Init   keysInit   `cmd:"" help:"Make the keyset where postern.yaml says, or print it for an environment variable. Never overwrites one."`
	Rotate keysRotate `cmd:"" help:"Add a new sealing key, which seals from now on. The old ones still open what they sealed."`
}

type keysInit struct {
	configFlag
}

// Run makes the keyset.
func (c keysInit) Run(e *env) error {
	conf, err := config.Load(c.Config, kinds())
	if err != nil {
		return err
	}
	ring, err := keyring.Create(conf.Audit.Origin, e.now())
	if err != nil {
		return err
	}
	if conf.Keys.Env != "" {
		text, err := ring.Text()
		if err != nil {
			return err
		}
		// Printing the keys is what was asked for: keys.env has no other way to get them.
		fmt.Fprintf(e.err, "Put this line into the environment variable %s and keep a copy apart from the database's backups.\n", conf.Keys.Env)
		_, err = fmt.Fprintln(e.out, text.Reveal())
		return err
	}
	if err := os.MkdirAll(filepath.Dir(conf.Keys.File), 0o700); err != nil {
		return fmt.Errorf("%s: %w: %s", settingOf(conf, conf.Keys.File, "keys.file"), err, mendFolder)
	}
	if err := ring.Init(conf.Keys.File); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w; \"postern keys rotate\" adds a key", err)
		}
		return err
	}
	_, err = fmt.Fprintf(e.out, "Keys were written to %s. Keep a copy apart from the database's backups: without them enrolments cannot be opened.\nWhoever verifies the audit log needs: %s\n", conf.Keys.File, ring.Verifier())
	return err
}

type keysRotate struct {
	configFlag
}

// Run adds a key.
func (c keysRotate) Run(e *env) error {
	conf, err := config.Load(c.Config, kinds())
	if err != nil {
		return err
	}
	ring, err := openKeys(conf)
	if err != nil {
		return err
	}
	next, err := ring.Rotate(e.now())
	if err != nil {
		return err
	}
	if err := recordRotation(e, conf); err != nil {
		return err
	}
	if conf.Keys.Env != "" {
		text, err := next.Text()
		if err != nil {
			return err
		}
		fmt.Fprintf(e.err, "Put this line into the environment variable %s and restart every process.\n", conf.Keys.Env)
		_, err = fmt.Fprintln(e.out, text.Reveal())
		return err
	}
	if err := next.Save(conf.Keys.File); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "A new key was added to %s. Restart every process; what older keys sealed can still be opened.\n", conf.Keys.File)
	return err
}

// recordRotation writes the audit record first: a key that nobody recorded must not come into use.
// Where there is no store yet, there is nothing that another key has sealed.
func recordRotation(e *env, conf config.Config) error {
	if path := conf.Store.SQLite; !conf.Store.Postgres() {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	store, err := openStore(e.ctx, conf)
	if err != nil {
		return err
	}
	return errors.Join(record(e, store, "keys.rotated", ""), store.Close())
}

// loadKeys reads the keyset.
func loadKeys(k config.Keys) (*keyring.Ring, error) {
	if k.Env != "" {
		return keyring.LoadEnv(k.Env)
	}
	return keyring.Load(k.File)
}

// openKeys reads the keyset and holds its origin against the configured one.
func openKeys(conf config.Config) (*keyring.Ring, error) {
	ring, err := loadKeys(conf.Keys)
	if err != nil {
		return nil, err
	}
	if ring.Name() != conf.Audit.Origin {
		return nil, fmt.Errorf("audit.origin is %s, and the keys sign for %s: write audit.origin: %s", conf.Audit.Origin, ring.Name(), ring.Name())
	}
	return ring, nil
}
