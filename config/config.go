// Package config reads postern.yaml: one file, strictly, with every fault reported at once and
// with its line.
//
// Reading has no effects: nothing is opened, connected to or created, and no secret is loaded. It
// does not know directories, methods or senders beyond their Kind; what stands in their sections
// is checked against the settings that the Kind declares. It guards secrets by not holding any:
// a secret is named by a setting that ends in _file or _env, never written out, and whoever needs
// it calls LoadSecret. The `doc` tags of the settings are their only reference; Docs prints it.
package config

import (
	"fmt"
	"os"
	"time"

	"postern/directory"
	"postern/limit"
	"postern/method"
	"postern/notify"
)

// Kinds are the directories, methods and senders that this program was built with.
type Kinds struct {
	Directories []directory.Kind
	Methods     []method.Kind
	Senders     []notify.Kind
}

// Config is the whole file. The zero value of a field means its default, which Default tells.
type Config struct {
	PublicURL      string        `yaml:"public_url" doc:"Where people reach Postern in their browser, without a path. Links in messages are built from this alone, and a request for another host is refused. https, except for localhost."`
	Listen         string        `yaml:"listen" form:"127.0.0.1:8080" doc:"Address and port to listen on."`
	TLS            TLS           `yaml:"tls" doc:"Certificate for https. Leave it out when a reverse proxy ends TLS, and name the proxy in trusted_proxies."`
	TrustedProxies []string      `yaml:"trusted_proxies" doc:"Addresses or networks (CIDR) of reverse proxies. X-Forwarded-For and X-Forwarded-Proto count only from these."`
	Organisation   Organisation  `yaml:"organisation" doc:"Who the pages and messages speak for."`
	Data           string        `yaml:"data" kind:"path" doc:"Folder for the embedded database and the keys. Relative paths in this file start from the file's own folder."`
	Store          Store         `yaml:"store" doc:"Where Postern keeps its state. Without any setting: SQLite in the data folder."`
	Keys           Keys          `yaml:"keys" doc:"The keyset that seals enrolments and signs the audit log; made by \"postern keys init\". Without any setting: the file postern.keys in the data folder. Keep a copy apart from the backups of the database: neither is of use alone."`
	Directories    Directories   `yaml:"directories" doc:"Where accounts and passwords live, one entry for each. Every entry has name, title, type and the settings of its type."`
	Methods        Methods       `yaml:"methods" doc:"The ways to prove who one is. A method is on when its name stands here, with settings or without."`
	Notify         Senders       `yaml:"notify" doc:"How messages are sent, one entry for each way. Every entry has type and the settings of its type."`
	Policy         Policy        `yaml:"policy" doc:"Who may recover, and what proves that it is them."`
	Password       Password      `yaml:"password" doc:"What a new password must be, besides what the directory demands."`
	Limits         Limits        `yaml:"limits" doc:"What one visitor, one account and one destination may cause. Each limit allows burst at once and then one more each every; burst: 0 turns it off."`
	Rehearsal      Rehearsal     `yaml:"rehearsal" doc:"Complete resets of canary accounts, to learn of a door that sticks before people do. See docs/operate/rehearsal.md."`
	ReplyMoment    time.Duration `yaml:"reply_moment" doc:"How long after it arrived the answer to a start leaves, so that its time does not tell whether the account exists. Must be longer than the slowest directory usually takes."`
	Log            Log           `yaml:"log" doc:"The process log on standard error. The audit log is separate and always on."`
	Audit          Audit         `yaml:"audit" doc:"The audit log."`

	file  string         // what it was read from, for messages
	lines map[string]int // where each setting stands
}

// TLS is the certificate: files, or ACME.
type TLS struct {
	CertFile       string `yaml:"cert_file" doc:"Certificate chain in PEM. Together with key_file."`
	KeyFile        string `yaml:"key_file" doc:"Private key in PEM."`
	RedirectListen string `yaml:"redirect_listen" form:":80" doc:"Address and port for plain HTTP, such as :80, which only leads browsers to public_url. Empty: none."`
	ACME           ACME   `yaml:"acme" doc:"A certificate from an ACME authority, instead of cert_file and key_file."`
}

