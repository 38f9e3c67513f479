package web_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// patience is how long anything may take on a machine that does other things.
const patience = 30 * time.Second

// site is a dashboard on a real port with a feeder behind it.
type site struct {
	t       *testing.T
	address string
	bus     *memory.Bus
	server  *web.Server
	feeder  *feeder
	second  int
	close   func()
}

func demo() web.TargetInfo {
	return web.TargetInfo{
		Name: "shop-web", Mode: scale.Apply, Policy: "hpa (requestRate, 35 per replica)", Shadows: []string{"kpa"},
		Objective: &scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)},
		Min:       2, Max: 20, Sync: 15 * time.Second, Kind: "process flyball sample-app", Balancer: "127.0.0.1:8080", Compression: 480,
	}
}

// open starts a dashboard; with an empty address on any free port.
func open(t *testing.T, address string, targets ...web.TargetInfo) *site {
	t.Helper()
	return openWith(t, address, web.Options{Targets: targets})
}

// openWith starts one that remembers, lets act or asks for a token, as the
// options say.
func openWith(t *testing.T, address string, opts web.Options) *site {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, address: listener.Addr().String(), bus: memory.New()}
	heard := &countingBus{Bus: s.bus, subscriptions: make(chan string, 4)}
	opts.Bus, opts.Clock, opts.Version = heard, clock.System, "v0.0.0-test"
	s.server = web.New(opts)
	s.feeder = newFeeder(s.bus, "shop-web")
	s.feeder.store = opts.Store
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := &http.Server{Handler: s.server.Handler(), ReadHeaderTimeout: patience}
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.server.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	all.Go(func() { served.Serve(listener) }) //nolint:errcheck // ErrServerClosed
	s.close = sync.OnceFunc(func() {
		cancel()
		served.Close() //nolint:errcheck
		all.Wait()
	})
	t.Cleanup(s.close)
	for range cap(heard.subscriptions) {
		<-heard.subscriptions // what is said before is not heard
	}
	return s
}

// countingBus tells when somebody has subscribed.
type countingBus struct {
	bus.Bus
	subscriptions chan string
}

func (b *countingBus) Subscribe(ctx context.Context, subject string) (<-chan any, error) {
	messages, err := b.Bus.Subscribe(ctx, subject)
	b.subscriptions <- subject
	return messages, err
}

func (s *site) url(hash string) string { return "http://" + s.address + "/" + hash }

// play feeds n seconds at once, the last of which is now.
func (s *site) play(n int) {
	s.t.Helper()
	now := clock.System.Now().Truncate(time.Second)
	for i := range n {
		at := now.Add(time.Duration(i-n+1) * time.Second)
		s.feeder.step(s.t, s.second, at)
		if s.second%syncEvery == 0 || i == n-1 {
			s.heard(s.second, at)
		}
		s.second++
	}
}

// live feeds a second every second until the returned function is called.
func (s *site) live() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				s.feeder.step(s.t, s.second, now)
				s.second++
			}
		}
	})
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	s.t.Cleanup(stop)
	return stop
}

// heard waits until the server knows what happened in a second, so that the
// bus never overflows and every decision meets its own report.
func (s *site) heard(second int, at time.Time) {
	s.t.Helper()
	instant := float64(at.UnixMilli()) / 1000
	poll(s.t, "the server has heard the newest report and decision", func() bool {
		answer, err := http.Get(s.url("api/v1/targets/" + s.feeder.name))
		if err != nil {
			s.t.Fatal(err)
		}
		defer answer.Body.Close() //nolint:errcheck
		var got targetAnswer
		if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
			s.t.Fatal(err)
		}
		d := got.Target.Decision
		decided := second%syncEvery != 0 || d != nil && d.Until >= instant && (d.From == d.To || d.Applied != nil)
		return decided && got.Target.ReportAt >= instant
	})
}

func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %v: %s", patience, what)
		case <-tick.C:
		}
	}
}
