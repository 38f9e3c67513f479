package control_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// world is a target, a source and a balancer in memory, with knobs.
type world struct {
	mu          sync.Mutex
	spec        int
	ready       int
	concurrency float64
	queue       float64
	sourceErr   error
	routeErr    error // of the balancer
	scaleErr    error
	sets        []int
	backends    []balancer.Backend
	changes     chan struct{}
}

func newWorld(replicas int) *world {
	return &world{spec: replicas, ready: replicas, changes: make(chan struct{}, 1)}
}

func (w *world) with(f func(w *world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

func (w *world) Status(context.Context) (target.Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	replicas := scaletest.Replicas(w.ready, w.spec-w.ready)
	for i := range replicas {
		replicas[i].Address = "127.0.0.1:1"
	}
	return target.Status{At: time.Now(), SpecReplicas: w.spec, Replicas: replicas}, nil
}

func (w *world) SetReplicas(_ context.Context, n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.scaleErr != nil {
		return w.scaleErr
	}
	w.sets = append(w.sets, n)
	w.spec, w.ready = n, n
	select {
	case w.changes <- struct{}{}:
	default:
	}
	return nil
}

func (w *world) Changes() <-chan struct{} { return w.changes }

func (w *world) Collect(context.Context) ([]scale.Sample, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sourceErr != nil {
		return nil, w.sourceErr
	}
	return []scale.Sample{
		{Signal: scale.Concurrency, At: time.Now(), Value: w.concurrency},
		{Signal: scale.QueueDepth, At: time.Now(), Value: w.queue},
	}, nil
}

func (w *world) SetBackends(_ context.Context, b []balancer.Backend) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.routeErr == nil {
		w.backends = b
	}
	return w.routeErr
}

func (w *world) Leave(context.Context, string) error { return nil }
func (w *world) Drain(context.Context, string) error { return nil }

func (w *world) Backends(context.Context) ([]balancer.BackendStatus, error) { return nil, nil }

// plan is an HPA on 2 requests in progress per replica, deciding every 15 s.
func plan(t *testing.T, mode scale.Mode, perReplica float64) control.Plan {
	t.Helper()
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Signal: scale.Concurrency, AverageValue: new(perReplica)}}
	p, err := hpa.New(cfg, policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	rules := func() []guard.Guard {
		return []guard.Guard{&guard.Data{Signals: p.Signals()}, guard.NewBehavior(guard.HPADefaults()), guard.Bounds{Min: 0, Max: 10}}
	}
	return control.Plan{Mode: mode, Sync: 15 * time.Second, MaxAge: 15 * time.Second,
		Decider: decide.New("hpa", p, rules()...), Shadows: []*decide.Decider{decide.New("shadow", p, rules()...)}}
}

// start runs all stages on w until the test ends and returns the decisions
// seen so far and the channel that replaces the plan.
func start(t *testing.T, w *world, first control.Plan) (decisions func() []record.Decided, plans chan<- control.Plan) {
	t.Helper()
	return startWith(t, w, first, nil)
}

// startWith is start with something that sets the mode by hand.
func startWith(t *testing.T, w *world, first control.Plan, overrides <-chan *record.Override) (decisions func() []record.Decided, plans chan<- control.Plan) {
	t.Helper()
	return startAll(t, w, first, overrides, nil)
}

// startLeased is start with a lease.
func startLeased(t *testing.T, w *world, first control.Plan, lease bus.Lease) (decisions func() []record.Decided) {
	t.Helper()
	decisions, _ = startAll(t, w, first, nil, lease)
	return decisions
}

func startAll(t *testing.T, w *world, first control.Plan, overrides <-chan *record.Override, lease bus.Lease) (decisions func() []record.Decided, plans chan<- control.Plan) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	b, log, planned := memory.New(), slog.New(slog.DiscardHandler), make(chan control.Plan, 1)
	planned <- first
	var mu sync.Mutex
	var seen []record.Decided
	feed, err := control.Decisions(b, control.All).Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for d := range feed {
			mu.Lock()
			seen = append(seen, d)
			mu.Unlock()
		}
	})
	for _, run := range []func(context.Context) error{
		(&control.Router{Name: "web", Balancer: w, Reports: control.Reports(b, "web"), Clock: clock.System, Log: log}).Run,
		(&control.Executor{Name: "web", Target: w, Decisions: control.Decisions(b, "web"), Changes: control.Changes(b, "web"), Log: log}).Run,
		(&control.Planner{Name: "web", Reports: control.Reports(b, "web"), Decisions: control.Decisions(b, "web"), Changes: control.Changes(b, "web"),
			Memories: control.Memories(b, "web"), Clock: clock.System, Log: log, Plans: planned, Overrides: overrides, Lease: lease}).Run,
		(&control.Monitor{Name: "web", Target: w, Sources: map[string]source.Source{"balancer": w}, Interval: time.Second,
			Reports: control.Reports(b, "web"), Clock: clock.System, Log: log}).Run,
	} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // subscribed before the next stage publishes
	}
	t.Cleanup(func() { cancel(); running.Wait() })
	return func() []record.Decided {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}, planned
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestLoadIsFollowedAndBackendsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.concurrency = 8
		decisions, _ := start(t, w, plan(t, scale.Apply, 2))
		pass(time.Second)
		if got := decisions(); len(got) != 1 || got[0].Decision.DesiredReplicas != 4 || len(got[0].Shadows) != 1 {
			t.Fatalf("after the first report: got %+v, want one decision for 4 with one shadow", got)
		}
		pass(time.Second)
		w.with(func(w *world) {
			if len(w.backends) != 4 {
				t.Errorf("got %d backends, want the 4 ready replicas", len(w.backends))
			}
			w.concurrency = 2
		})
		pass(4 * time.Minute)
		w.with(func(w *world) {
			if w.spec != 4 {
				t.Errorf("within the stabilization window: %d replicas, want 4 held", w.spec)
			}
		})
		pass(2 * time.Minute)
		w.with(func(w *world) {
			if w.spec != 1 || len(w.backends) != 1 {
				t.Errorf("after it: %d replicas, %d backends, want 1 and 1", w.spec, len(w.backends))
			}
		})
	})
}

func TestASourceThatFailsNeverScalesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(5)
		w.concurrency = 10
		decisions, _ := start(t, w, plan(t, scale.Apply, 2))
		pass(20 * time.Second)
		w.with(func(w *world) { w.sourceErr = errors.New("connection refused") })
		pass(time.Hour)
		w.with(func(w *world) {
			if w.spec != 5 {
				t.Errorf("%d replicas after an hour without data, want 5 held", w.spec)
			}
		})
		last := decisions()[len(decisions())-1].Decision
		if !last.NoData || last.Reason.Code != "NoData" {
			t.Errorf("got %s: %s, want a hold for want of data", last.Reason.Code, last.Reason)
		}
	})
}

func TestRecommendAndPausedApplyNothing(t *testing.T) {
	for _, mode := range []scale.Mode{scale.Recommend, scale.Paused} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(1)
			w.concurrency = 8
			decisions, _ := start(t, w, plan(t, mode, 2))
			pass(time.Minute)
			if len(w.sets) != 0 {
				t.Errorf("%s: replicas were set to %v", mode, w.sets)
			}
			if got := decisions(); len(got) != 5 || got[4].Decision.DesiredReplicas != 4 {
				t.Errorf("%s: got %d decisions, want 5 that wish for 4", mode, len(got))
			}
		})
	}
}

func TestAPauseEndsAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.concurrency = 8
		paused := plan(t, scale.Paused, 2)
		until := time.Now().Add(time.Minute)
		paused.PausedUntil = &until
		start(t, w, paused)
		pass(59 * time.Second)
		w.with(func(w *world) {
			if len(w.sets) != 0 {
				t.Errorf("replicas were set to %v during the pause", w.sets)
			}
		})
		pass(2 * time.Second)
		w.with(func(w *world) {
			if w.spec != 4 {
				t.Errorf("%d replicas after the pause, want 4", w.spec)
			}
		})
	})
}

// A request held while there is no replica must not wait for the next sync.
func TestScaleFromZeroDoesNotWaitForTheSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(0)
		start(t, w, plan(t, scale.Apply, 2))
		pass(2500 * time.Millisecond)
		w.with(func(w *world) { w.queue, w.concurrency = 1, 0.05 })
		pass(time.Second)
		w.with(func(w *world) {
			if w.spec != 1 {
				t.Errorf("%d replicas a second after a request was held, want 1", w.spec)
			}
			if len(w.sets) != 1 {
				t.Errorf("replicas were set %d times, want once", len(w.sets))
			}
		})
	})
}

func TestAFailedScaleUsesUpNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.concurrency, w.scaleErr = 100, errors.New("no room")
		decisions, _ := start(t, w, plan(t, scale.Apply, 2))
		pass(20 * time.Second)
		w.with(func(w *world) { w.scaleErr = nil })
		pass(5 * time.Second)
		for _, d := range decisions() {
			if d.Decision.DesiredReplicas != 5 {
				t.Errorf("got %d, want 1 + 4 while nothing could be applied", d.Decision.DesiredReplicas)
			}
		}
	})
}

// The plan is replaced while running: the new target counts from then on, and
// what the rules remember survives when they are unchanged.
func TestANewPlanTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(4)
		w.concurrency = 8
		decisions, plans := start(t, w, plan(t, scale.Apply, 2))
		pass(20 * time.Second)
		w.with(func(w *world) { w.concurrency = 2 })
		plans <- plan(t, scale.Recommend, 2)
		pass(20 * time.Second)
		last := decisions()[len(decisions())-1]
		if last.Mode != scale.Recommend || last.Decision.Reason.Code != "ScaleDownStabilized" {
			t.Errorf("same rules: got %s %s, want the window of the old plan to hold", last.Mode, last.Decision.Reason.Code)
		}
		plans <- plan(t, scale.Apply, 1)
		pass(4 * time.Minute)
		w.with(func(w *world) {
			if w.spec != 4 {
				t.Errorf("changed policy: %d replicas, want the 4 it found held for a whole window", w.spec)
			}
		})
		pass(90 * time.Second)
		w.with(func(w *world) {
			if w.spec != 2 {
				t.Errorf("changed policy: %d replicas after its window, want 2", w.spec)
			}
		})
	})
}

func (w *world) Signals() []string { return []string{scale.Concurrency} }

// A plan that goes with a changed target waits for a report of the change: it
// must not decide on counts and conditions from before.
func TestAPlanWaitsForAReportOfItsTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		w.with(func(w *world) { w.concurrency = 4 })
		decisions, plans := start(t, w, plan(t, scale.Apply, 2))
		time.Sleep(time.Minute + 500*time.Millisecond) // between two reports
		next := plan(t, scale.Apply, 0.5)
		next.Since, next.Sync = time.Now().Add(20*time.Second), 15*time.Second
		before := len(decisions())
		plans <- next
		time.Sleep(19 * time.Second)
		synctest.Wait()
		if got := len(decisions()) - before; got != 0 || len(w.orders()) != 0 {
			t.Errorf("%d decisions on a target that is not there yet, ordered %v", got, w.orders())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := len(decisions()) - before; got == 0 {
			t.Error("no decision although a report of the changed target has come")
		}
	})
}
