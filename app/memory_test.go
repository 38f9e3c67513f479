package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus"
	busmemory "github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/source"
)

func testDeps(t *testing.T, b bus.Bus, store record.Store) Deps {
	t.Helper()
	return Deps{Bus: b, Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir(), Store: store}
}

// cooling is a service that waits five minutes after a change.
func cooling() Spec {
	s := testSpec("shop", "127.0.0.1:0")
	s.Max = 9
	s.Policy.Cooldown = guard.CooldownConfig{ScaleUp: scale.Duration(5 * time.Minute)}
	return s
}

// A controller that starts anew goes on where the last one stopped: a cooldown
// that has begun still holds, and so does a pause.
func TestAServiceGoesOnWhereTheLastControllerStopped(t *testing.T) {
	spec := cooling()
	before, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	before.Decider.Applied(scaletest.At(0), 2, 3)
	remembered, err := before.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New(memory.Options{})
	deps := testDeps(t, nil, store)
	if err := store.Write(t.Context(), record.Batch{Values: []record.Value{
		{Target: "shop", Key: record.DeciderKey, Data: remembered},
		{Target: "shop", Key: record.OverrideKey, Data: []byte(`{"mode":"Paused","by":"ann"}`)},
	}}); err != nil {
		t.Fatal(err)
	}
	s, err := NewService(t.Context(), spec, &stubborn{}, deps)
	if err != nil {
		t.Fatal(err)
	}
	plan := <-s.plans
	obs := scaletest.Observation(time.Minute, 3, scaletest.Fresh(scale.CPUUtilization, scaletest.At(time.Minute), 3.0))
	if got := plan.Decider.Decide(obs); got.SetBy != "cooldown" || got.DesiredReplicas != 3 {
		t.Errorf("got %d set by %s (%s), want 3 held by the cooldown that began before", got.DesiredReplicas, got.SetBy, got.Reason)
	}
	if o := <-s.hands; o.Mode != scale.Paused || o.By != "ann" {
		t.Errorf("got %+v, want the pause of ann", o)
	}
}

// brokenStore cannot be written.
type brokenStore struct{ record.Store }

func (brokenStore) Write(context.Context, record.Batch) error { return record.ErrFull }

// What cannot be kept must not hold until the next restart and then be gone.
func TestAModeThatCannotBeKeptIsRefused(t *testing.T) {
	s, err := NewService(t.Context(), cooling(), &stubborn{}, testDeps(t, nil, brokenStore{memory.New(memory.Options{})}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetMode(t.Context(), &record.Override{Mode: scale.Paused}); !errors.Is(err, record.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if s.override != nil || len(s.hands) != 0 {
		t.Errorf("the mode holds although it could not be kept")
	}
}

// ticking counts how often it was built and whether it runs.
type ticking struct{ running *atomic.Int32 }

func (ticking) Signals() []string                               { return []string{"ticks"} }
func (ticking) Collect(context.Context) ([]scale.Sample, error) { return nil, nil }
func (s ticking) Run(ctx context.Context) error {
	s.running.Add(1)
	defer s.running.Add(-1)
	<-ctx.Done()
	return nil
}

// A changed list of sources takes effect without a restart, and the old ones
// end.
func TestAReloadReplacesTheSources(t *testing.T) {
	b := busmemory.New()
	var running [2]atomic.Int32
	withSource := func(i int) Spec {
		s := cooling()
		s.Sources = []SourceSpec{{Signal: "ticks", Plugin: scale.Plugin{Kind: []string{"one", "two"}[i]}, Signals: []string{"ticks"},
			build: func(source.Env) (source.Source, error) { return ticking{&running[i]}, nil }}}
		return s
	}
	s, err := NewService(t.Context(), withSource(0), &silent{}, testDeps(t, b, nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	reports, err := control.Reports(b, "shop").Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- s.measure(ctx) }()
	<-reports
	replace(s.specs, withSource(1))
	for range 3 {
		<-reports
	}
	if running[0].Load() != 0 || running[1].Load() != 1 {
		t.Errorf("running: %d of the old sources and %d of the new, want 0 and 1", running[0].Load(), running[1].Load())
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if running[1].Load() != 0 {
		t.Error("a source runs after the end")
	}
}

// silent is a data plane that measures nothing.
type silent struct{ balancer.Plane }

func (*silent) Signals() []string                               { return nil }
func (*silent) Collect(context.Context) ([]scale.Sample, error) { return nil, nil }
func (*silent) Backends(context.Context) ([]balancer.BackendStatus, error) {
	return nil, nil
}

// A change that was made after the memory was written, because the controller
// ended in between, is caught up with: its cooldown holds.
func TestAChangeThatTheMemoryMissesIsCaughtUpWith(t *testing.T) {
	spec := cooling()
	before, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	remembered, err := before.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New(memory.Options{})
	applied := record.Applied{Target: "shop", At: scaletest.At(0), From: 2, To: 3}
	if err := store.Write(t.Context(), record.Batch{
		Entries: []record.Entry{{Target: "shop", At: applied.At, Applied: &applied}},
		Values:  []record.Value{{Target: "shop", Key: record.DeciderKey, Data: remembered}},
	}); err != nil {
		t.Fatal(err)
	}
	s, err := NewService(t.Context(), spec, &stubborn{}, testDeps(t, nil, store))
	if err != nil {
		t.Fatal(err)
	}
	plan := <-s.plans
	obs := scaletest.Observation(time.Minute, 3, scaletest.Fresh(scale.CPUUtilization, scaletest.At(time.Minute), 3.0))
	if got := plan.Decider.Decide(obs); got.SetBy != "cooldown" {
		t.Errorf("set by %s (%s), want the cooldown of the change that was made last", got.SetBy, got.Reason)
	}
}

// slowStore lets the one who asked go while it writes.
type slowStore struct {
	record.Store
	leave context.CancelFunc
}

func (s slowStore) Write(ctx context.Context, b record.Batch) error {
	s.leave()
	return s.Store.Write(ctx, b)
}

// A pause that was kept takes effect although whoever asked has gone.
func TestAModeTakesEffectAlthoughTheClientHasGone(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	s, err := NewService(t.Context(), cooling(), &stubborn{}, testDeps(t, nil, slowStore{memory.New(memory.Options{}), leave}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetMode(context.WithoutCancel(ctx), &record.Override{Mode: scale.Paused}); err != nil {
		t.Fatal(err)
	}
	select {
	case o := <-s.hands:
		if o.Mode != scale.Paused {
			t.Errorf("got %+v, want the pause", o)
		}
	default:
		t.Error("the planner was not told")
	}
}

// full is a record that could not be opened for want of space.
type full struct{ record.Store }

func (full) Value(context.Context, string, string) ([]byte, error) { return nil, record.ErrFull }

// A full disk is no reason not to scale: the service starts without memory.
func TestAServiceStartsWhereTheRecordHasNoRoom(t *testing.T) {
	s, err := NewService(t.Context(), cooling(), &stubborn{}, testDeps(t, nil, full{}))
	if err != nil || s.override != nil {
		t.Errorf("got %v, want a service in the mode of its document", err)
	}
}

// An end that comes before anything has begun is no failure.
func TestRememberThatIsEndedAtOnceSucceeds(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	listened := false
	err := Remember(ended, testDeps(t, busmemory.New(), memory.New(memory.Options{})), func() { listened = true })
	if err != nil || !listened {
		t.Errorf("Remember of a context that is done: %v, listened %v", err, listened)
	}
}
