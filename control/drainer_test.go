package control_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/target"
)

// busy is a balancer whose backends are left and idle when the test says so.
type busy struct {
	world
	refuses atomic.Bool // to leave them
	drained map[string]chan struct{}
}

func (b *busy) Leave(context.Context, string) error {
	if b.refuses.Load() {
		return errRefuses
	}
	return nil
}

var errRefuses = errors.New("reload refused")

func (b *busy) Drain(ctx context.Context, id string) error {
	select {
	case <-b.drained[id]:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *busy) Backends(context.Context) ([]balancer.BackendStatus, error) {
	return []balancer.BackendStatus{{Backend: balancer.Backend{ID: "r-000"}, State: balancer.Active, InFlight: 3}}, nil
}

// runs runs parts until the test ends or they are stopped.
func runs(t *testing.T, parts ...func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range parts {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
	}
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

func TestADrainAcrossTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, plane, log := memory.New(), &busy{drained: map[string]chan struct{}{"r-001": make(chan struct{})}}, slog.New(slog.DiscardHandler)
		traffic := control.NewRemoteTraffic("web", b, time.Minute, clock.System, log)
		drainer := &control.Drainer{Name: "web", Balancer: plane, Wanted: control.WantedDrains(b, "web"), Done: control.DoneDrains(b, "web"), Clock: clock.System, Log: log}
		router := &control.Router{Name: "web", Balancer: plane, Reports: control.Reports(b, "web"), Clock: clock.System, Log: log, Leaving: drainer.Leaving}
		runs(t, drainer.Run, router.Run, traffic.Run)
		pass(2 * time.Second)
		if n, known := traffic.Load("r-000"); n != 3 || !known {
			t.Errorf("load of r-000: %d, %v; want 3", n, known)
		}
		ended := make(chan error, 1)
		go func() { ended <- traffic.Drain(t.Context(), "r-001") }()
		pass(time.Minute)
		// A report from before the drain does not bring the backend back.
		replicas := scaletest.Replicas(2, 0)
		for i := range replicas {
			replicas[i].Address = "127.0.0.1:1"
		}
		publish(t, control.Reports(b, "web"), control.Report{Target: "web", Status: &target.Status{Replicas: replicas}})
		synctest.Wait()
		plane.with(func(w *world) {
			if len(w.backends) != 1 || w.backends[0].ID != "r-000" {
				t.Errorf("backends %v, want r-000 alone", w.backends)
			}
		})
		if len(ended) != 0 {
			t.Fatal("drained while a request is in progress")
		}
		close(plane.drained["r-001"])
		synctest.Wait()
		if err := <-ended; err != nil {
			t.Errorf("drain: %v", err)
		}
		pass(10 * time.Second) // who drained it may have thought better of it
		publish(t, control.Reports(b, "web"), control.Report{Target: "web", Status: &target.Status{Replicas: replicas}})
		synctest.Wait()
		plane.with(func(w *world) {
			if len(w.backends) != 2 {
				t.Errorf("backends %v, want both again", w.backends)
			}
		})
	})
}

// A balancer that does not answer is waited for, longer than drains take; one
// that has heard and takes too long is not.
func TestADrainThatNobodyHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, log := memory.New(), slog.New(slog.DiscardHandler)
		events, err := control.Events(b, "web").Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		traffic := control.NewRemoteTraffic("web", b, 40*time.Second, clock.System, log)
		runs(t, traffic.Run)
		drain := func() time.Duration {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := traffic.Drain(ctx, "r-001"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("drain: %v, want that its time is over", err)
			}
			return time.Since(began)
		}
		if took := drain(); took != 70*time.Second {
			t.Errorf("gave up after %s, want 30 s and 40 s more", took)
		}
		if e := <-events; e.Type != control.DrainUnheard {
			t.Errorf("event %v, want %s", e, control.DrainUnheard)
		}
		plane := &busy{}
		runs(t, (&control.Drainer{Name: "web", Balancer: plane, Wanted: control.WantedDrains(b, "web"), Done: control.DoneDrains(b, "web"), Clock: clock.System, Log: log}).Run)
		if took := drain(); took > 31*time.Second {
			t.Errorf("gave up after %s though the balancer had heard, want after 30 s", took)
		}
	})
}

