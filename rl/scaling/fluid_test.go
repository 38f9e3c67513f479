package scaling

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// scenario is a service under a load, with up to so many replicas.
func scenario(load workload.Shape, topology queueing.Topology, most int) sim.Scenario {
	s := sim.Default()
	s.Name, s.Load, s.Replicas.Max, s.Service.Topology = "test", load, most, topology
	return s
}

func prepared(t testing.TB, rateBased float64, scenarios ...sim.Scenario) []*Workload {
	t.Helper()
	tasks := make([]Task, len(scenarios))
	for i, s := range scenarios {
		tasks[i] = Task{Family: "test", Scenario: s, RateBased: rateBased}
	}
	all, err := Prepare(context.Background(), tasks)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// schedule is a decider that asks for one count after the other.
type schedule struct {
	counts []int
	next   int
}

func (s *schedule) Decide(obs scale.Observation) scale.Decision {
	n := s.counts[min(s.next, len(s.counts)-1)]
	s.next++
	return scale.Decision{CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: n}
}

func (s *schedule) Applied(time.Time, int, int) {}

// wander is a random schedule around what the load needs, that is often too low.
func wander(w *Workload, random *rand.Rand, low, high float64) []int {
	counts, factor := make([]int, len(w.moments)), 1.0
	for i := range counts {
		if random.Float64() < 0.2 {
			factor = low + (high-low)*random.Float64()
		}
		carried := float64(w.moments[i].rate / w.law.carried)
		counts[i] = int(w.clamp(int32(math.Ceil(carried * factor))))
	}
	return counts
}

// both plays a schedule in the fluid simulator and in the lean one.
func both(t testing.TB, w *Workload, curve *queueing.Curve, counts []int) (avoidable, replicas [2]float64) {
	t.Helper()
	s := w.Scenario
	world, err := sim.NewFluid(&s, curve)
	if err != nil {
		t.Fatal(err)
	}
	r := sim.Run(&s, world, &schedule{counts: counts}, sim.Options{})
	var c instance
	c.begin(w, 0, 1)
	c.fluid.ready = int32(s.Replicas.Initial)
	lean, paid := 0.0, 0.0
	for i, n := range counts {
		c.at = int32(i)
		o := c.act(int32(n), w.startup/w.seconds)
		lean += float64(o.avoidable)
		paid += float64(o.paid) * float64(w.seconds)
	}
	return [2]float64{r.Avoidable, lean}, [2]float64{r.ReplicaSeconds, paid}
}

// loads are those that the two are held against each other on.
func loadsOf(kind string, seed uint64) workload.Shape {
	const hours = 4 * time.Hour
	switch kind {
	case "diurnal":
		return workload.Diurnal{Base: 200, Peak: 1500, Period: hours, For: hours}
	case "mmpp":
		return workload.MMPP{States: []workload.State{{RPS: 200, Stay: 8 * time.Minute}, {RPS: 600, Stay: 5 * time.Minute}, {RPS: 1500, Stay: 3 * time.Minute}}, Seed: seed, For: hours}.Shape()
	case "flash":
		return workload.Sum(workload.Constant{RPS: 300, For: hours}, workload.FlashCrowd{Peak: 1200, At: time.Hour, Rise: time.Minute, Hold: 10 * time.Minute, Decay: 10 * time.Minute, For: hours})
	}
	panic(kind)
}

// Whatever is asked for, the lean fluid comes to what the simulator's comes to:
// violations within the stated share of them or 0.005 % of all requests, and paid
// time within 5.5 %, less than a percent where nothing drains a line for minutes.
func TestTheLeanFluidIsTheSimulators(t *testing.T) {
	testenv.Long(t)
	for _, tc := range []struct {
		topology    queueing.Topology
		under, over float64 // of the avoidable violations
	}{
		{queueing.LeastConn, 0.08, 0.08},
		{queueing.Central, 0.1, 0.08},
		{queueing.RoundRobin, 0.14, 0.19},
		{queueing.Random, 0.08, 0.17},
		// The simulator's steps of a second send too much to the longer line.
		{queueing.PowerOfTwo, 0.75, 0.08},
	} {
		kinds := []string{"diurnal", "mmpp", "flash"}
		if tc.topology != queueing.LeastConn {
			kinds = kinds[1:]
		}
		for _, kind := range kinds {
			w := prepared(t, 0.7, scenario(loadsOf(kind, 1), tc.topology, 100))[0]
			curve, err := w.Scenario.Curve()
			if err != nil {
				t.Fatal(err)
			}
			requests := w.Scenario.Load.Expected(w.Scenario.Length())
			for _, span := range [][2]float64{{1.02, 1.3}, {0.9, 1.4}, {0.6, 1.5}} {
				late, paid := both(t, w, curve, wander(w, rand.New(rand.NewPCG(3, uint64(100*span[0]))), span[0], span[1]))
				if d := late[1] - late[0]; d < -tc.under*late[0]-5e-5*requests || d > tc.over*late[0]+5e-5*requests {
					t.Errorf("%v, %s, %v of the need: %.0f late, lean %.0f (× %.3f)", tc.topology, kind, span, late[0], late[1], late[1]/late[0])
				}
				most := 0.055
				if span[0] > 1 {
					most = 0.01
				}
				if d := paid[1]/paid[0] - 1; math.Abs(d) > most {
					t.Errorf("%v, %s, %v of the need: %.2f replica-hours, lean %.2f", tc.topology, kind, span, paid[0]/3600, paid[1]/3600)
				}
			}
		}
	}
}
