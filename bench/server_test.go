package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/testenv"
)

// build makes the program as it is released and returns its path.
func build(b *testing.B) string {
	b.Helper()
	if *existing != "" {
		return *existing
	}
	path := filepath.Join(b.TempDir(), "postern")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "postern/cmd/postern")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// server is a child process that serves.
type server struct {
	process *testenv.Process
	pid     int
	at      string        // host:port
	alive   time.Duration // from exec to the first 200 of /healthz
	ready   time.Duration // and of /readyz, which asks the directory
}

// serve starts the program and waits until it is ready.
func (c *company) serve(b *testing.B, program string, moment time.Duration) *server {
	b.Helper()
	port := testenv.FreePort(b)
	conf := filepath.Join(c.dir, "postern.yaml")
	if err := os.WriteFile(conf, []byte(c.settings(port, moment)), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program, "serve", "--config", conf)
	s := &server{at: "127.0.0.1:" + strconv.Itoa(port)}
	began := time.Now()
	s.process = testenv.Start(b, cmd)
	s.pid = cmd.Process.Pid
	s.alive = s.wait(b, "/healthz", began)
	s.ready = s.wait(b, "/readyz", began)
	return s
}

// stop ends the server in good order.
func (s *server) stop() { s.process.Stop(syscall.SIGTERM) }

// wait asks until the answer is 200 and returns how long that took.
func (s *server) wait(b *testing.B, path string, began time.Time) time.Duration {
	b.Helper()
	client := newClient(s.at, 1)
	defer client.CloseIdleConnections()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := client.Get("http://" + s.host() + path); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(began)
			}
		}
		if err := s.process.Exited(); err != nil || time.Since(began) > 20*time.Second {
			b.Fatalf("%s is not 200: %v", path, err)
		}
		<-tick.C
	}
}

// host is the name that the server answers to.
func (s *server) host() string {
	_, port, _ := strings.Cut(s.at, ":")
	return "localhost:" + port
}

// newClient returns a client that keeps n connections to address, whatever the host's name.
func newClient(address string, n int) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		MaxIdleConnsPerHost: n, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		},
	}}
}

// cpu is the processor time that the server has used, in user and system mode (proc(5), stat).
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte(") "))
	fields := bytes.Fields(rest)
	var ticks int64
	for _, i := range []int{11, 12} { // utime and stime are fields 14 and 15; fields begins at 3
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	const perSecond = 100 // USER_HZ
	return time.Duration(ticks) * time.Second / perSecond
}

// memory is what the server has in memory, in MB (10^6 bytes): all of it, and the part that is not
// pages of files, which the kernel can drop.
func (s *server) memory(b *testing.B) (rss, own float64) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "VmRSS:" && f[0] != "RssAnon:" {
			continue
		}
		kib, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		if f[0] == "VmRSS:" {
			rss = kib * 1024 / 1e6
		} else {
			own = kib * 1024 / 1e6
		}
	}
	return rss, own
}
