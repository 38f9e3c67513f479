package scaling

import (
	"math"
	"testing"
	"time"

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