// A balancer that is silent, or does not follow, has left nobody, and what keeps
// it is told. Between leaving and draining nothing is given up.
func TestWhetherABackendIsLeftAcrossTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, plane, log := memory.New(), &busy{drained: map[string]chan struct{}{"r-001": make(chan struct{})}}, slog.New(slog.DiscardHandler)
		plane.refuses.Store(true)
		asked := 0
		wanted, err := control.WantedDrains(b, "web").Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		traffic := control.NewRemoteTraffic("web", b, time.Minute, clock.System, log)
		runs(t, traffic.Run)
		leave := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			return traffic.Leave(ctx, "r-001")
		}
		if err := leave(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not heard of") {
			t.Errorf("with no balancer: %v, want that it was not heard of", err)
		}
		drainer := &control.Drainer{Name: "web", Balancer: plane, Wanted: control.WantedDrains(b, "web"), Done: control.DoneDrains(b, "web"), Clock: clock.System, Log: log}
		runs(t, drainer.Run)
		if err := leave(); err == nil || err.Error() != errRefuses.Error() {
			t.Errorf("with one that refuses: %v, want %v", err, errRefuses)
		}
		plane.refuses.Store(false)
		if err := leave(); err != nil {
			t.Errorf("with one that follows: %v", err)
		}
		time.Sleep(3 * time.Second)
		close(plane.drained["r-001"])
		if err := traffic.Drain(t.Context(), "r-001"); err != nil {
			t.Errorf("drain: %v", err)
		}
		<-wanted // at its start nothing was
		for w := range wanted {
			if len(w.IDs) == 0 {
				break // drained
			}
			asked++
		}
		if want := 3 * 5; asked < want {
			t.Errorf("r-001 was wanted %d times in a row, want %d: each second from first to last", asked, want)
		}
	})
}

// What several monitors say becomes one report a round; one that is silent is a
// fault and holds the others up no longer than a round.
func TestReportsAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts, whole := memory.New(), memory.New()
		heard, err := control.Reports(whole, "web").Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		runs(t, (&control.Gatherer{Parts: control.Reports(parts, "web"), Whole: control.Reports(whole, "web"), Log: slog.New(slog.DiscardHandler)}).Run)
		say := func(by string, at time.Duration, status *target.Status) {
			publish(t, control.Reports(parts, "web"), control.Report{Target: "web", By: by, At: scaletest.At(at), Measured: true, Status: status,
				Samples: []scale.Sample{{Signal: by, At: scaletest.At(at)}}})
			synctest.Wait()
		}
		counts := &target.Status{SpecReplicas: 2}
		next := func() (signals []string, r control.Report) {
			r = receive(t, heard)
			for _, s := range r.Samples {
				signals = append(signals, s.Signal)
			}
			return signals, r
		}
		say("executor", 0, counts)
		next() // the first round has one
		say("balancer", time.Second, nil)
		say("executor", 2*time.Second, counts)
		if signals, r := next(); !slices.Equal(signals, []string{"balancer", "executor"}) || r.Status != counts || !r.At.Equal(scaletest.At(2*time.Second)) {
			t.Errorf("got %v at %v with status %v, want both, dated by the counts", signals, r.At, r.Status)
		}
		for i := range 4 { // the balancer is silent
			say("executor", time.Duration(3+i)*time.Second, counts)
		}
		for range 2 {
			next()
		}
		signals, r := next()
		if !slices.Equal(signals, []string{"executor"}) || len(r.Faults) != 1 || r.Faults[0].From != "role balancer" {
			t.Errorf("got %v with faults %v, want the executor's and that the balancer is silent", signals, r.Faults)
		}
	})
}

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
