package config

import (
	"errors"

	"postern/directory"
	"postern/method"
	"postern/notify"
)

type ldapSettings struct {
	URLs             []string `yaml:"urls" doc:"Servers, in order." example:"[ldaps://ldap.example.com]"`
	BindPasswordFile string   `yaml:"bind_password_file" doc:"File that holds the password."`
	BindPasswordEnv  string   `yaml:"bind_password_env" doc:"The same from the environment."`
	StartTLS         bool     `yaml:"start_tls" doc:"Encrypt."`
	Attributes       struct {
		Login string `yaml:"login" doc:"Attribute of the login."`
	} `yaml:"attributes" doc:"Names."`
}

func ldapDefaults() any {
	s := &ldapSettings{}
	s.Attributes.Login = "uid"
	return s
}

func none[T any]() any { return new(T) }

// testKinds are kinds that only have settings.
func testKinds() Kinds {
	return Kinds{
		Directories: []directory.Kind{
			{ID: "local", Settings: none[struct{}]},
			{ID: "ldap", Settings: ldapDefaults, Open: openLDAP},
		},
		Methods: []method.Kind{
			{ID: "totp", Settings: none[struct {
				Skew int `yaml:"skew" doc:"Steps."`
			}]},
			{ID: "email_code"},
			{ID: "passkey", Settings: none[struct{}]},
		},
		Senders: []notify.Kind{
			{ID: "smtp", Settings: none[struct {
				Host string `yaml:"host" doc:"Server." example:"mail.example.com"`
				Port uint16 `yaml:"port" doc:"Port."`
			}]},
			{ID: "file", Settings: none[struct {
				Dir string `yaml:"dir" doc:"Folder."`
			}]},
		},
	}
}

func openLDAP(_ string, decode func(any) error, _ directory.Env) (directory.Directory, error) {
	if err := decode(ldapDefaults()); err != nil {
		return nil, err
	}
	return nil, errors.New("urls: missing")
}
