package testenv

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The package's own starting configuration, in which %names% stand for what is chosen here.
const (
	ds389Template       = "/usr/share/dirsrv/data/template-dse.ldif"
	ds389SuffixTemplate = "/usr/share/dirsrv/data/template-suffix-db.ldif"
)

// configure writes all that the server reads at its first start.
func (s *DS389Server) configure() error {
	var err error
	s.pool, err = slapdCertificates(s.Dir, SlapdOptions{
		Names: []string{"localhost", "127.0.0.1"}, Expires: time.Now().Add(24 * time.Hour),
	})
	if err != nil {
		return err
	}
	for _, sub := range []string{"schema", "lock", "tmp", "ldif", "bak", "run", "log", "db", "dbhome"} {
		if err := os.Mkdir(filepath.Join(s.Dir, sub), 0o700); err != nil {
			return err
		}
	}
	dse, err := s.dse()
	if err != nil {
		return err
	}
	// The server does not start when the folder of its own schema is empty.
	files := map[string]string{"dse.ldif": dse, "slapd-collations.conf": "", "schema/99user.ldif": "dn: cn=schema\n"}
	if s.options.IPA {
		files["schema/98ipa.ldif"] = ipaSchema
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := s.keys(); err != nil {
		return err
	}
	return s.own()
}

// dse is the configuration: what the package proposes, with the changes that ds389Changes lists.
func (s *DS389Server) dse() (string, error) {
	main, err1 := os.ReadFile(ds389Template)
	suffix, err2 := os.ReadFile(ds389SuffixTemplate)
	if err := errors.Join(err1, err2); err != nil {
		return "", fmt.Errorf("testenv: the template of 389-ds: %w: install the Debian package 389-ds-base", err)
	}
	name, _, _, err := ds389Owner()
	if err != nil {
		return "", err
	}
	values := map[string]string{
		"ds_user": name, "rootdn": s.Admin, "ds_passwd": salted(s.AdminWord), "ds_suffix": s.Base, "ds_bename": "userRoot",
		"fqdn": "localhost", "ds_port": strconv.Itoa(s.port[0]), "config_dir": s.Dir, "cert_dir": s.Dir, "inst_dir": s.Dir,
		"ldapi_enabled": "off", "ldapi_autobind": "off", "ldapi": s.Dir + "/ldapi", "db_lib": "bdb",
		"schema_dir": s.Dir + "/schema", "lock_dir": s.Dir + "/lock", "tmp_dir": s.Dir + "/tmp", "ldif_dir": s.Dir + "/ldif",
		"bak_dir": s.Dir + "/bak", "run_dir": s.Dir + "/run", "log_dir": s.Dir + "/log", "db_dir": s.Dir + "/db",
		"db_home_dir": s.Dir + "/dbhome",
	}
	var pairs []string // an empty line too many between entries, and the server ends without a word
	for k, v := range values {
		pairs = append(pairs, "%"+k+"%", v)
	}
	text := strings.NewReplacer(pairs...).Replace(strings.TrimSpace(string(main)) + "\n\n" + string(suffix))
	for dn, attributes := range s.ds389Changes() {
		if text, err = amend(text, dn, attributes); err != nil {
			return "", err
		}
	}
	return text, nil
}

// ds389Changes are the entries of the configuration that differ from the package's proposal.
func (s *DS389Server) ds389Changes() map[string]map[string]string {
	config := map[string]string{
		"nsslapd-listenhost": "127.0.0.1", "nsslapd-securelistenhost": "127.0.0.1",
		"nsslapd-security": "on", "nsslapd-securePort": strconv.Itoa(s.port[1]),
		"nsslapd-rootpwstoragescheme": "SSHA512", "passwordStorageScheme": "SSHA512",
		"nsslapd-pwpolicy-local": "on", "nsslapd-sizelimit": "-1",
	}
	maps.Copy(config, ds389Policy())
	maps.Copy(config, s.options.Policy)
	return map[string]map[string]string{
		"cn=config": config,
		"cn=MemberOf Plugin,cn=plugins,cn=config":                     {"nsslapd-pluginenabled": "on", "memberOfSkipNested": "off"},
		"cn=referential integrity postoperation,cn=plugins,cn=config": {"nsslapd-pluginenabled": "on"},
		"cn=7-bit check,cn=plugins,cn=config":                         {"nsslapd-pluginenabled": "off"}, // logins in any script
		// Otherwise it takes a share of the machine's memory, as files.
		"cn=config,cn=ldbm database,cn=plugins,cn=config": {"nsslapd-cache-autosize": "0", "nsslapd-dbcachesize": "16777216"},
	}
}

// amend replaces attributes of one entry in an LDIF.
func amend(ldif, dn string, attributes map[string]string) (string, error) {
	head := "dn: " + dn + "\n"
	before, rest, ok := strings.Cut("\n"+ldif, "\n"+head)
	if !ok {
		return "", fmt.Errorf("testenv: the template of 389-ds has no entry %s", dn)
	}
	entry, after, _ := strings.Cut(rest, "\n\n")
	lines := slices.DeleteFunc(strings.Split(entry, "\n"), func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		_, replaced := attributes[name]
		return replaced
	})
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		lines = append(lines, name+": "+attributes[name])
	}
	return strings.TrimPrefix(before+"\n"+head+strings.Join(lines, "\n")+"\n\n"+after, "\n"), nil
}

// salted is the form in which the configuration holds a password.
func salted(password string) string {
	salt := rand.Text()[:16]
	sum := sha512.Sum512([]byte(password + salt))
	return "{SSHA512}" + base64.StdEncoding.EncodeToString(append(sum[:], salt...))
}

// keys puts the certificate into the database that the server reads it from.
func (s *DS389Server) keys() error {
	openssl, err1 := program("openssl", "openssl")
	certutil, err2 := program("certutil", "libnss3-tools")
	pk12util, err3 := program("pk12util", "libnss3-tools")
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	for _, args := range [][]string{
		{openssl, "pkcs12", "-export", "-in", "server.pem", "-inkey", "server.key", "-name", "Server-Cert", "-passout", "pass:x", "-out", "server.p12"},
		{certutil, "-N", "-d", "sql:.", "--empty-password"},
		{pk12util, "-i", "server.p12", "-d", "sql:.", "-W", "x"},
		{certutil, "-A", "-d", "sql:.", "-n", "Test authority", "-t", "CT,,", "-a", "-i", "ca.pem"},
	} {
		run := exec.Command(args[0], args[1:]...)
		run.Dir = s.Dir
		if out, err := run.CombinedOutput(); err != nil {
			return fmt.Errorf("testenv: %s: %w: %s", strings.Join(run.Args, " "), err, out)
		}
	}
	return nil
}

// own gives the files to the system user that the server runs as.
func (s *DS389Server) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	_, uid, gid, err := ds389Owner()
	if err != nil {
		return err
	}
	return filepath.WalkDir(s.Dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, uid, gid)
	})
}