// On reports whether the server speaks TLS itself.
func (t TLS) On() bool { return t.CertFile != "" || t.ACME.On() }

// ACME is an account with a certificate authority.
type ACME struct {
	Email     string `yaml:"email" doc:"Address that the authority writes to."`
	CacheDir  string `yaml:"cache_dir" doc:"Folder for the account key and certificates. Default: acme in the data folder."`
	Agree     bool   `yaml:"agree" doc:"true: you have read and agree to the authority's terms."`
	Directory string `yaml:"directory" doc:"The authority's directory URL. Default: Let's Encrypt."`
}

// On reports whether any setting of it was given.
func (a ACME) On() bool { return a != ACME{} }

// Organisation is who the pages speak for.
type Organisation struct {
	Name      string   `yaml:"name" doc:"Its name, as in \"Reset your NAME password\"."`
	Accent    string   `yaml:"accent" doc:"Colour of buttons and links as #rrggbb. Its contrast with the page must be at least 4.5:1; \"postern check\" measures it."`
	HelpDesk  string   `yaml:"help_desk" doc:"How to reach a human, without a word before it: a number, a mailbox or an https address, which become links, or something like ext. 4357. Shown at the foot of every page and in messages. Must be set."`
	LogoFile  string   `yaml:"logo_file" doc:"An SVG or PNG file shown beside the name."`
	SignInURL string   `yaml:"sign_in_url" doc:"Where \"Sign in\" leads after a reset."`
	ReturnTo  []string `yaml:"return_to" doc:"URLs that a sign-in page may ask to be led back to (return_to=…): the same origin and a path that begins like one of these."`
}

// Store is where state is kept.
type Store struct {
	SQLite          string `yaml:"sqlite" kind:"path" doc:"Path of the SQLite database. For one process only."`
	PostgresDSNFile string `yaml:"postgres_dsn_file" doc:"File that holds the connection string of a PostgreSQL database, instead of sqlite. Several processes can share one."`
	PostgresDSNEnv  string `yaml:"postgres_dsn_env" doc:"The same from an environment variable: its name."`
}

// Postgres reports whether the state is in PostgreSQL.
func (s Store) Postgres() bool { return s.PostgresDSNFile != "" || s.PostgresDSNEnv != "" }

// Keys is where the keyset is.
type Keys struct {
	File string `yaml:"file" doc:"File that holds the keyset; readable by the service alone."`
	Env  string `yaml:"env" doc:"The same from an environment variable: its name."`
}

// Password is what a new password must be.
type Password struct {
	MinLength       int      `yaml:"min_length" doc:"At least so many characters (code points). Less than 15 only when every rule of the policy demands two methods, and never less than 8 (NIST SP 800-63B-4 section 3.1.1.2)."`
	MaxLength       int      `yaml:"max_length" doc:"At most so many characters: 128 to 1024."`
	MinGuesses      float64  `yaml:"min_guesses" doc:"The password must withstand ten to the power of this many guesses, as estimated. 0: not asked."`
	BannedWords     []string `yaml:"banned_words" doc:"Words of your organisation that passwords must not be made of."`
	BannedWordsFile string   `yaml:"banned_words_file" doc:"More of them, one a line."`
	History         int      `yaml:"history" doc:"So many of the passwords that somebody was given here before, at most 24, are refused, for directories that do not apply their own history when a service sets a password: Active Directory without the policy hints control, OpenLDAP with manage rights, 389 Directory Server's password administrators, and the built-in directory, which has none. They are kept as salted Argon2id hashes, encrypted. Passwords that were set elsewhere are not known. 0: off."`
	BlocklistFile   string   `yaml:"blocklist_file" doc:"Passwords that are refused whole, one a line, besides the built-in list of common ones."`
}

