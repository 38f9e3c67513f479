package scaling

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// several are workloads of some kinds for a rate-based base.
func several(t testing.TB, rateBased float64) []*Workload {
	t.Helper()
	var all []sim.Scenario
	for i, kind := range []string{"diurnal", "mmpp", "flash", "mmpp"} {
		s := scenario(workload.Scale(loadsOf(kind, uint64(i)), 0.5), queueing.LeastConn, 60)
		s.Replicas.Startup = time.Duration(20+20*i) * time.Second
		all = append(all, s)
	}
	return prepared(t, rateBased, all...)
}

// conduct is somebody's way to choose an action of a copy.
type conduct func(e *Environment, i int, step *rl.Step) int

func asBase(e *Environment, _ int, _ *rl.Step) int { return e.neutral }

// play plays whole workloads of an environment with one copy, and returns what they came to.
func play(t testing.TB, w *Workload, choose conduct) tally {
	t.Helper()
	cfg := Default()
	cfg.Copies, cfg.Noise, cfg.Episode = 1, 0, 1<<20
	env, err := New([]*Workload{w}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	step := rl.NewStep(env)
	env.Reset(step)
	env.copies[0].begin(w, w.first, 1)
	env.copies[0].left = int32(len(w.moments) - 1 - w.first)
	env.show(0, step)
	for !step.Truncated[0] {
		env.Act([]int{choose(env, 0, step)}, step)
	}
	return env.tally
}

// A base that has an opinion with the last decision alone, or on a load that demands
// nothing, leaves no episode to play; one of a service that sleeps as the load begins
// does.
func TestTasksWithoutAnythingToDecide(t *testing.T) {
	task := func(load workload.Shape, least int) Task {
		s := scenario(load, queueing.LeastConn, 20)
		s.Replicas.Min = least
		return Task{Family: "test", Scenario: s}
	}
	sync := sim.Default().Sync
	first := prepared(t, 0, task(workload.Constant{RPS: 50, For: time.Hour}, 1).Scenario)[0].first
	noon := workload.Steps{{RPS: 0, For: 20 * time.Minute}, {RPS: 50, For: 40 * time.Minute}}
	all, err := PrepareKnown(t.Context(), []Task{
		task(workload.Constant{RPS: 50, For: time.Duration(first+1) * sync}, 1),
		task(workload.Constant{RPS: 50, For: time.Duration(first+2) * sync}, 1),
		task(workload.Constant{RPS: 0, For: time.Hour}, 0),
		task(noon, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	if all[0] != nil || all[1] == nil || all[2] != nil || all[3] == nil {
		t.Fatalf("prepared: %v, %v, %v, %v; want the second and the last", all[0] != nil, all[1] != nil, all[2] != nil, all[3] != nil)
	}
	if _, err := Prepare(t.Context(), []Task{task(workload.Constant{RPS: 0, For: time.Hour}, 0)}); !errors.Is(err, ErrNoOpinion) {
		t.Errorf("got %v, want that the base has no opinion", err)
	}
	env, err := New([]*Workload{all[1], all[3]}, Default())
	if err != nil {
		t.Fatal(err)
	}
	step := rl.NewStep(env)
	env.Reset(step)
	actions := make([]int, env.Copies())
	for i := range actions {
		actions[i] = env.neutral
	}
	for range 300 {
		env.Act(actions, step)
		if !neural.Finite(step.Rewards) || !neural.Finite(step.Observations) {
			t.Fatalf("rewards %v: want numbers", step.Rewards)
		}
	}
}

// As the base, an episode comes to what the base policy itself comes to in the
// simulator: what was prepared stands for it.
func TestDoingAsTheBaseIsTheBasePolicy(t *testing.T) {
	for _, kind := range []string{"diurnal", "mmpp", "flash"} {
		w := prepared(t, 0, scenario(workload.Scale(loadsOf(kind, 3), 0.4), queueing.LeastConn, 40))[0]
		lean := play(t, w, asBase)
		s := w.Scenario
		s.Warmup = time.Duration(w.first+1) * s.Sync
		watch, err := newWatcher(&s, 0, queueing.NewLibrary(queueing.DefaultLibrary))
		if err != nil {
			t.Fatal(err)
		}
		world, err := sim.NewFluid(&s, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := sim.Run(&s, world, watch, sim.Options{})
		if d := lean.avoidable - r.Avoidable; math.Abs(d) > 0.04*r.Avoidable+1e-5*r.Requests {
			t.Errorf("%s: %.0f late of %.0f, in the simulator %.0f of %.0f", kind, lean.avoidable, lean.requests, r.Avoidable, r.Requests)
		}
		if d := lean.paid/r.ReplicaSeconds - 1; math.Abs(d) > 0.005 {
			t.Errorf("%s: %.2f replica-hours, in the simulator %.2f", kind, lean.paid/3600, r.ReplicaHours())
		}
	}
}
