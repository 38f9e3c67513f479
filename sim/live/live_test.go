package live_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/sim/live"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/sourcetest"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/workload"
)

// shop is an hour of 100 requests per second for three replicas that carry 150.
func shop(start time.Time) sim.Scenario {
	s := sim.Default()
	s.Name, s.Start = "shop", start
	s.Load = workload.Constant{RPS: 100, For: time.Hour}
	s.Replicas.Initial = 3
	s.Metrics = sim.Metrics{Scrape: time.Second, Window: 15 * time.Second, BalancerInterval: time.Second, BalancerWindow: 10 * time.Second}
	return s
}

func open(t *testing.T, clk *clock.Fast, change func(*sim.Scenario)) *live.World {
	t.Helper()
	s := shop(clk.Now())
	change(&s)
	w, err := live.New(s, clk)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func asShop(*sim.Scenario) {}

func status(t *testing.T, w *live.World) target.Status {
	t.Helper()
	s, err := w.Target().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ready(s target.Status) int {
	n := 0
	for i := range s.Replicas {
		if s.Replicas[i].TakesWork() {
			n++
		}
	}
	return n
}

// virtual runs a story on a virtual clock that is 60 times as fast.
func virtual(t *testing.T, story func(t *testing.T, clk *clock.Fast)) {
	synctest.Test(t, func(t *testing.T) { story(t, clock.NewFast(time.Now(), 60)) })
}

func TestReplicasAskedForAreReadyAfterTheirStart(t *testing.T) {
	virtual(t, func(t *testing.T, clk *clock.Fast) {
		w := open(t, clk, asShop)
		<-w.Target().Changes() // it has begun
		if err := w.Target().SetReplicas(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		if s := status(t, w); s.SpecReplicas != 5 || len(s.Replicas) != 5 || ready(s) != 3 {
			t.Errorf("at once: %d asked for, %d exist, %d ready; want 5, 5, 3", s.SpecReplicas, len(s.Replicas), ready(s))
		}
		select {
		case <-w.Target().Changes():
		default:
			t.Error("nobody was told of two replicas more")
		}
		<-clk.After(29 * time.Second)
		if s := status(t, w); ready(s) != 3 {
			t.Errorf("after 29 s: %d ready, want 3", ready(s))
		}
		<-clk.After(2 * time.Second)
		if s := status(t, w); ready(s) != 5 || !s.At.Equal(clk.Now()) {
			t.Errorf("after 31 s: %d ready at %v, want 5 at %v", ready(s), s.At, clk.Now())
		}
	})
}

func TestWhatIsMeasuredIsTheLoad(t *testing.T) {
	virtual(t, func(t *testing.T, clk *clock.Fast) {
		w := open(t, clk, asShop)
		<-clk.After(10 * time.Minute)
		carried, err := w.Balancer().Collect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		used, err := w.Target().Collect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		perReplica := 0
		for _, s := range append(carried, used...) {
			if age := clk.Now().Sub(s.At); age < 0 || age > time.Second {
				t.Errorf("%s is %v old, want a second at most", s.Signal, age)
			}
			if s.Replica == "" {
				got[s.Signal] = s.Value
			} else {
				perReplica++
			}
		}
		// 100 requests of 80 ms each second keep 8 of the 12 slots busy.
		for signal, want := range map[string]float64{scale.RequestRate: 100, scale.Concurrency: 8, scale.CPUUtilization: 8. / 12, scale.ErrorRate: 0} {
			if math.Abs(got[signal]-want) > 0.2*want {
				t.Errorf("%s: got %v, want about %v", signal, got[signal], want)
			}
		}
		if p95 := got[scale.Latency]; p95 < 0.08 || p95 > 0.4 || perReplica != 3 {
			t.Errorf("p95 %v s, CPU of %d replicas; want 80 to 400 ms, 3", p95, perReplica)
		}
	})
}

func TestNothingHappensAfterTheEnd(t *testing.T) {
	virtual(t, func(t *testing.T, clk *clock.Fast) {
		w := open(t, clk, asShop)
		<-clk.After(10 * time.Minute)
		if err := w.Target().Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := w.Outcome()
		<-clk.After(10 * time.Minute)
		after := w.Outcome()
		if after.Requests != before.Requests || after.Length != 10*time.Minute || math.Abs(after.ReplicaHours()-0.5) > 1e-9 {
			t.Errorf("got %v requests, %v, %v replica-hours; want %v, 10m, 0.5", after.Requests, after.Length, after.ReplicaHours(), before.Requests)
		}
	})
}

func TestTheLoadIsOverWithItsEnd(t *testing.T) {
	virtual(t, func(t *testing.T, clk *clock.Fast) {
		w := open(t, clk, func(s *sim.Scenario) { s.Load = workload.Constant{RPS: 100, For: time.Minute} })
		<-clk.After(time.Hour)
		if o := w.Outcome(); o.Length != time.Minute {
			t.Errorf("played %v, want the minute of its load", o.Length)
		}
	})
}

// The number of actions is that of changes, not of calls.
func TestAskingForWhatThereIsIsNoAction(t *testing.T) {
	virtual(t, func(t *testing.T, clk *clock.Fast) {
		w := open(t, clk, asShop)
		for _, n := range []int{3, 4, 4, 2} {
			if err := w.Target().SetReplicas(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if o := w.Outcome(); o.Actions != 2 || o.MaxReplicas != 4 {
			t.Errorf("got %d actions and %d replicas at most, want 2 and 4", o.Actions, o.MaxReplicas)
		}
		if err := w.Target().SetReplicas(t.Context(), -1); err == nil {
			t.Error("a negative count was taken")
		}
	})
}

func TestAScenarioThatCannotBeIsRefused(t *testing.T) {
	s := shop(clock.System.Now())
	s.Replicas.Max = 0
	if _, err := live.New(s, clock.NewFast(s.Start, 1)); err == nil || !strings.Contains(err.Error(), "replicas.max") {
		t.Errorf("no replica: got %v, want the field", err)
	}
}

// What no policy can keep is seen to be broken, as in the world: a second for each
// request where half a second is promised.
func TestAServiceThatBreaksItsPromiseIsPlayed(t *testing.T) {
	s := shop(clock.System.Now())
	s.Service.Law = queueing.Deterministic(1)
	if err := s.Feasible(); !errors.Is(err, queueing.ErrInfeasible) {
		t.Errorf("got %v, want %v", err, queueing.ErrInfeasible)
	}
	if _, err := live.New(s, clock.NewFast(s.Start, 1)); err != nil {
		t.Error(err)
	}
}

func TestSources(t *testing.T) {
	for name, of := range map[string]func(*live.World) source.Source{
		"target":   func(w *live.World) source.Source { return w.Target() },
		"balancer": func(w *live.World) source.Source { return w.Balancer() },
	} {
		t.Run(name, func(t *testing.T) {
			clk := clock.NewFast(clock.System.Now(), 1000)
			sourcetest.Run(t, sourcetest.Harness{
				New: func(t *testing.T) source.Source {
					w := open(t, clk, asShop)
					<-clk.After(30 * time.Second)
					return of(w)
				},
				Now:     clk.Now,
				Signals: of(open(t, clk, asShop)).Signals(),
			})
		})
	}
}

func TestTheBalancerKnowsWhoTakesWork(t *testing.T) {
	w := open(t, clock.NewFast(clock.System.Now(), 1), asShop)
	backends, err := w.Balancer().Backends(context.Background())
	if err != nil || len(backends) != 3 || backends[0].ID != "r-000000" {
		t.Errorf("got %v, %v; want three from r-000000 on", backends, err)
	}
	if !slices.IsSorted(live.Signals()) || len(live.Signals()) != 7 {
		t.Errorf("got %v, want seven signals in order", live.Signals())
	}
}
