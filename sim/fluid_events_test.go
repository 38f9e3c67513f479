package sim_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// aiming is the HPA at a share of the CPU.
func aiming(tb testing.TB, s *sim.Scenario, percent int) *decide.Decider {
	tb.Helper()
	cfg := hpa.Default()
	cfg.CPUUtilization = percent
	p, err := hpa.New(cfg, policy.Env{Min: s.Replicas.Min, Max: s.Replicas.Max, Sync: s.Sync})
	if err != nil {
		tb.Fatal(err)
	}
	return decide.New("hpa", p, guard.NewBehavior(guard.HPADefaults()), guard.Bounds{Min: s.Replicas.Min, Max: s.Replicas.Max})
}

// loads are an hour of waves, a step, a crowd and bursts up to a peak.
func loads(peak float64) map[string]workload.Shape {
	return map[string]workload.Shape{
		"diurnal":     workload.Diurnal{Base: peak / 5, Peak: peak, Period: 40 * time.Minute, For: time.Hour},
		"step":        workload.FlashCrowd{Base: peak * 0.4, Peak: peak, At: 10 * time.Minute, Hold: 30 * time.Minute, For: time.Hour},
		"flash-crowd": workload.FlashCrowd{Base: peak / 5, Peak: peak, At: 10 * time.Minute, Rise: 2 * time.Minute, Hold: 10 * time.Minute, Decay: 5 * time.Minute, For: time.Hour},
		"on-off":      workload.OnOff{High: peak, Low: peak / 4, HighFor: 3 * time.Minute, LowFor: 4 * time.Minute, Random: true, Seed: 3, For: time.Hour}.Shape(),
	}
}

// add adds what r came to.
func add(sum, r *sim.Result) {
	sum.Requests += r.Requests
	sum.Failed += r.Failed
	sum.Avoidable += r.Avoidable
	sum.Violations += r.Violations
	sum.ReplicaSeconds += r.ReplicaSeconds
	sum.Latencies.Merge(&r.Latencies)
}

// again decides what was decided before.
type again struct{ counts []int }

func (a *again) Decide(obs scale.Observation) scale.Decision {
	n := a.counts[0]
	a.counts = a.counts[1:]
	return scale.Decision{CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: n}
}
func (*again) Applied(time.Time, int, int) {}

// pair is a scenario played request by request and as a fluid: with the same
// decisions, and with a decider of its own.
type pair struct{ events, same, own sim.Result }

func (p *pair) play(t *testing.T, s *sim.Scenario, curve *queueing.Curve, percent int) {
	var counts []int
	add(&p.events, sim.Run(s, sim.NewEvents(s), aiming(t, s, percent), sim.Options{Decided: func(_ scale.Observation, d scale.Decision) {
		counts = append(counts, d.DesiredReplicas)
	}}))
	add(&p.same, sim.Run(s, fluid(t, s, curve), &again{counts}, sim.Options{}))
	add(&p.own, sim.Run(s, fluid(t, s, curve), aiming(t, s, percent), sim.Options{}))
}

// compare complains where the fluid is off. With the same decisions violations
// and quantiles must agree. A quantile may lie on the cliff between those that
// an overload delays and those it does not, so it may also be that of a percent
// more or fewer of the requests. With a decider of its own half a percent of the
// CPU decides whether an HPA acts 15 s sooner, so only replica-hours over some
// seeds are compared.
func (p *pair) compare(t *testing.T, name string, hours float64) {
	e, f := &p.events, &p.same
	t.Logf("%-33s hours %7.2f %7.2f %+5.1f %% | avoidable %% %6.3f %6.3f %6.3f | p95 %8.3f %8.3f", name,
		e.ReplicaHours(), p.own.ReplicaHours(), 100*(p.own.ReplicaHours()/e.ReplicaHours()-1),
		100*e.AvoidableRatio(), 100*f.AvoidableRatio(), 100*p.own.AvoidableRatio(), e.Latencies.Quantile(0.95), f.Latencies.Quantile(0.95))
	if !near(p.own.ReplicaHours(), e.ReplicaHours(), hours) {
		t.Errorf("%s: replica-hours %.2f, want %.2f within %v %%", name, p.own.ReplicaHours(), e.ReplicaHours(), 100*hours)
	}
	if !near(f.ReplicaHours(), e.ReplicaHours(), 0.005) {
		t.Errorf("%s: replica-hours by the same decisions %.2f, want %.2f within 0.5 %%", name, f.ReplicaHours(), e.ReplicaHours())
	}
	if got, want := f.AvoidableRatio(), e.AvoidableRatio(); math.Abs(got-want) > max(0.003, 0.2*want) {
		t.Errorf("%s: avoidable %.3f %%, want %.3f within 0.3 points or 20 %%", name, 100*got, 100*want)
	}
	low, high := e.Latencies.Quantile(0.94), e.Latencies.Quantile(0.96)
	if got := f.Latencies.Quantile(0.95); got < 0.9*low || got > 1.1*high {
		t.Errorf("%s: p95 %.3f s, want within 10 %% of p94 to p96, %.3f to %.3f", name, got, low, high)
	}
}

// The fluid comes to what request by request comes to.
func TestFluidIsLikeEvents(t *testing.T) {
	for _, topology := range []queueing.Topology{queueing.Central, queueing.LeastConn, queueing.Random} {
		for _, peak := range []float64{1500, 200} {
			if testing.Short() && peak > 1000 {
				continue
			}
			t.Run(fmt.Sprint(topology, " ", peak), func(t *testing.T) {
				t.Parallel()
				base := sim.Default()
				base.Service.Topology, base.Replicas.Max = topology, 100
				curve, err := base.Curve()
				if err != nil {
					t.Fatal(err)
				}
				seeds, hours := uint64(1), 0.08
				if peak < 1000 {
					seeds, hours = 6, 0.02
				}
				var events, own float64
				for _, name := range []string{"diurnal", "step", "flash-crowd", "on-off"} {
					for _, percent := range []int{50, 70, 85} {
						if testing.Short() && percent != 70 {
							continue
						}
						var p pair
						for seed := range seeds {
							s := base
							s.Name, s.Load, s.Seed = name, loads(peak)[name], seed+1
							s.Replicas.Initial = int(s.Load.Rate(0)/50/0.7) + 1
							p.play(t, &s, curve, percent)
						}
						p.compare(t, fmt.Sprintf("%v %s %.0f/s HPA %d %%", topology, name, peak, percent), hours)
						events, own = events+p.events.ReplicaHours(), own+p.own.ReplicaHours()
					}
				}
				t.Logf("%v %.0f/s: replica-hours in all %.2f %.2f %+.1f %%", topology, peak, events, own, 100*(own/events-1))
				if !near(own, events, 0.015) {
					t.Errorf("replica-hours in all: got %.2f, want %.2f within 1.5 %%", own, events)
				}
			})
		}
	}
}
