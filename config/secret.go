package config

import (
	"fmt"
	"os"
	"strings"

	"postern/secret"
)

// LoadSecret reads the secret that the pair of settings name_file and name_env points to: the
// file without the line break at its end, or the environment variable. name is for the error.
func LoadSecret(name, file, env string) (secret.Text, error) {
	switch {
	case file != "" && env != "":
		return secret.Text{}, fmt.Errorf("%s_file and %s_env are both set: keep one", name, name)
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return secret.Text{}, fmt.Errorf("%s_file: %w", name, err)
		}
		s := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
		if s == "" {
			return secret.Text{}, fmt.Errorf("%s_file: %s is empty: write the secret into it", name, file)
		}
		return secret.New(s), nil
	case env != "":
		s := os.Getenv(env)
		if s == "" {
			return secret.Text{}, fmt.Errorf("%s_env: the environment variable %s is not set: set it or use %s_file", name, env, name)
		}
		return secret.New(s), nil
	}
	return secret.Text{}, fmt.Errorf("neither %s_file nor %s_env is set: set one", name, name)
}
