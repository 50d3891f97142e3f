package testenv

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresBin     = "/usr/lib/postgresql/15/bin"
	postgresPackage = "postgresql-15"
	postgresUser    = "postern"
)

// The servers of this test process: each is started by the first test that wants it and ends with
// the process. They hold nothing else, and every test gets a database of its own.
var (
	quickServer   = sync.OnceValues(func() (*postgresServer, error) { return startPostgres("off") })
	durableServer = sync.OnceValues(func() (*postgresServer, error) { return startPostgres("on") })
)

// Postgres returns the connection string of a fresh database on a PostgreSQL 15 that does not
// wait for the disk.
func Postgres(t testing.TB) string {
	t.Helper()
	return freshDatabase(t, quickServer)
}

// PostgresDurable is Postgres with fsync on, for measurements.
func PostgresDurable(t testing.TB) string {
	t.Helper()
	return freshDatabase(t, durableServer)
}

func freshDatabase(t testing.TB, server func() (*postgresServer, error)) string {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	name := "t" + strings.ToLower(rand.Text())
	if err := s.exec(t.Context(), "CREATE DATABASE "+name+" STRATEGY file_copy"); err != nil {
		t.Fatalf("testenv: making a database: %v\n%s", err, s.log())
	}
	return s.dsn(name)
}

// postgresServer is a running server.
type postgresServer struct {
	dir      string
	port     int
	hold     io.Closer // of the port, until this process ends
	password string
	// alive is the write end of the keeper's standard input. It closes when this process ends,
	// in whatever way, and that ends the server.
	alive io.WriteCloser
}

// keeper runs the server ($1: program, $2: folder) until its standard input ends, and then
// removes the data.
const keeper = `"$1/postgres" -D "$2/data" >>"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -QUIT "$server"
wait "$server"
cd / && rm -rf "$2"`

func startPostgres(fsync string) (*postgresServer, error) {
	if _, err := program("postgres", postgresPackage, postgresBin); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "postern-postgres-")
	if err != nil {
		return nil, fmt.Errorf("testenv: folder for PostgreSQL: %w", err)
	}
	s := &postgresServer{dir: dir, password: rand.Text()}
	if s.port, s.hold, err = freePort(); err != nil {
		return nil, err
	}
	as, err := s.owner()
	if err != nil {
		return nil, err
	}
	if err := s.init(as, fsync); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", keeper, "keeper", postgresBin, dir)
	cmd.Dir, cmd.SysProcAttr = dir, as
	if s.alive, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("testenv: pipe to PostgreSQL's keeper: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("testenv: starting PostgreSQL: %w", err)
	}
	err = waitFor("PostgreSQL", 60*time.Second, func() error { return s.exec(context.Background(), "SELECT 1") })
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, s.log())
	}
	return s, nil
}

// owner gives the folder to the user postgres when this is root, whom PostgreSQL refuses. The
// server leads a process group, so that an interrupt of the tests reaches it through its keeper.
func (s *postgresServer) owner() (*syscall.SysProcAttr, error) {
	as := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return as, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("testenv: install the Debian package %s: %w", postgresPackage, err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, fmt.Errorf("testenv: user postgres: %w", err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, fmt.Errorf("testenv: group of postgres: %w", err)
	}
	as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(s.dir, uid, gid); err != nil {
		return nil, fmt.Errorf("testenv: giving the folder to postgres: %w", err)
	}
	return as, nil
}

func (s *postgresServer) init(as *syscall.SysProcAttr, fsync string) error {
	// The folder is closed to all but its owner, so the file's own mode need not be.
	pw := filepath.Join(s.dir, "pw")
	if err := os.WriteFile(pw, []byte(s.password+"\n"), 0o644); err != nil {
		return fmt.Errorf("testenv: password of PostgreSQL: %w", err)
	}
	cmd := exec.Command(postgresBin+"/initdb", "-D", filepath.Join(s.dir, "data"), "--no-sync",
		"-U", postgresUser, "-A", "scram-sha-256", "--pwfile", pw, "--locale=C", "--encoding=UTF8")
	cmd.Dir, cmd.SysProcAttr = s.dir, as
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("testenv: initdb: %w\n%s", err, out)
	}
	conf := fmt.Sprintf("listen_addresses = '127.0.0.1'\nport = %d\nunix_socket_directories = ''\n"+
		"fsync = %s\nfull_page_writes = %s\nmax_connections = 200\nwal_level = minimal\nmax_wal_senders = 0\n"+
		"autovacuum = off\njit = off\n", s.port, fsync, fsync)
	f, err := os.OpenFile(filepath.Join(s.dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("testenv: PostgreSQL's settings: %w", err)
	}
	if _, err := f.WriteString(conf); err != nil {
		return fmt.Errorf("testenv: writing PostgreSQL's settings: %w", err)
	}
	return f.Close()
}

func (s *postgresServer) dsn(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", postgresUser, s.password, s.port, database)
}

func (s *postgresServer) exec(ctx context.Context, text string) error {
	cfg, err := pgx.ParseConfig(s.dsn("postgres"))
	if err != nil {
		return fmt.Errorf("testenv: %w", err)
	}
	db := sql.OpenDB(stdlib.GetConnector(*cfg))
	defer db.Close()
	_, err = db.ExecContext(ctx, text)
	return err
}

func (s *postgresServer) log() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
