package control_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// jumping is a clock that can be set.
type jumping struct {
	clock.Clock
	off atomic.Int64
}

func (j *jumping) Now() time.Time { return j.Clock.Now().Add(time.Duration(j.off.Load())) }

// skewed dates what a world measures by a clock.
type skewed struct {
	*world
	clk clock.Clock
}

func (s skewed) Collect(ctx context.Context) ([]scale.Sample, error) {
	samples, err := s.world.Collect(ctx)
	for i := range samples {
		samples[i].At = s.clk.Now()
	}
	return samples, err
}

// A clock that is set forward or back by a year changes no count under a load
// that stays, and the loop follows the load afterwards as before.
func TestAClockThatJumpsScalesNothing(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": 365 * 24 * time.Hour, "back": -365 * 24 * time.Hour, "back a minute": -time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, clk := newWorld(4), &jumping{Clock: clock.System}
				w.with(func(w *world) { w.concurrency = 8 })
				runOn(t, w, clk)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if got := w.orders(); len(got) != 0 {
					t.Fatalf("before: ordered %v, want nothing", got)
				}
				clk.off.Store(int64(jump))
				time.Sleep(20 * time.Minute)
				synctest.Wait()
				if got := w.orders(); len(got) != 0 {
					t.Errorf("after the jump: ordered %v, want nothing", got)
				}
				w.with(func(w *world) { w.concurrency = 16 })
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := w.count(); got != 8 {
					t.Errorf("a minute after the load doubled: %d replicas, want 8", got)
				}
				w.with(func(w *world) { w.concurrency = 4 })
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if got := w.count(); got != 2 {
					t.Errorf("ten minutes after the load fell: %d replicas, want 2", got)
				}
			})
		})
	}
}

// runOn runs monitor, planner and executor on a clock until the test ends.
func runOn(t *testing.T, w *world, clk clock.Clock) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	b, log, planned := memory.New(), slog.New(slog.DiscardHandler), make(chan control.Plan, 1)
	planned <- plan(t, scale.Apply, 2)
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{
		(&control.Executor{Name: "web", Target: w, Decisions: control.Decisions(b, "web"), Changes: control.Changes(b, "web"), Log: log}).Run,
		(&control.Planner{Name: "web", Reports: control.Reports(b, "web"), Decisions: control.Decisions(b, "web"), Changes: control.Changes(b, "web"),
			Memories: control.Memories(b, "web"), Clock: clk, Log: log, Plans: planned, Overrides: make(chan *record.Override)}).Run,
		(&control.Monitor{Name: "web", Target: w, Sources: map[string]source.Source{"balancer": skewed{w, clk}}, Interval: time.Second,
			Reports: control.Reports(b, "web"), Clock: clk, Log: log}).Run,
	} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // subscribed before the next stage publishes
	}
	t.Cleanup(func() { cancel(); running.Wait() })
}

// A clock that was set back since a document was reloaded keeps no decision
// waiting for a report from the future.
func TestAReloadBeforeTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		w.with(func(w *world) { w.concurrency = 4 })
		first := plan(t, scale.Apply, 2)
		first.Since = time.Now().Add(365 * 24 * time.Hour) // as a clock that was a year ahead had it
		decisions, _ := start(t, w, first)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(decisions()) == 0 {
			t.Error("no decision in a minute")
		}
	})
}