// Limits bound what anybody may cause.
type Limits struct {
	StartAddress  Rate `yaml:"start_address" doc:"Starts by one address (/32, or /64 of IPv6)."`
	StartNetwork  Rate `yaml:"start_network" doc:"Starts by one network (/24, or /48 of IPv6)."`
	StartAccount  Rate `yaml:"start_account" doc:"Starts for one account. Silent: the answer looks like any other."`
	AnswerAddress Rate `yaml:"answer_address" doc:"Answers by one address."`

	WrongAccount      Rate `yaml:"wrong_account" doc:"Wrong answers for one account and method from one visitor's network. Silent."`
	WrongAccountTotal Rate `yaml:"wrong_account_total" doc:"The same from all networks together. Silent."`
	Destination       Rate `yaml:"destination" doc:"Messages to one address on record that one visitor's network causes. Silent."`
	DestinationTotal  Rate `yaml:"destination_total" doc:"The same by all networks together. Silent."`
	ChangeAccount     Rate `yaml:"change_account" doc:"Tries of a known password for one account; a right one gives them back. Keep it below the directory's own lock-out. Silent."`
}

// Rate is a limit as it is written.
type Rate struct {
	Burst int           `yaml:"burst" doc:"So many at once."`
	Every time.Duration `yaml:"every" doc:"Then one more each time this has passed."`
}

// Limit returns r for package limit.
func (r Rate) Limit() limit.Limit { return limit.Limit{Burst: r.Burst, Every: r.Every} }

// Rehearsal is which accounts are reset to see whether resets work, and who hears when not.
type Rehearsal struct {
	Accounts []string      `yaml:"accounts" doc:"Logins of accounts that are nobody's and were made for this: each rehearsal sets a random password that nobody knows. No other account is ever rehearsed on. \"postern check --rehearse LOGIN\" does one now."`
	Every    time.Duration `yaml:"every" doc:"How often \"postern serve\" rehearses on each of accounts; longer than the directory's minimum age of passwords. 0: only by hand."`
	Alarm    []string      `yaml:"alarm" form:"ops@example.com" doc:"Mail addresses that hear when a rehearsal fails, every six hours while it goes on failing, and once when it works again. The process log and the audit log say it in any case."`
	Language string        `yaml:"language" oneof:"en de" doc:"Of those messages."`
}

// Log is the process log.
type Log struct {
	Level  string `yaml:"level" oneof:"debug info warn error" doc:"The least severe that is written."`
	Format string `yaml:"format" oneof:"text json" doc:"How lines are written."`
}

// Audit is the audit log.
type Audit struct {
	Origin string `yaml:"origin" doc:"Name of the log in its signed checkpoints, such as reset.example.com/postern. \"postern keys init\" writes it into the keys, and it stays the same for ever. Default: the host of public_url and /postern."`
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		Listen:       "127.0.0.1:8080",
		Data:         "/var/lib/postern",
		Organisation: Organisation{Name: "Your organisation", Accent: "#0b5c4a"},
		Policy:       Policy{Quarantine: 24 * time.Hour, RetryTargets: 15 * time.Minute, Disclose: "rule"},
		Password:     Password{MinLength: 15, MaxLength: 256, MinGuesses: 8},
		Limits: Limits{
			StartAddress:      Rate{60, 5 * time.Second},
			StartNetwork:      Rate{300, time.Second},
			StartAccount:      Rate{60, time.Minute},
			AnswerAddress:     Rate{120, 2 * time.Second},
			WrongAccount:      Rate{10, 10 * time.Minute},
			WrongAccountTotal: Rate{30, 5 * time.Minute},
			Destination:       Rate{5, 10 * time.Minute},
			DestinationTotal:  Rate{20, 2 * time.Minute},
			ChangeAccount:     Rate{3, 30 * time.Minute},
		},
		Rehearsal:   Rehearsal{Every: time.Hour, Language: "en"},
		ReplyMoment: 200 * time.Millisecond,
		Log:         Log{Level: "info", Format: "text"},
	}
}

// Load reads and checks the file at path.
func Load(path string, kinds Kinds) (Config, error) {
	if path == "" {
		return Config{}, fmt.Errorf("no file was named: add --config FILE; \"postern config docs\" prints one to begin with")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("%w; name the file with --config FILE", err)
	}
	return Read(path, text, kinds)
}

// The names in a data folder.
const (
	StoreName = "postern.db"
	KeysName  = "postern.keys"
)
