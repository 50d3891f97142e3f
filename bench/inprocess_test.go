package bench

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/web/api"
	"postern/web/edge"
)

// BenchmarkInProcess is resets through a server in this process, for the profiler, since the
// program itself lets nobody profile it:
//
//	go test -run '^$' -bench InProcess -benchtime 1x -cpuprofile cpu.out ./bench
//	go tool pprof -tagignore side=client -top cpu.out
func BenchmarkInProcess(b *testing.B) {
	l := load{32, 600}.scaled()
	c := newCompany(b, l.resets)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	_, port, _ := strings.Cut(listener.Addr().String(), ":")
	in := c.open(b, listener.Addr().(*net.TCPAddr).Port, moments[1], nil)
	handler, err := api.New(edge.Settings{PublicURL: in.conf.PublicURL, ReplyAt: in.conf.ReplyMoment, Logger: slog.New(slog.DiscardHandler)}, in.app, in.texts)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	var work sync.WaitGroup
	work.Go(func() {
		if err := in.app.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	s := edge.NewServer(handler)
	work.Go(func() {
		if err := s.Serve(listener); err != http.ErrServerClosed {
			b.Error(err)
		}
	})
	v := &visitors{client: newClient(listener.Addr().String(), l.clients), api: "http://localhost:" + port + "/api/v1", mail: watch(b, c.mailbox())}
	b.ResetTimer()
	all, elapsed := c.resets(b, v, l.clients, l.resets)
	b.StopTimer()
	v.client.CloseIdleConnections()
	v.mail.stop()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := s.Shutdown(end); err != nil {
		b.Error(err)
	}
	stop()
	work.Wait()
	in.close(b)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(all))/elapsed.Seconds(), "reset/s")
}
