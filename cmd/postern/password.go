package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"postern/config"
	"postern/password"
)

// passwordRules reads what a new password must be, with the lists that it names.
func passwordRules(c config.Password) (password.Rules, error) {
	r := password.Rules{Min: c.MinLength, Max: c.MaxLength, Guesses: c.MinGuesses, History: c.History,
		Banned: c.BannedWords, Common: password.CommonPasswords()}
	var errs []error
	if c.BannedWordsFile != "" {
		text, err := os.ReadFile(c.BannedWordsFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("password.banned_words_file: %w", err))
		}
		for line := range strings.Lines(string(text)) {
			if w := strings.TrimSpace(line); w != "" {
				r.Banned = append(r.Banned, w)
			}
		}
	}
	if c.BlocklistFile != "" {
		more, err := blocklist(c.BlocklistFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("password.blocklist_file: %w", err))
		}
		r.Common = r.Common.With(more)
	}
	return r, errors.Join(errs...)
}

func blocklist(path string) (*password.Blocklist, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	list, err := password.ReadBlocklist(f)
	return list, errors.Join(err, f.Close())
}
