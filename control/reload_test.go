package control_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// coolingDown is plan with a cooldown.
func coolingDown(t *testing.T, wait time.Duration) control.Plan {
	t.Helper()
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Signal: scale.Concurrency, AverageValue: new(2.0)}}
	p, err := hpa.New(cfg, policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	d := decide.New("hpa", p, guard.NewCooldown(guard.CooldownConfig{ScaleUp: scale.Duration(wait)}), guard.Bounds{Max: 10})
	return control.Plan{Mode: scale.Apply, Sync: 15 * time.Second, MaxAge: 15 * time.Second, Decider: d}
}

// A reload that is taken back leaves everything as it was: also the cooldown
// that had begun, though the plan in between had another one.
func TestAPlanThatIsTakenBackKeepsItsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		w.with(func(w *world) { w.concurrency = 8 })
		decisions, plans := start(t, w, coolingDown(t, time.Hour))
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.count() != 4 {
			t.Fatalf("%d replicas, want 4 and a cooldown from now on", w.count())
		}
		plans <- coolingDown(t, 2*time.Hour)
		plans <- coolingDown(t, time.Hour)
		w.with(func(w *world) { w.concurrency = 16 })
		time.Sleep(time.Minute)
		synctest.Wait()
		if last := decisions()[len(decisions())-1].Decision; w.count() != 4 || last.SetBy != "cooldown" {
			t.Errorf("%d replicas, set by %s; want 4 held by the cooldown that began before", w.count(), last.SetBy)
		}
	})
}

// Documents whose sync is edited all the time do not keep putting decisions off.
func TestEditingSyncPutsNoDecisionOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		decisions, plans := start(t, w, plan(t, scale.Apply, 2))
		for i := range 500 { // five minutes
			next := plan(t, scale.Apply, 2)
			next.Sync += time.Duration(i%2) * time.Second
			plans <- next
			time.Sleep(600 * time.Millisecond)
		}
		synctest.Wait()
		if got := len(decisions()); got < 18 {
			t.Errorf("%d decisions in five minutes, want one in about 15 s", got)
		}
	})
}

// ending is a target that is told of a change while the loop ends.
type ending struct {
	*world
	end context.CancelFunc
}

func (e ending) SetReplicas(ctx context.Context, n int) error {
	e.end()
	return e.world.SetReplicas(ctx, n)
}

// What was done at the very end is told all the same.
func TestAChangeAtTheEndIsTold(t *testing.T) {
	b := memory.New()
	heard, err := control.Changes(b, control.All).Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	e := control.Executor{Name: "web", Target: ending{newWorld(2), end}, Decisions: control.Decisions(b, "web"), Changes: control.Changes(b, "web"),
		Log: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	for {
		publish(t, control.Decisions(b, "web"), record.Decided{Mode: scale.Apply, Decision: scale.Decision{Target: "web", CurrentReplicas: 2, DesiredReplicas: 5}})
		select {
		case c := <-heard:
			if c.To != 5 || c.Error != "" {
				t.Errorf("told %+v, want the change to 5", c)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			return
		case <-time.After(20 * time.Millisecond): // it had not subscribed yet
		}
	}
}
